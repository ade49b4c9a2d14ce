-- name: resolve_patients
-- Find the patient of each identifier, making those never seen; a row that another transaction is just
-- making is missing from the answer, and the caller starts over.
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS g (authority, type, number)
), made AS (
    INSERT INTO admissions.patient (patient_id, authority, type, number, survivor_id)
    SELECT own.id, g.authority, g.type, g.number, own.id
    FROM given g
    CROSS JOIN LATERAL (
        SELECT encode(substr(sha256(k.key || said.it), 1, 16), 'hex')::uuid AS id
        FROM admissions.id_key k, convert_to(ARRAY['patient', g.authority, g.type, g.number]::text, 'UTF8') said (it)
    ) own
    WHERE NOT EXISTS (
        SELECT 1 FROM admissions.patient p
        WHERE p.authority = g.authority AND p.type = g.type AND p.number = g.number
    )
    ORDER BY g.authority, g.type, g.number
    ON CONFLICT ON CONSTRAINT patient_key DO NOTHING
    RETURNING patient_id, authority, type, number
)
SELECT patient_id, authority, type, number FROM made
UNION ALL
SELECT p.patient_id, p.authority, p.type, p.number
FROM given g JOIN admissions.patient p USING (authority, type, number);

-- name: resolve_roots
-- Find the surrogate of each visit number, making those never seen; and the account it was first told under.
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS g (feed, authority, number, account)
), made AS (
    INSERT INTO admissions.visit_root (root_id, feed, authority, number, account)
    SELECT encode(substr(sha256(k.key || said.it), 1, 16), 'hex')::uuid, g.feed, g.authority, g.number, g.account
    FROM given g
    CROSS JOIN admissions.id_key k
    CROSS JOIN LATERAL convert_to(ARRAY['visit', g.feed, g.authority, g.number]::text, 'UTF8') said (it)
    WHERE NOT EXISTS (
        SELECT 1 FROM admissions.visit_root r
        WHERE r.feed = g.feed AND r.authority = g.authority AND r.number = g.number
    )
    ORDER BY g.feed, g.authority, g.number
    ON CONFLICT ON CONSTRAINT visit_root_key DO NOTHING
    RETURNING root_id, feed, authority, number, account
)
SELECT root_id, feed, authority, number, account FROM made
UNION ALL
SELECT r.root_id, r.feed, r.authority, r.number, r.account
FROM given g JOIN admissions.visit_root r USING (feed, authority, number);

-- name: share_joining
-- Visits are folded: until the transaction ends no two numbers become one.
SELECT pg_advisory_xact_lock_shared(hashtextextended('admissions.joining', 0));

-- name: hold_joining
-- Numbers become one, or an account another patient's: until the transaction ends no visit is folded.
SELECT pg_advisory_xact_lock(hashtextextended('admissions.joining', 0));

-- name: roots
-- Visit numbers by their surrogates.
SELECT root_id, feed, authority, number FROM admissions.visit_root WHERE root_id = ANY($1::uuid[]);

-- name: insert_accounts
-- Keep accounts that a visit was told under besides the first.
INSERT INTO admissions.visit_account (feed, account, root_id)
SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::uuid[])
ON CONFLICT ON CONSTRAINT visit_account_pkey DO NOTHING;

-- name: roots_of_accounts
-- The numbers of the visits that were ever told under these accounts.
SELECT r.root_id FROM unnest($1::text[], $2::text[]) AS n (feed, account) JOIN admissions.visit_root r USING (feed, account)
UNION
SELECT v.root_id FROM unnest($1::text[], $2::text[]) AS n (feed, account) JOIN admissions.visit_account v USING (feed, account);

-- name: insert_joins
-- Keep merges and re-labels of visits not yet known.
INSERT INTO admissions.visit_join (event_id, retired_id, surviving_id, fact)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])
ON CONFLICT ON CONSTRAINT visit_join_pkey DO NOTHING;

