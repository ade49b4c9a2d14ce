"""A read model of the worklist as large as it gets, put there by SQL: a tenth of its deadlines are open."""

import os

from services.chassis.postgres import Db

DEADLINES = int(os.environ.get("BENCH_WORKLIST", "1000000"))
OPEN_SHARE = 10
TEAMS, UNITS, FACILITIES, KINDS = 8, 40, 5, 6
LONG = 3600.0

_PATIENTS = """
INSERT INTO worklist.patient (patient_id, name, number, birth_date, language, learned_at, document, build)
SELECT md5('p' || n)::uuid, 'Name' || n % 5000 || ', Given' || n % 700, 'M' || n, date '1940-01-01' + n % 20000, 'en', now(),
       json_build_object('patient_id', md5('p' || n)::uuid, 'number', 'M' || n, 'authority', 'VALLEY')::text, 0
FROM generate_series(1, $1::integer) n
"""
_WORDS = """
INSERT INTO worklist.word (subject, word, patient_id)
SELECT md5('p' || n)::uuid, w.word, md5('p' || n)::uuid
FROM generate_series(1, $1::integer) n,
LATERAL (VALUES ('name' || n % 5000), ('given' || n % 700), ('m' || n)) AS w (word)
"""
_VISITS = """
INSERT INTO worklist.visit (
    visit_id, patient_id, number, authority, facility, feed, live, learned_at, document, revision, build
)
SELECT md5('v' || n)::uuid, md5('p' || n)::uuid, 'V' || n, 'VALLEY', 'F' || n % 5, 'default', true, now(), '{}', 1, 0
FROM generate_series(1, $1::integer) n
"""
_EPISODES = """
INSERT INTO worklist.episode (episode_id, patient_id, visit_id, status, opened_at, programme, document, revision, build)
SELECT 'B' || lpad(n::text, 8, '0'), md5('p' || n)::uuid, md5('v' || n)::uuid, 'open', now(),
       (ARRAY['case_management', 'care_coordination', NULL])[1 + n % 3], '{}', 1, 0
FROM generate_series(1, $1::integer) n
"""
# The open ones lie among the others, as they do when cases open and close from day to day.
_DEADLINES = """
INSERT INTO worklist.deadline (
    deadline_id, episode_id, patient_id, visit_id, kind, status, due_at, owed, late_known, provisional, live, severity,
    because, team, facility, unit, programme, document, revision, build
)
SELECT md5('d' || n)::uuid, 'B' || lpad(c.of::text, 8, '0'), md5('p' || c.of)::uuid, md5('v' || c.of)::uuid, 'kind_' || n % 6,
       CASE WHEN n % 10 = 0 THEN 'pending' ELSE 'met' END, now() + (random() * 20 - 2) * interval '1 day', n % 10 = 0,
       random() < 0.05, false, true, 'P' || 2 + n % 3, '72 hours after the discharge of Fri 9 Jan 2026, 15:00',
       'team' || c.of / 7 % 8, 'F' || c.of % 5, 'U' || c.of / 3 % 40, (ARRAY['case_management', 'care_coordination', NULL])[1 + c.of % 3],
       repeat('x', 600), 1, 0
FROM generate_series(1, $1::integer) AS n, LATERAL (SELECT 1 + (n - 1) / 4 AS of) c
"""
_PLAIN = """
CREATE SCHEMA bench;
CREATE TABLE bench.deadline AS SELECT * FROM worklist.deadline;
ALTER TABLE bench.deadline ADD PRIMARY KEY (deadline_id);
CREATE INDEX ON bench.deadline (due_at);
CREATE INDEX ON bench.deadline (team);
CREATE INDEX ON bench.deadline (unit);
"""


async def fill(db: Db, deadlines: int = DEADLINES) -> None:
    """So many deadlines, four a case; and a copy of them with ordinary indexes, for the baseline."""
    for statement in (_PATIENTS, _WORDS, _VISITS, _EPISODES):
        await db.execute(statement, deadlines // 4, timeout=LONG)
    await db.execute(_DEADLINES, deadlines, timeout=LONG)
    await db.execute(_PLAIN, timeout=LONG)
    await db.execute("VACUUM ANALYZE", timeout=LONG)
