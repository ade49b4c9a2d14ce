-- name: claim_subjects
-- Note newer revisions and hold their subjects; gives those that were newer.
INSERT INTO notifications.subject AS held (subject, revision)
SELECT subject, revision FROM unnest($1::text[], $2::bigint[]) AS given (subject, revision) ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision WHERE held.revision < excluded.revision
RETURNING subject;

-- name: lock_alerts
-- All alerts of these subjects, held until the transaction ends.
SELECT * FROM notifications.alert WHERE subject = ANY ($1::text[]) ORDER BY alert_id FOR UPDATE;

-- name: save_alerts
-- Write alerts as they now stand.
INSERT INTO notifications.alert (
    alert_id, subject, kind, severity, status, raised_at, team, live, generation, raise_at, ended_at, ending,
    acknowledged_at, episode_id, visit_id, patient_id, deadline_id, facility, unit, due_at, items, revision, told_of,
    changed_at
)
SELECT given.*, $24::timestamptz
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::boolean[],
    $9::integer[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::timestamptz[], $14::text[], $15::uuid[],
    $16::uuid[], $17::uuid[], $18::text[], $19::text[], $20::timestamptz[], $21::integer[], $22::bigint[], $23::bigint[]
) AS given
ON CONFLICT (alert_id) DO UPDATE SET
    subject = excluded.subject, kind = excluded.kind, severity = excluded.severity, status = excluded.status,
    raised_at = excluded.raised_at, team = excluded.team, live = excluded.live, generation = excluded.generation,
    raise_at = excluded.raise_at, ended_at = excluded.ended_at, ending = excluded.ending,
    acknowledged_at = excluded.acknowledged_at, episode_id = excluded.episode_id, visit_id = excluded.visit_id,
    patient_id = excluded.patient_id, deadline_id = excluded.deadline_id, facility = excluded.facility,
    unit = excluded.unit, due_at = excluded.due_at, items = excluded.items, revision = excluded.revision,
    told_of = excluded.told_of, changed_at = excluded.changed_at;

-- name: drop_alerts
-- Forget alerts that nobody saw.
DELETE FROM notifications.alert WHERE alert_id = ANY ($1::uuid[]);

-- name: claim_held
-- Held alerts whose instant has come; those another replica has are skipped.
SELECT * FROM notifications.alert
WHERE raise_at <= $1 ORDER BY raise_at LIMIT $2 FOR UPDATE SKIP LOCKED;

-- name: next_raise
-- The next instant at which something is raised by itself.
SELECT least(
    (SELECT min(raise_at) FROM notifications.alert WHERE raise_at IS NOT NULL),
    (SELECT min(since) FROM notifications.late_item WHERE NOT counted)
);

-- name: keep_late_items
-- Note what late-known work is owed.
INSERT INTO notifications.late_item AS held (subject, team, live, since)
SELECT subject, team, live, since
FROM unnest($1::text[], $2::text[], $3::boolean[], $4::timestamptz[]) AS given (subject, team, live, since)
ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET team = excluded.team, live = excluded.live, since = excluded.since, counted = false
WHERE (held.team, held.live, held.since) <> (excluded.team, excluded.live, excluded.since);

-- name: drop_late_items
-- These are no late-known work, or not any more; gives those that were.
DELETE FROM notifications.late_item WHERE subject = ANY ($1::text[]) RETURNING subject, team, live, since;

-- name: late_items
-- What of this is late-known work by now.
SELECT subject, team, live, since FROM notifications.late_item WHERE subject = ANY ($1::text[]);

-- name: ripe_teams
-- Lists with an item whose instant has come and which the team's alert does not know of yet.
SELECT DISTINCT team, live FROM notifications.late_item WHERE NOT counted AND since <= $1;

-- name: know_teams
-- Make sure that there is something to lock.
INSERT INTO notifications.team (team, live)
SELECT team, live FROM unnest($1::text[], $2::boolean[]) AS given (team, live) ORDER BY team, live
ON CONFLICT DO NOTHING;

-- name: lock_teams
-- Hold the lists until the transaction ends.
SELECT t.team, t.live, t.acknowledged_at
FROM notifications.team t JOIN unnest($1::text[], $2::boolean[]) AS given (team, live) USING (team, live)
ORDER BY t.team, t.live FOR UPDATE OF t;

