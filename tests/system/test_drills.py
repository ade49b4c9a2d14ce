"""What docs/run-it.md tells the operator to do, done: backup, restore, upgrade, roll-back."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from baton.rewind import DOORS
from schemas import topics
from services.chassis.migrations import migrate
from tests.deploy.test_roles import MIGRATOR, SQL, as_role, psql
from tests.infra import PostgresServer
from tests.infra.postgres import binaries, execute, run_sync, with_database
from tests.system import deliveries, rows, stories
from tests.system.conftest import NewSystem
from tests.system.rows import Rows
from tests.system.stand import PROCESSES, ROOT, System

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(600)]

FORWARD = "CREATE TABLE transitions.of_a_later_version (n integer);\n"
STATES = {
    topics.ADT_ENCOUNTERS: "SELECT visit_id::text AS id, revision FROM admissions.visit",
    topics.CARE_TRANSITIONS: """
        SELECT episode_id AS id, revision FROM transitions.episode
        UNION ALL SELECT deadline_id::text, revision FROM transitions.deadline""",
    topics.CARE_ALERTS: "SELECT alert_id::text AS id, revision FROM notifications.alert WHERE revision > 0",
}
RIGHTS = """
SELECT format('%s: %s on %s', r.rolname, p, c.oid::regclass)
FROM pg_roles r, pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) p
WHERE r.rolname LIKE 'baton_%' AND c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text !~ '^(pg_|information_)'
  AND has_table_privilege(r.oid, c.oid, p)
UNION ALL SELECT format('%s: %s here', r.rolname, p) FROM pg_roles r, unnest('{CONNECT,CREATE}'::text[]) p
WHERE r.rolname LIKE 'baton_%' AND has_database_privilege(r.oid, current_database(), p)
ORDER BY 1
"""


@pytest.fixture
def other_postgres() -> Iterator[PostgresServer]:
    """A second server, with nothing in it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def lost_database(own_postgres: PostgresServer) -> str:
    """The DSN of a migrated database on the server that will be lost."""
    dsn = own_postgres.fresh_database()
    run_sync(migrate(dsn))
    return dsn


async def test_a_restored_database_and_the_old_kafka_end_as_if_nothing_had_been_lost(
    new_system: NewSystem,
    lost_database: str,
    own_postgres: PostgresServer,
    other_postgres: PostgresServer,
    undisturbed: Rows,
    tmp_path: Path,
) -> None:
    """Given a backup made while messages flow, work and pages after it, and then a server that is lost; when the backup
    is restored elsewhere, `baton rewind` is run and the processes are started, then the rows are those of an
    undisturbed run, the pager hears nothing anew that is not new, and every reader of the topics is told what stands.
    """
    first, second, third = stories.thirds(stories.of_all_tests())
    dump = tmp_path / "baton.dump"
    async with new_system(first[0].at, database_url=lost_database) as system:
        await system.start()
        await system.play(*first)
        backup = asyncio.create_task(asyncio.to_thread(_pg, "pg_dump", "-Fc", "-f", str(dump), lost_database))
        await system.play(*second)
        await backup
        await system.at_rest()
        highest = await _highest(system)
        for name in PROCESSES:
            await system.stop(name)
        await asyncio.to_thread(own_postgres.kill)

        restored = await asyncio.to_thread(other_postgres.fresh_database)
        await asyncio.to_thread(_pg, "pg_restore", "--exit-on-error", "-d", restored, str(dump))
        system.database_url = restored
        await system.clock(second[-1].at)
        backed_up = len((await rows.rows(system))["visits"])
        done = await asyncio.to_thread(_baton, system, "rewind")
        assert done.returncode == 0, done.stderr
        await system.start()
        await system.play(*third)
        await system.at_rest()
        after = await rows.rows(system)
        held = {topic: await _held(system, query) for topic, query in STATES.items()}
        heard = await _highest(system)
        wrong = await deliveries.complaints(system, system.receiver.deliveries)
        # Told after the backup, and over when that was read again: rewind names them, for the operator to close.
        named = {line.split()[-1] for line in done.stdout.splitlines()}
        closed_by_hand = [each for each in wrong if named & set(each.split())]
        # An end that was told after the backup is told once more: what was restored cannot know that it was.
        ended_twice = [
            each for each in wrong if "resolve after resolve" in each or "{'reason': 'resolve'" in each
        ]

    assert 0 < backed_up < len(undisturbed["visits"])
    assert rows.different(undisturbed, after) == {}
    for topic, states in held.items():
        # Whatever a reader of the topic knew, what stands now is newer.
        assert {subject: heard[topic].get(subject) for subject in states} == states
        assert all(states[subject] > highest[topic].get(subject, 0) for subject in states)
    # What was first heard of after the backup has come back under the ids it had.
    assert highest[topics.ADT_ENCOUNTERS].keys() <= held[topics.ADT_ENCOUNTERS].keys()
    assert [each for each in wrong if each not in {*closed_by_hand, *ended_twice}] == []


