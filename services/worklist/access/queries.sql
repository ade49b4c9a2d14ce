-- name: begin_session
-- A new session, $9 long at most.
INSERT INTO worklist.session (session_id, token_sha256, subject, name, roles, teams, method, groups, credential, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $10, statement_timestamp() + $9::interval);

-- name: read_session
-- The session of a token, unless it has ended or nobody used it for $2; `unseen` is how long that is.
SELECT session_id, subject, name, roles, teams, method, groups, credential, statement_timestamp() - seen_at AS unseen
FROM worklist.session
WHERE token_sha256 = $1 AND ends_at > statement_timestamp() AND seen_at > statement_timestamp() - $2::interval;

-- name: touch_session
-- It is in use.
UPDATE worklist.session SET seen_at = statement_timestamp() WHERE session_id = $1;

-- name: end_session
-- End the session of a token.
DELETE FROM worklist.session WHERE token_sha256 = $1 RETURNING session_id;

-- name: end_sessions_of
-- End every session of somebody.
DELETE FROM worklist.session WHERE subject = $1;

-- name: end_one_session
-- End a session that rests on something that is no more.
DELETE FROM worklist.session WHERE session_id = $1;

-- name: drop_sessions
-- Forget sessions that have ended, or that nobody used for $1.
DELETE FROM worklist.session
WHERE ends_at <= statement_timestamp() OR seen_at <= statement_timestamp() - $1::interval;

-- name: drop_links
-- Forget links that were not used in time.
DELETE FROM worklist.sign_in_link WHERE ends_at <= statement_timestamp();

-- name: drop_attempts
-- Forget sign-ins that did not come back from the provider.
DELETE FROM worklist.oidc_attempt WHERE ends_at <= statement_timestamp();

-- name: drop_throttles
-- Forget windows that are over.
DELETE FROM worklist.throttle WHERE ends_at <= statement_timestamp();

-- name: make_link
-- A link that is good for $5.
INSERT INTO worklist.sign_in_link (token_sha256, name, roles, teams, ends_at)
VALUES ($1, $2, $3, $4, statement_timestamp() + $5::interval);

-- name: use_link
-- Use a link up; nothing where there is none that may be used.
DELETE FROM worklist.sign_in_link WHERE token_sha256 = $1 AND ends_at > statement_timestamp()
RETURNING name, roles, teams;

-- name: begin_attempt
-- A sign-in that goes to the provider.
INSERT INTO worklist.oidc_attempt (state_sha256, browser_sha256, nonce, code_verifier, next_path, ends_at)
VALUES ($1, $2, $3, $4, $5, statement_timestamp() + $6::interval);

-- name: end_attempt
-- It has come back, to the browser that began it: once only.
DELETE FROM worklist.oidc_attempt WHERE state_sha256 = $1 AND browser_sha256 = $2 AND ends_at > statement_timestamp()
RETURNING nonce, code_verifier, next_path;

-- name: count_try
-- Count one more try under each rule; gives those that have none left, for how many seconds, and whether only just.
WITH counted AS (
    INSERT INTO worklist.throttle AS known (rule, subject, tries, ends_at)
    SELECT rule, subject, 1, statement_timestamp() + window_length
    FROM unnest($1::text[], $2::text[], $3::interval[]) AS given (rule, subject, window_length)
    ORDER BY rule, subject
    ON CONFLICT (rule, subject) DO UPDATE SET
        tries = CASE WHEN known.ends_at > statement_timestamp() THEN known.tries + 1 ELSE 1 END,
        ends_at = CASE WHEN known.ends_at > statement_timestamp() THEN known.ends_at ELSE excluded.ends_at END
    RETURNING rule, tries, ends_at
)
SELECT extract(epoch FROM counted.ends_at - statement_timestamp())::float8 AS seconds,
       counted.tries = given.most + 1 AS first
FROM counted JOIN unnest($1::text[], $4::integer[]) AS given (rule, most) USING (rule)
WHERE counted.tries > given.most;

-- name: take_try_back
-- It was a right one, and counts under no rule.
UPDATE worklist.throttle SET tries = greatest(tries - 1, 0)
FROM unnest($1::text[], $2::text[]) AS given (rule, subject)
WHERE throttle.rule = given.rule AND throttle.subject = given.subject;

-- name: forget_tries
-- Whoever knows the password has mistyped it before.
DELETE FROM worklist.throttle USING unnest($1::text[], $2::text[]) AS given (rule, subject)
WHERE throttle.rule = given.rule AND throttle.subject = given.subject;

-- name: record
-- One row of the audit.
INSERT INTO worklist.audit (
    actor, roles, action, object_type, object_id, patient_ids, case_ids, fields, address, session_id, outcome, reason
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);