-- name: count_late_items
-- How many items of each list have come to their instant, and the first of these.
WITH ripe AS (
    UPDATE notifications.late_item SET counted = true
    WHERE NOT counted AND since <= $3 AND team = ANY ($1::text[])
      AND (team, live) IN (SELECT * FROM unnest($1::text[], $2::boolean[]))
)
SELECT team, live, count(*) AS items, min(since) AS first
FROM notifications.late_item JOIN unnest($1::text[], $2::boolean[]) AS given (team, live) USING (team, live)
WHERE since <= $3
GROUP BY team, live;

-- name: last_runs
-- The alert of the latest run of each list.
SELECT DISTINCT ON (subject) * FROM notifications.alert
WHERE subject = ANY ($1::text[]) ORDER BY subject, generation DESC;

-- name: acknowledge_lists
-- Someone of the team has its list, that of shadow feeds included.
INSERT INTO notifications.team (team, live, acknowledged_at)
SELECT team, live, at
FROM unnest($1::text[], $2::timestamptz[]) AS given (team, at), (VALUES (false), (true)) AS both_lists (live)
ORDER BY team, live
ON CONFLICT (team, live) DO UPDATE SET acknowledged_at = excluded.acknowledged_at;

-- name: tell
-- Have channels hear of alerts, whether or not they ever did: those of turn 0 now, each other $5 seconds after the one
-- before. One that comes to a turn by a change of the contacts is looked at again.
INSERT INTO notifications.notice AS held (alert_id, channel, wanted, turn, due_at)
SELECT alert_id, channel, wanted, turn, statement_timestamp() + make_interval(secs => turn * $5::float8)
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::integer[]) AS given (alert_id, channel, wanted, turn)
ORDER BY alert_id, channel
ON CONFLICT (alert_id, channel) DO UPDATE
SET wanted = excluded.wanted, turn = excluded.turn, due_at = coalesce(held.due_at, excluded.due_at)
WHERE held.wanted < excluded.wanted OR held.turn <> excluded.turn;

-- name: tell_again
-- Have every channel that may know of these alerts hear at once how they now stand; the others in their turn.
UPDATE notifications.notice held
SET wanted = given.wanted,
    due_at = coalesce(
        held.due_at,
        statement_timestamp() + make_interval(
            secs => CASE WHEN held.told IN ('maybe', 'open') THEN 0 ELSE held.turn * $3::float8 END
        )
    )
FROM unnest($1::uuid[], $2::bigint[]) AS given (alert_id, wanted)
WHERE held.alert_id = given.alert_id AND held.wanted < given.wanted;

-- name: standing
-- Standing alerts that people should hear of.
SELECT alert_id, team, told_of FROM notifications.alert
WHERE status IN ('firing', 'acknowledged') AND live AND told_of > 0;

-- name: close_strangers
-- Channels that are no longer configured have nothing more to hear.
UPDATE notifications.notice SET due_at = NULL
WHERE due_at IS NOT NULL AND channel <> ALL ($1::text[]) RETURNING channel;

-- name: claim_notices
-- Notices of a channel that are due, held by nobody, or by a sender that did not come back. One that waits for its turn
-- is due as soon as each channel before it has nothing to say, or has failed $3 times.
SELECT n.alert_id, n.told, n.heard_of, n.failures, statement_timestamp() AS wall,
       EXISTS (
           SELECT FROM notifications.notice e
           WHERE e.alert_id = n.alert_id AND e.turn < n.turn AND e.told = 'open' AND e.heard_of >= n.wanted
       ) AS covered
FROM notifications.notice n
WHERE n.channel = $1 AND n.due_at IS NOT NULL AND (n.lease_until IS NULL OR n.lease_until <= statement_timestamp())
  AND (
      n.due_at <= statement_timestamp()
      OR n.turn > 0 AND n.failures = 0 AND NOT EXISTS (
          SELECT FROM notifications.notice e
          WHERE e.alert_id = n.alert_id AND e.turn < n.turn AND e.due_at IS NOT NULL AND e.failures < $3
      )
  )
ORDER BY n.due_at LIMIT $2 FOR UPDATE OF n SKIP LOCKED;

-- name: alerts_by_id
-- Alerts as they now stand.
SELECT * FROM notifications.alert WHERE alert_id = ANY ($1::uuid[]);

-- name: begin_attempts
-- Write down what is about to be sent, and hold its notices for $7 seconds.
WITH begun AS (
    INSERT INTO notifications.attempt (alert_id, channel, host, reason, revision, said, started_at)
    SELECT alert_id, $1, $2, reason, revision, said, statement_timestamp()
    FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::text[]) AS given (alert_id, reason, revision, said)
    RETURNING attempt_id, alert_id, revision
)
UPDATE notifications.notice held
SET attempt_id = begun.attempt_id,
    lease_until = statement_timestamp() + make_interval(secs => $7),
    told = CASE WHEN held.told = 'open' THEN 'open' ELSE 'maybe' END
