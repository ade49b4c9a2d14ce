"""`growth`: a year of ten million messages in admissions' tables, and what the next ones cost there.

A template of a twelve-month feed goes through the real consumer into Postgres (fsync and synchronous_commit on) and
is multiplied by SQL. The figure is one batch of 500 new messages against that history; the baseline is the same on an empty
database. Then: `baton refold` of 1,000 visits and of one with 1,000 updates, the hourly run that closes what ended 90
days ago (here a month at once, then a day), a month of raw messages dropped, and the disk that each table and a message take.
BENCH_MESSAGES shortens a trial.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from schemas.topics import ADT_INBOUND
from services.admissions import checkpoints, store, upkeep
from services.admissions.app import build
from services.admissions.consumer import Inbound
from services.admissions.feeds import Feeds
from services.admissions.settings import Settings
from services.chassis.health import Progress
from services.chassis.kafka import Producer, Record
from services.chassis.migrations import migrate
from services.chassis.outbox import Relay
from services.chassis.postgres import Db, close_pool, open_pool
from services.chassis.service import Service
from tests.bench import feed, growth_rows
from tests.bench.feed import Message
from tests.bench.stand import say
from tests.infra import PostgresServer
from tests.messages import adt

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "10000000"))
TEMPLATE = min(24_000, MESSAGES // 5)
BATCH = 500
BATCHES = 10
UPDATES = 1000
VISITS = 1000
END = growth_rows.utc(2026, 11)
"""The feed's last instant: the clock of all that looks back."""


def run() -> dict[str, Any]:
    with PostgresServer(durable=True) as server:
        return asyncio.run(_measure(server.fresh_database()))


async def _measure(dsn: str) -> dict[str, Any]:
    await migrate(dsn)
    settings = Settings(database_url=dsn, kafka_bootstrap_servers="127.0.0.1:1")
    service = build(settings)
    service.pool = await open_pool(settings, schema="admissions")
    service.relay = Relay(service.pool, Producer(settings, "bench"), service.outlets, progress=Progress())
    db = await asyncpg.connect(dsn)
    try:
        return await _figures(service, dsn, db)
    finally:
        await db.close()
        await close_pool(service.pool)


async def _figures(service: Service, dsn: str, db: Db) -> dict[str, Any]:
    await db.execute("INSERT INTO baton.clock (at) VALUES ($1)", END)
    inbound = Inbound(Settings(database_url=dsn, kafka_bootstrap_servers="127.0.0.1:1"))
    new = feed.messages(2 * BATCH * BATCHES, seed=growth_rows.SEED - 1, until=END)
    empty = await _batches(service, inbound, new[: BATCH * BATCHES])
    say(f"on an empty database {median(empty) * 1000:.0f} ms a batch")
    for month in growth_rows.template(END, TEMPLATE):
        await _batches(service, inbound, month)
    await _batches(service, inbound, _storm())
    say(f"{TEMPLATE} messages were read")
    began = time.monotonic()
    there: int = await db.fetchval("SELECT count(*) FROM admissions.event")
    await growth_rows.multiply(dsn, db, max(2, MESSAGES // there - 1), END)
    say(f"multiplied in {time.monotonic() - began:.0f} s")
    count: int = await db.fetchval("SELECT count(*) FROM admissions.event")
    before = await growth_rows.sizes(db)
    full = await _batches(service, inbound, new[BATCH * BATCHES :])
    say(f"with {count} messages {median(full) * 1000:.0f} ms a batch")
    refolds = await _refolds(service)
    closing = await _closing(service)
    dropped = await _timed(lambda: upkeep.prune(service))
    return {
        "bench": "growth",
        "value": round(median(full) * 1000, 1),
        "unit": "ms",
        "baseline": {"name": "the same on an empty database", "value": round(median(empty) * 1000, 1)},
        "ratio": round(median(full) / median(empty), 2),
        "batch": BATCH,
        "messages": count,
        "visits": await db.fetchval("SELECT count(*) FROM admissions.visit"),
        **refolds,
        **closing,
        "month_dropped_ms": round(dropped * 1000),
        "mb": before,
        "bytes_a_message": await growth_rows.row_sizes(db),
        "cpus": os.cpu_count(),
    }


async def _batches(service: Service, inbound: Inbound, messages: Sequence[Message]) -> list[float]:
    """Seconds that each batch took."""
    found = []
    for first in range(0, len(messages), BATCH):
        records = [
            Record(ADT_INBOUND, 0, first + n, None, one.data, (), one.at, "create")
            for n, one in enumerate(messages[first : first + BATCH])
        ]
        began = time.monotonic()
        await inbound.on_inbound(service, records)
        found.append(time.monotonic() - began)
    return found


def _storm() -> list[Message]:
    """A visit with a thousand updates, each of which says something else."""
    made = [adt("A01", control="0", at="202610010800", admitted="202610010800", visit="STORM")]
    made += [
        adt("A08", control=f"{n + 1}", at=f"202610{2 + n // 600:02}{n // 60 % 10:02}{n % 60:02}", admitted="202610010800",
            visit="STORM", unit=("4W", "ICU")[n % 2])
        for n in range(UPDATES)
    ]  # fmt: skip
    return [
        Message(data, END - timedelta(days=20), "A08", "STORM", watched=True, goes_home=False)
        for data in made
    ]


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def _refolds(service: Service) -> dict[str, Any]:
    feeds, pool = Feeds.load(), service.pool

    async def refold(roots: Sequence[UUID]) -> None:
        async with pool.acquire() as db:
            events = await store.stored_events(db, roots)
        await upkeep.refold_events(pool, feeds, events)

    async with pool.acquire() as db:
        roots = await store.stored_roots(db, UUID(int=1 << 126), VISITS)
        storm = await db.fetchval("SELECT root_id FROM admissions.visit_root WHERE number = 'STORM'")
    pages = [roots[first : first + upkeep.PAGE] for first in range(0, len(roots), upkeep.PAGE)]
    spent = time.process_time()
    many = [await _timed(lambda page=page: refold(page)) for page in pages]  # type: ignore[misc]
    cpu = time.process_time() - spent
    long = [await _timed(lambda: refold([storm])) for _ in range(5)]
    return {
        f"refold_of_{VISITS}_visits_ms": round(sum(many) * 1000),
        f"refold_of_{VISITS}_visits_cpu_ms": round(cpu * 1000),
        f"refold_of_{UPDATES}_updates_ms": round(median(long) * 1000, 1),
    }


async def _closing(service: Service) -> dict[str, Any]:
    """The oldest month at once, as if nobody had closed anything; then one day."""
    day = timedelta(days=1)
    by = growth_rows.months(END)[-2] - 2 * day
    began = time.monotonic()
    visits, events = await checkpoints.close(service.pool, by - day, END)
    seconds = time.monotonic() - began
    say(f"{visits} visits with {events} messages closed in {seconds:.0f} s")
    began = time.monotonic()
    of_a_day = await checkpoints.close(service.pool, by, END)
    spent = time.monotonic() - began
    return {
        "closed": {"visits": visits, "messages": events, "seconds": round(seconds, 1)},
        "closed_of_a_day": {"visits": of_a_day[0], "messages": of_a_day[1], "seconds": round(spent, 2)},
    }
