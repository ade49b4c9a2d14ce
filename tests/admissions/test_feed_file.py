"""One file, one feed profile: what is said of everything that is wrong in it."""

from pathlib import Path

import pytest

from services.admissions.feed_file import FeedError, load_file, parse

WEST = Path("west.yaml")


def said(text: str | bytes) -> list[str]:
    """The sentences about a file of this content."""
    with pytest.raises(FeedError) as fault:
        parse(WEST, text if isinstance(text, bytes) else text.encode())
    return [str(each) for each in fault.value.faults]


@pytest.mark.parametrize(
    ("line", "where", "words"),
    [
        ("zone: Mars/Olympus", "zone", "IANA time zone; write one such as America/New_York"),
        ("mrn_type: [MR]", "mrn_type", "no key of a feed profile; write mrn_types"),
        ("colour: red", "colour", "take one of a08_implies_discharge"),
        ("part2_source: DETOX", "part2_source", "wants true, false or a list of units"),
        ("part2_source: [4W, '']", "part2_source", "wants true, false or a list of units"),
        ("mode: loud", "mode", "wants 'live' or 'shadow'"),
        ("mrn_types: MR", "mrn_types", "wants a list; write it as in [MR, PI]"),
        ("mrn_types: [MR, SS]", "mrn_types.1", "never kept; take it out"),
        ("mrn_authorities:", "mrn_authorities", "wants a list"),
        ("mrn_in_pid2: maybe", "mrn_in_pid2", "wants true or false"),
        ("processing_ids: [P, [T]]", "processing_ids.1", "wants text"),
        ("processing_ids: []", "processing_ids", "names none; name at least one"),
        ("default_authority: 7", "default_authority", "wants text; write it in quotes"),
        ("fallback_charset: klingon", "fallback_charset", "extends ASCII; write one such as cp1252"),
        ("fallback_charset: utf-16", "fallback_charset", "extends ASCII"),
        ("fallback_charset: utf-7", "fallback_charset", "extends ASCII"),
        ("charsets: {X: rot13}", "charsets.X", "extends ASCII"),
        ("charsets: {X: no-such-codec}", "charsets.X", "extends ASCII"),
        ("disposition_map: {HM: '77'}", "disposition_map.HM", "no UB-04 discharge status code"),
        ("disposition_map: {HM: home}", "disposition_map.HM", "no UB-04 discharge status code"),
        ("disposition_map: {HM: 1}", "disposition_map.HM", "wants text; write it in quotes"),
        ("disposition_map: {NO: '01'}", "disposition_map", "no text to YAML, as NO, 012 and dates"),
        ("disposition_map: {Home: '01', HOME: '06'}", "disposition_map", "gives HOME twice"),
        ("disposition_map: [HM]", "disposition_map", "wants words with their meanings"),
        ("test_patient_patterns: ['*']", "test_patient_patterns.0", "every patient for a test"),
        ("dup_window: weekly", "dup_window", "wants a duration; write one such as P7D"),
        ("dup_window: -P1D", "dup_window", "may not be negative"),
        ("match: {sender: b}", "match.sender", "take one of sending_application, sending_facility, topic"),
        ("match: {topic: adt.other}", "match.topic", "only adt.inbound is read"),
        ("match: {sending_facility: ''}", "match.sending_facility", "is empty"),
        ("match: WEST", "match", "wants keys of its own"),
        ("feed: east", "feed", "stands twice, first in line 1; keep one of them"),
        ("charsets: {X: cp1252, X: cp1251}", "charsets.X", "stands twice"),
        ("012: x", "the profile", "no text to YAML"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_told_with_its_place_and_the_way_out(line: str, where: str, words: str):
    """File, line, key, what is wrong, and what to do: one sentence."""
    (sentence,) = said(f"feed: west\n{line}\n")

    assert sentence.startswith(f"west.yaml, line 2: {where} ")
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ["''", "'a b'", "a/b", "é", "-x", "x!test", "x" * 65])
def test_the_name_of_a_feed_is_plain(name: str):
    """It is part of every visit's key, and a label of metrics."""
    (sentence,) = said(f"feed: {name}\n")

    assert "west.yaml, line 1: feed will not do as a name" in sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zone: America/New_York\n", "west.yaml: feed is missing; add it."),
        ("feed: west\n  zone: x\n", "west.yaml, line 2: this is not YAML"),
        ("feed: west\n---\nfeed: east\n", "west.yaml, line 2: this is not YAML"),
        ("feed: !!python/object:os.path {}\n", "west.yaml, line 1: this is not YAML"),
        ("feed: west\nzone: 2026-13-45\n", "west.yaml: this is not YAML"),
        ("feed: w\0st\n", "west.yaml: this is not YAML"),
        ("[" * 5000, "west.yaml: this is not YAML"),
        ("- feed\n", "begin with `feed: NAME`"),
        ("", "begin with `feed: NAME`"),
        (b"\xff\xfe\x00", "west.yaml: is no UTF-8 text"),
    ],
)
def test_what_is_no_profile_at_all_is_one_sentence(text: str | bytes, words: str):
    """Never a traceback of the parser."""
    (sentence,) = said(text)

    assert words in sentence


def test_a_list_that_contains_itself_is_a_fault_like_any_other():
    """YAML allows it."""
    assert "mrn_types" in said("feed: west\nmrn_types: &it [*it]\n")[0]


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_lines():
    """A file is mended in one go."""
    text = "zone: Mars\nmode: loud\nfeed: west\nmatch:\n  topic: a\n  sender: b\nmode: live\n"

    assert [sentence.split(" ")[3] for sentence in said(text)] == [
        "zone", "match.topic", "match.sender", "mode",
    ]  # fmt: skip


def test_a_good_file_has_a_version_that_changes_with_its_content():
    """So that a log line can say which one is in force."""
    one, same, other = (
        parse(WEST, text) for text in (b"feed: west\n", b"feed: west\n", b"feed: west\nmode: shadow\n")
    )

    assert one.profile.feed == "west"
    assert one.version == same.version != other.version


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path):
    """A folder of that name, or one that is gone."""
    (tmp_path / "west.yaml").mkdir()

    for name in ("west.yaml", "gone.yaml"):
        with pytest.raises(FeedError, match=rf"{name}: cannot be read"):
            load_file(tmp_path / name)
