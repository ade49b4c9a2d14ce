"""What of a person's stays LACE counts: midnights, the chain, the emergency visits before; and how high the risk is."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.transitions.domain.model import Stay
from services.transitions.domain.protocol import Protocol
from services.transitions.domain.risk.model import Lace
from services.transitions.domain.risk.rules import LaceRules, RiskRules
from tests.transitions.domain.builders import (
    PROTOCOL,
    a_stay,
    an_emergency_visit,
    an_observation_stay,
    episode,
    ny,
    planned,
)

LATER = ny("2026-06-01 00:00")


def lace(*stays: Stay, number: str = "V1", kind: str = "discharge", protocol: Protocol = PROTOCOL) -> Lace:
    found = episode(planned(*stays, as_of=LATER, protocol=protocol), kind, number).lace
    assert found
    return found


def home(**more: Any) -> Stay:
    return a_stay(discharged="2026-01-09 15:00", **more)


@pytest.mark.parametrize(
    ("admitted", "left", "points"),
    [
        ("2026-01-09 00:01", "2026-01-09 23:59", 0),
        ("2026-01-08 23:59", "2026-01-09 00:01", 1),
        ("2026-01-06 08:00", "2026-01-09 15:00", 3),
        ("2026-01-05 08:00", "2026-01-09 15:00", 4),
        ("2026-01-02 08:00", "2026-01-09 15:00", 5),
        ("2025-12-26 08:00", "2026-01-09 15:00", 7),
        ("2026-03-07 23:30", "2026-03-08 03:30", 1),
    ],
    ids=["same day", "over midnight", "three", "four", "seven", "fourteen", "clocks go forward"],
)
def test_the_length_is_counted_in_midnights(admitted: str, left: str, points: int) -> None:
    """Local dates, not hours."""
    assert lace(a_stay(admitted=admitted, discharged=left)).l == points


def test_midnight_is_that_of_the_facility() -> None:
    """01:30 in New York is 22:30 the day before in Los Angeles."""
    stay = a_stay(admitted="2026-01-09 01:30", discharged="2026-01-09 15:00")
    assert (lace(stay).l, lace(replace(stay, facility="WEST")).l) == (0, 1)


def test_a_converted_emergency_visit_counts_from_the_conversion() -> None:
    """A06 on Friday, in the emergency department since Thursday: and it is acute, whatever PV1-4 says."""
    stay = a_stay(
        admitted="2026-01-09 02:00",
        discharged="2026-01-10 15:00",
        started_at=ny("2026-01-08 22:00"),
        emergency_phase=True,
        admission_type="C",
    )
    assert (lace(stay).l, lace(stay).a) == (1, 3)


def test_an_emergency_visit_under_its_own_number_makes_the_stay_acute() -> None:
    """It led to the stay."""
    before = an_emergency_visit(arrived="2026-01-05 04:00", discharged="2026-01-05 08:00")
    assert lace(home(admission_type="C"), before).a == 3
    assert lace(home(admission_type="C")).a == 0


def test_a_transfer_chain_is_one_stay() -> None:
    """From the first of it, with how that one began; unless the protocol says otherwise."""
    first = a_stay(
        "V0", admitted="2026-01-01 08:00", discharged="2026-01-05 07:00", to="02", admission_type="E"
    )
    second = home(at="H2", admission_type="C")
    assert (lace(first, second).l, lace(first, second).a) == (5, 3)
    alone = replace(PROTOCOL, risk=RiskRules(lace=LaceRules(use_chain=False)))
    found = lace(first, second, protocol=alone)
    assert (found.l, found.a) == (4, 0)
    assert lace(first, second, number="V0", kind="facility_handoff").l == 4


def test_leave_is_no_shorter_stay() -> None:
    """Days away are not taken off: the visit tells of no discharge."""
    assert lace(a_stay(admitted="2026-01-01 08:00", discharged="2026-01-09 15:00")).l == 5


def emergency(arrived: str, number: str = "E1", **more: Any) -> Stay:
    left = arrived[:11] + "23:50"
    return an_emergency_visit(number, arrived=arrived, discharged=left, **more)


@pytest.mark.parametrize(
    ("visits", "points"),
    [
        ([emergency("2025-12-01 09:00")], 1),
        ([emergency("2025-07-05 08:30")], 1),
        ([emergency("2025-07-05 08:29")], 0),
        ([emergency("2026-01-04 09:00", at="H2")], 1),
        ([emergency("2026-01-07 09:00")], 0),
        ([an_emergency_visit(arrived="2026-01-05 05:00", discharged="2026-01-05 08:00")], 0),
        ([an_observation_stay("V0", admitted="2025-12-01 09:00", discharged="2025-12-02 09:00")], 0),
        ([a_stay("V0", admitted="2025-12-01 12:00", discharged="2025-12-04 09:00", emergency_phase=True,
                 started_at=ny("2025-12-01 09:00"))], 1),
        ([emergency(f"2025-12-{day:02} 09:00", f"E{day}") for day in range(1, 4)], 3),
        ([emergency(f"2025-12-{day:02} 09:00", f"E{day}") for day in range(1, 10)], 4),
    ],
    ids=["a month ago", "six months ago", "a minute more", "elsewhere", "during the stay", "led to it",
         "observation", "became a stay", "three", "nine"],
)  # fmt: skip
def test_emergency_visits_of_six_calendar_months(visits: list[Stay], points: int) -> None:
    """Before the admission of 5 January at 08:30, without the one that led to it."""
    assert lace(home(), *visits).e == points
    assert lace(home(), *(replace(visit, state="cancelled") for visit in visits)).e == 0


def test_an_emergency_visit_before_a_chain_is_part_of_it() -> None:
    """It led to the first stay."""
    before = an_emergency_visit(arrived="2026-01-01 04:00", discharged="2026-01-01 07:30")
    first = a_stay("V0", admitted="2026-01-01 08:00", discharged="2026-01-05 07:00", to="02")
    assert lace(before, first, home(at="H2")).e == 0


def test_a_stay_whose_beginning_nobody_knows_has_no_score() -> None:
    """And counts as high risk until it is known, unless it is known to be."""
    unknown = replace(home(), admitted_at=None, started_at=None)
    found = episode(planned(unknown, as_of=LATER))
    assert found.lace is None
    assert {d.kind: d.severity for d in found.deadlines}["call_72h"] == "P2"


def test_an_observation_stay_is_scored_too() -> None:
    """CPT 99495 names it; it is followed up like an inpatient stay."""
    assert lace(an_observation_stay(discharged="2026-01-09 15:00")).l == 4
