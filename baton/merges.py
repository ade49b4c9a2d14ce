"""`baton merges`: what was said of who is who, and a wrong merge undone with a reason."""

import json
import re
import sys
from datetime import datetime
from importlib.resources import files
from uuid import UUID

from baton import ground
from baton.dlq import database, note_view, person, plain
from baton.dlq_text import SHORT, columns
from baton.trouble import Misuse, Trouble
from services.admissions import merges
from services.chassis import sql
from services.chassis.postgres import Db

SQL = sql.parse(files("baton").joinpath("merges.sql").read_text("utf-8"), where="baton/merges.sql")

_ID = re.compile(r"[0-9a-f]{4,8}|[0-9a-f]{8}-[0-9a-f-]{0,27}")
_HEAD = ["ID", "WHEN", "FEED", "TRIGGER", "KIND", "STATUS", "WHY"]


async def show(
    since: datetime | None, status: str, limit: int, *, show_patient: bool, by: str | None, as_json: bool
) -> int:
    """Print merges, newest first; patients' numbers only where asked, after noting who sees them."""
    async with ground.database(database()) as db:
        if show_patient:
            print("What follows holds patient data; that you see it is kept.", file=sys.stderr)
            subject = f"merges {status}"
            await note_view(db, by, "baton merges list --show-patient", subject)
        rows = [plain(row) for row in await db.fetch(SQL["find"], since, status, limit, show_patient)]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    told = [
        [
            row["event_id"][:SHORT], row["received_at"][:19].replace("T", " ") + "Z", row["feed"], row["trigger"],
            row["kind"], row["status"], _why(row),
        ]
        for row in rows
    ]  # fmt: skip
    print("\n".join(columns([_HEAD, *told])) if told else "No merges, as asked.")
    return 0


def _why(row: dict[str, str | None]) -> str:
    said = [row["refused"], row["undone_by"] and f"{row['undone_by']}: {row['undone_why']}"]
    if row["retired"]:
        said.append(f"{row['retired']} -> {row['surviving']}")
    return "; ".join(filter(None, said)) or "-"


async def undo(name: str, reason: str, by: str | None) -> int:
    """Undo one merge and tell what follows."""
    if not reason.strip():
        raise Misuse("Why? Say it with --reason, without any patient's value.")
    async with ground.pool(database()) as pool:
        async with pool.acquire() as db:
            event_id = await _named(db, name)
        since = await merges.undo(pool, event_id, person(by), reason)
    if since is None:
        raise Trouble(f"There is no merge {name}.")
    print(
        f"Undone since {since:%Y-%m-%d %H:%M:%S}Z. The running services publish what follows.",
        file=sys.stderr,
    )
    return 0


async def _named(db: Db, name: str) -> UUID:
    if not _ID.fullmatch(name.lower()):
        raise Misuse(
            f"{name} is no id of a merge: give 4 digits of it or more, as `baton merges list` shows it."
        )
    rows = await db.fetch(SQL["named"], name.lower())
    if len(rows) != 1:
        how = "No merge" if not rows else "More than one merge"
        raise Trouble(
            f"{how} has an id that begins with {name}; `baton merges list --status all` shows them."
        )
    found: UUID = rows[0]["event_id"]
    return found
