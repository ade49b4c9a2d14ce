"""`baton rewind`: after a restore, have the services read again what the restored database does not hold."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from pydantic import ValidationError

from baton import addresses, ground
from baton.trouble import Trouble
from baton.upkeep import outlets
from schemas.alerts import AlertEvent
from schemas.topics import (
    ADT_ENCOUNTERS,
    ADT_INBOUND,
    ADT_REJECTED,
    CARE_ACTIONS,
    CARE_ALERTS,
    CARE_REJECTED,
    CARE_TRANSITIONS,
)
from services.chassis.kafka import Admin, GroupBusyError, KafkaAwayError
from services.chassis.outbox import republish
from services.chassis.postgres import Db

STEP = 1_000_000
"""No subject has as many revisions between a backup and the loss."""


LEFT = 12.0
"""Seconds after which Kafka has noticed that a process is gone; its patience with a silent one is ten."""


@dataclass(frozen=True, slots=True)
class Door:
    """A topic that a group reads: what comes from outside is read again, what is our own is published again."""

    group: str
    consumer: str
    topic: str
    from_outside: bool


DOORS = (
    Door("admissions", "admissions", ADT_INBOUND, from_outside=True),
    Door("transitions.actions", "transitions", CARE_ACTIONS, from_outside=True),
    Door("transitions.encounters", "transitions", ADT_ENCOUNTERS, from_outside=False),
    Door("notifications", "notifications", CARE_TRANSITIONS, from_outside=False),
    *(
        Door("worklist", "worklist", topic, from_outside=False)
        for topic in (
            ADT_ENCOUNTERS,
            CARE_TRANSITIONS,
            CARE_ALERTS,
            CARE_ACTIONS,
            CARE_REJECTED,
            ADT_REJECTED,
        )
    ),
)

_APPLIED = """
SELECT "partition", applied_offset FROM baton.applied_mark
WHERE consumer = $1 AND topic = $2 AND applied_offset IS NOT NULL
"""
_APPLY = """
UPDATE baton.applied_mark m SET applied_offset = given.applied_offset
FROM unnest($3::integer[], $4::bigint[]) AS given ("partition", applied_offset)
WHERE m.consumer = $1 AND m.topic = $2 AND m."partition" = given."partition"
"""
_RAISE = "UPDATE baton.revision_base SET base = base + $1 RETURNING base"
_STANDING = "SELECT alert_id FROM notifications.alert WHERE status IN ('firing', 'acknowledged')"
_OTHER_CLUSTER = "SELECT EXISTS (SELECT FROM baton.kafka_cluster WHERE cluster_id <> $1)"


async def rewind() -> int:
    """Put the groups where the database stands, and all that is published above what was ever published."""
    where = addresses.find()
    try:
        async with ground.database(where) as db, Admin(ground.settings_of(where), "cli") as admin:
            anew = await db.fetchval(_OTHER_CLUSTER, await admin.cluster_id())
            for door in DOORS:
                await _when_empty(partial(_move, db, admin, door, anew=anew))
            lost = await _standing_and_lost(db, admin)
            async with db.transaction():
                await db.fetchval(_RAISE, STEP)
                await republish(db, outlets())
    except KafkaAwayError as error:
        raise Trouble(f"{error} See KAFKA_BOOTSTRAP_SERVERS.") from None
    except GroupBusyError as error:
        raise Trouble(
            f"{error} Stop every process of Baton first; Kafka notices within {LEFT:.0f} s that one has gone."
        ) from None
    for alert in lost:
        print(alert.episode_id or alert.team, alert.kind, alert.alert_id)
    if lost:
        _say(
            f"These {len(lost)} alerts stood when the database was lost, and the backup does not know that people were "
            "told. When all is read again, close at its receivers what `baton why CASE` does not show as firing."
        )
    _say("Start the processes now: they read that again, and publish everything above what was published.")
    return 0


async def _standing_and_lost(db: Db, admin: Admin) -> list[AlertEvent]:
    """Alerts that stood as last published, and that this database does not hold as standing."""
    newest: dict[UUID, AlertEvent] = {}
    async for record in admin.records(CARE_ALERTS):
        try:
            alert = AlertEvent.model_validate_json(record.value or b"")
        except ValidationError:
            continue
        if alert.alert_id not in newest or alert.revision > newest[alert.alert_id].revision:
            newest[alert.alert_id] = alert
    known = {row["alert_id"] for row in await db.fetch(_STANDING)}
    standing = (alert for alert in newest.values() if alert.live and alert.ended_at is None)
    return sorted((a for a in standing if a.alert_id not in known), key=lambda a: (a.raised_at, a.alert_id))


async def _when_empty(move: Callable[[], Awaitable[None]]) -> None:
    """A process with a name of its own (BATON_INSTANCE), or one that was killed, is a member for some seconds more."""
    try:
        async with asyncio.timeout(LEFT):
            while True:
                try:
                    return await move()
                except GroupBusyError:
                    await asyncio.sleep(1)
    except TimeoutError:
        return await move()


async def _move(db: Db, admin: Admin, door: Door, *, anew: bool) -> None:
    ends = await admin.end_offsets([door.topic])
    if door.from_outside:
        rows = () if anew else await db.fetch(_APPLIED, door.consumer, door.topic)
        next_ones = {(door.topic, row["partition"]): row["applied_offset"] + 1 for row in rows}
        # A position past the end is one on a topic that was made anew since: it says nothing there.
        to = {key: next_ones[key] if next_ones.get(key, end + 1) <= end else 0 for key, end in ends.items()}
    else:
        to = ends
    await admin.move(door.group, to)
    if door.from_outside:
        _say(f"{door.topic}: up to {sum(ends.values()) - sum(to.values())} records will be read again.")
    else:
        parts, offsets = [number for _, number in to], [offset - 1 for offset in to.values()]
        await db.execute(_APPLY, door.consumer, door.topic, parts, offsets)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
