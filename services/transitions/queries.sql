-- name: patients_of
-- To whom these visits belong, as far as they are known.
SELECT DISTINCT patient_id FROM transitions.visit WHERE visit_id = ANY($1::uuid[]);

-- name: known_visits
-- These visits as they are known so far, and when the newest word of each came.
SELECT visit_id, document, learned_at, test FROM transitions.visit WHERE visit_id = ANY($1::uuid[]);

-- name: ensure_patients
-- Make the lock rows of patients never seen.
INSERT INTO transitions.patient (patient_id)
SELECT n.patient_id FROM unnest($1::uuid[]) AS n (patient_id)
WHERE NOT EXISTS (SELECT 1 FROM transitions.patient p WHERE p.patient_id = n.patient_id)
ORDER BY n.patient_id
ON CONFLICT ON CONSTRAINT patient_pkey DO NOTHING;

-- name: lock_patients
-- Hold the patients, in one order.
SELECT patient_id FROM transitions.patient WHERE patient_id = ANY($1::uuid[]) ORDER BY patient_id FOR UPDATE;

-- name: upsert_visits
-- Take over visits that are newer than what is known.
INSERT INTO transitions.visit AS v (
    visit_id, root_id, patient_id, number, authority, facility, test, revision, document, learned_at
)
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::text[],
    $10::timestamptz[]
)
ON CONFLICT ON CONSTRAINT visit_pkey DO UPDATE SET
    root_id = excluded.root_id, patient_id = excluded.patient_id, number = excluded.number, authority = excluded.authority,
    facility = excluded.facility, test = excluded.test, revision = excluded.revision, document = excluded.document,
    learned_at = excluded.learned_at
WHERE excluded.revision > v.revision;

-- name: share_binding
-- Visits appear: until the transaction ends nobody keeps an action as one for a visit not yet known.
SELECT pg_advisory_xact_lock_shared(hashtextextended('transitions.binding', 0));

-- name: hold_binding
-- An action is kept as one for a visit not yet known: until the transaction ends no visit appears.
SELECT pg_advisory_xact_lock(hashtextextended('transitions.binding', 0));

-- name: bind_actions
-- Actions that waited for one of these visit numbers, where only one visit can be meant.
UPDATE transitions.action a SET root_id = m.root_id
FROM (
    SELECT a.action_id, min(v.root_id::text)::uuid AS root_id
    FROM transitions.action a
    JOIN transitions.visit v ON v.number = a.number AND NOT v.test
        AND (a.facility IS NULL OR v.facility = a.facility)
        AND (a.authority IS NULL OR v.authority = a.authority)
    WHERE a.root_id IS NULL AND a.number = ANY($1::text[])
    GROUP BY a.action_id
    HAVING count(DISTINCT v.root_id) = 1
) m
WHERE a.action_id = m.action_id;

-- name: follow_actions
-- A visit went on under another number: what was done about it goes along.
UPDATE transitions.action a SET root_id = n.root_id
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (old_id, root_id, number)
WHERE a.root_id = n.old_id AND a.number = n.number;

-- name: visits_by_number
-- The visits an action can mean.
SELECT DISTINCT root_id, number, facility, authority, patient_id
FROM transitions.visit WHERE number = ANY($1::text[]) AND NOT test;

-- name: insert_actions
-- Keep actions; the same one again leaves no trace.
INSERT INTO transitions.action (action_id, type, at, number, facility, authority, root_id, body)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[]
)
ON CONFLICT ON CONSTRAINT action_pkey DO NOTHING
RETURNING action_id;

-- name: action_bodies
-- What is kept under these ids.
SELECT action_id, body FROM transitions.action WHERE action_id = ANY($1::text[]);

-- name: insert_withdrawals
-- Keep withdrawals; the same one again leaves no trace.
INSERT INTO transitions.withdrawal (action_id, at, body)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[])
ON CONFLICT ON CONSTRAINT withdrawal_pkey DO NOTHING
RETURNING action_id;

