"""Database migrations: numbered SQL files, applied once, in order, under a lock, forward only."""

import hashlib
import importlib.util
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import asyncpg

from services.chassis.postgres import Db

PACKAGES = (
    "services.chassis",
    "services.admissions",
    "services.transitions",
    "services.notifications",
    "services.worklist",
)
# Any number will do, as long as every Baton uses the same one.
LOCK = 0x_0BA7_0000_0001

_FILE = re.compile(r"^(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")
_LEDGER = """
CREATE SCHEMA IF NOT EXISTS baton;
CREATE TABLE IF NOT EXISTS baton.migration (
    package text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, version)
);
"""


class SchemaError(Exception):
    """The database schema and this program do not fit together."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of one package."""

    package: str
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.package} {self.version:04d}_{self.name}"


async def migrate(dsn: str, packages: Sequence[str] = PACKAGES) -> list[str]:
    """Apply what is missing and return the names of what was applied; any number may run at once."""
    known = [migration for package in packages for migration in _read(package)]
    async with _locked(dsn) as db:
        await db.execute(_LEDGER)
        applied = await _applied(db)
        _refuse_strangers(known, applied, packages)
        pending = [m for m in known if (m.package, m.version) not in applied]
        for migration in pending:
            await _apply(db, migration)
    return [str(migration) for migration in pending]


async def check(db: Db, packages: Sequence[str] = PACKAGES) -> None:
    """Raise SchemaError unless the database holds exactly the migrations this program knows."""
    known = [migration for package in packages for migration in _read(package)]
    if await db.fetchval("SELECT to_regclass('baton.migration')") is None:
        raise SchemaError("The database has no schema yet; run: baton migrate")
    applied = await _applied(db)
    _refuse_strangers(known, applied, packages)
    for migration in known:
        if (migration.package, migration.version) not in applied:
            raise SchemaError(f"The database lacks the migration {migration}; run: baton migrate")


@cache
def _read(package: str) -> tuple[Migration, ...]:
    if not _exists(package):
        return ()
    folder = files(package).joinpath("migrations")
    if not folder.is_dir():
        return ()
    found = []
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".sql"):
            continue
        if not (match := _FILE.match(file.name)):
            raise SchemaError(f"{package}: {file.name} is not named like 0001_what_it_does.sql")
        found.append(Migration(package, int(match["version"]), match["name"], file.read_text("utf-8")))
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise SchemaError(f"{package}: its migrations are not numbered 0001, 0002 and so on, each once")
    return tuple(found)


def _exists(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


async def _applied(db: Db) -> dict[tuple[str, int], asyncpg.Record]:
    rows = await db.fetch("SELECT package, version, name, sha256 FROM baton.migration")
    return {(row["package"], row["version"]): row for row in rows}


def _refuse_strangers(
    known: Sequence[Migration], applied: dict[tuple[str, int], asyncpg.Record], packages: Sequence[str]
) -> None:
    files_by_key = {(m.package, m.version): m for m in known}
    for key, row in sorted(applied.items()):
        migration = files_by_key.get(key)
        if migration is None and row["package"] in packages:
            raise SchemaError(
                f"The database is newer than this program: it has {row['package']} "
                f"{row['version']:04d}_{row['name']}; use the program that brought it, or a later one."
            )
        if migration and migration.sha256 != row["sha256"]:
            raise SchemaError(
                f"{migration} was changed after it was applied here; put the file back and write a new migration."
            )


async def _apply(db: Db, migration: Migration) -> None:
    async with db.transaction():
        await db.execute(migration.sql)
        await db.execute(
            "INSERT INTO baton.migration (package, version, name, sha256) VALUES ($1, $2, $3, $4)",
            migration.package,
            migration.version,
            migration.name,
            migration.sha256,
        )


@asynccontextmanager
async def _locked(dsn: str) -> AsyncIterator[Db]:
    db = await asyncpg.connect(
        dsn, server_settings={"application_name": "baton-migrate", "timezone": "UTC", "lock_timeout": "0"}
    )
    try:
        # Held by the session, since every migration has a transaction of its own; a lost session lets it go.
        await db.execute("SELECT pg_advisory_lock($1)", LOCK)
        yield db
    finally:
        await db.close(timeout=5)
