-- name: lock_projection
-- One batch at a time: merges touch what other batches write.
SELECT pg_advisory_xact_lock(hashtextextended('worklist.projection', 0));

-- name: current_build
-- Which build of the read model is being written.
SELECT build FROM worklist.build;

-- name: visit_patients
-- To whom these visits belonged.
SELECT visit_id, patient_id FROM worklist.visit WHERE visit_id = ANY($1::uuid[]);

-- name: upsert_visits
-- Take over visits that are newer than what is known, or that the present build has not seen; gives those taken.
INSERT INTO worklist.visit AS v (
    visit_id, patient_id, number, authority, facility, feed, live, learned_at, document, revision, build
)
SELECT n.*, b.build
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::timestamptz[],
    $9::text[], $10::bigint[]
) AS n, worklist.build b
ON CONFLICT ON CONSTRAINT visit_pkey DO UPDATE SET
    patient_id = excluded.patient_id, number = excluded.number, authority = excluded.authority,
    facility = excluded.facility, feed = excluded.feed, live = excluded.live, learned_at = excluded.learned_at,
    document = excluded.document, revision = excluded.revision, build = excluded.build
WHERE excluded.revision > v.revision OR excluded.build > v.build
RETURNING visit_id;

-- name: upsert_patients
-- Take over persons, as the newest of their visits describe them; gives those taken.
INSERT INTO worklist.patient AS p (
    patient_id, name, number, birth_date, language, learned_at, document, build
)
SELECT n.*, b.build
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::date[], $5::text[], $6::timestamptz[], $7::text[]
) AS n, worklist.build b
ON CONFLICT ON CONSTRAINT patient_pkey DO UPDATE SET
    name = excluded.name, number = excluded.number, birth_date = excluded.birth_date, language = excluded.language,
    learned_at = excluded.learned_at, document = excluded.document, build = excluded.build
WHERE excluded.learned_at >= p.learned_at OR excluded.build > p.build
RETURNING patient_id;

-- name: forget_words
-- These subjects are found by other words now.
DELETE FROM worklist.word WHERE subject = ANY($1::uuid[]);

-- name: keep_words
-- What patients are found by: of which subject, which word, whose.
INSERT INTO worklist.word (subject, word, patient_id)
SELECT DISTINCT n.subject, n.word, n.patient_id
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS n (subject, word, patient_id)
ON CONFLICT ON CONSTRAINT word_pkey DO UPDATE SET patient_id = excluded.patient_id;

-- name: move_episodes
-- Visits went to another patient, and their episodes with them.
UPDATE worklist.episode e SET patient_id = v.patient_id
FROM worklist.visit v
WHERE v.visit_id = ANY($1::uuid[]) AND e.visit_id = v.visit_id AND e.patient_id <> v.patient_id;

-- name: move_deadlines
-- Visits went to another patient, and their deadlines with them.
UPDATE worklist.deadline d SET patient_id = v.patient_id
FROM worklist.visit v
WHERE v.visit_id = ANY($1::uuid[]) AND d.visit_id = v.visit_id AND d.patient_id <> v.patient_id;

-- name: move_leases
-- Patients became others: who works on one works on the other, unless somebody does already.
INSERT INTO worklist.lease (patient_id, by, episode_id, kind, taken_at, until)
SELECT n.new_id, l.by, l.episode_id, l.kind, l.taken_at, l.until
FROM unnest($1::uuid[], $2::uuid[]) AS n (old_id, new_id)
JOIN worklist.lease l ON l.patient_id = n.old_id
WHERE NOT EXISTS (SELECT FROM worklist.visit v WHERE v.patient_id = n.old_id)
ON CONFLICT ON CONSTRAINT lease_pkey DO NOTHING;

-- name: forget_patients
-- Those of these who have no visit any more.
WITH gone AS (
    SELECT n.patient_id FROM unnest($1::uuid[]) AS n (patient_id)
    WHERE NOT EXISTS (SELECT FROM worklist.visit v WHERE v.patient_id = n.patient_id)
), words AS (
    DELETE FROM worklist.word w USING gone WHERE w.subject = gone.patient_id
), leases AS (
    DELETE FROM worklist.lease l USING gone WHERE l.patient_id = gone.patient_id
)
DELETE FROM worklist.patient p USING gone WHERE p.patient_id = gone.patient_id;

