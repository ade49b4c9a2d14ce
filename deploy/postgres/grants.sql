-- What each service may do: change the rows of its own schema, and how far it has got in the shared one. Nothing else.
-- Run by baton_migrator after `baton migrate`, as often as one likes.

BEGIN;

-- Shared: how far each consumer is, and which broker each service last published to. The rest is to be read.
GRANT USAGE ON SCHEMA baton TO baton_admissions, baton_transitions, baton_notifications, baton_worklist, baton_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA baton
    TO baton_admissions, baton_transitions, baton_notifications, baton_worklist, baton_auditor;
GRANT INSERT, UPDATE, DELETE ON baton.applied_mark, baton.kafka_cluster
    TO baton_admissions, baton_transitions, baton_notifications, baton_worklist;

GRANT USAGE ON SCHEMA admissions TO baton_admissions;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA admissions TO baton_admissions;

GRANT USAGE ON SCHEMA transitions TO baton_transitions;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA transitions TO baton_transitions;

GRANT USAGE ON SCHEMA notifications TO baton_notifications;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA notifications TO baton_notifications;

GRANT USAGE ON SCHEMA worklist TO baton_worklist;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worklist TO baton_worklist;
-- The audit is written, and neither changed nor read: whoever reads it is somebody else.
REVOKE SELECT, UPDATE, DELETE ON worklist.audit FROM baton_worklist;

-- The auditor compares what came in with what was alerted: it sees these tables, and changes none.
GRANT USAGE ON SCHEMA admissions, transitions, notifications TO baton_auditor;
GRANT SELECT ON admissions.event, admissions.message, admissions.merge, admissions.patient, admissions.visit_root,
    transitions.action, transitions.withdrawal, transitions.visit, transitions.episode, transitions.deadline,
    notifications.alert, notifications.late_item TO baton_auditor;

-- The raw messages are kept by month: admissions adds a partition when a month begins, and drops one that is past its
-- retention. Both need the owner of the table.
GRANT CREATE ON SCHEMA admissions TO baton_admissions;
ALTER TABLE admissions.message OWNER TO baton_admissions;
DO $$
DECLARE
    month regclass;
BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'admissions.message'::regclass LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO baton_admissions', month);
    END LOOP;
END
$$;

COMMIT;
