-- What became of each action: whether it counts, and if not, why. Kept for withdrawn and waiting ones as well.
CREATE TABLE transitions.answer (
    action_id          text NOT NULL CONSTRAINT answer_pkey PRIMARY KEY,
    type               text NOT NULL,
    effect             text NOT NULL,   -- counted | noted | waiting | withdrawn
    reason             text,            -- why it waits, or why it was only noted
    kinds              text NOT NULL DEFAULT '[]',
    patient_id         uuid,
    visit_id           uuid,
    episode_id         text,
    at                 timestamptz NOT NULL,
    occurred_at        timestamptz NOT NULL,
    known_at           timestamptz NOT NULL,
    revision           bigint NOT NULL,
    published_revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX answer_unpublished_idx ON transitions.answer (action_id) WHERE revision > published_revision;
