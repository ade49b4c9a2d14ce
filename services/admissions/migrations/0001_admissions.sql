-- Admissions: where patients are. Messages as received, events as understood, visits as they now stand.

CREATE SCHEMA admissions;

-- One row for every identifier that was ever the main identifier of a message. A merged one points at its survivor.
CREATE TABLE admissions.patient (
    patient_id  uuid NOT NULL CONSTRAINT patient_pkey PRIMARY KEY,
    authority   text NOT NULL,
    type        text NOT NULL,
    number      text NOT NULL,
    survivor_id uuid NOT NULL,
    registers   text,          -- what messages under this very identifier said of the person (last writer wins)
    person      text,          -- survivors only: the combined person as published
    CONSTRAINT patient_key UNIQUE (authority, type, number)
);
CREATE INDEX patient_survivor_id_idx ON admissions.patient (survivor_id);

-- Every merge that was ever sent, refused ones included; identity is folded from them, in event order.
CREATE TABLE admissions.merge (
    event_id     uuid NOT NULL CONSTRAINT merge_pkey PRIMARY KEY,
    retired_id   uuid NOT NULL,
    surviving_id uuid NOT NULL,
    fact         text NOT NULL,
    refused      text          -- merge_cycle, already_retired …: parked for a person
);
CREATE INDEX merge_retired_id_idx ON admissions.merge (retired_id);
CREATE INDEX merge_surviving_id_idx ON admissions.merge (surviving_id);

-- One row for every visit number; its generations are visits.
CREATE TABLE admissions.visit_root (
    root_id   uuid NOT NULL CONSTRAINT visit_root_pkey PRIMARY KEY,
    feed      text NOT NULL,
    authority text NOT NULL,
    number    text NOT NULL,
    CONSTRAINT visit_root_key UNIQUE (feed, authority, number)
);

-- What each message said, in canonical words: all that the fold needs.
CREATE TABLE admissions.event (
    event_id    uuid NOT NULL CONSTRAINT event_pkey PRIMARY KEY,
    root_id     uuid,
    patient_id  uuid,
    feed        text NOT NULL,
    trigger     text NOT NULL,
    applied     boolean NOT NULL,   -- false: stored, and without effect until `baton refold` after an upgrade
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    body        bytea NOT NULL
);
CREATE INDEX event_root_id_idx ON admissions.event (root_id) WHERE root_id IS NOT NULL;
CREATE INDEX event_not_applied_idx ON admissions.event (trigger) WHERE NOT applied;

-- The bytes as the hospital sent them, by month of arrival, dropped by month.
CREATE TABLE admissions.message (
    event_id      uuid NOT NULL,
    received_at   timestamptz NOT NULL,
    topic         text NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint NOT NULL,
    raw           bytea NOT NULL
) PARTITION BY RANGE (received_at);
CREATE INDEX message_event_id_idx ON admissions.message (event_id);

CREATE FUNCTION admissions.ensure_message_month(instant timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', instant AT TIME ZONE 'UTC')::date;
BEGIN
    -- Two replicas may see the first message of a month at the same moment.
    PERFORM pg_advisory_xact_lock(hashtextextended('admissions.message', 0));
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS admissions.%I PARTITION OF admissions.message FOR VALUES FROM (%L) TO (%L)',
        'message_' || to_char(first, 'YYYY_MM'),
        first::text || ' 00:00:00+00',
        (first + interval '1 month')::date::text || ' 00:00:00+00'
    );
END
$$;

-- A visit as it now stands: the state table that is its own outbox.
CREATE TABLE admissions.visit (
    visit_id           uuid NOT NULL CONSTRAINT visit_pkey PRIMARY KEY,
    root_id            uuid NOT NULL,
    generation         integer NOT NULL,
    reported_id        uuid NOT NULL,  -- the identifier its latest event came under
    patient_id         uuid NOT NULL,  -- the survivor of that identifier
    feed               text NOT NULL,
    live               boolean NOT NULL,
    test               boolean NOT NULL,
    state              text NOT NULL,
    discharged_at      timestamptz,
    learned_at         timestamptz NOT NULL,
    cause              text NOT NULL,
    changed            text[] NOT NULL,
    document           text NOT NULL,
    revision           bigint NOT NULL,
    published_revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT visit_generation_key UNIQUE (root_id, generation)
);
CREATE INDEX visit_patient_id_idx ON admissions.visit (patient_id);
CREATE INDEX visit_unpublished_idx ON admissions.visit (visit_id) WHERE revision > published_revision;

-- What was refused and why; the bytes are kept until someone has dealt with them.
CREATE TABLE admissions.rejection (
    rejection_id       uuid NOT NULL CONSTRAINT rejection_pkey PRIMARY KEY,
    received_at        timestamptz NOT NULL,
    topic              text NOT NULL,
    partition          integer NOT NULL,
    record_offset      bigint NOT NULL,
    feed               text NOT NULL,
    code               text NOT NULL,
    segment            text,
    field              integer,
    detail             text NOT NULL,
    raw_key            bytea,
    raw                bytea NOT NULL,
    revision           bigint NOT NULL DEFAULT 1,
    published_revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX rejection_received_at_idx ON admissions.rejection (received_at);
CREATE INDEX rejection_unpublished_idx ON admissions.rejection (rejection_id) WHERE revision > published_revision;

-- What each feed sent, hour by hour (UTC): nothing is dropped without being counted here.
CREATE TABLE admissions.tally (
    feed       text NOT NULL,
    hour       timestamptz NOT NULL,
    received   bigint NOT NULL,
    normalized bigint NOT NULL,
    rejected   bigint NOT NULL,
    duplicates bigint NOT NULL,
    test       bigint NOT NULL,
    unapplied  bigint NOT NULL,
    CONSTRAINT tally_pkey PRIMARY KEY (feed, hour)
);
