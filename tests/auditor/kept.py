"""A story as the database of a running system keeps it: raw messages, actions, cases and alerts."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from baton import replay
from baton.replay.engine import Engine

SPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


async def keep(
    db: "asyncpg.Connection[Any]", lines: list[replay.Line], now: datetime, protocol: str | None = None
) -> None:
    """Replay the lines until `now`, put the controlled clock there, and write what came of them into the database."""
    engine = Engine(replay.load(protocol))
    engine.run(lines, now)
    await db.execute("INSERT INTO baton.clock (at) VALUES ($1)", now)
    roots = {(stay.facility, stay.number): stay.root_id for stay in engine.transitions.stays.values()}
    for (facility, number), root in roots.items():
        await db.execute(
            "INSERT INTO admissions.visit_root VALUES ($1, 'default', $2, $3)", root, facility, number
        )
    for at in {line.at for line in lines}:
        await db.execute("SELECT admissions.ensure_message_month($1::timestamptz)", at)
    for n, line in enumerate(lines):
        if line.adt is not None:
            await _message(db, line, roots, uuid5(SPACE, str(n)))
        elif line.action is not None:
            await _action(db, line, roots, n)
    for stay in engine.transitions.stays.values():
        await db.execute(
            "INSERT INTO transitions.visit (visit_id, root_id, patient_id, number, facility, test, revision, document) "
            "VALUES ($1, $2, $3, $4, $5, false, 1, '{}')",
            stay.visit_id, stay.root_id, stay.patient_id, stay.number, stay.facility,
        )  # fmt: skip
    await _plan(db, engine)


async def _message(
    db: "asyncpg.Connection[Any]", line: replay.Line, roots: dict[Any, UUID], event_id: UUID
) -> None:
    fields = {row.split("|")[0]: row.split("|") for row in (line.adt or b"").decode().split("\r")}
    visit = fields["PV1"][19].split("^") if len(fields.get("PV1", ())) > 19 else None
    root = roots.get((visit[3], visit[0])) if visit else None
    patient = uuid5(SPACE, fields["PID"][3])
    await db.execute(
        "INSERT INTO admissions.event VALUES ($1, $2, $3, 'default', $4, true, $5, $5, '')",
        event_id, root, patient, fields["MSH"][8][-3:], line.at,
    )  # fmt: skip
    await db.execute(
        "INSERT INTO admissions.message VALUES ($1, $2, 'adt.inbound', 0, 0, $3)", event_id, line.at, line.adt
    )


async def _action(db: "asyncpg.Connection[Any]", line: replay.Line, roots: dict[Any, UUID], n: int) -> None:
    said = json.loads(line.action or b"{}")
    root = next((each for (_, number), each in roots.items() if number == said.get("visit")), None)
    await db.execute(
        "INSERT INTO transitions.action (action_id, type, at, number, root_id, body) VALUES ($1, $2, $3, $4, $5, $6)",
        said.get("id", str(n)), said["type"], line.at, said.get("visit", ""), root, json.dumps(said),
    )  # fmt: skip


async def _plan(db: "asyncpg.Connection[Any]", engine: Engine) -> None:
    for row in engine.transitions.episodes.values():
        await db.execute(
            "INSERT INTO transitions.episode (episode_id, patient_id, visit_id, kind, anchor, status, opened_at, protocol, "
            "facility, team, live, learned_at, known_at, revision) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true, $11, $12, 1)",
            row.episode_id, row.patient_id, row.visit_id, row.kind, row.anchor, row.status, row.opened_at, row.protocol,
            row.facility, row.team, row.learned_at, row.known_at,
        )  # fmt: skip
    for alert in _raised(engine):
        await db.execute(
            "INSERT INTO notifications.alert (alert_id, subject, kind, severity, status, raised_at, team, live, generation, "
            "ended_at, episode_id, visit_id, items, revision, told_of, changed_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8, $9, $10, $11, 1, 1, 1, $6)",
            alert.alert_id, alert.subject, alert.kind, alert.severity, alert.status, alert.raised_at, alert.team,
            alert.generation, alert.ended_at, alert.episode_id, alert.visit_id,
        )  # fmt: skip


def _raised(engine: Engine) -> Iterable[Any]:
    return engine.notifications.alerts()
