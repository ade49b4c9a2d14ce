"""`baton worklist rebuild`: have the worklist's read model told again, and sweep what nobody told of."""

import asyncio
import sys
from collections.abc import Mapping

from baton import ground
from baton.addresses import find
from baton.trouble import Trouble
from baton.upkeep import outlets
from schemas.topics import ADT_ENCOUNTERS, CARE_ALERTS, CARE_TRANSITIONS
from services.chassis import marks
from services.chassis.clock import Patience
from services.chassis.kafka import Admin, KafkaAwayError
from services.chassis.outbox import republish
from services.chassis.postgres import Db
from services.worklist import rebuild as model

TOLD_AGAIN = (ADT_ENCOUNTERS, CARE_TRANSITIONS, CARE_ALERTS)
PATIENCE = 60.0
"""Seconds without any progress after which something is wrong."""
PAUSE = 0.2


async def rebuild() -> int:
    """Ends with 1 where owners do not publish or the worklist does not read; a second try begins anew."""
    where = find()
    async with ground.database(where) as db, Admin(ground.settings_of(where), "cli") as admin:
        again = [outlet for outlet in outlets() if outlet.topic in TOLD_AGAIN]
        build = await model.begin(db)
        await republish(db, again)
        _say(f"Build {build}: visits, cases, deadlines and alerts are published again.")
        await _until_published(db, [outlet.select_sql for outlet in again])
        try:
            await _until_applied(db, admin)
        except KafkaAwayError as error:
            raise Trouble(f"{error} See KAFKA_BOOTSTRAP_SERVERS.") from None
        swept = await model.end(db, build)
    _say(f"The read model is complete; {swept} rows that nobody told of again were swept.")
    return 0


async def _until_published(db: Db, waiting: list[str]) -> None:
    counts = " + ".join(f"(SELECT count(*) FROM ({sql.replace('$1', 'NULL')}) AS due)" for sql in waiting)
    patience = Patience(PATIENCE)
    while left := await db.fetchval(f"SELECT {counts}"):
        if patience.watch(left):
            raise Trouble(
                f"{left} rows are not published again: see `baton status` for who does not publish, then try again."
            )
        await asyncio.sleep(PAUSE)


async def _until_applied(db: Db, admin: Admin) -> None:
    """Until the worklist has applied what stands on its topics now."""
    ends = await admin.end_offsets(list(TOLD_AGAIN))
    patience = Patience(PATIENCE)
    while left := sum([await _left(db, topic, ends) for topic in TOLD_AGAIN]):
        if patience.watch(left):
            raise Trouble(
                "The worklist does not read what is published: is `baton run worklist` up? Then try again."
            )
        await asyncio.sleep(PAUSE)


async def _left(db: Db, topic: str, ends: Mapping[tuple[str, int], int]) -> int:
    own = {partition: end for (name, partition), end in ends.items() if name == topic}
    return await marks.unapplied(db, "worklist", topic, own)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
