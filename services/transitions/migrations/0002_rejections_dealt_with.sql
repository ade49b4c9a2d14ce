-- What an operator does with what was refused (`baton dlq`).
ALTER TABLE transitions.rejection
    ADD COLUMN retry_of uuid,                         -- the refusal of the same action before it was sent again
    ADD COLUMN status   text NOT NULL DEFAULT 'open'  -- open -> retried | discarded
        CONSTRAINT rejection_status_check CHECK (status IN ('open', 'retried', 'discarded')),
    ADD COLUMN dealt_at timestamptz,
    ADD COLUMN dealt_by text,
    ADD COLUMN reason   text;
CREATE INDEX rejection_open_idx ON transitions.rejection (received_at) WHERE status = 'open';
