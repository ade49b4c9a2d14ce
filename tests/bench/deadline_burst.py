"""`deadline_burst`: how late deadlines fire that all fall due at one instant, with a million armed.

All services run as in production, the deadlines process twice, on Apache Kafka and a Postgres with fsync and
synchronous_commit on. As soon as the first of 10,000 has fired, one of the two replicas is killed with -9. Then it
is started again, and 100,000 fall due at one instant. Lateness runs from the due time to the commit of the row
that is published (see tests/bench/armed.py).

The baseline is PgQueuer on the same server: a million jobs armed, as many due at one instant, two workers whose
jobs set one row to missed, nobody killed. BENCH_ARMED shortens a trial.
"""

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from signal import SIGKILL
from typing import Any

import asyncpg

from services.chassis.postgres import Db
from tests.bench import armed, pgqueuer_jobs
from tests.bench.pipeline import PROCESSES
from tests.bench.stand import Ground, Servers, processes, say

DUE = 10_000
MANY_DUE = 100_000
NOTICE = 4.0
"""Seconds between arming and the due time: enough for the statement that arms."""
SECOND = "deadlines again"
BOTH: dict[str, Sequence[str]] = PROCESSES | {SECOND: PROCESSES["deadlines"]}


def run() -> dict[str, Any]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with Servers() as servers:
        return asyncio.run(_measure(servers))


async def _measure(servers: Servers) -> dict[str, Any]:
    busy_before = os.getloadavg()[0]
    await armed.note_commits(servers.postgres)
    ground = await servers.ground("burst.")
    db = await asyncpg.connect(ground.database_url)
    try:
        began = time.monotonic()
        await armed.fill(db)
        say(f"{armed.ARMED} deadlines armed in {time.monotonic() - began:.0f} s")
        ours, many = await _ours(ground, db)
    finally:
        await db.close()
    await servers.settle()
    plain = await pgqueuer_jobs.burst(servers.postgres, armed.ARMED, DUE)
    say(f"PgQueuer: {plain}")
    return {
        "bench": "deadline_burst",
        "value": ours["p99"],
        "unit": "s",
        "baseline": {"name": "pgqueuer", "value": plain["p99"], **plain},
        "ratio": round(ours["p99"] / plain["p99"], 4),
        **ours,
        "armed": armed.ARMED,
        "due": DUE,
        "replicas": 2,
        "killed": 1,
        f"at_{MANY_DUE}": many,
        "cpus": os.cpu_count(),
        "load_before": round(busy_before, 2),
    }


async def _ours(ground: Ground, db: Db) -> tuple[dict[str, Any], dict[str, Any]]:
    with ExitStack() as stack:
        running = stack.enter_context(processes(ground, BOTH))
        at = await _due(db, DUE)
        await _until_fired(db, 1)
        running.pop(SECOND).child.send(SIGKILL)
        await _until_fired(db, DUE)
        ours = await armed.lateness(db, at, DUE)
        say(f"{DUE} due, one of two replicas killed: {ours}")
        await _until_told(db)
        stack.enter_context(processes(ground, {SECOND: BOTH[SECOND]}))
        at = await _due(db, min(MANY_DUE, armed.ARMED // 2))
        await _until_fired(db, DUE + min(MANY_DUE, armed.ARMED // 2))
        many = await armed.lateness(db, at, min(MANY_DUE, armed.ARMED // 2))
        say(f"{MANY_DUE} due: {many}")
    return ours, many


async def _due(db: Db, count: int) -> datetime:
    at = datetime.now(UTC) + timedelta(seconds=NOTICE + count / 4_000)
    await armed.make_due(db, count, at)
    left = (at - datetime.now(UTC)).total_seconds()
    if left < 1:
        raise RuntimeError(f"arming {count} deadlines took until {-left:.1f} s after they were due")
    # What the arming itself gives to publish is none of the burst.
    await _until_told(db)
    if datetime.now(UTC) >= at:
        say("the rows armed were still being published when they fell due")
    return at


async def _until_told(db: Db) -> None:
    while await db.fetchval("SELECT EXISTS (SELECT FROM transitions.deadline_unpublished)"):
        await asyncio.sleep(0.2)


async def _until_fired(db: Db, count: int) -> None:
    until = time.monotonic() + 120
    while await db.fetchval("SELECT count(*) FROM bench.fired") < count:
        if time.monotonic() > until:
            return
        await asyncio.sleep(0.01)
