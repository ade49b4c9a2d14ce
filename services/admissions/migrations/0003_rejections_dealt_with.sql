-- What an operator does with what was refused (`baton dlq`), and the `feed` header it came with: sent again with the
-- same header it is read with the profile that today reads such a message.
ALTER TABLE admissions.rejection
    ADD COLUMN feed_header text,
    ADD COLUMN retry_of    uuid,                         -- the refusal of the same message before it was sent again
    ADD COLUMN status      text NOT NULL DEFAULT 'open'  -- open -> retried | discarded
        CONSTRAINT rejection_status_check CHECK (status IN ('open', 'retried', 'discarded')),
    ADD COLUMN dealt_at    timestamptz,
    ADD COLUMN dealt_by    text,
    ADD COLUMN reason      text;
-- Of earlier rows the header is not known: they stay with the feed they were counted under.
UPDATE admissions.rejection SET feed_header = feed WHERE feed <> 'default';
CREATE INDEX rejection_open_idx ON admissions.rejection (received_at) WHERE status = 'open';
