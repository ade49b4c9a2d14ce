-- One role for each service, and one that migrates: run once by the superuser in Baton's new, empty database.
-- compose.yaml has the image do it. Elsewhere, with the five variables below in the environment (psql 15 or newer):
--
--   createdb baton && psql -X -v ON_ERROR_STOP=1 -d baton -f deploy/postgres/roles.sql
--
-- Then `baton migrate` as baton_migrator, then grants.sql as baton_migrator; these two again after every upgrade.

\getenv migrator BATON_MIGRATOR_PASSWORD
\getenv admissions BATON_ADMISSIONS_PASSWORD
\getenv transitions BATON_TRANSITIONS_PASSWORD
\getenv notifications BATON_NOTIFICATIONS_PASSWORD
\getenv worklist BATON_WORKLIST_PASSWORD
\getenv auditor BATON_AUDITOR_PASSWORD

-- Owns every schema; for `baton migrate`, for grants.sql, and for the operator's command.
CREATE ROLE baton_migrator LOGIN PASSWORD :'migrator';
CREATE ROLE baton_admissions LOGIN PASSWORD :'admissions';
-- Two processes: transitions and deadlines.
CREATE ROLE baton_transitions LOGIN PASSWORD :'transitions';
CREATE ROLE baton_notifications LOGIN PASSWORD :'notifications';
CREATE ROLE baton_worklist LOGIN PASSWORD :'worklist';
-- Reads only.
CREATE ROLE baton_auditor LOGIN PASSWORD :'auditor';

-- Admissions owns one table, which it makes and drops parts of; a migration may have to change that one too.
GRANT baton_admissions TO baton_migrator;

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO baton_migrator, baton_admissions, baton_transitions, baton_notifications, baton_worklist,
    baton_auditor;
GRANT CREATE ON DATABASE :"DBNAME" TO baton_migrator;