-- name: upsert_episodes
-- Take over episodes that are newer than what is known, or that the present build has not seen; gives those taken.
INSERT INTO worklist.episode AS e (
    episode_id, patient_id, visit_id, status, opened_at, programme, document, revision, build
)
SELECT n.episode_id, coalesce(v.patient_id, n.patient_id), n.visit_id, n.status, n.opened_at, n.programme, n.document,
       n.revision, b.build
FROM unnest(
    $1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::bigint[]
) AS n (episode_id, patient_id, visit_id, status, opened_at, programme, document, revision)
CROSS JOIN worklist.build b
LEFT JOIN worklist.visit v ON v.visit_id = n.visit_id
ON CONFLICT ON CONSTRAINT episode_pkey DO UPDATE SET
    patient_id = excluded.patient_id, visit_id = excluded.visit_id, status = excluded.status,
    opened_at = excluded.opened_at, programme = excluded.programme, document = excluded.document,
    revision = excluded.revision, build = excluded.build
WHERE excluded.revision > e.revision OR excluded.build > e.build
RETURNING episode_id;

-- name: give_programmes
-- The deadlines of these episodes carry their programme, which the list is filtered by.
UPDATE worklist.deadline d SET programme = e.programme
FROM worklist.episode e
WHERE e.episode_id = ANY($1::text[]) AND d.episode_id = e.episode_id AND d.programme IS DISTINCT FROM e.programme;

-- name: upsert_deadlines
-- Take over deadlines that are newer than what is known, or that the present build has not seen; gives those taken.
INSERT INTO worklist.deadline AS d (
    deadline_id, episode_id, patient_id, visit_id, kind, status, due_at, owed, late_known, provisional, live, severity,
    because, team, facility, unit, document, revision, programme, build
)
SELECT n.deadline_id, n.episode_id, coalesce(v.patient_id, n.patient_id), n.visit_id, n.kind, n.status, n.due_at, n.owed,
       n.late_known, n.provisional, n.live, n.severity, n.because, n.team, n.facility, n.unit, n.document, n.revision,
       e.programme, b.build
FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::boolean[],
    $9::boolean[], $10::boolean[], $11::boolean[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
    $17::text[], $18::bigint[]
) AS n (
    deadline_id, episode_id, patient_id, visit_id, kind, status, due_at, owed, late_known, provisional, live, severity,
    because, team, facility, unit, document, revision
)
CROSS JOIN worklist.build b
LEFT JOIN worklist.visit v ON v.visit_id = n.visit_id
LEFT JOIN worklist.episode e ON e.episode_id = n.episode_id
ON CONFLICT ON CONSTRAINT deadline_pkey DO UPDATE SET
    episode_id = excluded.episode_id, patient_id = excluded.patient_id, visit_id = excluded.visit_id,
    kind = excluded.kind, status = excluded.status, due_at = excluded.due_at, owed = excluded.owed,
    late_known = excluded.late_known, provisional = excluded.provisional, live = excluded.live,
    severity = excluded.severity, because = excluded.because, team = excluded.team, facility = excluded.facility,
    unit = excluded.unit, document = excluded.document, revision = excluded.revision, programme = excluded.programme,
    build = excluded.build
WHERE excluded.revision > d.revision OR excluded.build > d.build
RETURNING deadline_id;

-- name: upsert_alerts
-- Take over alerts that are newer than what is known, or that the present build has not seen; gives those taken.
INSERT INTO worklist.alert AS a (
    alert_id, patient_id, episode_id, status, raised_at, team, facility, unit, live, document, revision, build
)
SELECT n.*, b.build
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::boolean[],
    $10::text[], $11::bigint[]
) AS n, worklist.build b
ON CONFLICT ON CONSTRAINT alert_pkey DO UPDATE SET
    patient_id = excluded.patient_id, episode_id = excluded.episode_id, status = excluded.status,
    raised_at = excluded.raised_at, team = excluded.team, facility = excluded.facility, unit = excluded.unit,
    live = excluded.live, document = excluded.document, revision = excluded.revision, build = excluded.build
