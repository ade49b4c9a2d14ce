-- name: lock_projection
-- One batch at a time: merges touch what other batches write.
SELECT pg_advisory_xact_lock(hashtextextended('worklist.projection', 0));

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
) AS n, (SELECT coalesce(max(build), 0) AS build FROM worklist.build) AS b
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
) AS n, (SELECT coalesce(max(build), 0) AS build FROM worklist.build) AS b
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
CROSS JOIN (SELECT coalesce(max(build), 0) AS build FROM worklist.build) AS b
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
CROSS JOIN (SELECT coalesce(max(build), 0) AS build FROM worklist.build) AS b
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
) AS n, (SELECT coalesce(max(build), 0) AS build FROM worklist.build) AS b
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

-- name: note_refusals
-- What was refused at either door.
INSERT INTO worklist.refusal (source_topic, partition, record_offset, code, feed, at)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT ON CONSTRAINT refusal_pkey DO NOTHING;

-- name: count_refusals
-- What was refused since $1, by feed and reason, the most frequent first.
SELECT source_topic AS topic, feed, code, count(*) AS records, max(at) AS last
FROM worklist.refusal WHERE at >= $1 GROUP BY source_topic, feed, code ORDER BY records DESC, topic, feed, code LIMIT 50;

-- name: prune_refusals
-- What is too old for any page.
DELETE FROM worklist.refusal WHERE at < now() - make_interval(secs => $1);

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

-- name: last_change
-- The number of the last change.
SELECT max(change_id) FROM worklist.change;

-- name: prune_changes
-- Forget changes older than this, but for the last one.
DELETE FROM worklist.change
WHERE at < statement_timestamp() - make_interval(secs => $1) AND change_id < (SELECT max(change_id) FROM worklist.change);

-- name: list_page
-- A page of what is owed, soonest due first, behind a place in that order; $1 to $11 are the filters.
WITH chosen AS MATERIALIZED (
    SELECT d.deadline_id, d.due_at
    FROM worklist.deadline d
    WHERE
        d.owed AND d.live
        AND ($1::text IS NULL OR d.team = $1)
        AND ($2::text IS NULL OR d.unit = $2)
        AND ($3::text IS NULL OR d.facility = $3)
        AND ($4::text IS NULL OR d.kind = $4)
        AND ($5::text IS NULL OR d.programme = $5)
        AND (NOT $6::boolean OR d.late_known)
        AND (NOT $7::boolean OR d.due_at <= $8::timestamptz)
        AND (NOT $9::boolean OR d.patient_id IN (
            SELECT l.patient_id FROM worklist.lease l WHERE l.by = $10::text AND l.until > $8::timestamptz
        ))
        AND ($11::uuid[] IS NULL OR d.patient_id = ANY($11))
        AND ($12::timestamptz IS NULL OR (d.due_at, d.deadline_id) > ($12, $13::uuid))
    ORDER BY d.due_at, d.deadline_id
    LIMIT $14
)
SELECT d.deadline_id, d.episode_id, d.patient_id, d.kind, d.status, d.due_at, d.late_known, d.provisional, d.severity,
       d.because, d.team, d.facility, d.unit, d.programme, d.revision, p.name, p.number, p.birth_date, p.language,
       v.number AS visit_number, l.by AS taken_by, l.until AS taken_until, a.attempts, a.pending
FROM chosen c
JOIN worklist.deadline d ON d.deadline_id = c.deadline_id
LEFT JOIN worklist.visit v ON v.visit_id = d.visit_id
LEFT JOIN worklist.patient p ON p.patient_id = d.patient_id
LEFT JOIN worklist.lease l ON l.patient_id = d.patient_id AND l.until > $8::timestamptz
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (
               WHERE a.type = 'contact_attempted' AND a.state <> 'refused'
                 AND coalesce(a.effect, 'counted') NOT IN ('noted', 'withdrawn')
           ) AS attempts,
           count(*) FILTER (WHERE a.state IN ('waiting', 'sent')) AS pending
    FROM worklist.action a WHERE a.episode_id = d.episode_id
) a
ORDER BY c.due_at, c.deadline_id;

-- name: list_counts
-- How much of what is owed there is under the filters $1 to $11.
SELECT count(*) AS total, count(*) FILTER (WHERE d.due_at <= $8::timestamptz) AS overdue,
       count(*) FILTER (WHERE d.late_known) AS late_known,
       count(*) FILTER (WHERE d.patient_id IN (
           SELECT l.patient_id FROM worklist.lease l WHERE l.by = $10::text AND l.until > $8::timestamptz
       )) AS mine
