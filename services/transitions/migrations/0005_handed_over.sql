-- What a person must hear of at once, how a handoff stands, and who is responsible from when to when.
ALTER TABLE transitions.episode
    ADD COLUMN notices        text NOT NULL DEFAULT '[]',
    ADD COLUMN handoff        text,
    ADD COLUMN responsibility text NOT NULL DEFAULT '[]',
    ADD COLUMN unowned_from   timestamptz;          -- when nobody became responsible, or will if nothing happens
CREATE INDEX episode_unowned_idx ON transitions.episode (unowned_from) WHERE unowned_from IS NOT NULL;
