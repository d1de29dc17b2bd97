-- Roles and databases of the compose file; run by psql as the superuser, before anything else, at every start.
-- Running it again changes nothing but passwords: that is how they are rotated.
--
-- cardcase_owner owns the schema, migrates it, and loads the register and the directory. cardcase_worker has the rights that
-- the steps of cases need, table by table (grant_rights() of the schema), and cannot change the schema. cardcase_reader, for
-- auditors and for commands that look into the register, reads tokens and ciphertext, and writes nothing but entries of the
-- journal, through its function. cardcase_intake, for the intake service, reads the same, writes who reads the feed and who is
-- told by webhook, and takes in what the register's source says, by a function. cardcase_desk, for the desk, reads the same and
-- writes who has which case in hand, and the journal as the others do. temporal owns Temporal's two databases and sees no other.
--
-- The audit is append-only for everyone: by rights for workers and readers, by triggers for the owner, and the triggers
-- themselves are kept by an event trigger that only the superuser can remove. What a superuser does is found by the hash
-- chain and by the heads that are published outside (docs/runbook.md).

\set ON_ERROR_STOP on
\set owner_password `cut -d: -f5 "$SECRETS/owner_pgpass"`
\set worker_password `cut -d: -f5 "$SECRETS/worker_pgpass"`
\set intake_password `cut -d: -f5 "$SECRETS/intake_pgpass"`
\set desk_password `cut -d: -f5 "$SECRETS/desk_pgpass"`
\set reader_password `cut -d: -f5 "$SECRETS/reader_pgpass"`
\set temporal_password `cat "$SECRETS/temporal_password"`

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['cardcase_owner', 'cardcase_worker', 'cardcase_reader', 'cardcase_intake', 'cardcase_desk', 'temporal']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

ALTER ROLE cardcase_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE cardcase_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'worker_password';
ALTER ROLE cardcase_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'reader_password';
ALTER ROLE cardcase_intake LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'intake_password';
ALTER ROLE cardcase_desk LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'desk_password';
ALTER ROLE temporal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'temporal_password';

SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('cardcase', 'cardcase_owner'), ('temporal', 'temporal'), ('temporal_visibility', 'temporal')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE ALL ON DATABASE cardcase, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE cardcase TO cardcase_worker, cardcase_reader, cardcase_intake, cardcase_desk;

\connect cardcase
ALTER SCHEMA public OWNER TO cardcase_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO cardcase_worker, cardcase_reader, cardcase_intake, cardcase_desk;
-- Earlier releases gave the worker everything that a migration brought.
ALTER DEFAULT PRIVILEGES FOR ROLE cardcase_owner IN SCHEMA public
    REVOKE ALL ON TABLES FROM cardcase_worker;
DO $$ BEGIN
    IF to_regprocedure('public.grant_rights()') IS NOT NULL THEN PERFORM public.grant_rights(); END IF;
END $$;

-- Not in the owner's schema: who owns a schema can drop what is in it.
SELECT 'CREATE SCHEMA guard' WHERE to_regnamespace('guard') IS NULL \gexec
REVOKE ALL ON SCHEMA guard FROM PUBLIC;

CREATE OR REPLACE FUNCTION guard.audit_stays_append_only() RETURNS event_trigger LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE p.proname IN ('refuse_change', 'refuse_all_but_erasing', 'refuse_all_but_old_chains')
          AND (t.tgenabled NOT IN ('O', 'A') OR t.tgname !~ '_(are|is)_(kept|not_emptied)$')
    ) OR EXISTS (
        SELECT FROM pg_proc
        WHERE proname = 'refuse_change' AND pronamespace = 'public'::regnamespace
          AND sha256(convert_to(prosrc, 'UTF8')) <> '\x7b4cbe30b4773b7184117b6c30f29538b4fd1bcc5a837be021126e3b3dd19a75'
    ) OR EXISTS (
        SELECT FROM pg_proc
        WHERE proname = 'refuse_all_but_erasing' AND pronamespace = 'public'::regnamespace
          AND sha256(convert_to(prosrc, 'UTF8')) <> '\x4338a6de1c7e06c358af23e390560209eff476bc93ac71f7e1daad647384744b'
    ) OR EXISTS (
        SELECT FROM pg_proc
        WHERE proname = 'refuse_all_but_old_chains' AND pronamespace = 'public'::regnamespace
          AND sha256(convert_to(prosrc, 'UTF8')) <> '\x26a8b77e1790dcfd1c66ea654674ea044ddab4e85fd3962bfe96cb882f5da8c7'
    ) THEN
        RAISE EXCEPTION 'what keeps the audit stays as it is' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION guard.audit_is_not_dropped() RETURNS event_trigger LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_event_trigger_dropped_objects()
        WHERE object_type = 'trigger' AND object_identity ~ '_(are|is)_(kept|not_emptied) on '
    ) THEN
        RAISE EXCEPTION 'what keeps the audit stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

SELECT 'CREATE EVENT TRIGGER audit_stays_append_only ON ddl_command_end EXECUTE FUNCTION guard.audit_stays_append_only()'
WHERE NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'audit_stays_append_only') \gexec
SELECT 'CREATE EVENT TRIGGER audit_is_not_dropped ON sql_drop EXECUTE FUNCTION guard.audit_is_not_dropped()'
WHERE NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'audit_is_not_dropped') \gexec
