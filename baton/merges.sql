-- name: find
-- Merges, links and re-labels as asked for, newest first; numbers only where asked.
SELECT m.event_id, e.received_at, e.feed, e.trigger, coalesce(m.fact::jsonb ->> 'kind', 'merged') AS kind,
       CASE WHEN m.undone_at IS NOT NULL OR m.refused = 'undone' THEN 'undone'
            WHEN m.refused IS NOT NULL THEN 'refused' ELSE 'standing' END AS status,
       CASE WHEN m.refused <> 'undone' THEN m.refused END AS refused, m.undone_at, m.undone_by, m.undone_why,
       CASE WHEN $4 THEN concat_ws(' ', r.number, r.authority, r.type) END AS retired,
       CASE WHEN $4 THEN concat_ws(' ', s.number, s.authority, s.type) END AS surviving
FROM admissions.merge m
JOIN admissions.event e USING (event_id)
JOIN admissions.patient r ON r.patient_id = m.retired_id
JOIN admissions.patient s ON s.patient_id = m.surviving_id
WHERE ($1::timestamptz IS NULL OR e.received_at >= $1)
  AND ($2::text = 'all' OR $2 = CASE WHEN m.undone_at IS NOT NULL OR m.refused = 'undone' THEN 'undone'
                                     WHEN m.refused IS NOT NULL THEN 'refused' ELSE 'standing' END)
ORDER BY e.received_at DESC, m.event_id LIMIT $3;

-- name: named
-- The merges whose id begins so.
SELECT event_id FROM admissions.merge WHERE event_id::text LIKE $1 || '%' LIMIT 2;
