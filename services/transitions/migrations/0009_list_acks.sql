-- Every word that somebody has a team's list, by the id of its action: one that is withdrawn gives way to the one before.
CREATE TABLE transitions.list_ack (
    action_id text NOT NULL CONSTRAINT list_ack_pkey PRIMARY KEY,
    team      text NOT NULL,
    at        timestamptz NOT NULL,
    known_at  timestamptz NOT NULL,
    by        text
);
CREATE INDEX list_ack_team_idx ON transitions.list_ack (team, known_at);
ALTER TABLE transitions.team_ack ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
