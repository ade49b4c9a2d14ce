-- Which episodes and deadlines Kafka has yet to hear of, and up to which revision: beside the rows, since a wide row that
-- is changed only to say so costs as much as what it says. Room on each page lets a row be changed where it stands.
CREATE TABLE transitions.episode_unpublished (
    episode_id text NOT NULL CONSTRAINT episode_unpublished_pkey PRIMARY KEY,
    revision   bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO transitions.episode_unpublished
SELECT episode_id, revision FROM transitions.episode WHERE revision > published_revision;
ALTER TABLE transitions.episode DROP COLUMN published_revision;
ALTER TABLE transitions.episode SET (fillfactor = 80);

CREATE TABLE transitions.deadline_unpublished (
    deadline_id uuid NOT NULL CONSTRAINT deadline_unpublished_pkey PRIMARY KEY,
    revision    bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO transitions.deadline_unpublished
SELECT deadline_id, revision FROM transitions.deadline WHERE revision > published_revision;
ALTER TABLE transitions.deadline DROP COLUMN published_revision;
ALTER TABLE transitions.deadline SET (fillfactor = 80);
ALTER TABLE transitions.visit SET (fillfactor = 80);
