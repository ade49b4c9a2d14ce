"""Whatever order and repetition messages of several patients come in, admissions ends with the same rows.

Every trigger of table 0003, over few patients, visits and accounts, so that merges meet links, moves and re-labels.
Modest by default; `BATON_LONG_PROPERTIES=1` runs thousands.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from baton.replay.admissions import Admissions
from baton.replay.scenario import Line
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.feeds import Feeds
from services.admissions.ledger import NEVER_WAS
from services.chassis.kafka import Record
from tests.admissions.domain.histories import LONG
from tests.admissions.domain.several import any_message

AT = datetime(2026, 1, 20, tzinfo=UTC)


class Given:
    """Gives the messages that a test made, as if they had been read."""

    def __init__(self, events: Sequence[AdtEvent]) -> None:
        self.feeds = Feeds([FeedProfile(feed="default"), FeedProfile(feed="HOSPA")])
        self._events = {event.event_id.encode(): event for event in events}

    def read(self, record: Record, _: datetime) -> tuple[list[Any], list[Any]]:
        return [(self._events[record.value or b""], record, b"")], []


@st.composite
def messages(draw: st.DrawFn) -> AdtEvent:
    """One message about anybody."""
    return any_message(lambda options: draw(st.sampled_from(options)))


def rows(messages: Sequence[AdtEvent], batches: random.Random | None = None) -> list[Any]:
    """What is kept in the end, but for visits that never were."""
    admissions = Admissions(Given(messages))  # type: ignore[arg-type]
    todo = [event.event_id.encode() for event in messages]
    while todo:
        size = batches.randint(1, 3) if batches else 1
        admissions.on_messages(admissions.read([Line(AT, adt=raw) for raw in todo[:size]]), AT)
        del todo[:size]
    found = [
        (
            row.visit.model_dump(mode="json"),
            patient.model_dump(mode="json"),
            str(row.folded_into),
            row.live,
        )
        for row, patient in admissions.visits()
        if NEVER_WAS not in row.visit.flags
    ]
    return sorted(found, key=repr)


@settings(max_examples=150 if LONG else 15, deadline=None)
@given(st.lists(messages(), min_size=2, max_size=6 if LONG else 4))
def test_every_order_of_a_short_history(events: list[AdtEvent]) -> None:
    """All permutations, one message at a time."""
    expected = rows(events)
    for shuffled in permutations(events):
        assert rows(shuffled) == expected


@settings(max_examples=5000 if LONG else 50, deadline=None)
@given(st.lists(messages(), min_size=5, max_size=20), st.randoms(use_true_random=False))
def test_shuffles_of_a_long_history(events: list[AdtEvent], dice: random.Random) -> None:
    """With repetitions, in batches of any size."""
    expected = rows(events)
    for _ in range(4):
        shuffled = events + dice.choices(events, k=dice.randrange(len(events)))
        dice.shuffle(shuffled)
        assert rows(shuffled, dice) == expected
