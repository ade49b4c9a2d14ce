"""`baton clock`: moves the controlled clock forward, stopping at every instant at which something happens."""

from datetime import datetime

from baton import addresses, ground
from baton.quiet import SQL, wait_until_quiet
from baton.trouble import Misuse, Trouble
from schemas.base import iso
from services.chassis import clock
from services.chassis.kafka import Admin, KafkaAwayError


async def move(to: datetime, within: float) -> int:
    """Go to `to`, in steps, and say where the clock stands; each step may take `within` real seconds."""
    where = addresses.find()
    async with ground.database(where) as db:
        if not await clock.controlled(db):
            raise Misuse("Real time decides here; the controlled clock is for a `baton up --clock TIME`.")
        now = await clock.now(db)
        if to < now:
            raise Misuse(f"The controlled clock stands at {iso(now)} and goes forward only.")
        try:
            async with Admin(ground.settings_of(where), "clock") as admin:
                while True:
                    next_timer = await wait_until_quiet(db, admin, within)
                    if now >= to:
                        break
                    now = to if next_timer is None else min(next_timer, to)
                    await clock.set_clock(db, now)
                    await db.execute(SQL["wake"])
        except KafkaAwayError as error:
            raise Trouble(str(error)) from None
    print(iso(to))
    return 0