FROM worklist.deadline d
WHERE
    d.owed AND d.live
    AND ($1::text IS NULL OR d.team = $1)
    AND ($2::text IS NULL OR d.unit = $2)
    AND ($3::text IS NULL OR d.facility = $3)
    AND ($4::text IS NULL OR d.kind = $4)
    AND ($5::text IS NULL OR d.programme = $5)
    AND (NOT $6::boolean OR d.late_known)
    AND (NOT $7::boolean OR d.due_at <= $8::timestamptz)
    AND (NOT $9::boolean OR d.patient_id IN (
        SELECT l.patient_id FROM worklist.lease l WHERE l.by = $10::text AND l.until > $8::timestamptz
    ))
    AND ($11::uuid[] IS NULL OR d.patient_id = ANY($11));

-- name: list_hours
-- What falls due in each of the next $12 hours, by severity, under the filters $1 to $11.
SELECT date_bin('1 hour', d.due_at, $8::timestamptz) AS at, d.severity, count(*) AS items
FROM worklist.deadline d
WHERE
    d.owed AND d.live
    AND ($1::text IS NULL OR d.team = $1)
    AND ($2::text IS NULL OR d.unit = $2)
    AND ($3::text IS NULL OR d.facility = $3)
    AND ($4::text IS NULL OR d.kind = $4)
    AND ($5::text IS NULL OR d.programme = $5)
    AND (NOT $6::boolean OR d.late_known)
    AND (NOT $7::boolean OR d.due_at <= $8::timestamptz)
    AND (NOT $9::boolean OR d.patient_id IN (
        SELECT l.patient_id FROM worklist.lease l WHERE l.by = $10::text AND l.until > $8::timestamptz
    ))
    AND ($11::uuid[] IS NULL OR d.patient_id = ANY($11))
    AND d.due_at > $8::timestamptz AND d.due_at <= $8::timestamptz + make_interval(hours => $12::integer)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: list_words
-- Every combination of words that what is owed has, and how often.
SELECT team, unit, facility, kind, programme, count(*) AS items
FROM worklist.deadline WHERE owed AND live
GROUP BY team, unit, facility, kind, programme;

-- name: find_patients
-- Patients of whom every one of these words is the beginning of a word; from ($1) and below ($2) bound each.
SELECT w.patient_id
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (low, high, n)
JOIN worklist.word w ON w.word >= q.low COLLATE "C" AND w.word < q.high COLLATE "C"
GROUP BY w.patient_id
HAVING count(DISTINCT q.n) = cardinality($1)
LIMIT $3;

-- name: patient_of
-- The patient of a case.
SELECT patient_id FROM worklist.episode WHERE episode_id = $1;

-- name: found_patients
-- What a search shows of patients.
SELECT p.patient_id, p.name, p.birth_date, p.number, e.episode_id, o.owed
FROM worklist.patient p
LEFT JOIN LATERAL (
    SELECT e.episode_id FROM worklist.episode e
    WHERE e.patient_id = p.patient_id AND e.status <> 'void' ORDER BY e.opened_at DESC LIMIT 1
) e ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS owed FROM worklist.deadline d WHERE d.patient_id = p.patient_id AND d.owed AND d.live
) o
WHERE p.patient_id = ANY($1::uuid[])
ORDER BY o.owed DESC, p.name, p.patient_id;

-- name: patient
-- A person.
SELECT document FROM worklist.patient WHERE patient_id = $1;

-- name: visits_of
-- The visits of a patient, the latest first.
SELECT document FROM worklist.visit WHERE patient_id = $1 ORDER BY learned_at DESC, visit_id;

-- name: episodes_of
-- The cases of a patient that are or were, the latest first.
SELECT document, programme FROM worklist.episode
WHERE patient_id = $1 AND status <> 'void' ORDER BY opened_at DESC, episode_id;

-- name: deadlines_of
-- The deadlines of these cases that are or were, in order.
SELECT document FROM worklist.deadline
WHERE episode_id = ANY($1::text[]) AND status NOT IN ('void', 'superseded') ORDER BY due_at, deadline_id;

-- name: alerts_of
-- The alerts about a patient or these cases, the latest first.
SELECT document FROM worklist.alert
WHERE patient_id = $1 OR episode_id = ANY($2::text[]) ORDER BY raised_at DESC, alert_id;

