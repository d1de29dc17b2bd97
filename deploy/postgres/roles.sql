-- Roles and databases of the compose file; run by psql as the superuser, before anything else, at every start.
-- Running it again changes nothing but passwords: that is how they are rotated.
--
-- cardcase_owner owns the schema, migrates it and loads the register. cardcase_worker reads and writes rows and cannot
-- change the schema; the audit's own triggers refuse it changes and deletions there. temporal owns Temporal's two databases
-- and sees no other.

\set ON_ERROR_STOP on
\set owner_password `cut -d: -f5 "$SECRETS/owner_pgpass"`
\set worker_password `cut -d: -f5 "$SECRETS/worker_pgpass"`
\set temporal_password `cat "$SECRETS/temporal_password"`

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['cardcase_owner', 'cardcase_worker', 'temporal']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

ALTER ROLE cardcase_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE cardcase_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'worker_password';
ALTER ROLE temporal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'temporal_password';

SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('cardcase', 'cardcase_owner'), ('temporal', 'temporal'), ('temporal_visibility', 'temporal')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE ALL ON DATABASE cardcase, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE cardcase TO cardcase_worker;

\connect cardcase
ALTER SCHEMA public OWNER TO cardcase_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO cardcase_worker;
-- For what is there and for what the next migration brings.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cardcase_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE cardcase_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cardcase_worker;