-- name: patients_of_actions
-- Whose plan these actions concern.
SELECT DISTINCT a.action_id, v.patient_id
FROM transitions.action a JOIN transitions.visit v ON v.root_id = a.root_id
WHERE a.action_id = ANY($1::text[]);

-- name: stays
-- All visits of these patients, test visits apart.
SELECT patient_id, document FROM transitions.visit WHERE patient_id = ANY($1::uuid[]) AND NOT test;

-- name: deeds
-- All actions on the visits of these patients that were not withdrawn, each with what became of it so far.
SELECT v.patient_id, a.action_id, a.root_id, a.at, a.body, r.effect, r.reason, r.kinds, r.visit_id, r.episode_id,
       r.patient_id AS answered_for, r.known_at, r.revision
FROM (SELECT DISTINCT patient_id, root_id FROM transitions.visit WHERE patient_id = ANY($1::uuid[]) AND NOT test) v
JOIN transitions.action a ON a.root_id = v.root_id
LEFT JOIN transitions.answer r ON r.action_id = a.action_id
WHERE NOT EXISTS (SELECT 1 FROM transitions.withdrawal w WHERE w.action_id = a.action_id);

-- name: episodes
-- The episodes of these patients.
SELECT episode_id, patient_id, visit_id, kind, anchor, status, opened_at, closed_at, close_reason, protocol, facility,
       unit, team, live, readmission, programme, lace, acknowledged, learned_at, known_at, revision, notices, handoff,
       responsibility
FROM transitions.episode WHERE patient_id = ANY($1::uuid[]);

-- name: deadlines
-- The deadlines of these patients, held against firing until the transaction ends.
SELECT deadline_id, episode_id, patient_id, kind, status, due_at, becomes, settled_at, generation, late_known,
       provisional, owed, behind, because, severity, warnings, warned, warned_at, hold_until, acknowledged, learned_at,
       known_at, revision, waived, responsible
FROM transitions.deadline WHERE patient_id = ANY($1::uuid[]) ORDER BY deadline_id FOR UPDATE;