FROM begun
WHERE held.alert_id = begun.alert_id AND held.channel = $1
RETURNING held.alert_id, held.attempt_id,
    (SELECT min(revision) FROM notifications.attempt a WHERE a.alert_id = held.alert_id AND a.channel = $1) AS first,
    ARRAY(
        SELECT unnest(a.took) FROM notifications.attempt a
        WHERE a.alert_id = held.alert_id AND a.channel = $1 AND a.revision = begun.revision
    ) AS took;

-- name: fall_silent
-- There is nothing to say to this channel about these alerts as they now stand.
UPDATE notifications.notice SET due_at = NULL, lease_until = NULL, attempt_id = NULL, failures = 0
WHERE channel = $1 AND alert_id = ANY ($2::uuid[]);

-- name: attempt_delivered
-- The channel has heard of this revision; what has become newer meanwhile is due at once.
WITH ended AS (
    UPDATE notifications.attempt SET ended_at = statement_timestamp(), answer = $2, took = $5 WHERE attempt_id = $1
)
UPDATE notifications.notice
SET told = $3, heard_of = $4, failures = 0, attempt_id = NULL, lease_until = NULL,
    due_at = CASE WHEN wanted > $4 THEN statement_timestamp() END
WHERE attempt_id = $1;

-- name: attempt_failed
-- Try again in $4 seconds; $3 is what the channel may know now, $5 how often it has failed.
WITH ended AS (
    UPDATE notifications.attempt SET ended_at = statement_timestamp(), answer = $2, took = $6 WHERE attempt_id = $1
)
UPDATE notifications.notice
SET told = $3, failures = $5, attempt_id = NULL, lease_until = NULL,
    due_at = statement_timestamp() + make_interval(secs => $4)
WHERE attempt_id = $1;

-- name: failing_channels
-- Channels that failed several times in a row with something to say: how much of it, and the last answer.
SELECT channel, count(*) AS notices,
       (SELECT answer FROM notifications.attempt a WHERE a.channel = n.channel AND a.answer IS NOT NULL
        ORDER BY attempt_id DESC LIMIT 1) AS answer
FROM notifications.notice n
WHERE due_at IS NOT NULL AND failures >= $1
GROUP BY channel ORDER BY channel;

-- name: unheard_alerts
-- Alerts that stand, that no channel has delivered, and of which every channel has failed several times in a row.
SELECT count(*) FROM (
    SELECT FROM notifications.notice n JOIN notifications.alert a USING (alert_id)
    WHERE a.status = 'firing'
    GROUP BY alert_id
    HAVING bool_and(n.told <> 'open' AND (n.due_at IS NULL OR n.failures >= $1)) AND bool_or(n.due_at IS NOT NULL)
) AS unheard;

-- name: unpublished_alerts
-- Alerts whose latest state Kafka has not heard of yet.
SELECT alert_id AS id, alert_id, revision + (SELECT base FROM baton.revision_base) AS revision, kind, severity, status,
       raised_at, ended_at, acknowledged_at, episode_id, visit_id, patient_id, deadline_id, team, facility, unit, due_at,
       items, live, changed_at
FROM notifications.alert WHERE revision > published_revision LIMIT $1;

-- name: alerts_published
-- Kafka has these revisions.
UPDATE notifications.alert a SET published_revision = n.revision - (SELECT base FROM baton.revision_base)
FROM unnest($1::uuid[], $2::bigint[]) AS n (id, revision)
WHERE a.alert_id = n.id AND a.published_revision < n.revision - (SELECT base FROM baton.revision_base);

-- name: republish_alerts
-- Publish alerts again, all or those that changed since an instant.
UPDATE notifications.alert SET published_revision = 0 WHERE $1::timestamptz IS NULL OR changed_at >= $1;

-- name: count_alerts
-- How many alerts there are, by status; held ones are not there yet.
SELECT status, count(*) AS alerts FROM notifications.alert WHERE status <> 'held' GROUP BY status;

-- name: seen_alerts
-- Every alert that was ever raised: for the outcome document.
SELECT * FROM notifications.alert WHERE status <> 'held' ORDER BY raised_at, alert_id;

-- name: attempts_of
-- What was sent about these alerts, in order.
SELECT * FROM notifications.attempt WHERE alert_id = ANY ($1::uuid[]) ORDER BY attempt_id;
