"""The outcome document of the running system, from its Postgres."""

from collections import defaultdict
from importlib.resources import files
from typing import Any, TypeVar

import asyncpg
import msgspec
from msgspec import Struct

from baton import document
from baton.document import AlertRow, DeadlineRow, EpisodeRow, ReadmissionRow, RejectedRow, VisitRow
from baton.trouble import Trouble
from services.chassis import sql
from services.transitions.domain.risk.model import Lace, Programme

SQL = sql.parse(files("baton").joinpath("outcome.sql").read_text("utf-8"), where="baton/outcome.sql")
_programme = msgspec.json.Decoder(Programme)
_lace = msgspec.json.Decoder(Lace)
Row = TypeVar("Row", bound=Struct)


async def outcome(dsn: str) -> dict[str, Any]:
    """Give what stands at one instant; the system may go on beside it."""
    try:
        db = await asyncpg.connect(dsn, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Trouble(f"The database cannot be reached ({type(error).__name__}).") from None
    try:
        async with db.transaction(isolation="repeatable_read", readonly=True):
            return await _read(db)
    except asyncpg.UndefinedTableError:
        raise Trouble("The database holds no Baton, or an older one: run `baton migrate`.") from None
    finally:
        await db.close()


async def _read(db: "asyncpg.Connection[asyncpg.Record]") -> dict[str, Any]:
    deadlines: dict[str, list[DeadlineRow]] = defaultdict(list)
    for row in await db.fetch(SQL["deadlines"]):
        deadlines[row["episode_id"]].append(_row(DeadlineRow, row))
    episodes = [
        _row(
            EpisodeRow,
            row,
            deadlines=tuple(deadlines[row["episode_id"]]),
            programme=row["programme"] and _programme.decode(row["programme"]),
            lace=row["lace"] and _lace.decode(row["lace"]),
        )
        for row in await db.fetch(SQL["episodes"])
    ]
    return document.build(
        visits=[_row(VisitRow, row) for row in await db.fetch(SQL["visits"])],
        episodes=episodes,
        readmissions=[_row(ReadmissionRow, row) for row in await db.fetch(SQL["readmissions"])],
        alerts=[_row(AlertRow, row) for row in await db.fetch(SQL["alerts"])],
        rejected=[_row(RejectedRow, row) for row in await db.fetch(SQL["rejected"])],
    )


def _row(kind: type[Row], row: asyncpg.Record, **more: object) -> Row:
    """The columns are named as the fields."""
    said = {**row, **more}
    return kind(**{name: said[name] for name in kind.__struct_fields__})