-- name: actions_of
-- What was done about a patient, these cases or visits of these numbers at these facilities, the latest first.
SELECT a.action_id, a.type, a.state, a.episode_id, a.by, a.at, a.occurred_at, a.body, a.ours, a.effect, a.reason, a.kinds,
       a.effect = 'withdrawn' OR EXISTS (
           SELECT FROM worklist.action w WHERE w.withdraws = a.action_id AND w.state <> 'refused'
       ) AS withdrawn
FROM worklist.action a
WHERE a.patient_id = $1 OR a.episode_id = ANY($2::text[]) OR EXISTS (
    SELECT FROM unnest($3::text[], $4::text[]) AS v (number, facility)
    WHERE a.number = v.number AND coalesce(a.facility, v.facility) = v.facility
)
ORDER BY a.occurred_at DESC, a.action_id;

-- name: lease_of
-- Who works on a patient now.
SELECT by, until FROM worklist.lease WHERE patient_id = $1 AND until > $2;

-- name: holders
-- Who works on how many patients with something owed under the filters of a board: team $1, unit $2, facility $3.
SELECT l.by, count(*) AS patients, min(l.until) AS until
FROM worklist.lease l
WHERE l.until > $4 AND EXISTS (
    SELECT FROM worklist.deadline d
    WHERE d.patient_id = l.patient_id AND d.owed AND d.live AND ($1::text IS NULL OR d.team = $1)
      AND ($2::text IS NULL OR d.unit = $2) AND ($3::text IS NULL OR d.facility = $3)
)
GROUP BY l.by ORDER BY l.by;

-- name: standing_alerts
-- Alerts that are not over, the latest first: of team $1, unit $2, facility $3.
SELECT document FROM worklist.alert
WHERE live AND status IN ('firing', 'acknowledged') AND ($1::text IS NULL OR team = $1)
  AND ($2::text IS NULL OR unit = $2) AND ($3::text IS NULL OR facility = $3)
ORDER BY raised_at DESC LIMIT $4;

-- name: marks
-- How far each consumer has applied each topic.
SELECT consumer, topic, CASE WHEN count(mark) = count(*) THEN min(mark) END AS mark
FROM baton.applied_mark GROUP BY consumer, topic ORDER BY consumer, topic;

-- name: feeds
-- When each feed last told of a visit.
SELECT feed, max(learned_at) AS at FROM worklist.visit GROUP BY feed ORDER BY feed;

-- name: count_alerts
-- Alerts that are not over, by status.
SELECT status, count(*) AS alerts FROM worklist.alert WHERE live AND status IN ('firing', 'acknowledged') GROUP BY status;

-- name: count_actions
-- Actions that are not confirmed: waiting for Kafka, waiting for transitions, refused; and since when.
SELECT state, count(*) AS actions, min(at) AS oldest
FROM worklist.action WHERE state IN ('waiting', 'sent') GROUP BY state
UNION ALL
SELECT state, count(*), min(at) FROM worklist.action WHERE state = 'refused' GROUP BY state;

-- name: tally_actions
-- Actions that are not confirmed, by state.
SELECT state, count(*) AS actions FROM worklist.action WHERE state IN ('waiting', 'sent') GROUP BY state
UNION ALL
SELECT state, count(*) FROM worklist.action WHERE state = 'refused' GROUP BY state;

-- name: build
-- Which build of the read model this is, and whether it is complete.
SELECT build, began_at IS NOT NULL AND ended_at IS NULL AS rebuilding FROM worklist.build;

-- name: moment
-- What time it is, and the last change that a page read after this will have seen.
SELECT coalesce((SELECT at FROM baton.clock), statement_timestamp()) AS now,
       coalesce((SELECT max(change_id) FROM worklist.change), 0) AS change;

-- name: case_for_action
-- What an action on a case has to say of its visit, and whom it touches.
SELECT e.episode_id, e.patient_id, v.number, v.facility, v.authority
FROM worklist.episode e LEFT JOIN worklist.visit v ON v.visit_id = e.visit_id
WHERE e.episode_id = $1;

-- name: places_of_case
-- The teams and units that look at a case.
SELECT DISTINCT team, unit FROM worklist.deadline WHERE episode_id = $1 AND owed;

