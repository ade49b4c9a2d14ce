"""Whatever order and repetition the messages of a visit come in, the visit is the same."""

import random
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.encounters import Visit, VisitState
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent
from tests.admissions.domain.builders import PROFILE
from tests.admissions.domain.histories import LONG, arriving_otherwise, histories

PROFILES = st.sampled_from(
    [PROFILE, FeedProfile(feed="HOSPA", null_discharge_undoes=False, a08_implies_discharge=False)]
)
_ARRIVALS: dict[str, Any] = {
    "admit_learned_at": True,
    "discharge_learned_at": True,
    "settle_from": True,
    "disposition": {"learned_at"},
    "transfers": {"__all__": {"learned_at"}},
}


@settings(max_examples=500 if LONG else 25, deadline=None)
@given(histories(max_size=6), PROFILES)
def test_every_order_of_a_short_history(events: list[AdtEvent], profile: FeedProfile) -> None:
    """All permutations of up to six messages, over all triggers and any times."""
    expected = fold(events, profile)
    for shuffled in permutations(events):
        assert fold(shuffled, profile) == expected


@settings(max_examples=5000 if LONG else 60, deadline=None)
@given(histories(min_size=7, max_size=25), PROFILES, st.randoms(use_true_random=False))
def test_shuffles_of_a_long_history(
    events: list[AdtEvent], profile: FeedProfile, dice: random.Random
) -> None:
    """With repetitions."""
    expected = fold(events, profile)
    for _ in range(10):
        shuffled = events + dice.choices(events, k=dice.randrange(len(events)))
        dice.shuffle(shuffled)
        assert fold(shuffled, profile) == expected


@settings(max_examples=2000 if LONG else 60, deadline=None)
@given(histories(max_size=10), PROFILES)
def test_arrival_decides_nothing_but_what_was_known_when(
    events: list[AdtEvent], profile: FeedProfile
) -> None:
    """The same messages at other times."""
    here, there = (
        [visit.model_dump(exclude=_ARRIVALS) for visit in fold(history, profile)]
        for history in (events, arriving_otherwise(events))
    )
    assert here == there


def check(visit: Visit, events: list[AdtEvent]) -> None:
    assert Visit.model_validate(visit.model_dump()) == visit
    assert Visit.model_validate_json(visit.model_dump_json()) == visit
    discharged, away = visit.state is VisitState.DISCHARGED, visit.state is VisitState.ON_LEAVE
    assert (visit.discharged_at is not None) == discharged
    assert (visit.discharge_learned_at is not None) == discharged
    assert (visit.disposition is not None) == discharged
    assert (visit.cancelled_at is not None) == (visit.state is VisitState.CANCELLED)
    assert away or visit.leave_started_at is visit.expected_return_at is None
    assert visit.admit_learned_at is None or visit.admitted_at is not None
    assert not visit.inpatient or visit.state in {
        VisitState.ADMITTED,
        VisitState.ON_LEAVE,
        VisitState.DISCHARGED,
    }
    assert list(visit.transfers) == sorted(visit.transfers, key=lambda move: (move.at, move.trigger))
    arrivals = {event.received_at for event in events}
    known = {visit.admit_learned_at, visit.discharge_learned_at, visit.settle_from}
    known |= {move.learned_at for move in visit.transfers}
    known |= {visit.disposition.learned_at} if visit.disposition else set()
    assert known - {None} <= arrivals
    # A swap of beds (A17) is a transfer for each of the two.
    triggers = {"A02" if event.trigger == "A17" else event.trigger for event in events}
    assert {move.trigger for move in visit.transfers} <= triggers | {"A06"}


@settings(max_examples=5000 if LONG else 150, deadline=None)
@given(histories(max_size=14), PROFILES)
def test_the_fold_always_makes_sense(events: list[AdtEvent], profile: FeedProfile) -> None:
    """It never raises, and what it gives holds together."""
    visits = fold(events, profile)
    assert [visit.generation for visit in visits] == list(range(len(visits)))
    for visit in visits:
        check(visit, events)