async def test_a_new_version_comes_while_the_old_one_works_and_goes_by_restoring(
    new_system: NewSystem, database: str, postgres_server: PostgresServer, undisturbed: Rows, tmp_path: Path
) -> None:
    """Given a running system; when a newer version migrates its database, then the old processes work on and say in
    /readyz that the database is newer, the new ones take their places one by one, and the rows are those of an
    undisturbed run. An old process does not start on the newer database, and says what to do; it does on a copy of
    before.
    """
    first, second, third = stories.thirds(stories.of_all_tests())
    newer = _newer_version(tmp_path)
    dump = tmp_path / "before.dump"
    async with new_system(first[0].at) as system:
        await system.start()
        await system.play(*first)
        await asyncio.to_thread(_pg, "pg_dump", "-Fc", "-f", str(dump), database)
        system.root = newer
        done = await asyncio.to_thread(_baton, system, "migrate")
        added = done.stdout.removeprefix("services.transitions ").strip()
        assert added.endswith("_of_a_later_version"), done.stderr

        await system.play(*second)
        await system.at_rest()
        says = (await system.processes["transitions"].ask("/readyz")).json()["checks"]["postgres"]["detail"]
        for name in PROCESSES:
            assert await system.stop(name) == 0
            await system.start(name)
        await system.play(*third)
        await system.at_rest()
        after = await rows.rows(system)
        ready = {name: (await system.processes[name].ask("/readyz")).status_code for name in PROCESSES}

        system.root = ROOT
        refused = await asyncio.to_thread(_baton, system, "run", "transitions")
        for name in PROCESSES:
            await system.stop(name)
        system.database_url = await asyncio.to_thread(postgres_server.fresh_database)
        await asyncio.to_thread(_pg, "pg_restore", "--exit-on-error", "-d", system.database_url, str(dump))
        back = await asyncio.to_thread(_baton, system, "rewind")
        assert back.returncode == 0, back.stderr
        await system.clock(third[-1].at)
        await system.start()
        await system.at_rest()
        again = await rows.rows(system)

    assert says == (
        f"The database is newer than this program: it has services.transitions {added}; "
        "use the program that brought it, or a later one."
    )
    assert ready == dict.fromkeys(PROCESSES, 200)
    assert rows.different(undisturbed, after) == {}
    assert refused.returncode == 1
    assert says in refused.stderr
    assert rows.different(undisturbed, again) == {}


async def test_nothing_is_rewound_under_a_process_that_runs(new_system: NewSystem) -> None:
    """Given a running system; when `baton rewind` is run, then it refuses and says to stop the processes, and no
    revision was raised.
    """
    async with new_system(stories.of_all_tests().starts_at) as system:
        await system.start()
        done = await asyncio.to_thread(_baton, system, "rewind")
        base = (await system.fetch("SELECT base FROM baton.revision_base"))[0]["base"]

    assert done.returncode == 1
    assert "has members. Stop every process of Baton first" in done.stderr
    assert base == 0