-- name: upsert_episodes
-- Write episodes as they now stand.
WITH written AS (
INSERT INTO transitions.episode AS e (
    episode_id, patient_id, visit_id, kind, anchor, status, opened_at, closed_at, close_reason, protocol, facility,
    unit, team, live, readmission, programme, lace, acknowledged, learned_at, known_at, revision, notices, handoff,
    responsibility, unowned_from
)
SELECT * FROM unnest(
    $1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::boolean[], $15::text[], $16::text[],
    $17::text[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::bigint[], $22::text[], $23::text[],
    $24::text[], $25::timestamptz[]
)
ON CONFLICT ON CONSTRAINT episode_pkey DO UPDATE SET
    patient_id = excluded.patient_id, status = excluded.status, opened_at = excluded.opened_at,
    closed_at = excluded.closed_at, close_reason = excluded.close_reason, protocol = excluded.protocol,
    facility = excluded.facility, unit = excluded.unit, team = excluded.team, live = excluded.live,
    readmission = excluded.readmission, programme = excluded.programme, lace = excluded.lace,
    acknowledged = excluded.acknowledged, learned_at = excluded.learned_at,
    known_at = excluded.known_at, revision = excluded.revision, notices = excluded.notices,
    handoff = excluded.handoff, responsibility = excluded.responsibility, unowned_from = excluded.unowned_from
WHERE excluded.revision > e.revision
RETURNING e.episode_id, e.revision
)
INSERT INTO transitions.episode_unpublished AS q (episode_id, revision)
SELECT episode_id, revision FROM written ORDER BY episode_id
ON CONFLICT ON CONSTRAINT episode_unpublished_pkey DO UPDATE SET revision = excluded.revision;

-- name: upsert_deadlines
-- Write deadlines as they now stand.
WITH written AS (
INSERT INTO transitions.deadline AS d (
    deadline_id, episode_id, patient_id, kind, status, due_at, becomes, settled_at, generation, late_known,
    provisional, owed, behind, because, severity, warnings, warned, warned_at, hold_until, acknowledged, learned_at,
    known_at, revision, waived, responsible
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::timestamptz[],
    $9::integer[], $10::boolean[], $11::boolean[], $12::boolean[], $13::boolean[], $14::text[], $15::text[],
    $16::text[], $17::integer[], $18::timestamptz[], $19::timestamptz[], $20::text[], $21::timestamptz[],
    $22::timestamptz[], $23::bigint[], $24::boolean[], $25::text[]
)
ON CONFLICT ON CONSTRAINT deadline_pkey DO UPDATE SET
    patient_id = excluded.patient_id, status = excluded.status, due_at = excluded.due_at, becomes = excluded.becomes,
    settled_at = excluded.settled_at, generation = excluded.generation, late_known = excluded.late_known,
    provisional = excluded.provisional, owed = excluded.owed, behind = excluded.behind, because = excluded.because,
    severity = excluded.severity, warnings = excluded.warnings, warned = excluded.warned,
    warned_at = excluded.warned_at, hold_until = excluded.hold_until, acknowledged = excluded.acknowledged,
    learned_at = excluded.learned_at, known_at = excluded.known_at, revision = excluded.revision,
    waived = excluded.waived, responsible = excluded.responsible
WHERE excluded.revision > d.revision
RETURNING d.deadline_id, d.revision
)
INSERT INTO transitions.deadline_unpublished AS q (deadline_id, revision)
SELECT deadline_id, revision FROM written ORDER BY deadline_id
ON CONFLICT ON CONSTRAINT deadline_unpublished_pkey DO UPDATE SET revision = excluded.revision;

-- name: keep_judgements
-- Note what later arrivals are taken for, and visits that cannot be this person's, where that has changed.
UPDATE transitions.patient p SET readmissions = n.readmissions, alarms = n.alarms
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (patient_id, readmissions, alarms)
WHERE p.patient_id = n.patient_id AND (p.readmissions <> n.readmissions OR p.alarms <> n.alarms);

-- name: count_alarms
-- How many visits cannot be those of the person they are filed under, by why.
SELECT said ->> 1 AS alarm, count(*) AS visits
FROM transitions.patient, jsonb_array_elements(alarms::jsonb) AS said
WHERE alarms <> '[]' GROUP BY 1;

-- name: disarm
-- Take away the timers of these deadlines or patients.
DELETE FROM transitions.timer WHERE subject = ANY($1::uuid[]);

-- name: arm
-- Set timers.
INSERT INTO transitions.timer (subject, n, fire_at)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[])
ON CONFLICT ON CONSTRAINT timer_pkey DO UPDATE SET fire_at = excluded.fire_at;

-- name: announce
-- Wake the deadlines process: a timer was armed for this instant.
SELECT pg_notify('transitions_timer', $1::text);

-- name: next_timer
-- The next instant at which something happens by itself.
SELECT min(fire_at) FROM transitions.timer;