-- name: mark_joins
-- Which merges and re-labels of visits were refused, and why.
UPDATE admissions.visit_join j SET refused = n.refused
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (event_id, retired_id, refused)
WHERE j.event_id = n.event_id AND j.retired_id = n.retired_id AND j.refused IS DISTINCT FROM n.refused;

-- name: ever_told
-- Most hospitals never join visits nor move accounts: then nobody looks for it.
SELECT EXISTS (SELECT FROM admissions.visit_join) AS joins, EXISTS (SELECT FROM admissions.account_move) AS moves;

-- name: joins_around
-- Every merge or re-label that touches one of these visit numbers.
SELECT retired_id, surviving_id, fact
FROM admissions.visit_join WHERE retired_id = ANY($1::uuid[]) OR surviving_id = ANY($1::uuid[]);

-- name: insert_moves
-- Keep moves of accounts not yet known.
INSERT INTO admissions.account_move (event_id, feed, authority, number, patient_id, fact)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[])
ON CONFLICT ON CONSTRAINT account_move_pkey DO NOTHING;

-- name: moves_of_accounts
-- Where these accounts went.
SELECT m.feed, m.authority, m.number, m.patient_id, m.fact
FROM admissions.account_move m
JOIN unnest($1::text[], $2::text[], $3::text[]) AS n (feed, authority, number) USING (feed, authority, number);

-- name: lock_set
-- The patients a batch must hold: the survivors of those named, and the present patients of the visits named.
SELECT survivor_id AS patient_id FROM admissions.patient WHERE patient_id = ANY($1::uuid[])
UNION
SELECT patient_id FROM admissions.visit WHERE root_id = ANY($2::uuid[]);

-- name: lock_patients
-- Take the patients in one order, so that two batches never wait for each other in a circle.
SELECT patient_id FROM admissions.patient WHERE patient_id = ANY($1::uuid[]) ORDER BY patient_id FOR UPDATE;

-- name: members
-- Every identifier that now stands for one of these survivors, with what was said under it.
SELECT patient_id, authority, type, number, survivor_id, registers, person
FROM admissions.patient WHERE survivor_id = ANY($1::uuid[]);

-- name: persons_of
-- Every identifier of the persons that these identifiers belong to.
SELECT patient_id, authority, type, number, survivor_id, registers, person
FROM admissions.patient
WHERE survivor_id IN (SELECT survivor_id FROM admissions.patient WHERE patient_id = ANY($1::uuid[]));

-- name: insert_events
-- Keep events not yet known; a repetition of one already kept leaves no trace.
INSERT INTO admissions.event (event_id, root_id, patient_id, feed, trigger, applied, occurred_at, received_at, body)
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::boolean[],
    $7::timestamptz[], $8::timestamptz[], $9::bytea[]
) AS e (event_id, root_id, patient_id, feed, trigger, applied, occurred_at, received_at, body)
ORDER BY e.event_id
ON CONFLICT ON CONSTRAINT event_pkey DO NOTHING
RETURNING event_id;

-- name: insert_messages
-- Keep the bytes of the events that were new.
INSERT INTO admissions.message (event_id, received_at, topic, partition, record_offset, raw)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::integer[], $5::bigint[], $6::bytea[]);

-- name: ensure_message_month
-- Make the partition of raw messages for the month of an instant.
SELECT admissions.ensure_message_month($1::timestamptz);

-- name: message_months
-- The partitions of raw messages there are.
SELECT c.relname AS name
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'admissions.message'::regclass;

-- name: events_of_roots
-- All events of these visit numbers that are in no checkpoint: the whole input of the fold.
SELECT root_id, patient_id, body FROM admissions.event WHERE root_id = ANY($1::uuid[]) AND octet_length(body) > 0;

