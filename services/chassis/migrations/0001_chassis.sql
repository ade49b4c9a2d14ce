-- What the chassis itself remembers. The schema baton and baton.migration are made by migrations.py.

-- The controlled clock of tests and demonstrations. Empty: the database's own clock decides.
CREATE TABLE baton.clock (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    at timestamptz NOT NULL
);

-- Up to which time each consumer has applied each partition; null until that is known.
CREATE TABLE baton.applied_mark (
    consumer text NOT NULL,
    topic text NOT NULL,
    "partition" integer NOT NULL,
    mark timestamptz,
    applied_offset bigint,
    PRIMARY KEY (consumer, topic, "partition")
) WITH (fillfactor = 50);

-- The broker each service last published to; another one has forgotten everything.
CREATE TABLE baton.kafka_cluster (
    service text PRIMARY KEY,
    cluster_id text NOT NULL
);
