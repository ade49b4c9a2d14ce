"""The ids of patients and visits: the same number under the same key of the database is the same id, for ever."""

import asyncpg
import pytest

from services.admissions import store
from services.admissions.domain.model import PatientKey

pytestmark = pytest.mark.postgres

FORGET = "TRUNCATE admissions.patient, admissions.visit_root"
OTHER_KEY = "UPDATE admissions.id_key SET key = sha256(key)"
PATIENTS = [
    PatientKey("HOSPA", "MR", "10001"),
    PatientKey("HOSPB", "MR", "10001"),
    PatientKey("HOSPA,MR", "", "10001"),
]
VISITS = [("north", "HOSPA", "V1"), ("south", "HOSPA", "V1")]


async def _ids(db: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    patients = await store.resolve_patients(db, PATIENTS)
    visits = await store.resolve_roots(db, dict.fromkeys(VISITS))
    return {str(one) for one in [*patients.values(), *(root_id for root_id, _ in visits.values())]}


async def test_a_restored_database_gives_the_ids_that_were_given_before(database: str) -> None:
    """Given numbers that were known once and are not in the backup; when they come again, their ids are the same. Under
    another key they are others, and no two numbers share one.
    """
    db = await asyncpg.connect(database)
    try:
        before = await _ids(db)
        known = await _ids(db)
        await db.execute(FORGET)
        again = await _ids(db)
        await db.execute(FORGET)
        await db.execute(OTHER_KEY)
        elsewhere = await _ids(db)
    finally:
        await db.close()

    assert len(before) == len(PATIENTS) + len(VISITS)
    assert known == before
    assert again == before
    assert before.isdisjoint(elsewhere)
