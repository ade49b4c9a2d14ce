"""Every statement of the command is one that the migrated database understands, and none is left over."""

import re
from pathlib import Path

import asyncpg
import pytest

from baton.quiet import SQL

BATON = Path(__file__).parents[2] / "baton"


@pytest.mark.postgres
async def test_every_statement_is_understood(database: str) -> None:
    """Names, columns and types fit the schema as it is."""
    db = await asyncpg.connect(database)
    try:
        for statement in SQL.values():
            await db.prepare(statement)
    finally:
        await db.close()


def test_every_statement_is_used() -> None:
    """A name in queries.sql is asked for somewhere."""
    code = "\n".join(path.read_text() for path in BATON.glob("*.py"))
    used = set(re.findall(r'SQL\["(\w+)"\]', code)) | {"visits", "episodes", "deadlines", "alerts"}
    assert set(SQL) - used == set()