-- name: count_events
-- How many events there are of these visit numbers, in no checkpoint, and how often events were read again.
SELECT root_id, count(*) AS events, (SELECT times FROM admissions.reread) AS reread
FROM admissions.event WHERE root_id = ANY($1::uuid[]) AND octet_length(body) > 0 GROUP BY root_id;

-- name: visits_of_roots
-- The visits these numbers have now.
SELECT visit_id, root_id, generation, reported_id, patient_id, feed, live, test, document, folded_into, revision,
       checkpointed_at
FROM admissions.visit WHERE root_id = ANY($1::uuid[]);

-- name: upsert_visits
-- Write visits as they now stand.
WITH written AS (
INSERT INTO admissions.visit AS v (
    visit_id, root_id, generation, reported_id, patient_id, feed, live, test, state, discharged_at, learned_at, cause,
    changed, document, folded_into, revision
)
SELECT n.visit_id, n.root_id, n.generation, n.reported_id, n.patient_id, n.feed, n.live, n.test, n.state, n.discharged_at,
       n.learned_at, n.cause, string_to_array(n.changed, ','), n.document, n.folded_into, n.revision
FROM unnest(
    $1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::uuid[], $6::text[], $7::boolean[], $8::boolean[],
    $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::uuid[], $16::bigint[]
) AS n (visit_id, root_id, generation, reported_id, patient_id, feed, live, test, state, discharged_at, learned_at,
        cause, changed, document, folded_into, revision)
ON CONFLICT ON CONSTRAINT visit_pkey DO UPDATE SET
    reported_id = excluded.reported_id, patient_id = excluded.patient_id, live = excluded.live, test = excluded.test, state = excluded.state,
    discharged_at = excluded.discharged_at, learned_at = excluded.learned_at, cause = excluded.cause,
    changed = excluded.changed, document = excluded.document, folded_into = excluded.folded_into,
    revision = excluded.revision
WHERE excluded.revision > v.revision
RETURNING v.visit_id, v.revision
)
INSERT INTO admissions.visit_unpublished AS q (visit_id, revision)
SELECT visit_id, revision FROM written ORDER BY visit_id
ON CONFLICT ON CONSTRAINT visit_unpublished_pkey DO UPDATE SET revision = excluded.revision;

-- name: touch_visits_of_patients
-- The person changed: publish again the visits that matter, those not long over.
WITH written AS (
UPDATE admissions.visit SET revision = revision + 1, learned_at = $2, cause = $3, changed = '{patient}'
WHERE patient_id = ANY($1::uuid[]) AND visit_id <> ALL($4::uuid[])
  AND state <> 'folded' AND (discharged_at IS NULL OR discharged_at > $2::timestamptz - interval '400 days')
RETURNING visit_id, revision
)
INSERT INTO admissions.visit_unpublished AS q (visit_id, revision)
SELECT visit_id, revision FROM written ORDER BY visit_id
ON CONFLICT ON CONSTRAINT visit_unpublished_pkey DO UPDATE SET revision = excluded.revision;

-- name: move_visits
-- Identity changed: every visit belongs to the survivor of the identifier it was reported under.
WITH written AS (
UPDATE admissions.visit v SET
    patient_id = p.survivor_id, revision = v.revision + 1, learned_at = $2, cause = $3, changed = '{patient}'
FROM admissions.patient p
WHERE v.patient_id = ANY($1::uuid[]) AND p.patient_id = v.reported_id AND v.patient_id <> p.survivor_id
RETURNING v.visit_id, v.revision
)
INSERT INTO admissions.visit_unpublished AS q (visit_id, revision)
SELECT visit_id, revision FROM written ORDER BY visit_id
ON CONFLICT ON CONSTRAINT visit_unpublished_pkey DO UPDATE SET revision = excluded.revision;

-- name: update_registers
-- Keep what was said under each identifier.
UPDATE admissions.patient p SET registers = n.registers
FROM unnest($1::uuid[], $2::text[]) AS n (patient_id, registers)
WHERE p.patient_id = n.patient_id;

