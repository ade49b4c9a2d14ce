-- How much each feed, and each unit in it, sends by the hour: what is usual, and when it has gone quiet.
-- A row without facility and unit is the feed as a whole.
CREATE TABLE admissions.heard (
    feed     text NOT NULL,
    facility text NOT NULL,
    unit     text NOT NULL,
    hour     timestamptz NOT NULL,
    messages bigint NOT NULL,
    last_at  timestamptz NOT NULL,
    CONSTRAINT heard_pkey PRIMARY KEY (feed, facility, unit, hour)
);
CREATE INDEX heard_hour_idx ON admissions.heard (hour);
