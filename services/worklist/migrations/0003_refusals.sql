-- What was refused at either door, for the operations page: no value of it, only what is wrong and where it stood.
CREATE TABLE worklist.refusal (
    source_topic  text NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint NOT NULL,
    code          text NOT NULL,
    feed          text NOT NULL,   -- empty for actions
    at            timestamptz NOT NULL,
    CONSTRAINT refusal_pkey PRIMARY KEY (source_topic, partition, record_offset, code)
);
CREATE INDEX refusal_at_idx ON worklist.refusal (at);