WHERE excluded.revision > a.revision OR excluded.build > a.build
RETURNING alert_id;

-- name: hear_actions
-- Actions that stand on care.actions; those of ours are not waiting any more.
INSERT INTO worklist.action AS a (
    action_id, type, ours, state, by, at, occurred_at, number, facility, authority, withdraws, body, partition,
    record_offset
)
SELECT n.action_id, n.type, false, 'sent', n.by, n.at, n.occurred_at, n.number, n.facility, n.authority, n.withdraws,
       n.body, n.partition, n.record_offset
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::integer[], $12::bigint[]
) AS n (
    action_id, type, by, at, occurred_at, number, facility, authority, withdraws, body, partition, record_offset
)
ON CONFLICT ON CONSTRAINT action_pkey DO UPDATE SET
    state = CASE a.state WHEN 'waiting' THEN 'sent' ELSE a.state END,
    partition = excluded.partition, record_offset = excluded.record_offset;

-- name: refuse_actions
-- Actions that transitions refused, by where they stood on care.actions, and why.
UPDATE worklist.action a SET state = 'refused', reason = n.reason
FROM unnest($1::integer[], $2::bigint[], $3::text[]) AS n (partition, record_offset, reason)
WHERE a.partition = n.partition AND a.record_offset = n.record_offset AND a.state <> 'refused'
RETURNING a.action_id, a.number;

-- name: apply_actions
-- What transitions says became of actions, where that is newer; one that is not known from care.actions is made known.
INSERT INTO worklist.action AS a (
    action_id, type, ours, state, at, occurred_at, patient_id, episode_id, body, effect, reason, kinds, applied_revision
)
SELECT n.action_id, n.type, false, 'confirmed', n.at, n.occurred_at, n.patient_id, n.episode_id, '{}', n.effect, n.reason,
       CASE n.kinds WHEN '' THEN '{}' ELSE string_to_array(n.kinds, ',') END, n.revision
FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::uuid[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::bigint[]
) AS n (action_id, type, at, occurred_at, patient_id, episode_id, effect, reason, kinds, revision)
ON CONFLICT ON CONSTRAINT action_pkey DO UPDATE SET
    state = 'confirmed', effect = excluded.effect, reason = excluded.reason, kinds = excluded.kinds,
    patient_id = coalesce(excluded.patient_id, a.patient_id), episode_id = coalesce(excluded.episode_id, a.episode_id),
    applied_revision = excluded.applied_revision
WHERE excluded.applied_revision > a.applied_revision OR a.state IN ('waiting', 'sent')
RETURNING action_id;

-- name: confirm_withdrawals
-- Withdrawals of these actions have been taken in.
UPDATE worklist.action SET state = 'confirmed' WHERE withdraws = ANY($1::text[]) AND state IN ('waiting', 'sent');

-- name: places_of_visits
-- The cases, patients, teams and units that concern visits of these numbers.
SELECT DISTINCT d.episode_id, d.patient_id, d.team, d.unit
FROM worklist.visit v JOIN worklist.deadline d ON d.visit_id = v.visit_id
WHERE v.number = ANY($1::text[]) AND d.owed;

-- name: lock_changes
-- Changes are numbered in the order of their commits: whoever has read one misses none before it.
SELECT pg_advisory_xact_lock(hashtextextended('worklist.change', 0));

-- name: note_change
-- Open pages should look again; gives the number of the change.
INSERT INTO worklist.change (document) VALUES ($1) RETURNING change_id;

-- name: tell_change
-- At the commit, have every process hear of it.
SELECT pg_notify('worklist_change', $1);

-- name: changes_after
-- Changes behind this one, in order.
SELECT change_id, at, document FROM worklist.change WHERE change_id > $1 ORDER BY change_id LIMIT $2;

-- name: change_window
-- The first and last change that are kept.
SELECT min(change_id) AS first, max(change_id) AS last FROM worklist.change;

-- name: prune_changes
-- Forget changes older than this, but for the last one.
DELETE FROM worklist.change
WHERE at < statement_timestamp() - make_interval(secs => $1) AND change_id < (SELECT max(change_id) FROM worklist.change);
