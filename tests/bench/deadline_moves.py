"""`deadline_moves`: due times moved a second by the whole of transitions, with a million armed.

20,000 patients were discharged home; then each discharge turns out to have been two days later, and what is owed
moves with it. Those corrections lie in `adt.encounters` when transitions starts; the clock runs from there until
the last is committed. For 1,000 more patients something falls due at its old time while transitions is away,
although the correction had reached Kafka before: none of it may fire, then or later.

The baseline moves one deadline and its timer in a transaction each, on the same database. BENCH_ARMED and
BENCH_MOVED shorten a trial.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import asyncpg
from aiokafka import AIOKafkaProducer

from schemas.base import iso
from schemas.encounters import ENCOUNTER_TYPE
from schemas.topics import ADT_ENCOUNTERS
from services.chassis.postgres import Db
from tests.bench import armed
from tests.bench.pipeline import PROCESSES
from tests.bench.progress import Progress
from tests.bench.stand import ROOT, Ground, Servers, processes, say

MOVED = int(os.environ.get("BENCH_MOVED", "20000"))
TRICKY = MOVED // 20
SINGLE = 2000
LATER = timedelta(days=2)
NOTICE = 10.0
"""Seconds left until the old due time of the tricky ones when their correction should be with Kafka."""

TRANSITIONS = {"transitions": PROCESSES["transitions"]}
BESIDE = {name: module for name, module in PROCESSES.items() if name != "transitions"}

_BEFORE = """
CREATE TABLE bench.before AS
SELECT d.deadline_id, d.due_at FROM transitions.deadline d JOIN transitions.visit v ON v.patient_id = d.patient_id
WHERE d.status = 'pending'
"""
_MOVED = "SELECT count(*) FROM bench.before b JOIN transitions.deadline d USING (deadline_id) WHERE d.due_at <> b.due_at"
_ON_OLD_TIME = """
SELECT count(*) FROM bench.fired f JOIN bench.before b USING (deadline_id)
JOIN transitions.deadline d USING (deadline_id) WHERE f.due_at = b.due_at AND d.due_at <> b.due_at
"""
_PASSED = "SELECT count(*) FROM bench.before WHERE due_at < now()"
_SINGLE = """
WITH moved AS (
    UPDATE transitions.deadline SET due_at = due_at + interval '1 hour', revision = revision + 1
    WHERE deadline_id = $1 RETURNING deadline_id, due_at
)
UPDATE transitions.timer t SET fire_at = m.due_at FROM moved m WHERE t.subject = m.deadline_id AND t.n = 0
"""


def run() -> dict[str, Any]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with Servers() as servers:
        return asyncio.run(_measure(servers))


async def _measure(servers: Servers) -> dict[str, Any]:
    busy_before = os.getloadavg()[0]
    await servers.warm()
    ground = await servers.ground("moves.")
    db = await asyncpg.connect(ground.database_url)
    try:
        await armed.fill(db)
        say(f"{armed.ARMED} deadlines armed")
        ours = await _ours(servers, ground, db)
        single = await _single(db)
    finally:
        await db.close()
    rate = ours["moved"] / ours["seconds"]
    return {
        "bench": "deadline_moves",
        "value": round(rate),
        "unit": "moves/s",
        "baseline": {"name": "single-row updates", "value": round(single)},
        "ratio": round(rate / single, 1),
        **ours,
        "armed": armed.ARMED,
        "cpus": os.cpu_count(),
        "load_before": round(busy_before, 2),
    }


async def _ours(servers: Servers, ground: Ground, db: Db) -> dict[str, Any]:
    with processes(ground, BESIDE) as beside:
        async with Progress(ground, beside) as progress:
            with processes(ground, TRANSITIONS):
                now = datetime.now(UTC)
                left = now - timedelta(hours=1)
                began = time.monotonic()
                wanted = await _send(progress, _visits("M", MOVED, 1, left, now))
                sending = time.monotonic() - began
                await _applied(progress, wanted)
                now = datetime.now(UTC)
                old_time = now + timedelta(seconds=NOTICE + 2 * sending + (time.monotonic() - began) / 4)
                left_long_ago = old_time - timedelta(hours=72)
                await _applied(progress, await _send(progress, _visits("T", TRICKY, 1, left_long_ago, now)))
                await progress.until_published("transitions.deadline", "transitions.episode")
            await db.execute(_BEFORE, timeout=armed.LONG)
            corrected = [
                *_visits("M", MOVED, 2, left + LATER, now),
                *_visits("T", TRICKY, 2, left_long_ago + LATER, now),
            ]
            wanted = await _send(progress, corrected)
            if datetime.now(UTC) > old_time:
                raise RuntimeError(
                    "the corrections were not with Kafka before the old due time: too busy a machine"
                )
            await servers.settle()
            while datetime.now(UTC) < old_time + timedelta(seconds=1):
                await asyncio.sleep(0.05)
            passed = await db.fetchval(_PASSED)
            with processes(ground, TRANSITIONS):
                began = time.monotonic()
                await _applied(progress, wanted)
                seconds = time.monotonic() - began
                await asyncio.sleep(2)
            return {
                "moved": await db.fetchval(_MOVED, timeout=60),
                "seconds": round(seconds, 2),
                "patients": len(corrected),
                "past_their_old_time": passed,
                "fired_on_old_time": await db.fetchval(_ON_OLD_TIME, timeout=60),
            }


async def _applied(progress: Progress, wanted: Sequence[int]) -> None:
    await progress.until_applied("transitions", ADT_ENCOUNTERS, wanted)


async def _send(progress: Progress, visits: Sequence[dict[str, Any]]) -> list[int]:
    """Put visits into `adt.encounters` as admissions does; gives the end of each partition after it."""
    ground = progress.ground
    producer = AIOKafkaProducer(bootstrap_servers=ground.bootstrap_servers, linger_ms=20, acks="all")
    await producer.start()
    try:
        for visit in visits:
            key = visit["visit_id"].encode()
            await producer.send(
                ground.prefix + ADT_ENCOUNTERS, json.dumps(visit).encode(), key=key,
                headers=[("ce_type", ENCOUNTER_TYPE.encode())],
            )  # fmt: skip
    finally:
        await producer.stop()
    return await progress.ends(ADT_ENCOUNTERS)


def _visits(name: str, count: int, revision: int, left: datetime, told: datetime) -> list[dict[str, Any]]:
    return list(_each(name, count, revision, left, told))


def _each(name: str, count: int, revision: int, left: datetime, told: datetime) -> Iterator[dict[str, Any]]:
    example = json.loads((ROOT / "schemas/examples/encounter/discharged_home.json").read_text("utf-8"))
    came, told_at = iso(left - timedelta(days=4)), iso(told)
    for n in range(count):
        event = deepcopy(example)
        visit, patient = event["visit"], event["patient"]
        event |= {
            "visit_id": str(uuid5(NAMESPACE_OID, f"{name}{n}")),
            "revision": revision,
            "learned_at": told_at,
        }
        event["root_id"] = event["visit_id"]
        patient["patient_id"] = str(uuid5(NAMESPACE_OID, f"patient {name}{n}"))
        patient["number"] = patient["identifiers"][0]["id"] = f"{name}{n}"
        visit |= {"number": f"V{name}{n}", "started_at": came, "admitted_at": came, "admit_learned_at": came}
        visit |= {
            "discharged_at": iso(left),
            "discharge_learned_at": told_at,
            "settle_from": told_at,
            "transfers": [],
        }
        visit["disposition"]["learned_at"] = told_at
        yield event


async def _single(db: Db) -> float:
    ids = [
        row[0] for row in await db.fetch("SELECT subject FROM transitions.timer WHERE n = 0 LIMIT $1", SINGLE)
    ]
    began = time.monotonic()
    for deadline_id in ids:
        await db.execute(_SINGLE, deadline_id)
    return len(ids) / (time.monotonic() - began)
