-- name: tally
-- What became of the messages of all feeds.
SELECT coalesce(sum(received), 0)::bigint AS received, coalesce(sum(normalized), 0)::bigint AS normalized,
       coalesce(sum(rejected), 0)::bigint AS rejected, coalesce(sum(duplicates), 0)::bigint AS duplicates,
       coalesce(sum(unapplied), 0)::bigint AS unapplied, coalesce(sum(test), 0)::bigint AS test
FROM admissions.tally;

-- name: visits
-- Visits by state.
SELECT state AS word, count(*) AS count FROM admissions.visit GROUP BY state ORDER BY state;

-- name: episodes
-- Episodes by status.
SELECT status AS word, count(*) AS count FROM transitions.episode GROUP BY status ORDER BY status;

-- name: deadlines
-- Deadlines by status.
SELECT status AS word, count(*) AS count FROM transitions.deadline GROUP BY status ORDER BY status;

-- name: alerts
-- Alerts by status; a held one is not there yet.
SELECT status AS word, count(*) AS count FROM notifications.alert WHERE status <> 'held' GROUP BY status ORDER BY status;

-- name: lag
-- How far the lowest applied mark is behind the clock; null until every consumer has one.
SELECT CASE WHEN count(*) > 0 AND count(mark) = count(*) THEN
    greatest(0, extract(epoch FROM coalesce((SELECT at FROM baton.clock), statement_timestamp()) - min(mark)))
END::float8 AS seconds
FROM baton.applied_mark;

-- name: lateness
-- How long after their due time deadlines fired, of those that were armed in time; real clock only.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY late) AS p99, max(late) AS max
FROM (
    SELECT extract(epoch FROM fired_at - due_at)::float8 AS late
    FROM transitions.deadline WHERE fired_at IS NOT NULL AND NOT late_known
) AS fired
WHERE NOT EXISTS (SELECT FROM baton.clock);

-- name: applied
-- Up to which record each consumer has committed each partition.
SELECT consumer, topic, "partition", applied_offset FROM baton.applied_mark WHERE applied_offset IS NOT NULL;

-- name: unpublished
-- Rows of the state tables that Kafka has not heard of yet.
SELECT name, count FROM (
    SELECT 'admissions.visit' AS name, count(*) FROM admissions.visit_unpublished
    UNION ALL SELECT 'admissions.rejection', count(*) FROM admissions.rejection WHERE revision > published_revision
    UNION ALL SELECT 'transitions.episode', count(*) FROM transitions.episode_unpublished
    UNION ALL SELECT 'transitions.deadline', count(*) FROM transitions.deadline_unpublished
    UNION ALL SELECT 'transitions.team_ack', count(*) FROM transitions.team_ack WHERE revision > published_revision
    UNION ALL SELECT 'transitions.rejection', count(*) FROM transitions.rejection WHERE revision > published_revision
    UNION ALL SELECT 'notifications.alert', count(*) FROM notifications.alert WHERE revision > published_revision
    UNION ALL SELECT 'worklist.action', count(*) FROM worklist.action WHERE ours AND revision > published_revision
) AS waiting
WHERE count > 0;

-- name: timers
-- What happens by itself: how much of it is due at the clock's time, and when the next of it will be.
SELECT name, count(*) FILTER (WHERE at <= clock.now) AS due, min(at) FILTER (WHERE at > clock.now) AS next
FROM (
    SELECT 'deadlines' AS name, fire_at AS at FROM transitions.timer
    UNION ALL SELECT 'notifications', raise_at FROM notifications.alert WHERE raise_at IS NOT NULL
    UNION ALL SELECT 'notifications', since FROM notifications.late_item WHERE NOT counted
) AS armed, (SELECT coalesce((SELECT at FROM baton.clock), statement_timestamp()) AS now) AS clock
GROUP BY name ORDER BY name;

-- name: wake
-- Tell whoever waits for a timer to look at the clock again.
SELECT pg_notify('transitions_timer', '');

-- name: case_episode
-- The episode with this public id.
SELECT * FROM transitions.episode WHERE episode_id = $1;

-- name: case_visit
-- The visit of a case, with its number and the number of its patient.
SELECT v.visit_id, v.root_id, v.generation, v.feed, v.live, v.state, v.document, r.number, r.authority,
       p.number AS patient_number, p.authority AS patient_authority, p.person
FROM admissions.visit v
JOIN admissions.visit_root r USING (root_id)
LEFT JOIN admissions.patient p ON p.patient_id = v.patient_id
WHERE v.visit_id = $1;

-- name: case_events
-- Every message about the visit number, in order of arrival.
SELECT e.event_id, e.trigger, e.applied, e.occurred_at, e.received_at, admissions.body_of(e) AS body
FROM admissions.event e WHERE e.root_id = $1 ORDER BY e.received_at, e.occurred_at, e.event_id;

-- name: case_deadlines
-- What the case owes and owed.
SELECT * FROM transitions.deadline WHERE episode_id = $1 ORDER BY due_at, kind;

-- name: case_actions
-- What people did about the visit, whether they took it back, and what became of it.
SELECT a.action_id, a.type, a.at, a.body, w.at AS withdrawn_at, r.effect, r.reason AS why, r.kinds
FROM transitions.action a
LEFT JOIN transitions.withdrawal w USING (action_id)
LEFT JOIN transitions.answer r USING (action_id)
WHERE a.root_id = $1 ORDER BY a.at, a.action_id;

-- name: case_alerts
-- Every alert of the case that was ever raised, or is held for later.
SELECT * FROM notifications.alert WHERE episode_id = $1 ORDER BY raised_at, alert_id;

-- name: case_attempts
-- What was sent about these alerts: when, where, with what answer.
SELECT * FROM notifications.attempt WHERE alert_id = ANY ($1::uuid[]) ORDER BY attempt_id;

-- name: cases_under
-- The visits with an open case under a protocol.
SELECT DISTINCT v.visit_id, v.number, v.facility, v.authority
FROM transitions.episode e JOIN transitions.visit v USING (visit_id)
WHERE e.status = 'open' AND e.protocol = $1 ORDER BY v.visit_id;

-- name: demo_alerts
-- Alerts that changed since the story began.
SELECT alert_id, kind, severity, status, items, episode_id, ended_at, ending
FROM notifications.alert WHERE changed_at >= $1 AND status <> 'held' ORDER BY changed_at, alert_id;

-- name: demo_rejections
-- Messages refused since the story began.
SELECT rejection_id, code, segment, field, detail FROM admissions.rejection
WHERE received_at >= $1 ORDER BY received_at, rejection_id;

-- name: feed_told
-- Whether a feed told anything.
SELECT EXISTS (SELECT FROM admissions.event WHERE feed = $1) AS told;

-- name: count_checkpointed
-- How many visits, of all feeds or of one, are closed for so long that they stand as they are.
SELECT count(*) FROM admissions.visit WHERE checkpointed_at IS NOT NULL AND ($1::text IS NULL OR feed = $1);
