"""Admissions' tables as a year leaves them: a template read by the real consumer, month by month, and multiplied by SQL."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from services.chassis.postgres import Db
from tests.bench import feed
from tests.bench.stand import say

MONTHS = 12
RAW_MONTHS = 5
"""Months of raw messages there are: those of the retention, and one to drop."""

SEED = 20260109
LONG = 3600.0

# The copies of a row have ids and numbers of their own; times and all else are the template's.
_PATIENTS = """
INSERT INTO admissions.patient (patient_id, authority, type, number, survivor_id, registers, person)
SELECT md5(patient_id::text || k)::uuid, authority, type, number || '-' || k, md5(survivor_id::text || k)::uuid, registers,
       replace(replace(person, patient_id::text, md5(patient_id::text || k)::uuid::text), '"' || number || '"', '"' || number || '-' || k || '"')
FROM bench.patient, generate_series($1::integer, $2::integer) k
"""
_ROOTS = """
INSERT INTO admissions.visit_root (root_id, feed, authority, number, account)
SELECT md5(root_id::text || k)::uuid, feed, authority, number || '-' || k, account || '-' || k
FROM bench.visit_root, generate_series($1::integer, $2::integer) k
"""
_VISITS = """
INSERT INTO admissions.visit (
    visit_id, root_id, generation, reported_id, patient_id, feed, live, test, state, discharged_at, learned_at, cause,
    changed, document, revision
)
SELECT md5(v.visit_id::text || k)::uuid, md5(v.root_id::text || k)::uuid, v.generation, md5(v.reported_id::text || k)::uuid,
       md5(v.patient_id::text || k)::uuid, v.feed, v.live, v.test, v.state, v.discharged_at, v.learned_at, v.cause, v.changed,
       replace(v.document, '"' || r.number || '"', '"' || r.number || '-' || k || '"'), v.revision
FROM bench.visit v JOIN bench.visit_root r USING (root_id), generate_series($1::integer, $2::integer) k
"""
_EVENTS = """
INSERT INTO admissions.event (event_id, root_id, patient_id, feed, trigger, applied, occurred_at, received_at, body)
SELECT md5(e.event_id::text || k)::uuid, md5(e.root_id::text || k)::uuid, md5(e.patient_id::text || k)::uuid, e.feed, e.trigger,
       e.applied, e.occurred_at, e.received_at,
       convert_to(replace(replace(e.said, e.visit, '"' || e.visit_number || '-' || k || '"'), e.mrn, '"' || e.patient_number || '-' || k || '"'), 'UTF8')
FROM bench.event e, generate_series($1::integer, $2::integer) k
"""
_MESSAGES = """
INSERT INTO admissions.message (event_id, received_at, topic, partition, record_offset, raw)
SELECT md5(m.event_id::text || k)::uuid, m.received_at, m.topic, m.partition, m.record_offset, m.raw
FROM bench.message m, generate_series($1::integer, $2::integer) k
"""
_TEMPLATE = """
CREATE SCHEMA bench;
CREATE TABLE bench.patient AS SELECT * FROM admissions.patient WHERE patient_id = survivor_id;
ANALYZE admissions.patient, admissions.visit_root, admissions.visit, admissions.event, admissions.message;
CREATE TABLE bench.visit_root AS SELECT r.* FROM admissions.visit_root r WHERE EXISTS (
    SELECT FROM admissions.visit v JOIN bench.patient p ON p.patient_id = v.reported_id AND p.patient_id = v.patient_id
    WHERE v.root_id = r.root_id
);
CREATE TABLE bench.visit AS SELECT v.* FROM admissions.visit v JOIN bench.visit_root r USING (root_id);
ANALYZE bench.patient, bench.visit_root;
CREATE TABLE bench.event AS
    SELECT e.*, convert_from(e.body, 'UTF8') AS said, r.number AS visit_number, p.number AS patient_number,
           '"' || r.number || '"' AS visit, '"' || p.number || '"' AS mrn
    FROM admissions.event e JOIN bench.visit_root r USING (root_id) JOIN bench.patient p USING (patient_id);
ANALYZE bench.event;
CREATE TABLE bench.message AS SELECT m.* FROM admissions.message m JOIN bench.event e USING (event_id)
    WHERE m.received_at >= $1;
ANALYZE bench.visit, bench.message;
"""
_INDEXES = """
SELECT c.conrelid::regclass::text AS relation, conname AS name, 'ALTER TABLE ' || c.conrelid::regclass || ' ADD CONSTRAINT ' || conname
       || ' ' || pg_get_constraintdef(c.oid) AS definition, true AS bound