-- name: enter_action
-- Keep an action of ours until Kafka has it; the same id again leaves no trace.
INSERT INTO worklist.action (
    action_id, type, ours, state, by, at, occurred_at, patient_id, episode_id, number, facility, authority, withdraws, body
)
VALUES ($1, $2, true, 'waiting', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT ON CONSTRAINT action_pkey DO NOTHING
RETURNING action_id;

-- name: action
-- An action as it now stands.
SELECT a.action_id, a.type, a.state, a.patient_id, a.episode_id, a.number, a.by, a.at, a.occurred_at, a.body, a.ours,
       a.effect, a.reason, a.kinds, coalesce(a.effect = 'withdrawn', false) OR EXISTS (
           SELECT FROM worklist.action w WHERE w.withdraws = a.action_id AND w.state <> 'refused'
       ) AS withdrawn
FROM worklist.action a WHERE a.action_id = $1;

-- name: next_kind
-- What is owed first in a case.
SELECT kind FROM worklist.deadline WHERE episode_id = $1 AND owed ORDER BY due_at, deadline_id LIMIT 1;

-- name: lease_for_update
-- Who works on a patient, held until the transaction ends.
SELECT by, until FROM worklist.lease WHERE patient_id = $1 FOR UPDATE;

-- name: take
-- Work on a patient, unless somebody else does; gives nothing then.
INSERT INTO worklist.lease AS l (patient_id, by, episode_id, kind, taken_at, until)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT lease_pkey DO UPDATE SET
    by = excluded.by, episode_id = excluded.episode_id, kind = excluded.kind, taken_at = excluded.taken_at,
    until = excluded.until
WHERE l.until <= excluded.taken_at OR l.by = excluded.by
RETURNING until;

-- name: release
-- Work on a patient no longer: one's own work ($2), or anyone's (null).
DELETE FROM worklist.lease WHERE patient_id = $1 AND ($2::text IS NULL OR by = $2)
RETURNING by, episode_id, kind, until;

-- name: end_leases
-- Leases that have run out.
DELETE FROM worklist.lease
WHERE patient_id IN (
    SELECT patient_id FROM worklist.lease WHERE until <= $1 ORDER BY patient_id LIMIT 500 FOR UPDATE SKIP LOCKED
)
RETURNING by, episode_id, kind;

-- name: unpublished_actions
-- Actions of ours that care.actions has not got yet.
SELECT action_id AS id, revision, at, type, body FROM worklist.action
WHERE ours AND revision > published_revision ORDER BY at LIMIT $1;

-- name: actions_published
-- Kafka has these.
UPDATE worklist.action a
SET published_revision = n.revision, state = CASE a.state WHEN 'waiting' THEN 'sent' ELSE a.state END
FROM unnest($1::text[], $2::bigint[]) AS n (id, revision)
WHERE a.action_id = n.id AND a.published_revision < n.revision;

-- name: republish_actions
-- Publish actions of ours again, all or those since an instant; whoever knows them takes no notice.
UPDATE worklist.action SET published_revision = 0 WHERE ours AND ($1::timestamptz IS NULL OR at >= $1);

-- name: begin_build
-- From now on the read model is written anew: every row that is heard again counts, whatever its revision.
INSERT INTO worklist.build (build, began_at) VALUES (1, clock_timestamp())
ON CONFLICT ON CONSTRAINT build_pkey DO UPDATE SET build = build.build + 1, began_at = clock_timestamp(), ended_at = NULL
RETURNING build;

-- name: end_build
-- The read model is complete.
UPDATE worklist.build SET ended_at = clock_timestamp() WHERE build = $1;

-- name: sweep_visits
-- Visits that nobody told of again.
DELETE FROM worklist.visit WHERE build < $1;

-- name: sweep_patients
-- Persons that nobody told of again.
DELETE FROM worklist.patient WHERE build < $1;

-- name: sweep_words
-- Words of whom there is nothing any more.
DELETE FROM worklist.word w
WHERE NOT EXISTS (SELECT FROM worklist.visit v WHERE v.visit_id = w.subject)
  AND NOT EXISTS (SELECT FROM worklist.patient p WHERE p.patient_id = w.subject);

-- name: sweep_episodes
-- Cases that nobody told of again.
DELETE FROM worklist.episode WHERE build < $1;

-- name: sweep_deadlines
-- Deadlines that nobody told of again.
DELETE FROM worklist.deadline WHERE build < $1;

-- name: sweep_alerts
-- Alerts that nobody told of again.
DELETE FROM worklist.alert WHERE build < $1;