-- name: fire
-- Everything due or to be warned of by $1: claim, change and disarm in one statement. Status, due time and
-- revision are checked again here; what a planner holds is left to it, and whatever it writes arms anew. A claimed
-- timer is locked, so it stays where it is, and its place finds it without an index.
WITH claimed AS (
    SELECT t.ctid AS place, t.subject, t.n, t.fire_at
    FROM transitions.timer t JOIN transitions.deadline d ON d.deadline_id = t.subject
    WHERE t.fire_at <= $1 AND t.n >= 0
    ORDER BY t.fire_at
    LIMIT $2
    FOR UPDATE OF t, d SKIP LOCKED
), gone AS (
    DELETE FROM transitions.timer t USING claimed c WHERE t.ctid = c.place
), wanted AS (
    SELECT subject, bool_or(n = 0) AS due, max(fire_at) FILTER (WHERE n = 0) AS due_at, max(n) AS n,
           max(fire_at) FILTER (WHERE n > 0) AS warned_at
    FROM claimed GROUP BY subject
), fired AS (
    UPDATE transitions.deadline d SET
        status = CASE WHEN w.due AND d.due_at = w.due_at THEN d.becomes ELSE d.status END,
        settled_at = CASE WHEN w.due AND d.due_at = w.due_at THEN d.due_at ELSE d.settled_at END,
        known_at = CASE WHEN w.due AND d.due_at = w.due_at THEN greatest(d.due_at, d.learned_at) ELSE d.known_at END,
        owed = CASE WHEN w.due AND d.due_at = w.due_at THEN d.owed AND d.becomes = 'missed' ELSE d.owed END,
        behind = CASE WHEN w.due AND d.due_at = w.due_at THEN $4 ELSE d.behind END,
        fired_at = CASE WHEN w.due AND d.due_at = w.due_at THEN $3 ELSE d.fired_at END,
        warned = greatest(d.warned, w.n),
        warned_at = coalesce(w.warned_at, d.warned_at),
        revision = d.revision + 1
    FROM wanted w
    WHERE d.deadline_id = w.subject AND d.status = 'pending'
    RETURNING d.deadline_id, d.revision, d.status <> 'pending' AS settled,
              CASE WHEN NOT d.late_known THEN extract(epoch FROM d.fired_at - d.due_at)::float8 END AS late
), told AS (
    INSERT INTO transitions.deadline_unpublished AS q (deadline_id, revision)
    SELECT deadline_id, revision FROM fired ORDER BY deadline_id
    ON CONFLICT ON CONSTRAINT deadline_unpublished_pkey DO UPDATE SET revision = excluded.revision
)
SELECT (SELECT count(*) FROM claimed) AS claimed, count(*) AS changed, count(*) FILTER (WHERE settled) AS settled,
       coalesce(array_agg(late) FILTER (WHERE settled AND late IS NOT NULL), '{}') AS late
FROM fired;

-- name: protocols_in_use
-- The protocols under which open cases stand.
SELECT protocol, count(*) AS cases FROM transitions.episode WHERE status = 'open' GROUP BY protocol ORDER BY protocol;

-- name: count_deadlines
-- How many deadlines there are, by status.
SELECT status, count(*) AS deadlines FROM transitions.deadline GROUP BY status;

-- name: count_unowned
-- For how many seconds nobody has been responsible for the patients of open cases, by kind.
SELECT kind, extract(epoch FROM sum(n.now - unowned_from))::float8 AS seconds
FROM transitions.episode, (SELECT coalesce((SELECT at FROM baton.clock), statement_timestamp()) AS now) n
WHERE unowned_from <= n.now AND status = 'open' AND live GROUP BY kind;

-- name: due_replans
-- Patients whose plan changes by itself by now; another replica's are left to it.
SELECT subject, fire_at FROM transitions.timer WHERE n = -1 AND fire_at <= $1 ORDER BY fire_at LIMIT $2;

-- name: disarm_replans
-- Their plan is being made anew.
DELETE FROM transitions.timer WHERE n = -1 AND subject = ANY($1::uuid[]) AND fire_at <= $2;

-- name: insert_list_acks
-- Somebody has the list of a team; the same word again leaves no trace.
INSERT INTO transitions.list_ack (action_id, team, at, known_at, by)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[])
ON CONFLICT ON CONSTRAINT list_ack_pkey DO NOTHING;

