"""Feed profiles: which one a record belongs to, and which cannot stand beside each other."""

from pathlib import Path

import pytest

from services.admissions.domain.feed import FeedProfile, Match
from services.admissions.feed_file import FeedError
from services.admissions.feeds import Feeds


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
            FeedProfile(feed="whole", match=Match(topic="adt.inbound")),
        ]
    )

    def of(*record: str | None) -> str:
        topic, header, msh3, msh4 = record
        return feeds.of(str(topic), header, str(msh3), str(msh4)).feed

    assert of("adt.inbound", "whole", "LAB", "WEST") == "whole"
    assert of("adt.inbound", None, "ADT", "WEST") == "west"
    assert of("adt.inbound", None, "LAB", "WEST") == "west_lab"
    assert of("adt.inbound", "", "X", "Y") == "whole"
    assert of("adt.other", None, "X", "Y") == "default"


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


def test_two_files_for_one_feed_are_refused(tmp_path: Path):
    """Which of them counts must not hang on the order of a directory."""
    _write(tmp_path, "a.yaml", "feed: west\n")
    _write(tmp_path, "b.yaml", "feed: west\n")

    with pytest.raises(FeedError, match=r"b\.yaml: feed names the feed west, as a\.yaml does"):
        Feeds.load(tmp_path)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"a": "{sending_facility: WEST}", "b": "{sending_facility: WEST}"}, ("b.yaml: match", "a (a.yaml)")),
        ({"mine": "{sending_application: SIMHOSP}"}, ("mine.yaml: match", "simhospital (simhospital.yaml)")),
        ({"a": "{sending_facility: WEST}", "b": "{sending_facility: EAST}"}, ()),
        ({"a": "{sending_facility: WEST}", "b": "{sending_facility: WEST, sending_application: X}"}, ()),
        ({"a": "{}", "b": "{}"}, ()),
        ({"simhospital": "{sending_application: SIMHOSP}"}, ()),
    ],
)
def test_two_profiles_that_ask_for_the_same_records_are_refused(
    tmp_path: Path, own: dict[str, str], words: tuple[str, ...]
):
    """A shipped one counts too, unless it is replaced by its name; asking for more is no clash."""
    for name, match in own.items():
        _write(tmp_path, f"{name}.yaml", f"feed: {name}\nmatch: {match}\n")

    if not words:
        assert own.keys() <= Feeds.load(tmp_path).by_name.keys()
        return
    with pytest.raises(FeedError) as fault:
        Feeds.load(tmp_path)
    assert [word for word in words if word not in str(fault.value)] == []


def test_what_is_wrong_in_any_file_is_said_at_once(tmp_path: Path):
    """Mending one file after the other, with a start in between, is no way to go live."""
    _write(tmp_path, "a.yaml", "feed: a\nzone: Mars\n")
    _write(tmp_path, "b.yaml", "feed: b\nmode: loud\n")

    with pytest.raises(FeedError) as fault:
        Feeds.load(tmp_path)

    assert [(one.path.name, one.line, one.key) for one in fault.value.faults] == [
        ("a.yaml", 2, "zone"),
        ("b.yaml", 2, "mode"),
    ]


def test_a_directory_that_is_not_there_is_named(tmp_path: Path):
    """A typing error must not silently mean the shipped profiles only."""
    with pytest.raises(FeedError, match="no directory"):
        Feeds.load(tmp_path / "feeds")


def test_without_a_default_there_is_no_start():
    """Every record must belong to some feed."""
    with pytest.raises(FeedError, match="default"):
        Feeds([FeedProfile(feed="west")])
