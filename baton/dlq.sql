-- name: summary
-- Refusals by feed and code, as asked for: how many, the first and the last.
SELECT topic, feed, code, count(*) AS count, min(received_at) AS first, max(received_at) AS last
FROM (
    SELECT 'adt.rejected' AS topic, feed, code, received_at, status FROM admissions.rejection
    UNION ALL
    SELECT 'care.rejected', '', code, received_at, status FROM transitions.rejection
) AS r
WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR code = $2) AND ($3::text IS NULL OR feed = $3)
  AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::text IS NULL OR status = $5)
GROUP BY topic, feed, code ORDER BY count(*) DESC, topic, feed, code;

-- name: find
-- Refusals as asked for, newest first, without their bytes; $6 is how many at most, null for all.
SELECT *
FROM (
    SELECT 'adt.rejected' AS topic, rejection_id, received_at, feed, code, segment, field::text AS field, detail,
           topic AS source_topic, "partition" AS source_partition, record_offset AS source_offset, status, dealt_at,
           dealt_by, reason, retry_of, octet_length(raw) AS bytes
    FROM admissions.rejection
    UNION ALL
    SELECT 'care.rejected', rejection_id, received_at, '', code, NULL, field, detail, topic, "partition", record_offset,
           status, dealt_at, dealt_by, reason, retry_of, octet_length(raw)
    FROM transitions.rejection
) AS r
WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR code = $2) AND ($3::text IS NULL OR feed = $3)
  AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::text IS NULL OR status = $5)
ORDER BY received_at DESC, rejection_id LIMIT $6;

-- name: named
-- The refusals whose id begins so.
SELECT rejection_id FROM admissions.rejection WHERE rejection_id::text LIKE $1 || '%'
UNION ALL
SELECT rejection_id FROM transitions.rejection WHERE rejection_id::text LIKE $1 || '%'
LIMIT 2;

-- name: whole
-- Refusals with all that was kept of them, oldest first.
SELECT *
FROM (
    SELECT 'adt.rejected' AS topic, rejection_id, received_at, feed, code, segment, field::text AS field, detail,
           topic AS source_topic, "partition" AS source_partition, record_offset AS source_offset, status, dealt_at,
           dealt_by, reason, retry_of, octet_length(raw) AS bytes, feed_header, raw_key, raw
    FROM admissions.rejection WHERE rejection_id = ANY($1::uuid[])
    UNION ALL
    SELECT 'care.rejected', rejection_id, received_at, '', code, NULL, field, detail, topic, "partition", record_offset,
           status, dealt_at, dealt_by, reason, retry_of, octet_length(raw), NULL, raw_key, raw
    FROM transitions.rejection WHERE rejection_id = ANY($1::uuid[])
) AS r
ORDER BY received_at, rejection_id;

-- name: mark_messages
-- These refused messages are dealt with.
UPDATE admissions.rejection SET status = $2, dealt_at = $3, dealt_by = $4, reason = $5
WHERE rejection_id = ANY($1::uuid[]);

-- name: mark_actions
-- These refused actions are dealt with.
UPDATE transitions.rejection SET status = $2, dealt_at = $3, dealt_by = $4, reason = $5
WHERE rejection_id = ANY($1::uuid[]);

-- name: note_view
-- Somebody is about to see patient data.
INSERT INTO baton.patient_data_view (viewed_at, viewed_by, command, subject) VALUES ($1, $2, $3, $4);
