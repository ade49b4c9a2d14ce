"""Feed profiles: which one a record belongs to, and what is said of a wrong one."""

from pathlib import Path

import pytest

from services.admissions.domain.feed import FeedProfile, Match
from services.admissions.feeds import FeedError, Feeds, load_file


def _write(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_profiles_load():
    """A default for feeds nobody described, and the simulator's."""
    feeds = Feeds.load()

    assert {"default", "simhospital"} == set(feeds.by_name)
    assert feeds.of("adt.inbound", None, "SIMHOSP", "SFAC").feed == "simhospital"
    assert feeds.of("adt.inbound", None, "ADT1", "HOSPA").feed == "default"
    assert feeds.by_name["simhospital"].processing_ids == ("T",)


def test_the_header_decides_before_the_match_and_the_match_before_the_default():
    """The profile that asks for more is asked first."""
    feeds = Feeds(
        [
            FeedProfile(feed="default"),
            FeedProfile(feed="west", match=Match(sending_facility="WEST")),
            FeedProfile(feed="west_lab", match=Match(sending_facility="WEST", sending_application="LAB")),
            FeedProfile(feed="topical", match=Match(topic="adt.other")),
        ]
    )

    def of(*record: str | None) -> str:
        topic, header, msh3, msh4 = record
        return feeds.of(str(topic), header, str(msh3), str(msh4)).feed

    assert of("adt.inbound", "topical", "LAB", "WEST") == "topical"
    assert of("adt.inbound", None, "ADT", "WEST") == "west"
    assert of("adt.inbound", None, "LAB", "WEST") == "west_lab"
    assert of("adt.other", "", "X", "Y") == "topical"
    assert of("adt.inbound", None, "X", "Y") == "default"


def test_a_feed_without_a_profile_keeps_its_own_name():
    """Two hospitals that nobody has described yet may number their visits alike."""
    feeds = Feeds([FeedProfile(feed="default", zone="America/Chicago")])

    east = feeds.of("adt.inbound", "east", "X", "Y")
    assert (east.feed, east.zone) == ("east", "America/Chicago")
    assert feeds.of("adt.inbound", "east", "Z", "Z") is east
    assert {"default"} == set(feeds.by_name)


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a/b", "é", "-x"])
def test_an_odd_name_is_no_name(name: str):
    """Headers come from outside and end in metrics and keys."""
    assert Feeds.load().of("adt.inbound", name, "X", "Y").feed == "default"


def test_names_without_a_profile_do_not_pile_up():
    """Whoever sends a new name with each record gets the default in the end."""
    feeds = Feeds.load()
    names = {feeds.of("adt.inbound", f"n{number}", "", "").feed for number in range(1200)}

    assert len(names) == 1001


def test_a_hospitals_own_file_replaces_the_shipped_one(tmp_path: Path):
    """By the name of the feed, not of the file."""
    _write(tmp_path, "ours.yaml", "feed: default\nzone: America/Chicago\n")

    assert Feeds.load(tmp_path).of("adt.inbound", None, "", "").zone == "America/Chicago"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feed: west\nzone: Mars/Olympus\n", ("west.yaml, line 2", "zone", "America/New_York")),
        ("feed: west\nmrn_type: [MR]\n", ("west.yaml, line 2", "mrn_type", "mrn_types")),
        ("feed: west\nmatch:\n  topic: a\n  sender: b\n", ("line 4", "match.sender")),
        ("zone: America/New_York\n", ("west.yaml", "feed", "missing")),
        ("feed: west\nmode: loud\n", ("line 2", "mode", "'live' or 'shadow'")),
        ("feed: west\nmrn_types: MR\n", ("line 2", "mrn_types")),
        ("feed: west\nprocessing_ids:\n  - P\n  - [T]\n", ("line 4", "processing_ids.1")),
        ("feed: west\nfallback_charset: klingon\n", ("west.yaml", "fallback_charset")),
        ("feed: west\nfallback_charset: utf-16\n", ("west.yaml", "fallback_charset", "ASCII")),
        ("feed: west\ncharsets: {X: rot13}\n", ("west.yaml", "charsets.X")),
        ("feed: west\n  zone: x\n", ("west.yaml, line 2", "not YAML")),
        ("- feed\n", ("west.yaml", "key: value")),
        ("", ("west.yaml", "key: value")),
    ],
)
def test_a_wrong_profile_is_one_sentence_that_says_where_and_what_to_do(
    tmp_path: Path, text: str, words: tuple[str, ...]
):
    """File, line, key, and the way out."""
    path = _write(tmp_path, "west.yaml", text)

    with pytest.raises(FeedError) as fault:
        load_file(path)

    said = str(fault.value)
    assert [word for word in words if word not in said] == []
    assert "\n" not in said
    assert said.endswith(".")


def test_a_file_that_is_no_text_is_named(tmp_path: Path):
    """Not a traceback of the decoder."""
    path = tmp_path / "west.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(FeedError, match=r"west\.yaml"):
        load_file(path)


def test_two_files_for_one_feed_are_refused(tmp_path: Path):
    """Which of them counts must not hang on the order of a directory."""
    _write(tmp_path, "a.yaml", "feed: west\n")
    _write(tmp_path, "b.yaml", "feed: west\n")

    with pytest.raises(FeedError, match=r"b\.yaml: the feed west is also in a\.yaml"):
        Feeds.load(tmp_path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path):
    """A typing error must not silently mean the shipped profiles only."""
    with pytest.raises(FeedError, match="no directory"):
        Feeds.load(tmp_path / "feeds")


def test_without_a_default_there_is_no_start():
    """Every record must belong to some feed."""
    with pytest.raises(FeedError, match="default"):
        Feeds([FeedProfile(feed="west")])
