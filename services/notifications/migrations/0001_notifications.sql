-- Notifications: who must hear of what, and what was sent.

CREATE SCHEMA notifications;

-- Up to which revision each deadline, episode and team has been heard; what is not newer is ignored.
CREATE TABLE notifications.subject (
    subject  text NOT NULL CONSTRAINT subject_pkey PRIMARY KEY,
    revision bigint NOT NULL
) WITH (fillfactor = 80);

-- An alert as it now stands; fields as in domain/model.py. There is one for each key, so none is raised twice.
CREATE TABLE notifications.alert (
    alert_id           uuid NOT NULL CONSTRAINT alert_pkey PRIMARY KEY,
    subject            text NOT NULL,
    kind               text NOT NULL,
    severity           text NOT NULL,
    status             text NOT NULL,   -- held -> firing <-> acknowledged -> resolved | retracted -> firing
    raised_at          timestamptz NOT NULL,
    team               text NOT NULL,
    live               boolean NOT NULL,
    generation         integer NOT NULL,
    raise_at           timestamptz,
    ended_at           timestamptz,
    ending             text,            -- done | overdue | not_needed
    acknowledged_at    timestamptz,
    episode_id         text,
    visit_id           uuid,
    patient_id         uuid,
    deadline_id        uuid,
    facility           text,
    unit               text,
    due_at             timestamptz,
    items              integer NOT NULL,
    revision           bigint NOT NULL,
    told_of            bigint NOT NULL,
    changed_at         timestamptz NOT NULL,
    published_revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX alert_subject_idx ON notifications.alert (subject, generation);
CREATE INDEX alert_episode_id_idx ON notifications.alert (episode_id);
CREATE INDEX alert_raise_at_idx ON notifications.alert (raise_at) WHERE raise_at IS NOT NULL;
CREATE INDEX alert_standing_idx ON notifications.alert (status) WHERE status IN ('firing', 'acknowledged');
CREATE INDEX alert_unpublished_idx ON notifications.alert (alert_id) WHERE revision > published_revision;

-- Late-known work that is owed, one row a deadline. counted: its instant has come and its team's alert knows of it.
CREATE TABLE notifications.late_item (
    subject text NOT NULL CONSTRAINT late_item_pkey PRIMARY KEY,
    team    text NOT NULL,
    live    boolean NOT NULL,
    since   timestamptz NOT NULL,
    counted boolean NOT NULL DEFAULT false
);
CREATE INDEX late_item_team_idx ON notifications.late_item (team, live);
CREATE INDEX late_item_since_idx ON notifications.late_item (since) WHERE NOT counted;

-- The lock of a team's list, and when someone last said to have it.
CREATE TABLE notifications.team (
    team            text NOT NULL,
    live            boolean NOT NULL,
    acknowledged_at timestamptz,
    CONSTRAINT team_pkey PRIMARY KEY (team, live)
);

-- What one channel has heard of one alert, and what it should hear. A sender holds it by attempt_id until lease_until.
CREATE TABLE notifications.notice (
    alert_id    uuid NOT NULL,
    channel     text NOT NULL,
    wanted      bigint NOT NULL,                     -- the revision the channel should have heard of
    heard_of    bigint NOT NULL DEFAULT 0,           -- the revision it has
    told        text NOT NULL DEFAULT 'nothing',     -- nothing | closed -> maybe -> open -> closed
    due_at      timestamptz,                         -- the next try, by the clock on the wall; null: nothing to say
    failures    integer NOT NULL DEFAULT 0,
    attempt_id  bigint,
    lease_until timestamptz,
    CONSTRAINT notice_pkey PRIMARY KEY (alert_id, channel)
) WITH (fillfactor = 80);
CREATE INDEX notice_due_at_idx ON notifications.notice (channel, due_at) WHERE due_at IS NOT NULL;

-- Every attempt to send: what, when, where, and the answer (null: the sender ended before it knew). Kept six years.
CREATE TABLE notifications.attempt (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT attempt_pkey PRIMARY KEY,
    alert_id   uuid NOT NULL,
    channel    text NOT NULL,
    host       text NOT NULL,
    reason     text NOT NULL,            -- trigger | update | resolve
    revision   bigint NOT NULL,
    said       text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    answer     text
);
CREATE INDEX attempt_alert_id_idx ON notifications.attempt (alert_id);
