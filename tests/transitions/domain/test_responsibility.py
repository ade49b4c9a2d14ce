"""Who is responsible from the discharge to the end of the case: one party at every moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.transitions.domain.model import Deed, Span, Stay
from services.transitions.domain.responsibility import of_handoff, spans, unowned_from
from tests.transitions.domain.builders import a_deed, a_move, a_stay, a_waiver, an_ack, episode, ny, planned

ZERO = datetime(2026, 1, 9, 20, 0, tzinfo=UTC)
TO_NURSING = a_stay(discharged="2026-01-09 15:00", to="03")
MOVED = a_stay(moves=(a_move("2026-01-06 10:10"),))
NURSING_HOME = a_stay("N1", admitted="2026-01-09 20:30", at="SNF1")


def a_decline(at: str) -> Deed:
    return a_deed("handoff_declined", at)


def told(found: Sequence[Span]) -> list[str]:
    """`sender 15:00, nobody 19:00 ...`: who from when on, in New York, and the end where there is one."""
    zone = ny("2026-01-09 15:00") - datetime(2026, 1, 9, 15, 0, tzinfo=UTC)
    said = [f"{span.party} {span.since - zone:%H:%M}" for span in found]
    return [*said, f"end {found[-1].until - zone:%H:%M}"] if found and found[-1].until else said


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((), ["sender 15:00", "nobody 19:00"]),
        ((an_ack("2026-01-09 17:00"),), ["sender 15:00", "end 17:00"]),
        ((an_ack("2026-01-09 21:00"),), ["sender 15:00", "nobody 19:00", "end 21:00"]),
        ((an_ack("2026-01-09 13:00"),), []),
        ((an_ack("2026-01-09 17:00", read_back=False),), ["sender 15:00", "nobody 19:00"]),
        ((a_decline("2026-01-09 17:00"),), ["sender 15:00"]),
        ((a_decline("2026-01-09 20:00"),), ["sender 15:00", "nobody 19:00", "sender 20:00"]),
        ((a_decline("2026-01-09 17:00"), an_ack("2026-01-09 21:00")), ["sender 15:00", "end 21:00"]),
        ((a_deed("handoff_delegated", "2026-01-09 17:00"),), ["sender 15:00", "nobody 19:00"]),
        ((NURSING_HOME,), ["sender 15:00", "nobody 19:00", "receiver 20:30"]),
        ((a_stay("N1", admitted="2026-01-09 16:30", at="SNF1"),), ["sender 15:00", "receiver 16:30"]),
        ((NURSING_HOME, an_ack("2026-01-09 22:00")), ["sender 15:00", "nobody 19:00", "receiver 20:30", "end 22:00"]),
        ((a_waiver("2026-01-09 16:00", "handoff_ack_facility"),), ["sender 15:00"]),
    ],
    ids=[
        "nobody answers", "accepted in time", "accepted late", "accepted beforehand", "without read-back",
        "declined in time", "declined late", "declined, then accepted", "delegated", "arrives unacknowledged",
        "arrives at once", "arrives, then acknowledged", "waived",
    ],
)  # fmt: skip
def test_after_a_discharge_to_a_facility(facts: tuple[Stay | Deed, ...], expected: list[str]) -> None:
    """Discharged at 15:00 to a nursing home; an acknowledgement is due at 19:00."""
    assert told(episode(planned(TO_NURSING, *facts), "facility_handoff").responsibility) == expected


def test_between_units() -> None:
    """Transferred at 10:10, due at 11:10, discharged at 15:00 on the same day: then the team has the patient."""
    left = a_stay(moves=(a_move("2026-01-06 10:10"),), discharged="2026-01-06 15:00")
    plan = planned(left)
    assert told(episode(plan, "unit_handoff").responsibility) == ["sender 10:10", "nobody 11:10", "end 15:00"]
    assert told(episode(plan).responsibility) == ["team 15:00"]


def test_after_a_discharge_home_the_team_has_the_patient_until_the_case_ends() -> None:
    """Discharged on 9 January, back on the 20th at 10:00."""
    plan = planned(a_stay(discharged="2026-01-09 15:00"), a_stay("V2", admitted="2026-01-20 10:00"))
    assert told(episode(plan).responsibility) == ["team 15:00", "end 10:00"]


def test_from_when_on_nobody_is() -> None:
    """While it goes on; a span with an end is over."""
    still = (Span("sender", ZERO, ZERO + timedelta(hours=4)), Span("nobody", ZERO + timedelta(hours=4)))
    over = (still[0], Span("nobody", still[1].since, ZERO + timedelta(hours=5)))
    assert unowned_from(still) == ZERO + timedelta(hours=4)
    assert unowned_from(over) is None
    assert unowned_from(()) is None


INSTANTS = st.integers(-5, 30).map(lambda hours: ZERO + timedelta(hours=hours))
PARTIES = st.sampled_from(["sender", "receiver", "nobody", "team"])
SAID = st.lists(st.tuples(INSTANTS, st.sampled_from(["sender", "receiver"])), max_size=6)


def tiles(found: Sequence[Span], opened_at: datetime, closed_at: datetime | None) -> bool:
    """Whether the spans cover the time between without hole or overlap, each of some length, no party twice in a row."""
    if not found:
        return closed_at is not None and closed_at <= opened_at
    meets = all(one.until == other.since for one, other in pairwise(found))
    changes = all(one.party != other.party for one, other in pairwise(found))
    lasts = all(span.until is None or span.until > span.since for span in found)
    return meets and changes and lasts and found[0].since == opened_at and found[-1].until == closed_at


@settings(max_examples=200)
@given(PARTIES, st.lists(st.tuples(INSTANTS, PARTIES), max_size=8), st.none() | INSTANTS)
def test_spans_tile_the_time(
    first: str, changes: list[tuple[datetime, str]], closed_at: datetime | None
) -> None:
    """Given any changes in any order, also before the beginning and behind the end, then one party at every moment."""
    found = spans(first, changes, ZERO, closed_at)
    assert tiles(found, ZERO, closed_at)
    assert spans(first, sorted(changes, key=lambda change: change[0]), ZERO, closed_at) == found


@settings(max_examples=200)
@given(SAID, st.none() | INSTANTS, st.none() | INSTANTS, st.none() | INSTANTS)
def test_a_handoff_has_one_party_at_every_moment(
    said: list[tuple[datetime, str]],
    closed_at: datetime | None,
    due_at: datetime | None,
    arrived_at: datetime | None,
) -> None:
    """Given any acceptances and refusals, due time and arrival, then nobody is responsible only between due and an answer."""
    found = of_handoff(said, opened_at=ZERO, closed_at=closed_at, due_at=due_at, arrived_at=arrived_at)
    assert tiles(found, ZERO, closed_at)
    for span in found:
        if span.party == "nobody":
            assert due_at is not None
            assert span.since == max(due_at, ZERO)
