"""Whatever order and repetition messages of several patients come in, admissions ends with the same rows.

Every trigger of table 0003, over few patients, visits and accounts, so that merges meet links, moves and re-labels.
Modest by default; `BATON_LONG_PROPERTIES=1` runs thousands.
"""

import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from baton.replay.admissions import Admissions
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.feeds import Feeds
from services.admissions.hl7.triggers import TYPES
from services.admissions.ledger import NEVER_WAS
from services.chassis.kafka import Record
from tests.admissions.domain.builders import an_event, said

LONG = os.environ.get("BATON_LONG_PROPERTIES") == "1"
AT = datetime(2026, 1, 20, tzinfo=UTC)
PATIENTS = [PatientKey("HOSPA", "MR", "1"), PatientKey("HOSPA", "MR", "2"), PatientKey("HOSPB", "MR", "1")]
PERSONS = [PatientKey("REGION", "EI", "1"), PatientKey("REGION", "EI", "2")]
VISITS = [VisitKey("HOSPA", number) for number in ("V1", "V2", "V3")]
ACCOUNTS = [VisitKey("HOSPA", number) for number in ("C1", "C2")]
INSTANTS = [f"05 {hour:02}:00" for hour in range(8, 14)]

_TIME = st.sampled_from(INSTANTS)
_JOINING = sorted(
    {"A18", "A24", "A30", "A34", "A35", "A36", "A37", *(f"A{n}" for n in range(40, 52))}
    | {"A06", "A07", "A17"}
)
_TRIGGER = (
    st.sampled_from(["A01", "A03", "A04", "A08", "A02", "A06"])
    | st.sampled_from(_JOINING)
    | st.sampled_from(sorted(TYPES))
)


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
    recorded = draw(_TIME)
    trigger = draw(_TRIGGER)
    by_account = draw(st.integers(0, 4)) == 0
    account = draw(st.sampled_from([*ACCOUNTS, None]))
    visit = account if by_account else draw(st.sampled_from(VISITS))
    fields: dict[str, Any] = {
        "recorded": recorded,
        "arrived": INSTANTS[-1],
        "stated": draw(st.none() | _TIME),
        "pv1_2": draw(st.sampled_from(["I", "E", UNSET])),
        "pv1_3": draw(st.sampled_from(["4W^1", "ICU", UNSET])),
        "pv1_44": draw(st.sampled_from([UNSET, *INSTANTS[:3]])),
        "pv1_45": draw(st.sampled_from([UNSET, UNSET, UNSET, *INSTANTS[3:]])),
        "patient": draw(st.sampled_from(PATIENTS)),
        "prior_patient": draw(st.sampled_from([*PATIENTS, None])) if trigger in _JOINING else None,
        "enterprise": draw(st.sampled_from([None, None, *PERSONS])),
        "visit": visit,
        "account": account,
        "prior_visit": draw(st.sampled_from([None, *VISITS])) if trigger in _JOINING else None,
        "prior_account": draw(st.sampled_from([None, *ACCOUNTS])) if trigger in _JOINING else None,
        "person": said(name=draw(st.sampled_from(["ALPHA", "BETA"]))),
    }
    return an_event(trigger, INSTANTS[0], **fields)


def rows(messages: Sequence[AdtEvent], batches: random.Random | None = None) -> list[Any]:
    """What is kept in the end, but for visits that never were."""
    admissions = Admissions(Given(messages))  # type: ignore[arg-type]
    todo = [event.event_id.encode() for event in messages]
    while todo:
        size = batches.randint(1, 3) if batches else 1
        admissions.on_messages(todo[:size], AT)
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


@settings(max_examples=1500 if LONG else 8, deadline=None)
@given(st.lists(messages(), min_size=2, max_size=6 if LONG else 4))
def test_every_order_of_a_short_history(events: list[AdtEvent]) -> None:
    """All permutations, one message at a time."""
    expected = rows(events)
    for shuffled in permutations(events):
        assert rows(shuffled) == expected


@settings(max_examples=5000 if LONG else 20, deadline=None)
@given(st.lists(messages(), min_size=5, max_size=20), st.randoms(use_true_random=False))
def test_shuffles_of_a_long_history(events: list[AdtEvent], dice: random.Random) -> None:
    """With repetitions, in batches of any size."""
    expected = rows(events)
    for _ in range(4):
        shuffled = events + dice.choices(events, k=dice.randrange(len(events)))
        dice.shuffle(shuffled)
        assert rows(shuffled, dice) == expected
