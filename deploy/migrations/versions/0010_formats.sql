-- Formats of rows that are only ever added, so that what uses them later need not change a row.

-- --- the journal --------------------------------------------------------------------------------------------------------

-- What stands in it stays as it is, in format 0: the hash covers the columns as Python reads them. From format 1 on the
-- hash covers bytes that are stored, and a function is the only way in.
ALTER TABLE journal DROP CONSTRAINT journal_pkey, DROP CONSTRAINT journal_no_fork;
ALTER TABLE journal RENAME COLUMN id TO number;
ALTER TABLE journal RENAME CONSTRAINT journal_id_check TO journal_number_check;
ALTER TABLE journal
    ADD COLUMN format smallint NOT NULL DEFAULT 0 CHECK (format IN (0, 1)),
    ADD COLUMN chain text COLLATE "C" NOT NULL DEFAULT 'journal' CHECK (chain ~ '^journal(:[a-z0-9-]{1,32}){0,2}$'),
    ADD COLUMN content text COLLATE "C" CHECK (content IS JSON OBJECT WITH UNIQUE KEYS AND content !~ '\n'),
    ADD COLUMN written_at timestamptz,
    ADD PRIMARY KEY (chain, number),
    ADD CONSTRAINT journal_no_fork UNIQUE (chain, prev_hash),
    ADD CONSTRAINT journal_formats CHECK ((format = 0) = (content IS NULL) AND (format = 0) = (written_at IS NULL));
ALTER TABLE journal ALTER COLUMN format DROP DEFAULT, ALTER COLUMN chain DROP DEFAULT;
COMMENT ON TABLE journal IS 'What is done beside decisions: searches by number, cases revealed in clear, Temporal''s own means used on a case, bulk plans and their runs; append-only, hash chained, written by append_to_journal() only';
COMMENT ON COLUMN journal.number IS 'Place within the chain; grows by one: a missing row shows';
COMMENT ON COLUMN journal.format IS '0: the hash covers prev_hash and the columns up to at; 1: it covers format, chain, number, prev_hash and content, as UTF-8, with a line feed between them';
COMMENT ON COLUMN journal.chain IS 'Which chain the row is a link of; there is one, and room for one of each office and day (journal:110105:2026-11-30)';
COMMENT ON COLUMN journal.content IS 'The entry as JSON text, the bytes that the hash covers; the other columns repeat it for looking up';
COMMENT ON COLUMN journal.at IS 'When it was done, as told';
COMMENT ON COLUMN journal.written_at IS 'When it was written, by the clock of the database';
COMMENT ON COLUMN journal.hash IS 'SHA-256, over what the format says';
-- Counted whenever a limit is asked for.
CREATE INDEX journal_by_actor ON journal (actor, kind, at) WHERE actor IS NOT NULL;