def test_a_restored_database_has_the_rights_of_every_role(
    other_postgres: PostgresServer, tmp_path: Path
) -> None:
    """Given a backup of a database with a role for each service; when it is restored over it, then the role that migrates
    may migrate, and the others may what they could.
    """
    server, dump = other_postgres.dsn, str(tmp_path / "baton.dump")
    run_sync(execute(server, "CREATE DATABASE baton"))
    database = with_database(server, "baton")
    psql(database, SQL / "roles.sql")
    run_sync(migrate(as_role(database, MIGRATOR)))
    psql(as_role(database, MIGRATOR), SQL / "grants.sql")
    rights = run_sync(_rights(database))
    _pg("pg_dump", "-Fc", "-f", dump, database)
    _pg("pg_restore", "--create", "--clean", "--if-exists", "--exit-on-error", "-d", server, dump)

    assert run_sync(_rights(database)) == rights
    assert run_sync(migrate(as_role(database, MIGRATOR))) == []
    psql(as_role(database, MIGRATOR), SQL / "grants.sql")


def test_every_door_of_every_service_is_known_to_rewind() -> None:
    """The groups and topics that `baton rewind` moves are those that the services read."""
    environment = {"DATABASE_URL": "postgresql://x", "KAFKA_BOOTSTRAP_SERVERS": "localhost:1"}
    read = (
        "from baton.run import APPS\nfrom importlib import import_module\nfrom typing import get_type_hints\n"
    )
    read += (
        "for app in APPS.values():\n    m, _, f = app.partition(':')\n    b = getattr(import_module(m), f)\n"
    )
    read += "    for s in (x := b(get_type_hints(b)['settings']())).subscriptions:\n"
    read += "        for t in s.topics:\n            print(s.group or x.name, x.name, t)\n"
    asked = subprocess.run(
        [sys.executable, "-c", read], env=os.environ | environment, cwd=ROOT, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip

    assert sorted(asked.stdout.splitlines()) == sorted(f"{d.group} {d.consumer} {d.topic}" for d in DOORS)


async def _rights(dsn: str) -> list[str]:
    """Which role may do what with the database and its tables."""
    db = await asyncpg.connect(dsn)
    try:
        return [row[0] for row in await db.fetch(RIGHTS)]
    finally:
        await db.close()


def _pg(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's own."""
    done = subprocess.run(
        [str(binaries(None) / program), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def _baton(system: System, *line: str) -> subprocess.CompletedProcess[str]:
    """One command of the operator."""
    return subprocess.run(
        [sys.executable, "-m", "baton", *line],
        env=system.environment("operator"),
        cwd=system.root or ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _newer_version(folder: Path) -> Path:
    """A copy of this program with one more migration."""
    newer = folder / "newer"
    for package in ("baton", "services", "schemas"):
        shutil.copytree(ROOT / package, newer / package, ignore=shutil.ignore_patterns("__pycache__"))
    migrations = newer / "services" / "transitions" / "migrations"
    number = len(list(migrations.glob("*.sql"))) + 1
    (migrations / f"{number:04d}_of_a_later_version.sql").write_text(FORWARD)
    return newer


async def _held(system: System, query: str) -> dict[str, int]:
    """What stands in a state table, with the revisions that it is published under."""
    base = (await system.fetch("SELECT base FROM baton.revision_base"))[0]["base"]
    return {row["id"]: row["revision"] + base for row in await system.fetch(query)}


async def _highest(system: System) -> dict[str, dict[str, int]]:
    """The highest revision of each subject that a reader of each topic has seen."""
    return {topic: await _revisions(system, topic) for topic in STATES}


async def _revisions(system: System, topic: str) -> dict[str, int]:
    seen: dict[str, int] = {}
    for raw in await system.carried(topic):
        subject, _, revision = dict(raw.headers)["ce_id"].decode().partition(":")
        if subject not in {"mark", "default"}:
            seen[subject] = max(seen.get(subject, 0), int(revision))
    return seen