-- name: settle_team_acks
-- Who has the lists that these actions, or withdrawals of them, are about: whoever said so last and has not taken it back.
INSERT INTO transitions.team_ack AS t (team, at, known_at, by, withdrawn, revision)
SELECT l.team, coalesce(s.at, $2), $2, s.by, s.team IS NULL, 1
FROM (SELECT DISTINCT team FROM transitions.list_ack WHERE action_id = ANY($1::text[])) l
LEFT JOIN LATERAL (
    SELECT a.team, a.at, a.by FROM transitions.list_ack a
    WHERE a.team = l.team AND NOT EXISTS (SELECT 1 FROM transitions.withdrawal w WHERE w.action_id = a.action_id)
    ORDER BY a.known_at DESC, a.action_id LIMIT 1
) s ON true
ORDER BY l.team
ON CONFLICT ON CONSTRAINT team_ack_pkey DO UPDATE SET
    at = excluded.at, known_at = excluded.known_at, by = excluded.by, withdrawn = excluded.withdrawn,
    revision = t.revision + 1
WHERE (t.withdrawn, t.at, t.by) IS DISTINCT FROM (excluded.withdrawn, excluded.at, excluded.by)
    AND NOT (t.withdrawn AND excluded.withdrawn);

-- name: insert_rejections
-- Keep refused actions; a record read twice is refused once.
INSERT INTO transitions.rejection (
    rejection_id, received_at, topic, partition, record_offset, code, field, detail, raw_key, raw, retry_of
)
SELECT * FROM unnest(
    $1::uuid[], $2::timestamptz[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[],
    $9::bytea[], $10::bytea[], $11::uuid[]
)
ON CONFLICT ON CONSTRAINT rejection_pkey DO NOTHING;

-- name: count_open_rejections
-- How many refused actions nobody has dealt with.
SELECT 'care.rejected' AS word, count(*) AS count FROM transitions.rejection WHERE status = 'open';

-- name: unpublished_episodes
-- Episodes whose latest state Kafka has not heard of yet.
SELECT episode_id AS id, episode_id, patient_id, visit_id, kind, status, opened_at, closed_at, close_reason, protocol,
       facility, unit, team, live, readmission, programme, lace, acknowledged, notices, handoff, responsibility,
       learned_at, known_at,
       revision + (SELECT base FROM baton.revision_base) AS revision
FROM transitions.episode
WHERE episode_id = ANY (ARRAY(SELECT episode_id FROM transitions.episode_unpublished LIMIT $1));

-- name: episodes_published
-- Kafka has these revisions. What is just being written again is left: it is due for its newer revision.
DELETE FROM transitions.episode_unpublished WHERE episode_id = ANY (ARRAY(
    SELECT u.episode_id
    FROM unnest($1::text[], $2::bigint[]) AS n (id, revision)
    CROSS JOIN LATERAL (
        SELECT episode_id FROM transitions.episode_unpublished
        WHERE episode_id = n.id AND revision <= n.revision - (SELECT base FROM baton.revision_base)
        FOR UPDATE SKIP LOCKED
    ) u
));

-- name: republish_episodes
-- Publish episodes again, all or those that changed since an instant.
INSERT INTO transitions.episode_unpublished (episode_id, revision)
SELECT episode_id, revision FROM transitions.episode WHERE $1::timestamptz IS NULL OR known_at >= $1 ORDER BY episode_id
ON CONFLICT ON CONSTRAINT episode_unpublished_pkey DO NOTHING;

-- name: unpublished_deadlines
-- Deadlines whose latest state Kafka has not heard of yet, with the place and team of their episode.
SELECT d.deadline_id AS id, d.deadline_id, d.episode_id, d.patient_id, e.visit_id, d.kind, d.status, d.due_at,
       d.settled_at, d.generation, d.late_known, d.provisional, d.owed, d.behind, d.because, d.severity, d.warnings,
       d.warned, d.warned_at, d.hold_until, d.acknowledged, d.learned_at, d.known_at, d.responsible, e.facility, e.unit,
       e.team, e.live, d.revision + (SELECT base FROM baton.revision_base) AS revision
FROM transitions.deadline d JOIN transitions.episode e USING (episode_id)
WHERE d.deadline_id = ANY (ARRAY(SELECT deadline_id FROM transitions.deadline_unpublished LIMIT $1));

-- name: deadlines_published
-- Kafka has these revisions. What is just being written again is left: it is due for its newer revision.
DELETE FROM transitions.deadline_unpublished WHERE deadline_id = ANY (ARRAY(
    SELECT u.deadline_id
    FROM unnest($1::uuid[], $2::bigint[]) AS n (id, revision)
    CROSS JOIN LATERAL (
        SELECT deadline_id FROM transitions.deadline_unpublished
        WHERE deadline_id = n.id AND revision <= n.revision - (SELECT base FROM baton.revision_base)
        FOR UPDATE SKIP LOCKED
    ) u
));

-- name: republish_deadlines
-- Publish deadlines again, all or those that changed since an instant.
INSERT INTO transitions.deadline_unpublished (deadline_id, revision)
SELECT deadline_id, revision FROM transitions.deadline WHERE $1::timestamptz IS NULL OR known_at >= $1 ORDER BY deadline_id
ON CONFLICT ON CONSTRAINT deadline_unpublished_pkey DO NOTHING;

-- name: unpublished_team_acks
-- Acknowledgements of a team's list that Kafka has not heard of yet.
SELECT team AS id, team, at, known_at, by, withdrawn, revision + (SELECT base FROM baton.revision_base) AS revision
FROM transitions.team_ack WHERE revision > published_revision LIMIT $1;

-- name: team_acks_published
-- Kafka has these revisions.
UPDATE transitions.team_ack t SET published_revision = n.revision - (SELECT base FROM baton.revision_base)
FROM unnest($1::text[], $2::bigint[]) AS n (id, revision)
WHERE t.team = n.id AND t.published_revision < n.revision - (SELECT base FROM baton.revision_base);

-- name: republish_team_acks
-- Publish acknowledgements of lists again, all or those known since an instant.
UPDATE transitions.team_ack SET published_revision = 0 WHERE $1::timestamptz IS NULL OR known_at >= $1;

-- name: answer_at_door
-- What becomes of new actions for visits not yet known, and of withdrawals: that needs no plan.
INSERT INTO transitions.answer AS r (action_id, type, effect, reason, patient_id, visit_id, at, occurred_at, known_at, revision)
SELECT n.action_id, coalesce(a.type, n.type),
       CASE WHEN w.action_id IS NULL OR a.action_id IS NULL THEN 'waiting' ELSE 'withdrawn' END,
       CASE WHEN w.action_id IS NULL THEN 'unknown_visit' WHEN a.action_id IS NULL THEN 'unknown_action' END,
       v.patient_id, v.visit_id, coalesce(a.at, n.at), n.occurred_at, n.at, 1
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS n (action_id, type, at, occurred_at)
LEFT JOIN (
    SELECT action_id, type, at, root_id FROM transitions.action
    UNION ALL SELECT action_id, 'alert_acknowledged', known_at, NULL FROM transitions.list_ack
) a ON a.action_id = n.action_id
LEFT JOIN transitions.withdrawal w ON w.action_id = n.action_id
LEFT JOIN LATERAL (
    SELECT patient_id, visit_id FROM transitions.visit WHERE root_id = a.root_id ORDER BY visit_id LIMIT 1
) v ON true
WHERE w.action_id IS NOT NULL OR a.root_id IS NULL
ORDER BY n.action_id
ON CONFLICT ON CONSTRAINT answer_pkey DO UPDATE SET
    type = excluded.type, effect = excluded.effect, reason = excluded.reason, kinds = '[]', episode_id = NULL,
    patient_id = coalesce(r.patient_id, excluded.patient_id), visit_id = coalesce(r.visit_id, excluded.visit_id),
    known_at = excluded.known_at, revision = r.revision + 1
WHERE (r.effect, r.reason) IS DISTINCT FROM (excluded.effect, excluded.reason)
    AND (excluded.reason IS DISTINCT FROM 'unknown_action' OR r.effect = 'waiting');

-- name: answer_lists
-- Acknowledgements of a team's list name no visit: they count as they come, unless they were taken back before.
INSERT INTO transitions.answer AS r (action_id, type, effect, at, occurred_at, known_at, revision)
SELECT n.action_id, n.type, CASE WHEN w.action_id IS NULL THEN 'counted' ELSE 'withdrawn' END,
       n.at, n.occurred_at, n.at, 1
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS n (action_id, type, at, occurred_at)
LEFT JOIN transitions.withdrawal w ON w.action_id = n.action_id
ON CONFLICT ON CONSTRAINT answer_pkey DO UPDATE SET
    type = excluded.type, effect = excluded.effect, reason = NULL, known_at = excluded.known_at,
    revision = r.revision + 1
WHERE r.effect = 'waiting';

-- name: upsert_answers
-- Write what became of actions, as it now stands.
INSERT INTO transitions.answer AS r (
    action_id, type, effect, reason, kinds, patient_id, visit_id, episode_id, at, occurred_at, known_at, revision
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[], $12::bigint[]
)
ON CONFLICT ON CONSTRAINT answer_pkey DO UPDATE SET
    type = excluded.type, effect = excluded.effect, reason = excluded.reason, kinds = excluded.kinds,
    patient_id = excluded.patient_id, visit_id = excluded.visit_id, episode_id = excluded.episode_id,
    known_at = excluded.known_at, revision = excluded.revision
WHERE excluded.revision > r.revision;

-- name: ambiguous_answers
-- Actions that go on waiting, because several of these visits can be meant.
UPDATE transitions.answer r SET reason = 'ambiguous_visit', known_at = $2, revision = r.revision + 1
FROM transitions.action a
WHERE a.action_id = r.action_id AND a.root_id IS NULL AND a.number = ANY($1::text[]) AND r.reason = 'unknown_visit'
  AND (
      SELECT count(DISTINCT v.root_id) FROM transitions.visit v
      WHERE v.number = a.number AND NOT v.test AND (a.facility IS NULL OR v.facility = a.facility)
        AND (a.authority IS NULL OR v.authority = a.authority)
  ) > 1;

-- name: unpublished_answers
-- What became of actions that Kafka has not heard of yet.
SELECT action_id AS id, action_id, type, effect, reason, kinds, patient_id, visit_id, episode_id, at, occurred_at,
       known_at, revision + (SELECT base FROM baton.revision_base) AS revision
FROM transitions.answer WHERE revision > published_revision LIMIT $1;

-- name: answers_published
-- Kafka has these revisions.
UPDATE transitions.answer r SET published_revision = n.revision - (SELECT base FROM baton.revision_base)
FROM unnest($1::text[], $2::bigint[]) AS n (id, revision)
WHERE r.action_id = n.id AND r.published_revision < n.revision - (SELECT base FROM baton.revision_base);

-- name: republish_answers
-- Publish what became of actions again, all or what changed since an instant.
UPDATE transitions.answer SET published_revision = 0 WHERE $1::timestamptz IS NULL OR known_at >= $1;

-- name: unpublished_rejections
-- Refused actions that care.rejected has not got yet.
SELECT rejection_id AS id, revision, received_at, topic, partition, record_offset, code, field, raw_key, raw
FROM transitions.rejection WHERE revision > published_revision LIMIT $1;

-- name: rejections_published
-- Kafka has these.
UPDATE transitions.rejection r SET published_revision = n.revision
FROM unnest($1::uuid[], $2::bigint[]) AS n (id, revision)
WHERE r.rejection_id = n.id AND r.published_revision < n.revision;

-- name: republish_rejections
-- Publish refused actions again, all or those since an instant.
UPDATE transitions.rejection SET published_revision = 0 WHERE $1::timestamptz IS NULL OR received_at >= $1;
