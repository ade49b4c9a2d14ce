-- Merges, links and re-labels of patients, which an operator can undo (`baton merges`).
ALTER TABLE admissions.merge
    ADD COLUMN undone_at  timestamptz,   -- every telling of this merge recorded by then is void
    ADD COLUMN undone_by  text,
    ADD COLUMN undone_why text;
-- A linked record keeps its own number: the survivor of its merges where that is not the person's.
ALTER TABLE admissions.patient ADD COLUMN record_id uuid;

-- Merges and re-labels of visits and accounts; which numbers mean one visit is folded from them.
CREATE TABLE admissions.visit_join (
    event_id     uuid NOT NULL,
    retired_id   uuid NOT NULL,
    surviving_id uuid NOT NULL,
    fact         text NOT NULL,
    CONSTRAINT visit_join_pkey PRIMARY KEY (event_id, retired_id)
);
CREATE INDEX visit_join_retired_id_idx ON admissions.visit_join (retired_id);
CREATE INDEX visit_join_surviving_id_idx ON admissions.visit_join (surviving_id);
-- The row of a retired number says where its visit went on.
ALTER TABLE admissions.visit ADD COLUMN folded_into uuid;

-- Accounts that were moved to another patient (A44), with the visits under them.
CREATE TABLE admissions.account_move (
    event_id   uuid NOT NULL CONSTRAINT account_move_pkey PRIMARY KEY,
    feed       text NOT NULL,
    authority  text NOT NULL,
    number     text NOT NULL,
    patient_id uuid NOT NULL,
    fact       text NOT NULL
);
CREATE INDEX account_move_account_idx ON admissions.account_move (feed, authority, number);
