-- name: kinships
-- Who was named with which visit: what belongs together, as ids only.
SELECT DISTINCT patient_id AS one, coalesce(root_id, patient_id) AS other
FROM admissions.event WHERE patient_id IS NOT NULL
UNION SELECT retired_id, surviving_id FROM admissions.merge
UNION SELECT patient_id, survivor_id FROM admissions.patient
UNION SELECT patient_id, record_id FROM admissions.patient WHERE record_id IS NOT NULL;

-- name: pruned
-- Whether of some of their messages the bytes are no longer kept.
SELECT EXISTS (
    SELECT FROM admissions.event e
    WHERE e.root_id = ANY($1::uuid[])
      AND NOT EXISTS (SELECT FROM admissions.message m WHERE m.event_id = e.event_id)
    UNION ALL
    SELECT FROM admissions.event e
    WHERE e.root_id IS NULL AND e.patient_id = ANY($1::uuid[])
      AND NOT EXISTS (SELECT FROM admissions.message m WHERE m.event_id = e.event_id)
);

-- name: messages
-- What arrived about these patients and visits, as it arrived.
SELECT m.received_at AS at, e.feed, e.trigger, m.raw
FROM admissions.event e JOIN admissions.message m ON m.event_id = e.event_id
WHERE e.root_id = ANY($1::uuid[])
UNION ALL
SELECT m.received_at, e.feed, e.trigger, m.raw
FROM admissions.event e JOIN admissions.message m ON m.event_id = e.event_id
WHERE e.root_id IS NULL AND e.patient_id = ANY($1::uuid[]);

-- name: roots
-- The ids of these visit numbers.
SELECT root_id, feed, authority, number FROM admissions.visit_root WHERE root_id = ANY($1::uuid[]);

-- name: actions
-- What people did about these visits.
SELECT a.action_id, a.type, a.at, a.body
FROM transitions.action a
WHERE a.root_id = ANY($1::uuid[]);

-- name: withdrawals
-- What was taken back of it.
SELECT w.action_id, w.at
FROM transitions.withdrawal w JOIN transitions.action a ON a.action_id = w.action_id
WHERE a.root_id = ANY($1::uuid[]);

-- name: cases
-- The episodes of these visits, newest last.
SELECT e.episode_id, e.protocol, v.root_id
FROM transitions.episode e JOIN transitions.visit v ON v.visit_id = e.visit_id
WHERE v.root_id = ANY($1::uuid[])
ORDER BY e.learned_at;

-- name: alerts
-- What was alerted about them, held and dropped alerts apart.
SELECT a.kind, a.severity, a.episode_id, v.root_id, a.raised_at, a.status, a.ended_at
FROM notifications.alert a JOIN transitions.visit v ON v.visit_id = a.visit_id
WHERE v.root_id = ANY($1::uuid[]) AND a.status IN ('firing', 'acknowledged', 'resolved', 'retracted');

-- name: late_items
-- Which of their duties stand on a team's list of what was late when it was learned.
SELECT d.kind, d.episode_id, v.root_id, l.since
FROM notifications.late_item l
JOIN transitions.deadline d ON d.deadline_id::text = l.subject
JOIN transitions.episode e ON e.episode_id = d.episode_id
JOIN transitions.visit v ON v.visit_id = e.visit_id
WHERE v.root_id = ANY($1::uuid[]);
