"""What of a visit follow-up depends on."""

from datetime import date
from pathlib import Path

import pytest

from schemas.encounters import EncounterEvent
from schemas.reference.facilities import Facilities, Facility
from services.transitions.domain.stays import stay_of
from tests.transitions.domain.builders import ny

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
