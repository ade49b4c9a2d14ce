"""Every SQL statement of every service fits the migrated database, and none is there for nothing."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from services.chassis import sql

SERVICES = (
    "services.admissions",
    "services.transitions",
    "services.notifications",
    "services.worklist",
    "services.worklist.access",
    "baton",
)
ROOT = Path(__file__).parent.parent


def _statements() -> Iterator[tuple[str, str]]:
    for package in SERVICES:
        for name in sql.load(package):
            yield package, name


@pytest.mark.postgres
async def test_every_statement_is_prepared_against_the_migrated_database(database: str) -> None:
    """A misspelt column or a wrong type is found here, not at night."""
    db = await asyncpg.connect(database)
    wrong = []
    for package, name in _statements():
        try:
            await db.prepare(sql.load(package)[name])
        except asyncpg.PostgresError as error:
            wrong.append(f"{package} {name}: {error}")
    await db.close()

    assert wrong == []


@pytest.mark.parametrize("package", SERVICES)
def test_no_statement_is_unused(package: str) -> None:
    """A statement nobody runs is deleted."""
    folder = ROOT / package.replace(".", "/")
    code = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    made = {"unpublished_{}", "{}_published", "republish_{}"}
    families = {pattern.split("{}")[0] or pattern.split("{}")[1] for pattern in made}
    unused = [
        name
        for name in sql.load(package)
        if f'"{name}"' not in code
        and not any(name.startswith(part) or name.endswith(part) for part in families)
    ]

    assert unused == []
