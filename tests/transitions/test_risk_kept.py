"""Programme, LACE and alarms in Postgres: written with the episode, read back the same, published, counted."""

import json
from datetime import timedelta
from importlib.resources import files
from uuid import UUID, uuid4

import pytest

from schemas.encounters import Diagnosis, EncounterEvent
from schemas.transitions import EpisodeEvent, ProgrammeDecision
from services.chassis.counting import Count
from services.chassis.service import Service
from services.transitions import publish, store
from services.transitions.consumer import ALARMS, Doors
from services.transitions.domain.model import Diagnosis as Said
from services.transitions.domain.readmission import AFTER_DEATH
from services.transitions.settings import Settings
from services.transitions.store import SQL
from tests.transitions.test_doors_and_firing import FRIDAY, an_action, as_records, at, discharged

pytestmark = pytest.mark.postgres


def with_codes(event: EncounterEvent, *codes: str) -> EncounterEvent:
    diagnoses = tuple(Diagnosis(code=code, system="I10C", type="F", stated_at=FRIDAY) for code in codes)
    return event.model_copy(update={"visit": event.visit.model_copy(update={"diagnoses": diagnoses})})


async def heard(service: Service, *events: EncounterEvent) -> None:
    await at(service, FRIDAY + timedelta(minutes=6))
    await Doors(Settings().rules()).on_encounters(service, as_records(events))


async def published(service: Service) -> list[EpisodeEvent]:
    rows = await service.pool.fetch(SQL["unpublished_episodes"], 100)
    return [EpisodeEvent.model_validate_json(publish.episode(row).value or b"") for row in rows]


async def test_the_decision_is_kept_and_told_with_its_reasons(service: Service) -> None:
    """Given four conditions at the discharge, then the episode says case management, and the score, to everybody."""
    event = discharged(visit_id=uuid4(), patient_id=uuid4())
    await heard(service, with_codes(event, "I10", "E11.9", "E78.5", "N18.30"))
    (told,) = await published(service)

    assert told.programme
    assert told.lace
    assert (told.programme.decision, told.programme.reasons) == (
        ProgrammeDecision.CASE_MANAGEMENT, ("chronic_4plus",))  # fmt: skip
    assert (told.lace.total, told.lace.provisional) == (10, False)
    assert [step.step for step in told.programme.steps] == ["assess", "plan", "follow", "adjust", "hand_over"]


async def test_what_is_read_back_is_what_was_decided(service: Service) -> None:
    """Given a decision, when the same is heard again, then nothing is written; an assessment is a new revision."""
    visit, patient = uuid4(), uuid4()
    event = with_codes(discharged(visit_id=visit, patient_id=patient), "I10")
    await heard(service, event)
    await heard(service, event.model_copy(update={"revision": 2}))
    (before,) = await published(service)
    known = FRIDAY + timedelta(hours=1)
    await at(service, known)
    hungry = an_action(known, type="assessment_recorded", visit="V1", food_insecure=True, by="rn1")
    await Doors(Settings().rules()).on_actions(service, [hungry])
    (after,) = await published(service)

    assert after.programme
    assert after.revision == before.revision + 1
    assert (after.programme.decision, after.programme.since) == (ProgrammeDecision.CASE_MANAGEMENT, known)
    assert after.programme.reasons == ("sdoh:food_insecurity",)


async def test_an_admission_after_death_is_counted(service: Service) -> None:
    """Given a stay that ended in death, when the same person is admitted again, then the gauge says so."""
    patient = uuid4()
    dead = discharged(visit_id=uuid4(), patient_id=patient, disposition="expired")
    again = discharged(at=FRIDAY + timedelta(days=20), visit_id=uuid4(), patient_id=patient, number="V2")
    await heard(service, dead)
    assert await alarms(service) == 0
    await heard(service, again)

    assert await alarms(service) == 1


async def alarms(service: Service) -> float | None:
    await Count(ALARMS, SQL["count_alarms"], [AFTER_DEATH]).once(service)
    return service.registry.collector.get_sample_value("baton_identity_alarms", {"kind": AFTER_DEATH})


async def test_diagnoses_of_the_version_before_are_read(service: Service) -> None:
    """Given a visit kept as 0.1.0 kept it, when the database is brought up to date, then its codes have no system."""
    visit = UUID(int=7)
    event = with_codes(discharged(visit_id=visit, patient_id=uuid4()), "I50.9")
    await heard(service, event)
    document = json.loads(await service.pool.fetchval("SELECT document FROM transitions.visit"))
    document["diagnoses"] = ["I50.9", "E11.9"]
    await service.pool.execute("UPDATE transitions.visit SET document = $1", json.dumps(document))
    script = _migration("0004_programme.sql")
    statement = script[script.index("UPDATE transitions.visit") :]
    await service.pool.execute(statement)
    async with service.pool.acquire() as db:
        held = await store.holdings(db, [event.patient.patient_id])

    assert held[event.patient.patient_id].stays[0].diagnoses == (Said("I50.9"), Said("E11.9"))


def _migration(name: str) -> str:
    return (files("services.transitions") / "migrations" / name).read_text(encoding="utf-8")
