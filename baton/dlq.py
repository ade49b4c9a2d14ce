"""`baton dlq`: what was refused and is kept, over both rejection topics; looked at, and discarded with a reason."""

import base64
import getpass
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

from baton import ground
from baton.addresses import Addresses, find_database
from baton.dlq_text import tell, tell_one
from baton.trouble import Misuse, Trouble
from schemas.base import iso
from services.chassis import clock, sql
from services.chassis.postgres import Db, Row

SQL = sql.parse(files("baton").joinpath("dlq.sql").read_text("utf-8"), where="baton/dlq.sql")

_ID = re.compile(r"[0-9a-f]{4,8}|[0-9a-f]{8}-[0-9a-f-]{0,27}")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which refusals; None leaves a question open. `since` is when they reached us."""

    topic: str | None = None
    code: str | None = None
    feed: str | None = None
    since: datetime | None = None
    status: str | None = "open"


def database() -> Addresses:
    """Where the database is; most of `baton dlq` needs nothing else."""
    return Addresses(find_database(), "unused:9092")


async def show_list(asked: Asked, limit: int, *, as_json: bool) -> int:
    """Print a summary, then the refusals, newest first; no value of any message."""
    async with ground.database(database()) as db, db.transaction(isolation="repeatable_read", readonly=True):
        groups = await db.fetch(SQL["summary"], *astuple(asked))
        rows = await db.fetch(SQL["find"], *astuple(asked), limit)
    document = {"summary": [plain(row) for row in groups], "rejections": [plain(row) for row in rows]}
    print(json.dumps(document, indent=2, ensure_ascii=False) if as_json else tell(document))
    return 0


async def show(name: str, *, values: bool, by: str | None, as_json: bool) -> int:
    """Print one refusal; with `values` its message too, after noting who sees it."""
    async with ground.database(database()) as db:
        [row] = await whole(db, await resolve(db, [name]))
        said = plain({key: value for key, value in row.items() if key not in {"raw", "raw_key"}})
        if values:
            print("What follows holds patient data; that you see it is kept.", file=sys.stderr)
            subject = f"{row['topic']} {row['rejection_id']}"
            await note_view(db, by, "baton dlq show --values", subject)
            said["message"] = readable(row["raw"])
            said["message_base64"] = base64.b64encode(row["raw"]).decode()
    print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else tell_one(said))
    return 0


async def discard(names: Sequence[str], reason: str, by: str | None) -> int:
    """Mark open refusals as not to be sent again; 1 where one of them was dealt with before."""
    if not reason.strip():
        raise Misuse("Why? Say it with --reason, without any patient's value.")
    async with ground.database(database()) as db, db.transaction():
        rows = await whole(db, await resolve(db, names))
        open_ones = [row for row in rows if row["status"] == "open"]
        await mark(db, open_ones, "discarded", by=person(by), reason=reason)
    for row in rows:
        if row["status"] != "open":
            print(f"{row['rejection_id']} is {row['status']} already; it stays so.", file=sys.stderr)
    print(f"{len(open_ones)} discarded.", file=sys.stderr)
    return 0 if len(open_ones) == len(rows) else 1


async def resolve(db: Db, names: Iterable[str]) -> list[UUID]:
    """The ids that these names stand for: each the beginning of one, as `baton dlq list` shows it."""
    found = []
    for name in dict.fromkeys(names):
        if not _ID.fullmatch(name.lower()):
            raise Misuse(
                f"{name} is no id of a refusal: give 4 digits of it or more, as `baton dlq list` shows it."
            )
        rows = await db.fetch(SQL["named"], name.lower())
        if len(rows) != 1:
            how = "Nothing refused" if not rows else "More than one of those refused"
            raise Trouble(
                f"{how} has an id that begins with {name}; `baton dlq list --status all` shows them."
            )
        found.append(rows[0]["rejection_id"])
    return found


async def whole(db: Db, ids: Sequence[UUID]) -> list[Row]:
    """Refusals with their bytes, oldest first."""
    return await db.fetch(SQL["whole"], ids)


async def mark(db: Db, rows: Sequence[Row], status: str, *, by: str, reason: str | None) -> None:
    """Write down what was done with them, by whom and when."""
    at = await clock.now(db)
    for topic, statement in (("adt.rejected", "mark_messages"), ("care.rejected", "mark_actions")):
        ids = [row["rejection_id"] for row in rows if row["topic"] == topic]
        if ids:
            await db.execute(SQL[statement], ids, status, at, by, reason)


async def note_view(db: Db, by: str | None, command: str, subject: str) -> None:
    """Keep that patient data is about to be shown: to whom, when, by which command; raises where that cannot be kept."""
    await db.execute(SQL["note_view"], await clock.now(db), person(by), command, subject)


def person(by: str | None) -> str:
    """Who does it: as they say, else as the operating system calls them."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def readable(raw: bytes) -> list[str]:
    """A message in lines; what is no printable text is escaped, so that it does nothing to a terminal."""
    text = raw.decode("utf-8", "backslashreplace")
    lines = re.split(r"\r\n|\r|\n", text.rstrip("\r\n"))
    return ["".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line) for line in lines]


def plain(row: Any) -> dict[str, Any]:
    """The columns as JSON values."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, UUID) else value