-- One after the other, so that each link knows the one before and each limit what was done meanwhile. Whoever calls it
-- needs no right to the table; number, hashes and the moment of writing are nobody's to choose.
CREATE FUNCTION append_to_journal(
    kind text,
    key text,
    case_id text,
    plan text,
    actor text,
    role text,
    office text,
    seen_as text,
    reason text,
    facts jsonb,
    at timestamptz,
    at_most integer,
    since timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    iso CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    link journal%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(x'6a6f75726e616c'::bigint);
    IF EXISTS (SELECT FROM journal AS j WHERE j.key = append_to_journal.key) THEN
        RETURN 'known';
    END IF;
    IF at_most <= (
        SELECT count(*) FROM journal AS j
        WHERE j.kind = append_to_journal.kind AND j.actor = append_to_journal.actor AND j.at > coalesce(since, '-infinity')
    ) THEN
        RETURN 'too_often';
    END IF;
    link.format := 1;
    link.chain := 'journal';
    SELECT j.number, j.hash INTO link.number, link.prev_hash
    FROM journal AS j WHERE j.chain = link.chain ORDER BY j.number DESC LIMIT 1;
    link.number := coalesce(link.number, 0) + 1;
    link.prev_hash := coalesce(link.prev_hash, repeat('0', 64));
    link.kind := kind;
    link.key := key;
    link.case_id := case_id;
    link.plan := plan;
    link.actor := actor;
    link.role := role;
    link.office := office;
    link.seen_as := seen_as;
    link.reason := reason;
    link.facts := facts;
    link.at := at;
    link.written_at := clock_timestamp();
    link.content := jsonb_build_object(
        'kind', kind, 'key', key, 'case_id', case_id, 'plan', plan, 'actor', actor, 'role', role, 'office', office,
        'seen_as', seen_as, 'reason', reason, 'facts', facts,
        'at', to_char(at AT TIME ZONE 'UTC', iso),
        'written_at', to_char(link.written_at AT TIME ZONE 'UTC', iso)
    )::text;
    link.hash := encode(sha256(convert_to(
        concat_ws(chr(10), link.format, link.chain, link.number, link.prev_hash, link.content), 'UTF8'
    )), 'hex');
    INSERT INTO journal SELECT link.*;
    RETURN 'written';
END
$$;
COMMENT ON FUNCTION append_to_journal IS 'Writes an entry: `written`; or does not, where its key stands in the list already (`known`), or where the actor has done as much of this kind since a moment as a limit allows (`too_often`)';
REVOKE ALL ON FUNCTION append_to_journal FROM PUBLIC;

-- --- how an application came ----------------------------------------------------------------------------------------------

ALTER TABLE cases
    ALTER COLUMN submitter DROP NOT NULL,
    ADD COLUMN channel text NOT NULL DEFAULT 'counter'
        CHECK (channel IN ('online', 'counter', 'terminal', 'bank', 'agent', 'guardian')),
    ADD COLUMN submitter_kind text NOT NULL DEFAULT 'staff'
        CHECK (submitter_kind IN ('staff', 'applicant', 'agent', 'guardian')),
    ADD COLUMN submitter_ref keyed_token,
    -- cases_different_people compares staff: where the submitter is null, verifier and approver are still two people.
    ADD CONSTRAINT cases_submitted_by_one CHECK (
        (submitter_kind = 'staff') = (submitter IS NOT NULL) AND num_nonnulls(submitter, submitter_ref) = 1
    ),
    ADD CONSTRAINT cases_applicant_themself CHECK (submitter_kind <> 'applicant' OR submitter_ref = person);
ALTER TABLE cases ALTER COLUMN channel DROP DEFAULT, ALTER COLUMN submitter_kind DROP DEFAULT;
COMMENT ON COLUMN cases.channel IS 'How the application came: online, counter, terminal, bank, agent or guardian';
COMMENT ON COLUMN cases.submitter IS 'The member of staff who took the application in; null where somebody applied without one';
COMMENT ON COLUMN cases.submitter_kind IS 'Who handed it in: staff, the applicant themself, an agent or a guardian; rules of different people count staff';
COMMENT ON COLUMN cases.submitter_ref IS 'Keyed token of an applicant (the person ref), an agent or a guardian (of their number); their authority stands in the state';

-- --- a key for each person ----------------------------------------------------------------------------------------------

-- How it will be used: the name, phone, numbers and cards of a person, their contacts and what the state of their cases
-- seals are sealed under a key of their own. That key lies sealed in a store outside this database and its dumps; here
-- stands which one it is. `sealed_text` begins with the ID of its key, so a ciphertext says itself whether it is under the
-- ring's key, as all are today, or under the person's (`p-…`): no other column changes, and both can stand side by side
-- while they are sealed anew. Erasing a person destroys the key and says so here; a restore destroys it again.
CREATE TABLE person_keys (
    person keyed_token PRIMARY KEY,
    key_id text COLLATE "C" NOT NULL CONSTRAINT person_keys_once UNIQUE CHECK (key_id ~ '^p-[a-z2-7]{14}$'),
    created_at timestamptz NOT NULL,
    destroyed_at timestamptz CHECK (destroyed_at >= created_at)
);
COMMENT ON TABLE person_keys IS 'Which key the data of a person is sealed under; the keys themselves are kept outside this database';
COMMENT ON COLUMN person_keys.person IS 'Person ref; also of somebody whom the register does not know';
COMMENT ON COLUMN person_keys.key_id IS 'What stands before the dot of a sealed_text; random, and never used again';
COMMENT ON COLUMN person_keys.destroyed_at IS 'From then on nobody can open what is sealed under it';

-- --- an identity for each order and publication -----------------------------------------------------------------------------

ALTER TABLE cards
    ADD COLUMN order_id text COLLATE "C" CONSTRAINT cards_one_order UNIQUE CHECK (order_id ~ '^ord-[a-z2-7]{26}$');
COMMENT ON COLUMN cards.order_id IS 'The order in force, or the one it was made by; earlier ones of the same card stand in events.request_id';

ALTER TABLE events
    ADD COLUMN request_id text COLLATE "C" CHECK (request_id ~ '^(ord|pub)-[a-z2-7]{26}$');
COMMENT ON COLUMN events.request_id IS 'The order or publication that this asks for, and that an answer names; one for all targets';
CREATE INDEX events_by_request ON events (request_id) WHERE request_id IS NOT NULL;

-- --- rights -------------------------------------------------------------------------------------------------------------

-- As before, but that the journal is written through its function only.
CREATE OR REPLACE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    worker CONSTANT text := 'cardcase_worker';
    reader CONSTANT text := 'cardcase_reader';
    target record;
    known text;
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
                WHEN c.relname IN ('contributions', 'balances', 'offices', 'posts', 'person_keys') THEN NULL
                WHEN c.relname IN ('schema_version', 'schema_checksums', 'role_events', 'kinds', 'journal') THEN NULL
                WHEN c.relname IN ('turns', 'turn_waiters') THEN 'INSERT, UPDATE, DELETE'
                WHEN c.relname IN ('idempotency_keys', 'events') OR append_only THEN 'INSERT'
                ELSE 'INSERT, UPDATE'
            END AS for_worker
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
        END IF;
    END LOOP;
    FOREACH known IN ARRAY ARRAY[worker, reader] LOOP
        IF to_regrole(known) IS NOT NULL THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION append_to_journal TO %I', known);
        END IF;
    END LOOP;
END
$$;
