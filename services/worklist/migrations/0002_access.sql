-- Who has signed in, and who saw or did what. None of it is part of the read model: a rebuild leaves it alone.
-- Times here are the database's own, never the controlled clock: a session must end while that one stands still.

-- A session. Its token is in a cookie only; here is its SHA-256.
-- credential: what the session rests on (see access/users.py); it ends when that is another.
CREATE TABLE worklist.session (
    session_id   uuid        NOT NULL CONSTRAINT session_pkey PRIMARY KEY,
    token_sha256 bytea       NOT NULL CONSTRAINT session_token_key UNIQUE,
    subject      text        NOT NULL,
    name         text        NOT NULL,
    roles        text[]      NOT NULL,
    teams        text[]      NOT NULL,
    method       text        NOT NULL CHECK (method IN ('password', 'link', 'oidc')),
    groups       text[]      NOT NULL DEFAULT '{}',
    credential   text        NOT NULL,
    begun_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    seen_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    ends_at      timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX session_subject_idx ON worklist.session (subject);
CREATE INDEX session_ends_at_idx ON worklist.session (ends_at);

-- One-time links of the embedded stack: used is deleted.
CREATE TABLE worklist.sign_in_link (
    token_sha256 bytea       NOT NULL CONSTRAINT sign_in_link_pkey PRIMARY KEY,
    name         text        NOT NULL,
    roles        text[]      NOT NULL,
    teams        text[]      NOT NULL,
    ends_at      timestamptz NOT NULL
);

-- Sign-ins that are under way at an OIDC provider, each bound to the browser that began it.
CREATE TABLE worklist.oidc_attempt (
    state_sha256   bytea       NOT NULL CONSTRAINT oidc_attempt_pkey PRIMARY KEY,
    browser_sha256 bytea       NOT NULL,
    nonce          text        NOT NULL,
    code_verifier  text        NOT NULL,
    next_path      text        NOT NULL,
    ends_at        timestamptz NOT NULL
);

-- How often something was tried within a window; subject is a digest, for people type passwords into the wrong field.
CREATE TABLE worklist.throttle (
    rule    text        NOT NULL,
    subject text        NOT NULL,
    tries   integer     NOT NULL,
    ends_at timestamptz NOT NULL,
    CONSTRAINT throttle_pkey PRIMARY KEY (rule, subject)
) WITH (fillfactor = 70);

-- Who saw or did what with whose data, when, from where, and with what outcome. It holds no patient value, only ids of ours.
-- action: as in access/audit.py. purpose: HL7 PurposeOfUse. reason: a word of ours, never what somebody typed.
-- break_glass_id, consent_id, previous_sha256: not used yet; the emergency access a row belongs to, the consent it rests
-- on, and the digest of the row before, by which a row that was changed or taken out is noticed.
CREATE TABLE worklist.audit (
    audit_id        bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_pkey PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT statement_timestamp(),
    actor           text        NOT NULL,
    roles           text[]      NOT NULL,
    action          text        NOT NULL,
    object_type     text        NOT NULL,
    object_id       text,
    patient_ids     uuid[]      NOT NULL DEFAULT '{}',
    case_ids        text[]      NOT NULL DEFAULT '{}',
    fields          text[]      NOT NULL DEFAULT '{}',
    purpose         text        NOT NULL DEFAULT 'TREAT',
    address         text,
    session_id      uuid,
    outcome         text        NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    reason          text,
    break_glass_id  uuid,
    consent_id      uuid,
    previous_sha256 bytea
);
CREATE INDEX audit_at_idx ON worklist.audit (at);
CREATE INDEX audit_actor_idx ON worklist.audit (actor, at);
CREATE INDEX audit_patient_ids_idx ON worklist.audit USING gin (patient_ids);

-- Append-only, for the owner too; grants.sql leaves the service's role nothing but INSERT.
-- What is past its retention (six years) is taken out by the owner, who must drop the trigger to do so.
CREATE FUNCTION worklist.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'worklist.audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON worklist.audit
    FOR EACH STATEMENT EXECUTE FUNCTION worklist.audit_is_append_only();
