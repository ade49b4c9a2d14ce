-- The worklist: what adt.encounters, care.transitions and care.alerts last said, and what people do here.
--
-- visit, patient, word, episode, deadline and alert are the read model: `baton worklist rebuild` makes them anew.
-- action and lease are the worklist's own, and are kept.

CREATE SCHEMA worklist;

-- Which build of the read model is being written; rows of an older one are swept when it is complete.
CREATE TABLE worklist.build (
    single   boolean NOT NULL DEFAULT true CONSTRAINT build_pkey PRIMARY KEY CONSTRAINT build_single_check CHECK (single),
    build    integer NOT NULL DEFAULT 0,
    began_at timestamptz,
    ended_at timestamptz
);
INSERT INTO worklist.build DEFAULT VALUES;

-- document, here and below: the event as it came.
CREATE TABLE worklist.visit (
    visit_id   uuid NOT NULL CONSTRAINT visit_pkey PRIMARY KEY,
    patient_id uuid NOT NULL,
    number     text,
    authority  text,
    facility   text NOT NULL,
    feed       text NOT NULL,
    live       boolean NOT NULL,
    learned_at timestamptz NOT NULL,
    document   text NOT NULL,
    revision   bigint NOT NULL,
    build      integer NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX visit_patient_id_idx ON worklist.visit (patient_id);
CREATE INDEX visit_number_idx ON worklist.visit (number);
CREATE INDEX visit_feed_idx ON worklist.visit (feed, learned_at);

-- A person as the newest of their visits describes them.
CREATE TABLE worklist.patient (
    patient_id uuid NOT NULL CONSTRAINT patient_pkey PRIMARY KEY,
    name       text,
    number     text NOT NULL,
    birth_date date,
    language   text,
    learned_at timestamptz NOT NULL,
    document   text NOT NULL,
    build      integer NOT NULL
) WITH (fillfactor = 90);

-- What a patient is found by, by its beginning: words of the name, numbers. subject: the patient or visit they are of.
CREATE TABLE worklist.word (
    subject    uuid NOT NULL,
    word       text COLLATE "C" NOT NULL,
    patient_id uuid NOT NULL,
    CONSTRAINT word_pkey PRIMARY KEY (subject, word)
);
CREATE INDEX word_word_idx ON worklist.word (word, patient_id);

CREATE TABLE worklist.episode (
    episode_id text NOT NULL CONSTRAINT episode_pkey PRIMARY KEY,
    patient_id uuid NOT NULL,
    visit_id   uuid NOT NULL,
    status     text NOT NULL,
    opened_at  timestamptz NOT NULL,
    programme  text,
    document   text NOT NULL,
    revision   bigint NOT NULL,
    build      integer NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX episode_patient_id_idx ON worklist.episode (patient_id);
CREATE INDEX episode_visit_id_idx ON worklist.episode (visit_id);

CREATE TABLE worklist.deadline (
    deadline_id uuid NOT NULL CONSTRAINT deadline_pkey PRIMARY KEY,
    episode_id  text NOT NULL,
    patient_id  uuid NOT NULL,
    visit_id    uuid NOT NULL,
    kind        text NOT NULL,
    status      text NOT NULL,
    due_at      timestamptz NOT NULL,
    owed        boolean NOT NULL,
    late_known  boolean NOT NULL,
    provisional boolean NOT NULL,
    live        boolean NOT NULL,
    severity    text NOT NULL,
    because     text NOT NULL,
    team        text NOT NULL,
    facility    text NOT NULL,
    unit        text,
    programme   text,              -- of its episode
    document    text NOT NULL,
    revision    bigint NOT NULL,
    build       integer NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX deadline_episode_id_idx ON worklist.deadline (episode_id);
CREATE INDEX deadline_visit_id_idx ON worklist.deadline (visit_id);
-- The list: what is owed, soonest due first. Everything it is filtered by is in the index.
CREATE INDEX deadline_open_idx ON worklist.deadline (due_at, deadline_id)
    INCLUDE (team, unit, facility, kind, programme, late_known, patient_id) WHERE owed AND live;
CREATE INDEX deadline_open_unit_idx ON worklist.deadline (unit, due_at, deadline_id)
    INCLUDE (team, facility, kind, programme, late_known, patient_id) WHERE owed AND live;
CREATE INDEX deadline_open_team_idx ON worklist.deadline (team, due_at, deadline_id)
    INCLUDE (unit, facility, kind, programme, late_known, patient_id) WHERE owed AND live;
CREATE INDEX deadline_open_patient_idx ON worklist.deadline (patient_id) WHERE owed AND live;

CREATE TABLE worklist.alert (
    alert_id   uuid NOT NULL CONSTRAINT alert_pkey PRIMARY KEY,
    patient_id uuid,
    episode_id text,
    status     text NOT NULL,
    raised_at  timestamptz NOT NULL,
    team       text NOT NULL,
    facility   text,
    unit       text,
    live       boolean NOT NULL,
    document   text NOT NULL,
    revision   bigint NOT NULL,
    build      integer NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX alert_patient_id_idx ON worklist.alert (patient_id);
CREATE INDEX alert_episode_id_idx ON worklist.alert (episode_id);
CREATE INDEX alert_standing_idx ON worklist.alert (raised_at) WHERE live AND status IN ('firing', 'acknowledged');

-- What people did: here (ours, and then it is its own outbox) or elsewhere, as care.actions tells.
CREATE TABLE worklist.action (
    action_id          text NOT NULL CONSTRAINT action_pkey PRIMARY KEY,
    type               text NOT NULL,
    ours               boolean NOT NULL,
    state              text NOT NULL,   -- waiting -> sent -> confirmed | refused
    effect             text,            -- as transitions last said: counted | noted | waiting | withdrawn
    reason             text,            -- why it was refused, or has that effect
    kinds              text[] NOT NULL DEFAULT '{}',   -- the deadlines it settled
    applied_revision   bigint NOT NULL DEFAULT 0,      -- of what transitions said
    by                 text,
    at                 timestamptz NOT NULL,
    occurred_at        timestamptz NOT NULL,
    patient_id         uuid,
    episode_id         text,
    number             text,
    facility           text,
    authority          text,
    withdraws          text,            -- the action that this one undoes
    body               text NOT NULL,
    partition          integer,         -- where on care.actions it was read
    record_offset      bigint,
    revision           bigint NOT NULL DEFAULT 1,
    published_revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX action_patient_id_idx ON worklist.action (patient_id);
CREATE INDEX action_episode_id_idx ON worklist.action (episode_id);
CREATE INDEX action_number_idx ON worklist.action (number);
CREATE INDEX action_record_idx ON worklist.action (partition, record_offset);
CREATE INDEX action_withdraws_idx ON worklist.action (withdraws) WHERE withdraws IS NOT NULL;
CREATE INDEX action_unsettled_idx ON worklist.action (at) WHERE state IN ('waiting', 'sent');
CREATE INDEX action_refused_idx ON worklist.action (at) WHERE state = 'refused';
CREATE INDEX action_unpublished_idx ON worklist.action (at) WHERE ours AND revision > published_revision;

-- Who works on which patient; it ends by itself.
CREATE TABLE worklist.lease (
    patient_id uuid NOT NULL CONSTRAINT lease_pkey PRIMARY KEY,
    by         text NOT NULL,
    episode_id text NOT NULL,
    kind       text NOT NULL,
    taken_at   timestamptz NOT NULL,
    until      timestamptz NOT NULL
);
CREATE INDEX lease_by_idx ON worklist.lease (by);
CREATE INDEX lease_until_idx ON worklist.lease (until);

-- What open pages should look at again, in the order of commits; kept for a while, for pages that were cut off.
CREATE TABLE worklist.change (
    change_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT change_pkey PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    document  text NOT NULL
);
