-- name: census
-- Who is in which bed by what the feeds have said: admitted visits, those on leave included, test patients not.
SELECT r.number, v.document::jsonb ->> 'facility' AS facility,
       v.document::jsonb -> 'location' ->> 'unit' AS unit, v.document::jsonb -> 'location' ->> 'room' AS room,
       v.document::jsonb -> 'location' ->> 'bed' AS bed, v.state, v.live, v.learned_at
FROM admissions.visit v JOIN admissions.visit_root r USING (root_id)
WHERE v.state IN ('admitted', 'on_leave') AND NOT v.test
  AND ($1::text IS NULL OR v.document::jsonb ->> 'facility' = $1)
  AND ($2::text IS NULL OR v.document::jsonb -> 'location' ->> 'unit' = $2)
ORDER BY facility, unit, room, bed, r.number;
