-- Visits closed for long stand as they are; what their messages said is put together, a row a visit number. The events
-- stay, without their bodies: a repetition is still known as one.
ALTER TABLE admissions.visit ADD COLUMN checkpointed_at timestamptz;
CREATE INDEX visit_closed_idx ON admissions.visit (coalesce(discharged_at, learned_at), root_id)
    WHERE checkpointed_at IS NULL AND state IN ('discharged', 'cancelled');

CREATE TABLE admissions.checkpoint (
    root_id   uuid NOT NULL CONSTRAINT checkpoint_pkey PRIMARY KEY,
    at        timestamptz NOT NULL,
    event_ids uuid[] NOT NULL,
    bodies    bytea[] NOT NULL      -- of these events, in this order; compressed as one
);

-- What an event said, wherever that is kept.
CREATE FUNCTION admissions.body_of(event admissions.event) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN octet_length(event.body) > 0 THEN event.body ELSE (
        SELECT c.bodies[array_position(c.event_ids, event.event_id)]
        FROM admissions.checkpoint c WHERE c.root_id = event.root_id
    ) END
$$;
