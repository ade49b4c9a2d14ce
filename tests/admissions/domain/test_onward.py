"""A stay that only goes on, event by event, is the one that all its events describe."""

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent
from services.admissions.domain.onward import begin, goes_on
from services.admissions.domain.stay import summary
from services.admissions.domain.superseded import last_word, repeats
from services.admissions.domain.walk import Walk
from tests.admissions.domain.builders import PROFILE, an_event, on
from tests.admissions.domain.histories import LONG, histories

A01 = an_event("A01", "05 08:30", pv1_3="4W")
A03 = an_event("A03", "09 15:00", pv1_36="01")


def gone_on(events: Sequence[AdtEvent], profile: FeedProfile = PROFILE) -> int:
    """How many events were taken in their turn, each time with the visit that all of them describe."""
    found: Walk | None = begin(events[0], profile)
    last = last_word(events[:1])
    for n, event in enumerate(events):
        if n and last is not None and repeats(event, last):
            last = event
            continue
        if n and (found is None or not goes_on(found, event, events[:n])):
            return n
        if found is None:
            return 0
        assert (summary(found, 0),) == fold(events[: n + 1], profile)
        last = last_word(events[: n + 1])
    return len(events)


def test_a_stay_goes_on() -> None:
    """Given an admission, a move, updates and a discharge as they happen; then each is taken in its turn."""
    events = [
        an_event("A04", "05 08:30", pv1_2="E", pv1_3="ED"),
        an_event("A08", "05 09:00", pv1_2="E", pv1_3="ED"),
        an_event("A06", "05 10:00", pv1_3="4W"),
        an_event("A02", "06 10:00", pv1_3="ICU", pv1_6="4W"),
        an_event("A02", "07 10:00", pv1_3="4W", pv1_6="ICU"),
        an_event("A08", "07 11:00", pv1_3="4W", attending="ANN"),
        A03,
        an_event("A08", "09 16:00", pv1_36="03", pv1_45="09 15:00"),
    ]
    assert gone_on(events) == len(events)


def test_a_stay_entered_late_goes_on() -> None:
    """Given events typed some time after they happened, each with its EVN-6 and in order; then each is taken in its turn."""
    events = [
        an_event("A04", "05 08:30", recorded="05 08:42", stated="05 08:30", pv1_2="E", pv1_3="ED"),
        an_event("A06", "05 10:00", recorded="05 10:05", stated="05 10:00", pv1_3="4W"),
        an_event("A02", "06 10:00", recorded="06 11:00", stated="06 10:00", pv1_3="ICU", pv1_6="4W"),
        an_event("A08", "07 11:00", pv1_3="4W", attending="ANN"),
        an_event("A03", "09 15:00", recorded="09 16:20", stated="09 15:00", pv1_36="01"),
    ]
    assert gone_on(events) == len(events)


@pytest.mark.parametrize(
    "events",
    [
        [an_event("A05", "05 08:00")],
        [an_event("A01", "05 08:30", recorded="05 09:00")],
        [an_event("A01", "05 08:30", stated="05 08:00")],
    ],
    ids=["a plan", "entered late", "of before"],
)
def test_what_begins_no_walk(events: list[AdtEvent]) -> None:
    """Given anything but an admission of now; then all events are folded."""
    assert gone_on(events) == 0


@pytest.mark.parametrize(
    "event",
    [
        an_event("A11", "10 08:00"),
        an_event("A13", "10 08:00"),
        an_event("A01", "10 08:00"),
        an_event("A06", "10 08:00"),
        an_event("A08", "10 08:00", pv1_45=None),
        an_event("A08", "10 08:00", pv1_44="11 08:00"),
        an_event("A08", "10 08:00", pv1_45="05 08:00"),
        an_event("A02", "09 14:00", recorded="10 09:00", stated="09 14:00"),
        an_event("A08", "11 08:00", recorded="10 08:00", stated="11 08:00"),
        an_event("A08", "08 08:00"),
        structs.replace(an_event("A08", "10 08:00"), fingerprint=A03.fingerprint),
    ],
    ids=[
        "the stay taken back",
        "the discharge taken back",
        "admitted again",
        "converted after the discharge",
        "the discharge deleted",
        "of a stay to come",
        "left before it began",
        "of before the discharge",
        "of what is to come",
        "an older word",
        "a replay",
    ],
)
def test_what_does_not_only_go_on(event: AdtEvent) -> None:
    """Given a discharge and then anything but a further word of now; then all events are folded."""
    assert gone_on([A01, A03, event]) == 2


@settings(max_examples=5000 if LONG else 200, deadline=None)
@given(
    histories(max_size=9),
    st.sampled_from([PROFILE, FeedProfile(feed="HOSPA", a08_implies_discharge=False)]),
    st.integers(0, 2**32),
)
def test_the_visit_is_that_of_all_its_events(events: list[AdtEvent], profile: FeedProfile, seed: int) -> None:
    """Given any history, most of it recorded as it happens or soon after, some of it said again; then it is as folded whole."""
    dice = random.Random(seed)
    at = on("05 14:00")
    happening: list[AdtEvent] = []
    for n, event in enumerate(events):
        at += timedelta(minutes=dice.choice([0, 7, 7, 30, 400]))
        trigger = (
            dice.choice(["A01", "A04", "A06"]) if n == 0 else dice.choice(["A02", "A03", "A06", "A08", "A08"])
        )
        occurred = at - timedelta(minutes=dice.choice([0, 0, 5, 20, 300]))
        said = structs.replace(
            event,
            trigger=trigger,
            recorded_at=at,
            occurred_at=occurred,
            created_at=at,
            received_at=at,
            stated_at=dice.choice([None, occurred, occurred, at]),
        )
        if said.discharge_at is None or dice.random() < 0.5:
            said = structs.replace(said, discharge_at=UNSET)
        if happening and dice.random() < 0.4:
            said = structs.replace(
                happening[-1], event_id=said.event_id, control_id=said.control_id, fingerprint=said.fingerprint,
                trigger="A08", recorded_at=at, occurred_at=at, created_at=at, received_at=at,
            )  # fmt: skip
        happening.append(event if dice.random() < 0.05 else said)
    gone_on(happening, profile)
