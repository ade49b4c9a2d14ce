"""One database role for each service: all that it needs, and nothing of the others'."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from schemas.topics import ADT_INBOUND, CARE_ACTIONS
from services.auditor import examine
from services.chassis.kafka import Outgoing
from services.chassis.migrations import migrate
from tests.deploy import compose
from tests.infra import KafkaServer, PostgresServer
from tests.infra.postgres import binaries, execute, run_sync, with_database
from tests.messages import adt
from tests.system.receiver import Receiver
from tests.system.stand import ROOT, System, until

SQL = ROOT / "deploy" / "postgres"
ROLES = {
    "admissions": "baton_admissions",
    "transitions": "baton_transitions",
    "deadlines": "baton_transitions",
    "notifications": "baton_notifications",
    "worklist": "baton_worklist",
}
MIGRATOR = "baton_migrator"
SHARED = {"baton.applied_mark", "baton.kafka_cluster"}
WRITES = """
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('baton', 'admissions', 'transitions', 'notifications', 'worklist')
  AND (has_table_privilege($1, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
       OR has_any_column_privilege($1, c.oid, 'INSERT, UPDATE'))
"""
SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
"""
TABLES = """
SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1
"""

RECORDED = """
INSERT INTO worklist.audit (actor, roles, action, object_type, outcome) VALUES ('x', '{}', 'VIEW', 'list', 'done')
"""
REPAIRS = (["republish"], ["refold"], ["migrate"])

DISCHARGED = datetime(2026, 1, 9, 20, 0, tzinfo=UTC)
DUE = DISCHARGED + timedelta(hours=72)


def as_role(dsn: str, role: str) -> str:
    """The same database, asked by another role; the server of a test trusts whoever comes."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.hostname}:{parts.port}"))


def psql(dsn: str, script: Path) -> None:
    """Run a script as the images do."""
    passwords = {
        f"BATON_{name}_PASSWORD": "it's a secret"
        for name in ("MIGRATOR", "ADMISSIONS", "TRANSITIONS", "NOTIFICATIONS", "WORKLIST", "AUDITOR")
    }
    command = [str(binaries(None) / "psql"), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-f", str(script), dsn]
    done = subprocess.run(
        command, env=os.environ | passwords, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def granted() -> Iterator[str]:
    """The DSN of the database as compose.yaml makes it: roles, schema by the migrator, grants.

    On a server of its own: roles belong to the server, not to a database.
    """
    with PostgresServer() as server:
        run_sync(execute(server.dsn, "CREATE DATABASE baton"))
        dsn = with_database(server.dsn, "baton")
        psql(dsn, SQL / "roles.sql")
        run_sync(migrate(as_role(dsn, MIGRATOR)))
        psql(as_role(dsn, MIGRATOR), SQL / "grants.sql")
        yield dsn


@pytest.mark.parametrize("service", ["admissions", "transitions", "notifications", "worklist"])
async def test_a_service_may_write_its_own_schema_and_its_progress_and_nothing_else(
    granted: str, service: str
) -> None:
    """Its role may change every table of its schema, the marks and the cluster it published to; no other table."""
    db = await asyncpg.connect(granted)
    try:
        own = {row["name"] for row in await db.fetch(TABLES, service)}
        writable = {row["name"] for row in await db.fetch(WRITES, ROLES[service])}
    finally:
        await db.close()

    assert len(own) > 3
    assert writable == own | SHARED


async def test_the_auditor_reads_what_it_compares_and_changes_nothing(granted: str) -> None:
    """Its role may run every statement of the audit, and may write no table at all."""
    db = await asyncpg.connect(as_role(granted, "baton_auditor"))
    try:
        for statement in examine.SQL.values():
            await db.execute(statement.replace("$1::uuid[]", "'{}'::uuid[]"))
        writable = await db.fetch(WRITES, "baton_auditor")
    finally:
        await db.close()

    assert writable == []


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        (RECORDED, False),
        ("SELECT FROM worklist.audit", True),
        ("UPDATE worklist.audit SET actor = 'somebody else'", True),
        ("DELETE FROM worklist.audit", True),
        ("TRUNCATE worklist.audit", True),
        ("ALTER TABLE worklist.audit DISABLE TRIGGER audit_append_only", True),
        ("DROP TRIGGER audit_append_only ON worklist.audit", True),
    ],
)
async def test_the_worklist_may_add_to_the_audit_and_nothing_else(
    granted: str, statement: str, refused: bool
) -> None:
    """The role of the worklist writes rows of the audit; it reads, changes and takes out none, nor what keeps it from that."""
    db = await asyncpg.connect(as_role(granted, ROLES["worklist"]))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError) if refused else contextlib.nullcontext():
            await db.execute(statement)
    finally:
        await db.close()


async def test_every_schema_is_a_service_of_its_own_or_the_shared_one(granted: str) -> None:
    """A service whose schema a migration makes has its role in roles.sql and its rights in grants.sql."""
    db = await asyncpg.connect(granted)
    try:
        schemas = {row["nspname"] for row in await db.fetch(SCHEMAS)}
    finally:
        await db.close()

    assert schemas == {"baton", *(role.removeprefix("baton_") for role in ROLES.values())}


async def test_a_service_cannot_read_another_schema_nor_make_one(granted: str) -> None:
    """Admissions, told to look at transitions' rows or to make a schema, is refused."""
    db = await asyncpg.connect(as_role(granted, ROLES["admissions"]))
    try:
        for statement in (
            "SELECT * FROM transitions.deadline",
            "UPDATE notifications.alert SET status = 'resolved'",
            "DELETE FROM baton.migration",
            "INSERT INTO baton.clock (at) VALUES (now())",
            "DROP TABLE admissions.visit",
            "CREATE SCHEMA mine",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(statement)
    finally:
        await db.close()


async def test_the_grants_may_be_given_again_when_the_months_are_there(granted: str) -> None:
    """After a month was begun by whoever migrated and another one by admissions, all of it is admissions' own."""
    for role, month in ((MIGRATOR, "2026-01-01"), (ROLES["admissions"], "2026-02-01")):
        db = await asyncpg.connect(as_role(granted, role))
        try:
            await db.execute(f"SELECT admissions.ensure_message_month('{month} 00:00:00+00')")
        finally:
            await db.close()
    psql(as_role(granted, MIGRATOR), SQL / "grants.sql")

    db = await asyncpg.connect(as_role(granted, ROLES["admissions"]))
    try:
        await db.execute("DROP TABLE admissions.message_2026_01; DROP TABLE admissions.message_2026_02")
    finally:
        await db.close()


class Separated(System):
    """The whole of Baton, each process under the role of its service."""

    def environment(self, name: str) -> dict[str, str]:
        return super().environment(name) | {"DATABASE_URL": as_role(self.database_url, ROLES[name])}

    def baton(self, *line: str) -> subprocess.CompletedProcess[str]:
        """One command of the operator, who has the migrator's role."""
        return self.python("-m", "baton", *line)

    def python(self, *line: str) -> subprocess.CompletedProcess[str]:
        """What a container of the image does that has the migrator's role."""
        environment = super().environment("baton") | {"DATABASE_URL": as_role(self.database_url, MIGRATOR)}
        return subprocess.run(
            [sys.executable, *line],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )


def _record(value: bytes, at: datetime) -> Outgoing:
    return Outgoing(None, value, timestamp_ms=round(at.timestamp() * 1000))


@pytest.mark.system
@pytest.mark.kafka
@pytest.mark.timeout(400)
async def test_the_processes_have_all_the_rights_they_need(
    granted: str, kafka_broker: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Given a discharge, a call that was missed, something refused at both doors, and a month that is past its
    retention, every process does its work under its own role, and the operator's command under the migrator's.
    """
    told = {"visit": "V1", "mrn": "70001", "admitted": "202601050800"}
    stay = [
        adt("A01", control="1", at="202601050800", **told),
        adt("A03", control="2", at="202601091500", discharged="202601091500", disposition="01", **told),
        b"no message at all",
    ]
    with Receiver() as receiver:
        system = Separated(
            granted, kafka_broker.bootstrap_servers, topic_prefix, tmp_path / "stand", receiver,
            DISCHARGED + timedelta(minutes=5),
        )  # fmt: skip
        async with system:
            made = await asyncio.to_thread(system.python, "-m", "baton", *compose.ours()["topics"]["command"])
            assert made.returncode == 0, made.stderr
            await system.start(*ROLES)
            await system.send(ADT_INBOUND, [_record(one, DISCHARGED + timedelta(minutes=4)) for one in stay])
            await system.send(CARE_ACTIONS, [_record(b"no action", DISCHARGED + timedelta(minutes=4))])
            await system.at_rest()
            for name in ROLES:
                ready = await system.processes[name].ask("/readyz")
                assert ready.status_code == 200, ready.text
            await system.clock(DUE + timedelta(minutes=1))
            await system.at_rest()
            kinds = {event["data"]["kind"] for event in receiver.events()}

            months = "SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'admissions.message'::regclass"
            assert (await system.fetch(months))[0][0] == 1
            await system.clock(datetime(2026, 6, 1, tzinfo=UTC))
            await system.at_rest()
            system.processes["admissions"].life.end(SIGTERM)
            await system.start("admissions")

            async def pruned() -> bool:
                return bool((await system.fetch(months))[0][0] == 0)

            await until(pruned, "admissions drops the month that is past its retention")
            status, *again = await asyncio.gather(
                *(asyncio.to_thread(system.baton, *line) for line in (["status", "--json"], *REPAIRS))
            )
            await system.at_rest()
            said = "".join(process.log.read_text() for process in system.processes.values())

    assert "call_72h_missed" in kinds
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["adt"]["rejected"] == 1
    assert [done.returncode for done in again] == [0, 0, 0], [done.stderr for done in again]
    assert "InsufficientPrivilege" not in said
