-- name: find
-- Merges, links and re-labels of patients and of visits as asked for, newest first; numbers only where asked.
WITH said AS (
    SELECT m.event_id, coalesce(m.fact::jsonb ->> 'kind', 'merged') AS kind,
           CASE WHEN m.undone_at IS NOT NULL OR m.refused = 'undone' THEN 'undone'
                WHEN m.refused IS NOT NULL THEN 'refused' ELSE 'standing' END AS status,
           CASE WHEN m.refused <> 'undone' THEN m.refused END AS refused, m.undone_at, m.undone_by, m.undone_why,
           concat_ws(' ', r.number, r.authority, r.type) AS retired,
           concat_ws(' ', s.number, s.authority, s.type) AS surviving
    FROM admissions.merge m
    JOIN admissions.patient r ON r.patient_id = m.retired_id
    JOIN admissions.patient s ON s.patient_id = m.surviving_id
    UNION ALL
    SELECT j.event_id, CASE WHEN (j.fact::jsonb ->> 'renames')::boolean THEN 'visit renamed' ELSE 'visit merged' END,
           CASE WHEN j.refused IS NULL THEN 'standing' ELSE 'refused' END, j.refused, NULL, NULL, NULL,
           concat_ws(' ', r.number, r.authority), concat_ws(' ', s.number, s.authority)
    FROM admissions.visit_join j
    JOIN admissions.visit_root r ON r.root_id = j.retired_id
    JOIN admissions.visit_root s ON s.root_id = j.surviving_id
)
SELECT said.event_id, e.received_at, e.feed, e.trigger, said.kind, said.status, said.refused, said.undone_at, said.undone_by,
       said.undone_why, CASE WHEN $4 THEN said.retired END AS retired, CASE WHEN $4 THEN said.surviving END AS surviving
FROM said JOIN admissions.event e USING (event_id)
WHERE ($1::timestamptz IS NULL OR e.received_at >= $1) AND ($2::text = 'all' OR $2 = said.status)
ORDER BY e.received_at DESC, said.event_id LIMIT $3;

-- name: named
-- The merges whose id begins so.
SELECT event_id FROM admissions.merge WHERE event_id::text LIKE $1 || '%' LIMIT 2;
