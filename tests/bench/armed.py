"""A million armed deadlines in a database of the bench, put there by SQL, and a record of each that fires.

The record is a row written by a trigger in the very transaction that fires: Postgres knows when that committed
(`track_commit_timestamp`), so lateness is measured to the commit, not to a clock of the process under test.
"""

import asyncio
import os
from datetime import datetime

from services.chassis.postgres import Db
from services.transitions.protocol import load_protocol
from tests.infra import PostgresServer

ARMED = int(os.environ.get("BENCH_ARMED", "1000000"))
LONG = 3600.0

_FILL = """
INSERT INTO transitions.episode (
    episode_id, patient_id, visit_id, kind, anchor, status, opened_at, protocol, facility, unit, team, live,
    learned_at, known_at, revision
)
SELECT 'B' || n, md5('p' || n)::uuid, md5('v' || n)::uuid, 'discharge', '', 'open', now(), $2, 'VALLEY',
       'MED3', 'transitions', true, now(), now(), 1
FROM generate_series(1, $1 / 2) n;
"""

_FILL_DEADLINES = """
INSERT INTO transitions.deadline (
    deadline_id, episode_id, patient_id, kind, status, due_at, becomes, generation, late_known, provisional, owed,
    behind, because, severity, warnings, warned, learned_at, known_at, revision
)
SELECT md5('d' || n)::uuid, 'B' || (n + 1) / 2, md5('p' || (n + 1) / 2)::uuid,
       CASE n % 2 WHEN 0 THEN 'call_72h' ELSE 'tcm_contact' END, 'pending',
       now() + interval '1 day' + n * interval '0.2 seconds', 'missed', 0, false, false, true, false,
       '72 hours after the discharge of Fri 9 Jan 2026, 15:00', 'P2', '[]', 0, now(), now(), 1
FROM generate_series(1, $1::integer) n;
"""

_ARM = "INSERT INTO transitions.timer SELECT deadline_id, 0, due_at FROM transitions.deadline"

_RECORD = """
CREATE SCHEMA bench;
CREATE TABLE bench.fired (deadline_id uuid NOT NULL, due_at timestamptz NOT NULL);
CREATE FUNCTION bench.note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO bench.fired VALUES (new.deadline_id, new.due_at); RETURN NULL; END $$;
CREATE TRIGGER fired AFTER UPDATE OF status ON transitions.deadline FOR EACH ROW
    WHEN (old.status = 'pending' AND new.status IN ('missed', 'attempted')) EXECUTE FUNCTION bench.note();
"""

_DUE = """
WITH chosen AS (
    SELECT deadline_id FROM transitions.deadline WHERE status = 'pending' AND due_at > now() + interval '1 hour'
    ORDER BY due_at LIMIT $1
), moved AS (
    UPDATE transitions.deadline d SET due_at = $2, revision = revision + 1
    FROM chosen c WHERE d.deadline_id = c.deadline_id
)
UPDATE transitions.timer t SET fire_at = $2 FROM chosen c WHERE t.subject = c.deadline_id
"""

_LATE = """
WITH late AS (
    SELECT deadline_id, extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at)::float8 AS seconds
    FROM bench.fired WHERE due_at = $1
)
SELECT count(DISTINCT deadline_id) AS fired, count(*) - count(DISTINCT deadline_id) AS doubled,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99, max(seconds) AS max
FROM late
"""


async def note_commits(postgres: PostgresServer) -> None:
    """Have the server remember when each transaction committed; it restarts for it."""
    import asyncpg

    db = await asyncpg.connect(postgres.dsn)
    await db.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await db.close()
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)


async def fill(db: Db, count: int = ARMED) -> None:
    """Arm so many deadlines, two an episode, the first of them due tomorrow; record every one that fires."""
    await db.execute(_FILL, count, load_protocol().label, timeout=LONG)
    await db.execute(_FILL_DEADLINES, count, timeout=LONG)
    await db.execute(_ARM, timeout=LONG)
    await db.execute(_RECORD)
    await db.execute("VACUUM ANALYZE", timeout=LONG)
    await db.execute("CHECKPOINT", timeout=LONG)


async def make_due(db: Db, count: int, at: datetime) -> None:
    """Let so many of them fall due at one instant."""
    async with db.transaction():
        await db.execute(_DUE, count, at, timeout=LONG)
        await db.execute("SELECT pg_notify('transitions_timer', $1::text)", at.isoformat())


async def lateness(db: Db, at: datetime, count: int) -> dict[str, float]:
    """How late those due at an instant were committed, in seconds; how many never were, or more than once."""
    row = await db.fetchrow(_LATE, at)
    seconds = {name: round(row[name], 3) for name in ("p50", "p99", "max") if row[name] is not None}
    return seconds | {"lost": count - row["fired"], "doubled": row["doubled"]}
