"""Postgres, migrations and the clock, on a real server."""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from services.chassis import clock, migrations, postgres
from services.chassis.migrations import SchemaError, migrate
from tests.chassis.conftest import a_settings, until
from tests.infra import PostgresServer

CHASSIS = ("services.chassis",)


class Package:
    """A package with migrations, made for one test."""

    def __init__(self, folder: Path) -> None:
        self.name = f"made_{folder.name.replace('-', '_')}"
        self.folder = folder / self.name
        (self.folder / "migrations").mkdir(parents=True)
        (self.folder / "__init__.py").write_text("")

    def write(self, name: str, sql: str) -> None:
        migrations._read.cache_clear()
        (self.folder / "migrations" / name).write_text(sql)

    def remove(self, name: str) -> None:
        migrations._read.cache_clear()
        (self.folder / "migrations" / name).unlink()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    made = Package(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    sys.modules.pop(made.name, None)
    migrations._read.cache_clear()


async def ask(dsn: str, query: str) -> object:
    db = await asyncpg.connect(dsn)
    try:
        return await db.fetchval(query)
    finally:
        await db.close()


# --- migrations ---------------------------------------------------------------------------------------------


async def test_the_second_time_there_is_nothing_to_do(empty_database: str):
    """Applied once, recorded, and known to `check`."""
    first = await migrate(empty_database)
    second = await migrate(empty_database)
    db = await asyncpg.connect(empty_database)
    await migrations.check(db)
    await db.close()

    assert first[0] == "services.chassis 0001_chassis"
    assert second == []


async def test_several_machines_at_once_apply_each_migration_once(empty_database: str, package: Package):
    """The lock lets one go first; the others find nothing left to do."""
    package.write("0001_one.sql", "CREATE TABLE public.one (n int); SELECT pg_sleep(0.2);")
    package.write("0002_two.sql", "CREATE TABLE public.two (n int);")
    done = await asyncio.gather(*(migrate(empty_database, (package.name,)) for _ in range(5)))

    assert sorted(map(len, done)) == [0, 0, 0, 0, 2]


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database: str, package: Package):
    """Each has its own transaction: those before it stay, it does not, and it can be tried again."""
    package.write("0001_one.sql", "CREATE TABLE public.one (n int);")
    package.write("0002_two.sql", "CREATE TABLE public.two (n int); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database, (package.name,))

    assert await ask(empty_database, "SELECT to_regclass('public.one') IS NOT NULL")
    assert await ask(empty_database, "SELECT to_regclass('public.two') IS NULL")
    package.write("0002_two.sql", "CREATE TABLE public.two (n int);")
    assert await migrate(empty_database, (package.name,)) == [f"{package.name} 0002_two"]


async def test_a_changed_file_is_refused(empty_database: str, package: Package):
    """What was applied is history; the sentence says what to do instead."""
    package.write("0001_one.sql", "CREATE TABLE public.one (n int);")
    await migrate(empty_database, (package.name,))
    package.write("0001_one.sql", "CREATE TABLE public.one (n bigint);")

    with pytest.raises(
        SchemaError, match=r"0001_one was changed after it was applied here; put the file back"
    ):
        await migrate(empty_database, (package.name,))


async def test_a_database_newer_than_the_program_is_refused(empty_database: str, package: Package):
    """An old program does not run on a schema it does not know."""
    package.write("0001_one.sql", "SELECT 1;")
    package.write("0002_two.sql", "SELECT 1;")
    await migrate(empty_database, (package.name,))
    package.remove("0002_two.sql")
    db = await asyncpg.connect(empty_database)

    for refused in (migrate(empty_database, (package.name,)), migrations.check(db, (package.name,))):
        with pytest.raises(SchemaError, match="The database is newer than this program"):
            await refused
    await db.close()


async def test_a_database_that_lacks_something_is_refused(empty_database: str, package: Package):
    """A service says which command brings the schema up to date."""
    db = await asyncpg.connect(empty_database)
    with pytest.raises(SchemaError, match="no schema yet; run: baton migrate"):
        await migrations.check(db)
    package.write("0001_one.sql", "SELECT 1;")
    await migrate(empty_database, CHASSIS)
    with pytest.raises(SchemaError, match=r"lacks the migration .* 0001_one; run: baton migrate"):
        await migrations.check(db, (package.name,))
    await db.close()


@pytest.mark.parametrize("name", ["1_one.sql", "0001-one.sql", "0002_two.sql"])
async def test_a_misnamed_file_is_refused(empty_database: str, package: Package, name: str):
    """A gap or a name out of order would be applied in an order nobody sees."""
    package.write(name, "SELECT 1;")

    with pytest.raises(SchemaError):
        await migrate(empty_database, (package.name,))


async def test_a_package_without_migrations_is_skipped(empty_database: str):
    """A service that keeps nothing, or is not there, has nothing to migrate."""
    assert await migrate(empty_database, ("tests", "services.nowhere", "nowhere.at.all")) == []


# --- the pool -----------------------------------------------------------------------------------------------


async def test_a_connection_is_set_up_for_us(database: str):
    """UTC, JSON as text, our schema first, a name to be found by, and limits on what may hang."""
    pool = await postgres.open_pool(a_settings(database_url=database), schema="admissions")
    async with postgres.transaction(pool) as db:
        row = await db.fetchrow(
            "SELECT current_setting('application_name') AS name, current_setting('search_path') AS path,"
            " current_setting('timezone') AS zone, current_setting('statement_timeout') AS longest,"
            " '{\"a\": 1}'::jsonb AS document, statement_timestamp() AS at"
        )
    await postgres.close_pool(pool)

    assert row is not None
    assert (row["name"], row["path"], row["zone"]) == ("baton-admissions", "admissions, public", "UTC")
    assert (row["longest"], json.loads(row["document"])) == ("1min", {"a": 1})
    assert row["at"].utcoffset() == timedelta(0)


async def test_an_error_undoes_the_transaction(database: str):
    """All of a batch, or nothing of it."""
    pool = await postgres.open_pool(a_settings(database_url=database), schema="public")
    with pytest.raises(ValueError, match="stop"):
        async with postgres.transaction(pool) as db:
            await db.execute("CREATE TABLE gone (n int)")
            raise ValueError("stop")
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT to_regclass('gone')") is None
    await postgres.close_pool(pool)


async def test_a_server_that_is_away_is_waited_for_and_survived(own_postgres: PostgresServer):
    """Opening waits and says so; a restart breaks what is in hand with an error that passes, and no more."""
    own_postgres.stop()
    settings = a_settings(database_url=own_postgres.dsn, retry_min=0.05, retry_max=0.2)
    opening = asyncio.create_task(postgres.open_pool(settings, schema="public"))
    await asyncio.sleep(0.5)

    assert not opening.done()
    await asyncio.to_thread(own_postgres.start)
    pool = await asyncio.wait_for(opening, 20)
    with pytest.raises(Exception, match=r".*") as caught:
        async with postgres.transaction(pool) as db:
            await asyncio.to_thread(own_postgres.kill)
            await db.fetchval("SELECT 1")

    assert postgres.is_transient(caught.value)
    with pytest.raises(Exception, match=r".*") as caught:
        await postgres.ping(pool)
    assert postgres.is_transient(caught.value)
    await asyncio.to_thread(own_postgres.start)

    async def answers() -> bool:
        try:
            await postgres.ping(pool)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    await until(answers)
    await postgres.close_pool(pool)


def test_which_errors_pass_by_themselves():
    """A deadlock does, a constraint does not."""
    passing = [
        asyncpg.DeadlockDetectedError(),
        asyncpg.AdminShutdownError(),
        ConnectionResetError(),
        TimeoutError(),
    ]
    lasting = [asyncpg.UniqueViolationError(), asyncpg.UndefinedTableError(), ValueError()]

    assert all(map(postgres.is_transient, passing))
    assert not any(map(postgres.is_transient, lasting))
    assert postgres.is_transient(ExceptionGroup("", passing))
    assert not postgres.is_transient(ExceptionGroup("", [passing[0], lasting[0]]))


# --- the clock ----------------------------------------------------------------------------------------------


async def test_the_database_has_the_time_until_a_row_says_otherwise(database: str):
    """The controlled clock is one row that every process reads; it goes forward only."""
    db = await asyncpg.connect(database)
    real = await clock.now(db)
    then = datetime(2031, 1, 12, 10, tzinfo=UTC)

    assert abs(real - datetime.now(UTC)) < timedelta(minutes=1)
    assert not await clock.controlled(db)
    await clock.set_clock(db, then)
    assert await clock.now(db) == then
    assert await clock.controlled(db)
    await clock.set_clock(db, then)
    await clock.set_clock(db, then + timedelta(hours=72))
    assert await clock.now(db) == then + timedelta(hours=72)
    with pytest.raises(clock.ClockError, match="forward only"):
        await clock.set_clock(db, then)
    with pytest.raises(clock.ClockError, match="offset"):
        await clock.set_clock(db, then.replace(tzinfo=None))
    await db.close()


def test_patience_ends_when_nothing_moves(monkeypatch: pytest.MonkeyPatch):
    """Standing still is measured in real seconds, from the last change."""
    time = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    patience = clock.Patience(10)

    assert not patience.watch("a")
    time[0] = 9
    assert not patience.watch("b")
    time[0] = 18
    assert not patience.watch("b")
    time[0] = 20
    assert patience.watch("b")
    assert not patience.watch("c")
