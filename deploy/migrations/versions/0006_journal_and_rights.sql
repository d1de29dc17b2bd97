-- What is done beside the decisions on cases is written down; each role has the rights that its work needs.

CREATE TABLE journal (
    id bigint PRIMARY KEY CHECK (id > 0),
    kind text NOT NULL
        CHECK (kind IN ('search', 'reset', 'terminate', 'bulk_planned', 'bulk_run')),
    key text COLLATE "C" CONSTRAINT journal_once UNIQUE CHECK (key ~ '^[A-Za-z0-9._:-]{1,200}$'),
    case_id text COLLATE "C",
    plan text COLLATE "C" CONSTRAINT journal_of_a_plan REFERENCES journal (key),
    actor staff_id,
    role text,
    office region_code,
    seen_as text CHECK (length(seen_as) <= 200),
    reason text,
    facts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facts) = 'object'),
    at timestamptz NOT NULL,
    prev_hash sha256_hex NOT NULL CONSTRAINT journal_no_fork UNIQUE,
    hash sha256_hex NOT NULL,
    CONSTRAINT journal_somebody CHECK (
        num_nonnulls(actor, role, office) = 3
        OR (num_nonnulls(actor, role, office) = 0 AND seen_as IS NOT NULL)
    ),
    CONSTRAINT journal_runs_a_plan CHECK ((kind = 'bulk_run') = (plan IS NOT NULL)),
    CONSTRAINT journal_plans_have_a_key CHECK (kind <> 'bulk_planned' OR key IS NOT NULL)
);
COMMENT ON TABLE journal IS 'What is done beside decisions: searches by number, Temporal''s own means used on a case, bulk plans and their runs; append-only, one hash chain';
COMMENT ON COLUMN journal.id IS 'Grows by one: a missing row shows';
COMMENT ON COLUMN journal.key IS 'What must not be written twice, such as the end of one run of a workflow';
COMMENT ON COLUMN journal.plan IS 'Key of the plan that was run';
COMMENT ON COLUMN journal.actor IS 'Who did it, by a checked identity token; null for what was found later';
COMMENT ON COLUMN journal.seen_as IS 'Who did it in Temporal''s own words, for what was found later';
COMMENT ON COLUMN journal.facts IS 'What else belongs to it; numbers as keyed tokens only';
COMMENT ON COLUMN journal.hash IS 'SHA-256 over prev_hash and the other columns (see activities/registry/journal.py)';
CREATE INDEX journal_by_case ON journal (case_id) WHERE case_id IS NOT NULL;

CREATE TRIGGER journal_is_kept BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_is_not_emptied BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION run_by_a_second_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM journal
        WHERE key = NEW.plan AND (facts ->> 'second_person')::boolean AND actor = NEW.actor
    ) THEN
        RAISE EXCEPTION 'run by whoever planned it' USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_two_people';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER journal_two_people BEFORE INSERT ON journal
    FOR EACH ROW WHEN (NEW.plan IS NOT NULL) EXECUTE FUNCTION run_by_a_second_person();

-- --- rights -------------------------------------------------------------------------------------------------------------

-- What each role needs beside reading. Whatever is append-only by its triggers is so by its rights as well.
CREATE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    worker CONSTANT text := 'cardcase_worker';
    reader CONSTANT text := 'cardcase_reader';
    target record;
BEGIN
    FOR target IN
        SELECT
            c.oid::regclass AS name,
            CASE
                -- The register's own data and the directory come with their loaders. A person's row is locked, for which
                -- a right to change any of its columns is needed.
                WHEN c.relname = 'persons' THEN 'UPDATE (id)'
                WHEN c.relname IN ('claims', 'staff_contacts') THEN 'UPDATE'
                -- Where the register's phone bounced, a row says so.
                WHEN c.relname = 'contacts' THEN 'INSERT, UPDATE'
                WHEN c.relname IN ('contributions', 'balances', 'offices', 'posts') THEN NULL
                WHEN c.relname IN ('schema_version', 'schema_checksums', 'role_events') THEN NULL
                WHEN c.relname IN ('turns', 'turn_waiters') THEN 'INSERT, UPDATE, DELETE'
                WHEN c.relname IN ('idempotency_keys', 'events') OR append_only THEN 'INSERT'
                ELSE 'INSERT, UPDATE'
            END AS for_worker,
            CASE WHEN c.relname IN ('journal', 'reveals') THEN 'INSERT' END AS for_reader
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgfoid = 'refuse_change'::regproc) AS append_only
        ) AS kept
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')
    LOOP
        IF to_regrole(worker) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %s FROM %I', target.name, worker);
            EXECUTE format('GRANT SELECT ON %s TO %I', target.name, worker);
            IF target.for_worker IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO %I', target.for_worker, target.name, worker);
            END IF;
        END IF;
        IF to_regrole(reader) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %s FROM %I', target.name, reader);
            EXECUTE format('GRANT SELECT ON %s TO %I', target.name, reader);
            IF target.for_reader IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO %I', target.for_reader, target.name, reader);
            END IF;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION grant_rights IS 'Gives the roles that exist the rights that their work needs; called after every migration, and by roles.sql';
