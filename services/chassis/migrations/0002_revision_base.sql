-- What is added to every revision that is published. Whoever restores a backup raises it (`baton rewind`): readers of
-- the topics have seen higher revisions than the restored rows have, and would ignore whatever comes.
CREATE TABLE baton.revision_base (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    base bigint NOT NULL
);
INSERT INTO baton.revision_base (base) VALUES (0);
