-- What is to be closed is found by its number: with learned_at in an index no visit could be changed where it stands.
DROP INDEX admissions.visit_closed_idx;
CREATE INDEX visit_closed_idx ON admissions.visit (root_id)
    WHERE checkpointed_at IS NULL AND state IN ('discharged', 'cancelled');
