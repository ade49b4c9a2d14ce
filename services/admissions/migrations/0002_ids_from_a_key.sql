-- Ids of patients and visits are made from what they stand for and a secret key, which a backup holds too: whoever
-- restores one and reads the messages since then again gets the ids that Kafka, pagers and people already know.
-- Without the key nobody can tell a number from its id, nor try numbers until one fits. Ids given before stay.
CREATE TABLE admissions.id_key (
    single boolean NOT NULL DEFAULT true CONSTRAINT id_key_pkey PRIMARY KEY CHECK (single),
    key    bytea NOT NULL
);
INSERT INTO admissions.id_key (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