-- name: update_persons
-- Keep the person as published, with the survivor.
UPDATE admissions.patient p SET person = n.person
FROM unnest($1::uuid[], $2::text[]) AS n (patient_id, person)
WHERE p.patient_id = n.patient_id;

-- name: update_survivors
-- Identity as folded from all that was said of it; gives the persons in whom only a record's number changed.
UPDATE admissions.patient p SET survivor_id = n.survivor_id, record_id = n.record_id
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (patient_id, survivor_id, record_id), admissions.patient old
WHERE p.patient_id = n.patient_id AND old.patient_id = p.patient_id
  AND (p.survivor_id, p.record_id) IS DISTINCT FROM (n.survivor_id, n.record_id)
RETURNING p.survivor_id, old.survivor_id = p.survivor_id AS stays;

-- name: insert_merges
-- Keep merges not yet known.
INSERT INTO admissions.merge (event_id, retired_id, surviving_id, fact)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])
ON CONFLICT ON CONSTRAINT merge_pkey DO NOTHING;

-- name: merges_around
-- Every merge that touches one of these identifiers.
SELECT event_id, retired_id, surviving_id, fact, undone_at
FROM admissions.merge WHERE retired_id = ANY($1::uuid[]) OR surviving_id = ANY($1::uuid[]);

-- name: merge
-- One merge by its id.
SELECT event_id, retired_id, surviving_id, undone_at FROM admissions.merge WHERE event_id = $1;

-- name: undo_merge
-- An operator says that a merge was wrong; who says so again changes nothing.
UPDATE admissions.merge SET undone_at = $2, undone_by = $3, undone_why = $4
WHERE event_id = $1 AND undone_at IS NULL;

-- name: mark_merges
-- Which merges were refused, and why.
UPDATE admissions.merge m SET refused = n.refused
FROM unnest($1::uuid[], $2::text[]) AS n (event_id, refused)
WHERE m.event_id = n.event_id AND m.refused IS DISTINCT FROM n.refused;

-- name: count_refused_merges
-- How many merges of patients and of visits changed nothing and wait for a person, by reason.
SELECT refused AS word, count(*) AS count FROM (
    SELECT refused FROM admissions.merge WHERE refused <> 'undone' AND undone_at IS NULL
    UNION ALL SELECT refused FROM admissions.visit_join WHERE refused IS NOT NULL
) waiting GROUP BY refused;

-- name: insert_rejections
-- Keep what was refused; a record read twice is refused once.
INSERT INTO admissions.rejection (
    rejection_id, received_at, topic, partition, record_offset, feed, code, segment, field, detail, raw_key, raw,
    feed_header, retry_of
)
SELECT * FROM unnest(
    $1::uuid[], $2::timestamptz[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[],
    $9::integer[], $10::text[], $11::bytea[], $12::bytea[], $13::text[], $14::uuid[]
)
ON CONFLICT ON CONSTRAINT rejection_pkey DO NOTHING
RETURNING rejection_id;

-- name: count_open_rejections
-- How many refused messages nobody has dealt with.
SELECT 'adt.rejected' AS word, count(*) AS count FROM admissions.rejection WHERE status = 'open';

-- name: hear
-- Note how much each feed and unit has sent, by the hour.
INSERT INTO admissions.heard AS h (feed, facility, unit, hour, messages, last_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::timestamptz[])
    AS n (feed, facility, unit, hour, messages, last_at)
ORDER BY feed, facility, unit, hour
ON CONFLICT ON CONSTRAINT heard_pkey DO UPDATE SET
    messages = h.messages + excluded.messages, last_at = greatest(h.last_at, excluded.last_at);

-- name: last_heard
-- When each feed and unit was heard first and last, of those heard since $1.
SELECT feed, facility, unit, min(hour) AS first_at, max(last_at) AS last_at
FROM admissions.heard WHERE hour >= $1 GROUP BY feed, facility, unit;

-- name: heard_at
-- How much one of them sent in these hours.
SELECT hour, messages FROM admissions.heard
WHERE feed = $1 AND facility = $2 AND unit = $3 AND hour = ANY($4::timestamptz[]);

-- name: forget_heard
-- What is too old to tell what is usual.
DELETE FROM admissions.heard WHERE hour < $1;

-- name: count_messages
-- Count what each feed sent in this batch.
INSERT INTO admissions.tally AS t (feed, hour, received, normalized, rejected, duplicates, test, unapplied)
SELECT n.feed, n.hour, n.received, n.normalized, n.rejected, n.duplicates, n.test, n.unapplied
FROM unnest(
    $1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]
) AS n (feed, hour, received, normalized, rejected, duplicates, test, unapplied)
ORDER BY n.feed, n.hour
ON CONFLICT ON CONSTRAINT tally_pkey DO UPDATE SET
    received = t.received + excluded.received, normalized = t.normalized + excluded.normalized,
    rejected = t.rejected + excluded.rejected, duplicates = t.duplicates + excluded.duplicates,
    test = t.test + excluded.test, unapplied = t.unapplied + excluded.unapplied;

