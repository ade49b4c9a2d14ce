"""Waiting until Postgres holds what was sent: the embedded broker alone would forget it with its end."""

import asyncio

from baton import ground
from baton.addresses import Addresses
from baton.trouble import Trouble
from services.chassis.clock import Patience
from services.chassis.kafka import Admin, KafkaAwayError
from services.chassis.marks import unapplied

PATIENCE = 60.0


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
