"""Waiting until Postgres holds what was sent: the embedded broker alone would forget it with its end."""

import asyncio

from baton import ground
from baton.addresses import Addresses
from baton.trouble import Trouble
from services.chassis.clock import Patience
from services.chassis.kafka import Admin, KafkaAwayError
from services.chassis.postgres import Db

PATIENCE = 60.0
_APPLIED = """
SELECT "partition", applied_offset FROM baton.applied_mark
WHERE consumer = $1 AND topic = $2 AND applied_offset IS NOT NULL
"""


async def wait_until_applied(where: Addresses, consumer: str, topic: str) -> None:
    """Return when `consumer` has committed everything that stands in `topic` now.

    It gives up when nothing has moved for a minute; what was sent may then still be applied later.
    """
    try:
        async with Admin(ground.settings_of(where), "cli") as admin:
            ends = await admin.end_offsets([topic])
    except KafkaAwayError as error:
        raise Trouble(str(error)) from None
    patience = Patience(PATIENCE)
    async with ground.database(where) as db:
        while missing := await unapplied(db, consumer, topic, {part: end for (_, part), end in ends.items()}):
            if patience.watch(missing):
                raise Trouble(
                    f"{missing} records of {topic} are sent and not yet committed by {consumer}: nothing has moved "
                    f"for {PATIENCE:.0f} s. `baton status` says why; sending again is harmless."
                )
            await asyncio.sleep(0.05)


async def unapplied(db: Db, consumer: str, topic: str, ends: dict[int, int]) -> int:
    """Count the records before `ends` (exclusive, by partition) that `consumer` has not committed."""
    applied = {
        row["partition"]: row["applied_offset"] + 1 for row in await db.fetch(_APPLIED, consumer, topic)
    }
    return sum(max(0, end - applied.get(partition, 0)) for partition, end in ends.items())
