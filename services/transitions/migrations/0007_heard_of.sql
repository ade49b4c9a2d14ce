-- The arrival of the newest word of a visit: whether its start or its end is news. Unknown counts as heard of for the first time.
ALTER TABLE transitions.visit ADD COLUMN learned_at timestamptz;
