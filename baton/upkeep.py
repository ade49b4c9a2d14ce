"""Migrate, republish and refold: work on the database that the running services take up by themselves."""

import json
import sys
from datetime import datetime

from baton import ground
from baton.addresses import Addresses, find_database
from baton.config import settings
from baton.trouble import Misuse
from services.admissions import publish as admissions
from services.admissions import upkeep
from services.admissions.settings import Settings
from services.chassis import sql
from services.chassis.outbox import Outlet
from services.chassis.postgres import transaction
from services.chassis.settings import SettingsError
from services.notifications import publish as notifications
from services.transitions import publish as transitions
from services.worklist import publish as worklist

SQL = sql.load("baton")


async def migrate() -> int:
    """Bring the schema up to date and name what was applied."""
    applied = await ground.migrate(database())
    for name in applied:
        print(name)
    _say(f"{len(applied)} applied." if applied else "The schema was up to date.")
    return 0


def outlets() -> list[Outlet]:
    """Everything that is published, of every service."""
    return [*admissions.outlets(), *transitions.outlets(), notifications.outlet(), worklist.outlet()]


async def republish(since: datetime | None) -> int:
    """Make every row that changed since then due for publication again; the services do the rest."""
    async with ground.pool(database()) as pool, transaction(pool) as db:
        for outlet in outlets():
            done = await db.execute(outlet.reset_sql, since, timeout=600)
            _say(f"{outlet.name}: {done.rpartition(' ')[2]}")
    _say("The running services publish these now.")
    return 0


async def refold(*, as_json: bool = False) -> int:
    """Apply all stored messages again and tell how many visits changed."""
    where = database()
    try:
        feeds = settings(Settings).feeds()
    except SettingsError as error:
        raise Misuse(str(error)) from None
    async with ground.pool(where) as pool:
        changed = await upkeep.refold(pool, feeds, _progress)
        closed: int = await pool.fetchval(SQL["count_checkpointed"], None, timeout=600)
    if closed:
        _say(f"{closed} visits have been closed for long (BATON_CHECKPOINT_AFTER) and stay as they are.")
    print(json.dumps({"visits": changed}) if as_json else f"{changed} visits changed.")
    return 0


def database() -> Addresses:
    """Where the database is; what needs no broker."""
    return Addresses(find_database(), "unused:9092")


def _progress(read: int, changed: int) -> None:
    _say(f"{read} messages read, {changed} visits changed")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