-- name: unpublished_visits
-- Visits whose latest state Kafka has not heard of yet, with the person they belong to.
SELECT v.visit_id AS id, v.revision + (SELECT base FROM baton.revision_base) AS revision, v.visit_id,
       coalesce(v.folded_into, v.root_id) AS root_id, v.feed, v.live, v.test, v.learned_at, v.cause, v.changed, v.document,
       p.person,
       CASE WHEN v.reported_id <> v.patient_id THEN (
           SELECT ARRAY[r.number, r.authority]
           FROM admissions.patient q JOIN admissions.patient r ON r.patient_id = q.record_id
           WHERE q.patient_id = v.reported_id
       ) END AS record
FROM admissions.visit v JOIN admissions.patient p ON p.patient_id = v.patient_id
WHERE v.visit_id = ANY (ARRAY(SELECT visit_id FROM admissions.visit_unpublished LIMIT $1));

-- name: visits_published
-- Kafka has these revisions. What is just being written again is left: it is due for its newer revision.
DELETE FROM admissions.visit_unpublished WHERE visit_id = ANY (ARRAY(
    SELECT u.visit_id
    FROM unnest($1::uuid[], $2::bigint[]) AS n (id, revision)
    CROSS JOIN LATERAL (
        SELECT visit_id FROM admissions.visit_unpublished
        WHERE visit_id = n.id AND revision <= n.revision - (SELECT base FROM baton.revision_base)
        FOR UPDATE SKIP LOCKED
    ) u
));

-- name: republish_visits
-- Publish visits again, all or those learned since an instant.
INSERT INTO admissions.visit_unpublished (visit_id, revision)
SELECT visit_id, revision FROM admissions.visit WHERE $1::timestamptz IS NULL OR learned_at >= $1 ORDER BY visit_id
ON CONFLICT ON CONSTRAINT visit_unpublished_pkey DO NOTHING;

-- name: unpublished_rejections
-- Refused messages that adt.rejected has not got yet.
SELECT rejection_id AS id, revision, received_at, topic, partition, record_offset, feed, code, segment, field, raw_key,
       raw
FROM admissions.rejection WHERE revision > published_revision
LIMIT $1;

-- name: rejections_published
-- Kafka has these.
UPDATE admissions.rejection r SET published_revision = n.revision
FROM unnest($1::uuid[], $2::bigint[]) AS n (id, revision)
WHERE r.rejection_id = n.id AND r.published_revision < n.revision;

-- name: republish_rejections
-- Publish refused messages again, all or those since an instant.
UPDATE admissions.rejection SET published_revision = 0 WHERE $1::timestamptz IS NULL OR received_at >= $1;