FROM pg_constraint c WHERE c.conrelid = ANY($1::regclass[]) AND contype IN ('p', 'u')
UNION ALL
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), false
FROM pg_index i WHERE i.indrelid = ANY($1::regclass[])
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""
_GROWN = ["admissions.patient", "admissions.visit_root", "admissions.visit", "admissions.event"]


def months(end: datetime) -> list[datetime]:
    """The first instants of the last months, the latest first."""
    found = []
    for _ in range(MONTHS):
        found.append(end)
        end = (end - timedelta(days=1)).replace(day=1)
    return found


def template(end: datetime, count: int) -> Iterable[list[feed.Message]]:
    """So many messages, in equal parts at the ends of the months before `end`, the oldest first; of other people each."""
    for number, until in enumerate(reversed(months(end))):
        yield [
            replace(one, data=one.data.replace(b"^^^VALLEY^", b"^^^VALLEY%d^" % number))
            for one in feed.messages(count // MONTHS, seed=SEED + number, until=until)
        ]


async def multiply(dsn: str, db: Db, copies: int, end: datetime) -> None:
    """Put so many copies of what is there beside it. Indexes are built once, at the end."""
    since = months(end)[RAW_MONTHS]
    for statement in _TEMPLATE.replace("$1", f"'{since.isoformat()}'").split(";\n"):
        if statement.strip():
            await db.execute(statement, timeout=LONG)
    indexes = await db.fetch(_INDEXES, _GROWN)
    for row in indexes:
        drop = (
            f"ALTER TABLE {row['relation']} DROP CONSTRAINT {row['name']}"
            if row["bound"]
            else f"DROP INDEX {row['name']}"
        )
        await db.execute(drop)
    half = copies // 2
    await asyncio.gather(_fill(dsn, 1, half), _fill(dsn, half + 1, copies))
    say(f"{copies} copies of each row are there")
    await db.execute("SET maintenance_work_mem = '512MB'")
    for row in indexes:
        await db.execute(row["definition"], timeout=LONG)
    await db.execute("DROP SCHEMA bench CASCADE")
    await db.execute("TRUNCATE admissions.visit_unpublished")
    for relation in (*_GROWN, "admissions.message"):
        await db.execute(f"VACUUM (ANALYZE) {relation}", timeout=LONG)


async def _fill(dsn: str, first: int, last: int) -> None:
    db = await asyncpg.connect(dsn)
    try:
        await db.execute("SET synchronous_commit = off")
        for statement in (_PATIENTS, _ROOTS, _VISITS, _EVENTS, _MESSAGES):
            await db.execute(statement, first, last, timeout=LONG)
    finally:
        await db.close()


async def sizes(db: Db) -> dict[str, int]:
    """Megabytes of each table with its indexes; the months of raw messages as one."""
    rows: list[Any] = await db.fetch(
        """SELECT CASE WHEN c.relispartition THEN 'message' ELSE c.relname END AS name, sum(pg_total_relation_size(c.oid)) AS bytes
           FROM pg_class c WHERE c.relnamespace = 'admissions'::regnamespace AND c.relkind = 'r'
           GROUP BY 1 HAVING sum(pg_total_relation_size(c.oid)) > 1000000 ORDER BY 2 DESC"""
    )
    return {row["name"]: round(float(row["bytes"]) / 1e6) for row in rows}


async def row_sizes(db: Db) -> dict[str, int]:
    """Bytes of a message as an event before and after its visit is closed, in the checkpoint, and as it came."""
    row = await db.fetchrow(
        """SELECT (SELECT avg(pg_column_size(e.*)) FROM admissions.event e TABLESAMPLE SYSTEM (0.2) WHERE octet_length(body) > 0)::integer AS event,
                  (SELECT avg(pg_column_size(e.*)) FROM (
                      SELECT * FROM admissions.event WHERE octet_length(body) = 0 LIMIT 10000
                  ) e)::integer AS closed_event,
                  (pg_total_relation_size('admissions.checkpoint')
                   / greatest(1, (SELECT sum(cardinality(event_ids)) FROM admissions.checkpoint)))::integer AS checkpoint,
                  (SELECT avg(pg_column_size(m.*)) FROM admissions.message m TABLESAMPLE SYSTEM (0.2))::integer AS raw""",
        timeout=LONG,
    )
    return dict(row) if row else {}


def utc(year: int, month: int, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
