-- Who may do what in Rightsdesk's database. docs/database.md says how to use it.
--
-- Run it with psql, connected to that database as a superuser, before the first `rightsdesk migrate` and after each:
--
--   psql -d rightsdesk [-v owner=NAME] [-v app=NAME] [-v auditor=NAME] -f roles.sql
--
-- It may run any number of times and takes away whatever it does not grant. The database holds nothing else.

\set ON_ERROR_STOP on
\if :{?owner}
\else
  \set owner rightsdesk_owner
\endif
\if :{?app}
\else
  \set app rightsdesk_app
\endif
\if :{?auditor}
\else
  \set auditor rightsdesk_auditor
\endif

BEGIN;

-- Three roles, without passwords: set them with \password, or let pg_hba.conf say how they prove who they are.
SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY[:'owner', :'app', :'auditor']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- A role that may become the owner, or anybody, is bound by nothing below.
ALTER ROLE :"owner" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE :"app" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE :"auditor" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
-- From PostgreSQL 16 on a membership is each grantor's, and revoking one's own leaves another's standing.
SELECT format('REVOKE %I FROM %I %s CASCADE', granted.rolname, member.rolname, CASE
  WHEN current_setting('server_version_num')::int >= 160000 THEN format('GRANTED BY %I', grantor.rolname) END)
FROM pg_auth_members JOIN pg_roles granted ON granted.oid = roleid JOIN pg_roles member ON member.oid = pg_auth_members.member
LEFT JOIN pg_roles AS grantor ON grantor.oid = pg_auth_members.grantor
WHERE member.rolname IN (:'app', :'auditor') \gexec

-- Whoever owns the database may give itself temporary tables, set everybody's search path, or drop it.
SELECT format('ALTER DATABASE %I OWNER TO %I', datname, :'owner') FROM pg_database
WHERE datname = current_database() AND pg_get_userbyid(datdba) IN (:'app', :'auditor') \gexec

-- No temporary tables: one named `uncovered` would take the marks that the trigger on `evidence` makes.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC, :"app", :"auditor";
GRANT CONNECT ON DATABASE :"DBNAME" TO :"owner", :"app", :"auditor";
REVOKE ALL ON SCHEMA public FROM PUBLIC, :"app", :"auditor";
ALTER SCHEMA public OWNER TO :"owner";
GRANT USAGE ON SCHEMA public TO :"app", :"auditor";

-- Migrations run as the owner; so does what an earlier installation made as somebody else.
SELECT format('ALTER TABLE public.%I OWNER TO %I', tablename, :'owner') FROM pg_tables
WHERE schemaname = 'public' AND tableowner <> :'owner' \gexec
SELECT format('ALTER ROUTINE %s OWNER TO %I', oid::regprocedure, :'owner') FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> :'owner' \gexec

-- What a migration adds is closed until it is listed below and this file has run again.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE ALL ON TABLES FROM PUBLIC, :"app", :"auditor";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE ALL ON SEQUENCES FROM PUBLIC, :"app", :"auditor";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE ALL ON FUNCTIONS FROM PUBLIC, :"app", :"auditor";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC, :"app", :"auditor";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public REVOKE ALL ON SEQUENCES FROM PUBLIC, :"app", :"auditor";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM PUBLIC, :"app", :"auditor";
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, :"app", :"auditor";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, :"app", :"auditor";
REVOKE ALL ON ALL ROUTINES IN SCHEMA public FROM PUBLIC, :"app", :"auditor";

CREATE TEMPORARY TABLE granted (role text, privileges text, name text) ON COMMIT DROP;
INSERT INTO granted
SELECT :'app', privileges, unnest(string_to_array(names, ' ')) FROM (VALUES
  ('SELECT', 'alembic_version'),
  -- evidence, and what else is only ever added to
  ('SELECT, INSERT', 'evidence certificates checkpoints checkpoint_leaves publications key_changes'),
  ('SELECT, INSERT', 'index_keys retired_keys'),
  -- what dies with a ticket's or a hold's key when its retention ends
  ('SELECT, INSERT, DELETE', 'consents findings persons hold_persons'),
  -- what moves on and is never deleted
  ('SELECT, INSERT, UPDATE', 'tickets steps submitter_keys dead_letters deliveries suppressions holds incidents restores'),
  ('SELECT, INSERT, UPDATE', 'alerts alert_channels alert_deliveries'),
  -- what is over some day; the trigger on `evidence` marks in `uncovered` as whoever adds the entry
  ('SELECT, INSERT, DELETE', 'uncovered'),
  ('SELECT, INSERT, UPDATE, DELETE', 'timers packages hold_keeps erasures circuits')
) AS lists (privileges, names);
-- What `rightsdesk evidence verify --key` reads. An entry's sealed part is in its hash, and opens with a ticket's key.
INSERT INTO granted
SELECT :'auditor', 'SELECT', unnest(ARRAY[
  'evidence', 'certificates', 'checkpoints', 'checkpoint_leaves', 'uncovered', 'publications', 'key_changes'
]);
INSERT INTO granted VALUES (:'auditor', 'SELECT (id, closed_at)', 'tickets');

SELECT format('GRANT %s ON public.%I TO %I', privileges, name, role) FROM granted
WHERE to_regclass(format('public.%I', name)) IS NOT NULL \gexec
-- the sequences that number the rows it may add
SELECT format('GRANT USAGE ON SEQUENCE %s TO %I', sequence.oid::regclass, role)
FROM granted
JOIN pg_depend ON refobjid = to_regclass(format('public.%I', name)) AND deptype IN ('a', 'i')
JOIN pg_class AS sequence ON sequence.oid = objid AND relkind = 'S'
WHERE privileges LIKE '%INSERT%' \gexec

COMMIT;
