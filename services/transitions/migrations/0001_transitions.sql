-- Transitions: what is owed to whom, and by when.

CREATE SCHEMA transitions;

-- The lock of everything that concerns one patient.
CREATE TABLE transitions.patient (
    patient_id   uuid NOT NULL CONSTRAINT patient_pkey PRIMARY KEY,
    readmissions text NOT NULL DEFAULT '[]'   -- every verdict as [earlier visit, later visit, verdict]
);

-- The visits as admissions last told of them, as far as follow-up depends on them.
CREATE TABLE transitions.visit (
    visit_id   uuid NOT NULL CONSTRAINT visit_pkey PRIMARY KEY,
    root_id    uuid NOT NULL,
    patient_id uuid NOT NULL,
    number     text,
    authority  text,
    facility   text NOT NULL,
    test       boolean NOT NULL,
    revision   bigint NOT NULL,
    document   text NOT NULL
);
CREATE INDEX visit_patient_id_idx ON transitions.visit (patient_id);
CREATE INDEX visit_root_id_idx ON transitions.visit (root_id);
CREATE INDEX visit_number_idx ON transitions.visit (number);

-- What people did. An action for a visit not yet known has no root until the visit appears.
CREATE TABLE transitions.action (
    action_id   text NOT NULL CONSTRAINT action_pkey PRIMARY KEY,
    type        text NOT NULL,
    at          timestamptz NOT NULL,
    number      text NOT NULL,
    facility    text,
    authority   text,
    root_id     uuid,
    body        text NOT NULL
);
CREATE INDEX action_root_id_idx ON transitions.action (root_id) WHERE root_id IS NOT NULL;
CREATE INDEX action_number_idx ON transitions.action (number) WHERE root_id IS NULL;

-- Actions that never happened; the withdrawal may arrive before what it withdraws.
CREATE TABLE transitions.withdrawal (
    action_id text NOT NULL CONSTRAINT withdrawal_pkey PRIMARY KEY,
    at        timestamptz NOT NULL,
    body      text NOT NULL
);

-- An episode as it now stands. Its id is derived from visit, kind and anchor, so a corrected discharge is the same one.
CREATE TABLE transitions.episode (
    episode_id         text NOT NULL CONSTRAINT episode_pkey PRIMARY KEY,
    patient_id         uuid NOT NULL,
    visit_id           uuid NOT NULL,
    kind               text NOT NULL,   -- discharge | facility_handoff | unit_handoff
    anchor             text NOT NULL,
    status             text NOT NULL,   -- open -> closed | void
    opened_at          timestamptz NOT NULL,
    closed_at          timestamptz,
    close_reason       text,            -- completed | left | window_ended | readmitted | died | merged
    protocol           text NOT NULL,
    facility           text NOT NULL,
    unit               text,
    team               text NOT NULL,
    live               boolean NOT NULL,
    readmission        text,
    acknowledged       text NOT NULL DEFAULT '[]',
    learned_at         timestamptz NOT NULL,
    known_at           timestamptz NOT NULL,
    revision           bigint NOT NULL,
    published_revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX episode_patient_id_idx ON transitions.episode (patient_id);
CREATE INDEX episode_unpublished_idx ON transitions.episode (episode_id) WHERE revision > published_revision;

-- A dated obligation, and what it becomes at its due time: firing needs nothing else.
CREATE TABLE transitions.deadline (
    deadline_id        uuid NOT NULL CONSTRAINT deadline_pkey PRIMARY KEY,
    episode_id         text NOT NULL,
    patient_id         uuid NOT NULL,
    kind               text NOT NULL,
    status             text NOT NULL,   -- pending -> met | missed | attempted; missed -> met | met_late; any -> void …
    due_at             timestamptz NOT NULL,
    becomes            text NOT NULL,
    settled_at         timestamptz,
    generation         integer NOT NULL,
    late_known         boolean NOT NULL,
    provisional        boolean NOT NULL,
    owed               boolean NOT NULL,
    behind             boolean NOT NULL,
    because            text NOT NULL,
    severity           text NOT NULL,
    warnings           text NOT NULL,
    warned             integer NOT NULL,
    warned_at          timestamptz,
    hold_until         timestamptz,
    acknowledged       text NOT NULL DEFAULT '[]',
    learned_at         timestamptz NOT NULL,
    known_at           timestamptz NOT NULL,
    fired_at           timestamptz,     -- by the clock on the wall: lateness is fired_at - due_at
    revision           bigint NOT NULL,
    published_revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX deadline_patient_id_idx ON transitions.deadline (patient_id);
CREATE INDEX deadline_unpublished_idx ON transitions.deadline (deadline_id) WHERE revision > published_revision;

-- Armed timers, and nothing else. n = 0: due; n > 0: the n-th warning; n = -1: the patient's plan changes by itself.
CREATE TABLE transitions.timer (
    subject uuid NOT NULL,
    n       smallint NOT NULL,
    fire_at timestamptz NOT NULL,
    CONSTRAINT timer_pkey PRIMARY KEY (subject, n)
);
CREATE INDEX timer_fire_at_idx ON transitions.timer (fire_at);

-- Who has the list of what was late when it was learned.
CREATE TABLE transitions.team_ack (
    team               text NOT NULL CONSTRAINT team_ack_pkey PRIMARY KEY,
    at                 timestamptz NOT NULL,
    known_at           timestamptz NOT NULL,
    by                 text,
    revision           bigint NOT NULL,
    published_revision bigint NOT NULL DEFAULT 0
);

-- Refused actions, until someone has dealt with them.
CREATE TABLE transitions.rejection (
    rejection_id       uuid NOT NULL CONSTRAINT rejection_pkey PRIMARY KEY,
    received_at        timestamptz NOT NULL,
    topic              text NOT NULL,
    partition          integer NOT NULL,
    record_offset      bigint NOT NULL,
    code               text NOT NULL,
    field              text,
    detail             text NOT NULL,
    raw_key            bytea,
    raw                bytea NOT NULL,
    revision           bigint NOT NULL DEFAULT 1,
    published_revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX rejection_unpublished_idx ON transitions.rejection (rejection_id) WHERE revision > published_revision;
