"""The benchmarks' feed is what they say it is."""

from collections import defaultdict
from datetime import UTC, datetime

import pytest

from schemas.encounters import Visit
from schemas.reference.facilities import Facilities
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent
from services.admissions.hl7.adt import normalize
from tests.bench import feed
from tests.bench.feed import Message
from tests.bench.straightforward import event_of

UNTIL = datetime(2026, 11, 22, 1, tzinfo=UTC)
PROFILE = FeedProfile(feed="default")


@pytest.fixture(scope="module")
def small() -> list[Message]:
    return feed.messages(3000, seed=20260109, until=UNTIL)


def read(message: Message) -> AdtEvent:
    event = normalize(message.data, PROFILE, zone_of=Facilities.shipped().zone_of, received_at=UNTIL)
    assert isinstance(event, AdtEvent)
    return event


def test_same_seed_same_bytes(small: list[Message]) -> None:
    """Two runs measure the same messages."""
    again = feed.messages(3000, seed=20260109, until=UNTIL)

    assert [one.data for one in again] == [one.data for one in small]


def test_messages_are_of_the_size_hospitals_send(small: list[Message]) -> None:
    """About 1.2 kB in 13 segments, but for merges; in the order of time, none after the last instant."""
    whole = [one.data for one in small if one.trigger != "A40"]
    times = [one.at for one in small]

    assert {data.count(b"\r") for data in whole} == {13}
    assert 1150 < sum(map(len, whole)) / len(whole) < 1300
    assert times == sorted(times)
    assert times[-1] <= UNTIL


def test_mix_is_as_heavy_as_promised() -> None:
    """Of the 60,000 at least 10 % are A03 and 30 % change something watched; rare events occur."""
    whole = feed.messages(60_000, seed=20260109, until=UNTIL)
    mix = feed.mix(whole)

    assert mix["A03"] >= 6000
    assert sum(one.watched for one in whole) >= 18_000
    assert all(mix[trigger] > 20 for trigger in ("A01", "A02", "A04", "A06", "A08", "A11", "A13", "A40"))


def test_what_is_called_watched_changes_the_visit(small: list[Message]) -> None:
    """Message by message, the folded visit changes exactly where the feed says so."""
    told: dict[str, list[Message]] = defaultdict(list)
    for one in small:
        if one.trigger != "A40":
            told[one.visit].append(one)
    wrong = []
    for messages in told.values():
        events: list[AdtEvent] = []
        before: tuple[Visit, ...] = ()
        for one in messages:
            events.append(read(one))
            after = fold(events, PROFILE)
            if (after != before) != one.watched:
                wrong.append((one.trigger, one.watched))
            before = after

    assert wrong == []


def test_both_readers_say_the_same(small: list[Message]) -> None:
    """The straightforward version reads the same event out of a message, so both do the same work."""
    differing = [one.trigger for one in small[:600] if _said(read(one)) != _said(event_of(one.data, UNTIL))]

    assert differing == []


def _said(event: AdtEvent) -> dict[str, object]:
    return {
        name: getattr(event, name)
        for name in event.__struct_fields__
        if name not in ("event_id", "fingerprint")
    }
