"""What of a visit follow-up depends on."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.encounters import EncounterEvent
from schemas.reference.facilities import Facilities, Facility
from services.transitions.domain.model import Diagnosis
from services.transitions.domain.stays import KnownStay, stay_of
from tests.transitions.domain.builders import a_stay, ny

EXAMPLE = Path("schemas/examples/encounter/discharged_home.json")
NEW_YORK = Facilities(Facility(name="VALLEY", zone="America/New_York"))


@pytest.mark.parametrize(
    ("discharged", "age", "age_in_year"),
    [
        ("2026-01-08 23:30", 17, 18),
        ("2026-01-09 00:30", 18, 18),
        ("2025-12-31 23:30", 17, 17),
        ("2026-01-01 00:30", 17, 18),
    ],
)
def test_an_age_is_that_of_the_local_day(discharged: str, age: int, age_in_year: int) -> None:
    """Given somebody born on 9 January 2008, when New York has the day or the year before, whatever UTC has, then so has the age."""
    event = EncounterEvent.model_validate_json(EXAMPLE.read_bytes())
    patient = event.patient.model_copy(update={"birth_date": date(2008, 1, 9)})
    visit = event.visit.model_copy(update={"discharged_at": ny(discharged)})
    stay = stay_of(event.model_copy(update={"patient": patient, "visit": visit}), NEW_YORK)
    assert (stay.age, stay.age_in_year) == (age, age_in_year)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, False),
        ({"learned_at": ny("2026-01-11 08:00")}, False),
        ({"unit": "7E"}, True),
        ({"diagnoses": (Diagnosis("I50.9"),)}, True),
        ({"death_at": ny("2026-01-10 09:00")}, True),
        ({"part2": True}, True),
    ],
)
def test_what_a_later_word_of_a_visit_tells(said: dict[str, Any], told: bool) -> None:
    """Given a visit told again; then it is told anew only where anything of it differs that follow-up depends on."""
    first = a_stay(discharged="2026-01-09 15:00")
    later = replace(first, **({"learned_at": ny("2026-01-10 08:00")} | said), revision=first.revision + 1)
    kept = KnownStay(later, later.learned_at).after(KnownStay(first, first.learned_at))
    assert (kept.told(), kept.stay.revision, kept.heard_at) == (told, later.revision, later.learned_at)
    assert kept.stay == (later if told else replace(first, revision=later.revision))


def test_a_visit_that_was_a_test_is_told_as_a_real_one() -> None:
    """Given a test visit that is told again as a real one; then it is news, though nothing else differs."""
    stay = a_stay(discharged="2026-01-09 15:00")
    again = replace(stay, revision=stay.revision + 1, learned_at=ny("2026-01-10 08:00"))
    known = KnownStay(stay, stay.learned_at, test=True)
    assert KnownStay(again, again.learned_at).after(known).told()
    assert not KnownStay(again, again.learned_at, test=True).after(known).told()
