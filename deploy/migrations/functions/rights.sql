-- What each role needs beside reading. Whatever is append-only by its triggers is so by its rights as well.

CREATE OR REPLACE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    worker CONSTANT text := 'cardcase_worker';
    reader CONSTANT text := 'cardcase_reader';
    intake CONSTANT text := 'cardcase_intake';
    desk CONSTANT text := 'cardcase_desk';
    target record;
    known text;
BEGIN
    FOR target IN
        SELECT
            c.oid::regclass AS name,
            CASE
                -- The register's own data and the directory come with their loaders. A person's row is locked, for which
                -- a right to change any of its columns is needed; a case changes a name.
                WHEN c.relname = 'persons' THEN 'UPDATE (id, name)'
                WHEN c.relname IN ('claims', 'staff_contacts') THEN 'UPDATE'
                -- Where the register's phone bounced, a row says so.
                WHEN c.relname = 'contacts' THEN 'INSERT, UPDATE'
                WHEN c.relname IN ('contributions', 'balances', 'offices', 'posts') THEN NULL
                WHEN c.relname IN ('legal_holds', 'erasures', 'erased_cases', 'erased_persons', 'erased_keys', 'erased_chains') THEN NULL
                WHEN c.relname IN ('schema_version', 'schema_checksums', 'role_events', 'kinds', 'journal') THEN NULL
                WHEN c.relname IN ('turns', 'turn_waiters', 'feed', 'subscription_queue') THEN 'INSERT, UPDATE, DELETE'
                -- What it added up, and that it was undone, is written by functions of their own.
                WHEN c.relname = 'merges' THEN 'INSERT'
                WHEN c.relname IN ('feed_readers', 'jobs', 'job_rows', 'campaigns', 'in_hand') THEN NULL
                WHEN c.relname IN ('idempotency_keys', 'events') OR append_only THEN 'INSERT'
                ELSE 'INSERT, UPDATE'
            END AS for_worker,
            CASE
                WHEN c.relname IN ('feed_readers', 'subscriptions') THEN 'INSERT, UPDATE'
                WHEN c.relname = 'delivered_events' THEN 'INSERT'
                WHEN c.relname = 'job_rows' THEN 'INSERT (job, place, number, leaf, state, case_id, act, told_as, content, findings)'
                WHEN c.relname = 'subscription_queue' THEN 'INSERT, UPDATE, DELETE'
            END AS for_intake,
            CASE WHEN c.relname = 'in_hand' THEN 'INSERT, UPDATE, DELETE' END AS for_desk
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
        IF to_regrole(intake) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %s FROM %I', target.name, intake);
            EXECUTE format('GRANT SELECT ON %s TO %I', target.name, intake);
            IF target.for_intake IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO %I', target.for_intake, target.name, intake);
            END IF;
        END IF;
        IF to_regrole(desk) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %s FROM %I', target.name, desk);
            EXECUTE format('GRANT SELECT ON %s TO %I', target.name, desk);
            IF target.for_desk IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO %I', target.for_desk, target.name, desk);
            END IF;
        END IF;
    END LOOP;
    IF to_regrole(worker) IS NOT NULL THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION add_entitlements_of, take_out_entitlements_of TO %I', worker);
        EXECUTE format('GRANT EXECUTE ON FUNCTION claim_page, end_page, pace_campaign, cancel_campaign TO %I', worker);
    END IF;
    IF to_regrole(intake) IS NOT NULL THEN
        EXECUTE format(
            'GRANT EXECUTE ON FUNCTION begin_job, touch_job, stage_job_rows, start_job, drop_job, claim_job_rows, end_job_row, '
            'put_back_job_row, cancel_job, forget_jobs, make_campaign TO %I',
            intake
        );
        EXECUTE format('GRANT EXECUTE ON FUNCTION take_in_persons TO %I', intake);
    END IF;
    FOREACH known IN ARRAY ARRAY[worker, reader, intake, desk] LOOP
        IF to_regrole(known) IS NOT NULL THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION append_to_journal TO %I', known);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION grant_rights IS 'Gives the roles that exist the rights that their work needs; called after every migration, and by roles.sql';
