-- The account a visit was first told under, and any it was told under later.
ALTER TABLE admissions.visit_root ADD COLUMN account text;
CREATE INDEX visit_root_account_idx ON admissions.visit_root (feed, account) WHERE account IS NOT NULL;
CREATE TABLE admissions.visit_account (
    feed    text NOT NULL,
    account text NOT NULL,
    root_id uuid NOT NULL,
    CONSTRAINT visit_account_pkey PRIMARY KEY (feed, account, root_id)
);
