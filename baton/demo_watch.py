"""What the demo shows of the system at work: alerts raised and ended, messages refused, and a line that sums up."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from baton import ground
from baton.addresses import Addresses
from baton.console import Console
from baton.quiet import SQL
from baton.status import held
from services.chassis.postgres import Row

EVERY = 0.3
SUMMARY_EVERY = 5.0
TONES = {"firing": "bad", "acknowledged": "warn", "resolved": "good", "retracted": "good"}
KINDS = {
    "handoff_ack_unit_due_soon": "the new unit should soon have taken the patient over",
    "handoff_ack_unit_missed": "nobody in the new unit has taken the patient over",
    "handoff_ack_facility_due_soon": "the receiving facility should soon have taken the patient over",
    "handoff_ack_facility_missed": "the receiving facility has not taken the patient over",
    "call_72h_due_soon": "the call after discharge is soon due",
    "call_72h_missed": "nobody has called the patient after discharge",
    "tcm_contact_due_soon": "the contact within two business days is soon due",
    "tcm_contact_missed": "no contact within two business days",
    "pcp_notify_missed": "the primary care practice has no notice of the discharge",
    "visit_7d_due_soon": "the visit within seven days is soon due",
    "visit_7d_missed": "no visit within seven days",
    "visit_14d_due_soon": "the visit within fourteen days is soon due",
    "visit_14d_missed": "no visit within fourteen days",
    "med_rec_due_soon": "the medicines should be reconciled by the end of the day",
    "med_rec_missed": "the medicines were not reconciled by the day of the visit",
    "readmission_detected": "the patient is back in hospital within 30 days",
    "late_known": "already late when it was learned: work for the list, not a page",
}
ENDS = {"done": "done", "overdue": "now overdue", "not_needed": "no longer needed"}


async def watch_alerts(where: Addresses, console: Console, *, since: datetime) -> None:
    """Say every change of an alert, until cancelled."""
    said: dict[object, tuple[str, int]] = {}
    async with ground.database(where) as db:
        while True:
            for row in await db.fetch(SQL["demo_alerts"], since):
                now = (row["status"], row["items"])
                if said.get(row["alert_id"]) != now:
                    said[row["alert_id"]] = now
                    console.say("ALERT", _sentence(row), TONES.get(row["status"], "plain"))
            await asyncio.sleep(EVERY)


async def watch_refusals(where: Addresses, console: Console, *, since: datetime) -> None:
    """Say every message that was refused, until cancelled."""
    known: set[object] = set()
    async with ground.database(where) as db:
        while True:
            for row in await db.fetch(SQL["demo_rejections"], since):
                if row["rejection_id"] not in known:
                    known.add(row["rejection_id"])
                    place = f" at {row['segment']}-{row['field']}" if row["segment"] else ""
                    console.say(
                        "REFUSED",
                        f"{row['code']}{place}: {row['detail']} It is kept, and on adt.rejected.",
                        "warn",
                    )
            await asyncio.sleep(EVERY)


async def watch_counts(where: Addresses, console: Console, show: Callable[[str], None]) -> None:
    """Say every few seconds what the system holds, and `show` it too, until cancelled."""
    async with ground.database(where) as db:
        while True:
            line = _summary(await held(db))
            console.say("summary", line, "dim")
            show(line)
            await asyncio.sleep(SUMMARY_EVERY)


def _summary(held: dict[str, Any]) -> str:
    lag = held["lag_seconds"]
    deadlines = held["deadlines"]
    return (
        f"{held['adt']['received']} messages in, {sum(held['visits'].values())} visits, "
        f"{held['episodes']['open']} open episodes, deadlines {deadlines['pending']} pending "
        f"{deadlines['missed']} missed, {held['alerts']['firing']} alerts firing, "
        f"{held['adt']['rejected']} refused, lag {'unknown' if lag is None else f'{lag:.1f} s'}"
    )


def _sentence(row: Row) -> str:
    meaning = KINDS.get(row["kind"], row["kind"].replace("_", " "))
    case = f" case {row['episode_id']}" if row["episode_id"] else f" {row['items']} items"
    ended = f": {ENDS[row['ending']]}" if row["ending"] in ENDS and row["ended_at"] else ""
    return f"DEMO [{row['severity']}] {row['status'].upper()}{ended} {row['kind']}{case} ({meaning})"
