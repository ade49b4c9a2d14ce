"""Visits closed for long: what their messages said is put together, and they stand as they are."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.admissions import store
from services.admissions.people import SetGrewError
from services.admissions.settings import Settings
from services.admissions.store import SQL
from services.chassis import clock, metrics
from services.chassis.logs import get_logger
from services.chassis.postgres import Db, Pool, transaction
from services.chassis.service import Service

log = get_logger("admissions.checkpoints")

VISITS = metrics.declare(
    "baton_visits_checkpointed_total",
    "counter",
    "Visits that were closed for so long that later messages no longer change their state.",
)
EVENTS = metrics.declare(
    "baton_events_checkpointed_total",
    "counter",
    "ADT messages put together in the checkpoints of closed visits.",
)

PAGE = 200
"""Visit numbers that one transaction closes; their patients wait for it."""


async def run(service: Service) -> None:
    """Close what has been over for as long as the setting says."""
    settings = service.settings
    if not isinstance(settings, Settings):
        raise TypeError("the loop belongs to admissions")
    async with service.pool.acquire() as db:
        now = await clock.now(db)
    visits, events = await close(service.pool, now - settings.checkpoint_after, now)
    service.registry.counter(VISITS).inc(visits)
    service.registry.counter(EVENTS).inc(events)
    if visits:
        log.info("visits were closed", visits=visits, events=events)


async def close(pool: Pool, before: datetime, now: datetime) -> tuple[int, int]:
    """Close every visit that was over by then, and of which nothing was heard since; gives how many visits and events.

    A visit number is closed as a whole, with all its stays. One that became another, or whose account was moved, stays
    open: what it means may change with what is said of others. Safe beside a running system and safe to repeat.
    """
    after, visits, events = UUID(int=0), 0, 0
    while True:
        async with pool.acquire() as db:
            page = await db.fetch(SQL["closed_roots"], before, after, PAGE)
        if not page:
            return visits, events
        after = page[-1]["root_id"]
        closed = await _close(pool, {row["root_id"] for row in page}, before, now)
        visits, events = visits + closed[0], events + closed[1]


async def _close(pool: Pool, roots: set[UUID], before: datetime, now: datetime) -> tuple[int, int]:
    while True:
        try:
            async with transaction(pool) as db:
                await store.share_joining(db, alone=False)
                held = await store.lock_set(db, (), roots)
                await store.lock_patients(db, held)
                if not await store.lock_set(db, (), roots) <= held:
                    raise SetGrewError(set())
                free = roots - await joined_or_moved(db, roots)
                row = await db.fetchrow(SQL["checkpoint"], list(free), before, now)
                return (row["visits"], row["events"]) if row else (0, 0)
        except SetGrewError:
            continue


async def joined_or_moved(db: Db, roots: Iterable[UUID]) -> set[UUID]:
    """Of these visit numbers those that became one with another, or whose account was moved."""
    return {row["root_id"] for row in await db.fetch(SQL["joined_or_moved"], list(roots))}


async def reopen(db: Db, roots: Iterable[UUID]) -> None:
    """Take the checkpoints of these visit numbers apart: their visits are folded again from all that was said."""
    await db.execute(SQL["reopen"], list(roots))