-- name: stored_roots
-- A page of the visit numbers, by id, for refolding after an upgrade.
SELECT root_id FROM admissions.visit_root WHERE root_id > $1 ORDER BY root_id LIMIT $2;

-- name: stored_events
-- The events of these visit numbers that are in no checkpoint.
SELECT event_id, root_id, patient_id, body
FROM admissions.event WHERE root_id = ANY($1::uuid[]) AND octet_length(body) > 0;

-- name: stored_events_without_visit
-- A page of the events that name no visit, by id.
SELECT event_id, root_id, patient_id, body
FROM admissions.event WHERE root_id IS NULL AND event_id > $1 ORDER BY event_id LIMIT $2;

-- name: mark_applied
-- These events have effect now.
UPDATE admissions.event SET applied = true WHERE event_id = ANY($1::uuid[]) AND NOT applied;

-- name: hold_reread
-- One reads messages again at a time.
SELECT times FROM admissions.reread FOR UPDATE;

-- name: note_reread
-- Whoever remembers what messages said must ask again.
UPDATE admissions.reread SET times = times + 1;

-- name: roots_of_feeds
-- A page of the visit numbers of these feeds.
SELECT root_id FROM admissions.visit_root WHERE feed = ANY($1::text[]) AND root_id > $2 ORDER BY root_id LIMIT $3;

-- name: patients_without_visit
-- A page of the identifiers of which a feed told without naming a visit.
SELECT DISTINCT patient_id FROM admissions.event
WHERE root_id IS NULL AND feed = $1 AND patient_id > $2 ORDER BY patient_id LIMIT $3;

-- name: messages_of_roots
-- What was understood of the messages of these visit numbers, and their bytes where they are still kept.
SELECT e.event_id, e.body, m.raw
FROM admissions.event e
LEFT JOIN admissions.message m ON m.event_id = e.event_id AND m.received_at = e.received_at
WHERE e.root_id = ANY($1::uuid[]) AND octet_length(e.body) > 0;

-- name: messages_of_patients
-- The same of messages of a feed about these identifiers that name no visit.
SELECT e.event_id, e.body, m.raw
FROM admissions.event e
LEFT JOIN admissions.message m ON m.event_id = e.event_id AND m.received_at = e.received_at
WHERE e.root_id IS NULL AND e.feed = $1 AND e.patient_id = ANY($2::uuid[]);

-- name: replace_events
-- Messages say something else now.
UPDATE admissions.event e SET
    root_id = n.root_id, patient_id = n.patient_id, trigger = n.trigger, applied = n.applied,
    occurred_at = n.occurred_at, body = n.body
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::timestamptz[], $7::bytea[])
    AS n (event_id, root_id, patient_id, trigger, applied, occurred_at, body)
WHERE e.event_id = n.event_id;

-- name: replace_merges
-- A merge is told otherwise; that an operator undid it stays.
UPDATE admissions.merge m SET retired_id = n.retired_id, surviving_id = n.surviving_id, fact = n.fact
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS n (event_id, retired_id, surviving_id, fact)
WHERE m.event_id = n.event_id;

-- name: forget_merges
-- These events tell of no merge.
DELETE FROM admissions.merge WHERE event_id = ANY($1::uuid[]);

-- name: forget_joins
-- What these events told of visits becoming one.
DELETE FROM admissions.visit_join WHERE event_id = ANY($1::uuid[]);

-- name: forget_moves
-- What these events told of accounts.
DELETE FROM admissions.account_move WHERE event_id = ANY($1::uuid[]);

-- name: events_of_patients
-- The events that tell of these identifiers: without a visit, and in the visits of these persons or of these numbers.
SELECT patient_id, body FROM admissions.event WHERE root_id IS NULL AND patient_id = ANY($1::uuid[])
UNION ALL
SELECT e.patient_id, admissions.body_of(e) FROM admissions.event e
WHERE e.patient_id = ANY($1::uuid[]) AND e.root_id IN (
    SELECT root_id FROM admissions.visit WHERE patient_id = ANY($2::uuid[]) UNION SELECT unnest($3::uuid[])
);

