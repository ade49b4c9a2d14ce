"""Whether the system is at rest: everything read, everything published, nothing due at the clock's time."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from baton.trouble import Trouble
from schemas.topics import ADT_ENCOUNTERS, ADT_INBOUND, CARE_ACTIONS, CARE_TRANSITIONS
from services.chassis import sql
from services.chassis.clock import monotonic
from services.chassis.kafka import Admin, KafkaAwayError
from services.chassis.postgres import Db

SQL = sql.load("baton")
PAUSE = 0.03
READS = (
    ("admissions", ADT_INBOUND),
    ("transitions", ADT_ENCOUNTERS),
    ("transitions", CARE_ACTIONS),
    ("notifications", CARE_TRANSITIONS),
)


@dataclass(frozen=True, slots=True)
class Stillness:
    """What is not at rest, a sentence each, and when something will next happen by itself."""

    noises: list[str] = field(default_factory=list)
    next_timer: datetime | None = None


async def look(db: Db, admin: Admin) -> Stillness:
    """See what moves now.

    A record is first unread, then a row to be published, then a record further down, and each step begins
    before the one before it ends. So what Postgres says is read at one instant, and how far the topics
    reach is asked after it: nothing can slip through between the two.
    """
    async with db.transaction(isolation="repeatable_read", readonly=True):
        applied = {
            (row["consumer"], row["topic"], row["partition"]): row["applied_offset"] + 1
            for row in await db.fetch(SQL["applied"])
        }
        unpublished = await db.fetch(SQL["unpublished"])
        timers = await db.fetch(SQL["timers"])
    try:
        ends = await admin.end_offsets(sorted({topic for _, topic in READS}))
    except KafkaAwayError as error:
        raise Trouble(str(error)) from None
    noises = []
    for consumer, topic in READS:
        behind = sum(
            max(0, end - applied.get((consumer, topic, partition), 0))
            for (name, partition), end in ends.items()
            if name == topic
        )
        if behind:
            noises.append(f"{consumer} has {behind} records of {topic} to apply")
    noises += [f"{row['name']} has {row['count']} rows to publish" for row in unpublished]
    noises += [f"{row['name']} has {row['due']} timers due" for row in timers if row["due"]]
    coming = [row["next"] for row in timers if row["next"] is not None]
    return Stillness(noises, min(coming, default=None))


async def wait_until_quiet(db: Db, admin: Admin, within: float) -> datetime | None:
    """Return when the system is at rest, with the next instant at which something happens by itself."""
    began = monotonic()
    while True:
        seen = await look(db, admin)
        if not seen.noises:
            return seen.next_timer
        if monotonic() - began > within:
            raise Trouble(f"The system did not come to rest within {within:.0f} s: {'; '.join(seen.noises)}.")
        await asyncio.sleep(PAUSE)
