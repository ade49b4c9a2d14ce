-- name: visits
-- Visits as they now stand under the number of the surviving patient; not those of test messages, nor those that
-- turned out to be none.
SELECT v.document::jsonb ->> 'number' AS number, v.document::jsonb ->> 'facility' AS facility, v.generation,
       p.number AS patient_id, v.state, v.document::jsonb ->> 'patient_class' AS patient_class,
       (v.document::jsonb ->> 'admitted_at')::timestamptz AS admitted_at, v.discharged_at,
       v.document::jsonb -> 'disposition' ->> 'code' AS disposition
FROM admissions.visit v JOIN admissions.patient p USING (patient_id)
WHERE NOT v.test AND NOT coalesce(v.document::jsonb -> 'flags' ? 'never_was', false);

-- name: episodes
-- Every episode, void ones included.
SELECT e.episode_id, v.number AS visit, e.facility, v.document::jsonb ->> 'patient_number' AS patient_id, e.kind,
       e.status, e.opened_at, e.closed_at, e.close_reason, e.programme, e.lace
FROM transitions.episode e JOIN transitions.visit v USING (visit_id);

-- name: deadlines
-- Every deadline with the episode it belongs to.
SELECT episode_id, kind, due_at, status, settled_at, late_known, provisional, because FROM transitions.deadline;

-- name: readmissions
-- Later arrivals of the same person, each with the stay it counts against.
SELECT index.number AS index_visit, later.number AS visit, said ->> 2 AS verdict
FROM transitions.patient p, jsonb_array_elements(p.readmissions::jsonb) AS said
JOIN transitions.visit index ON index.visit_id = (said ->> 0)::uuid
JOIN transitions.visit later ON later.visit_id = (said ->> 1)::uuid
WHERE p.readmissions <> '[]';

-- name: alerts
-- Every alert that was ever to be seen. That of a readmission names the earlier stay besides.
SELECT v.number AS visit, index.number AS index_visit, a.kind, a.severity, a.raised_at, a.status, a.ended_at
FROM notifications.alert a
LEFT JOIN transitions.visit v ON v.visit_id = a.visit_id
LEFT JOIN transitions.episode e ON e.episode_id = a.episode_id AND a.kind = 'readmission_detected'
LEFT JOIN transitions.visit index ON index.visit_id = e.visit_id
WHERE a.status <> 'held';

-- name: rejected
-- Messages and actions that were refused.
SELECT received_at AS at, code FROM admissions.rejection
UNION ALL
SELECT received_at, code FROM transitions.rejection;