-- name: closed_roots
-- A page of the visit numbers with a visit that was over before $1, by id.
SELECT root_id FROM admissions.visit
WHERE checkpointed_at IS NULL AND state IN ('discharged', 'cancelled') AND coalesce(discharged_at, learned_at) < $1
  AND root_id > $2
ORDER BY root_id LIMIT $3;

-- name: joined_or_moved
-- Of these visit numbers those that another one became, or whose account went to another patient.
SELECT r.root_id
FROM admissions.visit_root r
WHERE r.root_id = ANY($1::uuid[]) AND (
    EXISTS (SELECT FROM admissions.visit_join j WHERE j.retired_id = r.root_id)
    OR EXISTS (SELECT FROM admissions.visit_join j WHERE j.surviving_id = r.root_id)
    OR EXISTS (
        SELECT FROM admissions.account_move m
        WHERE m.feed = r.feed AND (
            (m.authority, m.number) = (r.authority, r.number) OR m.authority || E'\x1f' || m.number = r.account
            OR EXISTS (
                SELECT FROM admissions.visit_account a
                WHERE a.root_id = r.root_id AND a.feed = r.feed AND a.account = m.authority || E'\x1f' || m.number
            )
        )
    )
);

-- name: checkpoint
-- Put together what was said under those of these visit numbers of which every visit was over before $2, and nothing was
-- heard since. Gives how many visits and events that were.
WITH closed AS (
    SELECT n.root_id FROM unnest($1::uuid[]) AS n (root_id)
    WHERE NOT EXISTS (
        SELECT FROM admissions.visit v
        WHERE v.root_id = n.root_id AND v.checkpointed_at IS NULL
          AND (v.state NOT IN ('discharged', 'cancelled') OR coalesce(v.discharged_at, v.learned_at) >= $2)
    ) AND NOT EXISTS (SELECT FROM admissions.event e WHERE e.root_id = n.root_id AND e.received_at >= $2)
), kept AS (
    INSERT INTO admissions.checkpoint AS c (root_id, at, event_ids, bodies)
    SELECT e.root_id, $3, array_agg(e.event_id ORDER BY e.received_at, e.event_id),
           array_agg(e.body ORDER BY e.received_at, e.event_id)
    FROM closed JOIN admissions.event e USING (root_id)
    WHERE octet_length(e.body) > 0
    GROUP BY e.root_id
    ON CONFLICT ON CONSTRAINT checkpoint_pkey DO UPDATE SET
        at = excluded.at, event_ids = c.event_ids || excluded.event_ids, bodies = c.bodies || excluded.bodies
), emptied AS (
    UPDATE admissions.event e SET body = '' FROM closed
    WHERE e.root_id = closed.root_id AND octet_length(e.body) > 0
    RETURNING e.event_id
), marked AS (
    UPDATE admissions.visit v SET checkpointed_at = $3 FROM closed
    WHERE v.root_id = closed.root_id AND v.checkpointed_at IS NULL
    RETURNING v.visit_id
)
SELECT (SELECT count(*) FROM marked) AS visits, (SELECT count(*) FROM emptied) AS events;

-- name: reopen
-- Take the checkpoints of these visit numbers apart again: their visits are folded from all that was said.
WITH gone AS (
    DELETE FROM admissions.checkpoint WHERE root_id = ANY($1::uuid[]) RETURNING event_ids, bodies
), back AS (
    UPDATE admissions.event e SET body = told.body
    FROM gone, unnest(gone.event_ids, gone.bodies) AS told (event_id, body)
    WHERE e.event_id = told.event_id
)
UPDATE admissions.visit SET checkpointed_at = NULL WHERE root_id = ANY($1::uuid[]);
