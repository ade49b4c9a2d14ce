"""What a process remembers of surrogates, on a real Postgres."""

import asyncpg
import pytest

from services.admissions import surrogates
from services.admissions.domain.model import PatientKey
from services.admissions.surrogates import Surrogates
from services.chassis.service import Service

ADA, GRACE = PatientKey("NORTH", "MR", "1"), PatientKey("NORTH", "MR", "2")
VISIT = ("north", "NORTH", "V1")


async def test_what_was_committed_is_not_asked_for_again(service: Service) -> None:
    """Given identifiers found by a committed transaction, when they are asked for without Postgres, they are there."""
    known = Surrogates()
    found = known.begin()
    async with service.pool.acquire() as db:
        await found.find(db, {ADA}, {VISIT: "ACCOUNT"})
    known.committed(found)
    again = known.begin()
    await again.find(None, {ADA}, {VISIT: None})  # type: ignore[arg-type]
    assert (again.patients, again.roots) == (found.patients, found.roots)
    assert again.roots[VISIT][1] == "ACCOUNT"


async def test_what_was_rolled_back_is_made_again(service: Service) -> None:
    """Given a transaction that made an identifier and was rolled back, when it comes again, then it is made anew."""
    known = Surrogates()
    async with service.pool.acquire() as db:
        with pytest.raises(RuntimeError):
            async with db.transaction():
                await known.begin().find(db, {ADA}, {})
                raise RuntimeError
        again = known.begin()
        await again.find(db, {ADA, GRACE}, {})
        rows: list[asyncpg.Record] = await db.fetch("SELECT patient_id FROM admissions.patient")
    assert {row["patient_id"] for row in rows} == set(again.patients.values())


async def test_only_so_many_are_remembered(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given room for one, when two are committed, then the one that came first is asked for again."""
    monkeypatch.setattr(surrogates, "MOST", 1)
    known = Surrogates()
    async with service.pool.acquire() as db:
        for key in (ADA, GRACE):
            found = known.begin()
            await found.find(db, {key}, {})
            known.committed(found)
    assert list(known.patients) == [GRACE]
