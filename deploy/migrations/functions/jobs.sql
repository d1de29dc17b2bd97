-- Jobs of the intake service. It may add rows to a job whose file it reads, and has no other right to the tables but to read: what
-- became of a row is written by these functions, and what is staged is never changed.

CREATE OR REPLACE FUNCTION begin_job(asked jsonb, most_open integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- One after the other for each client, so that a key begins one job and the limit is one.
    PERFORM pg_advisory_xact_lock(5, hashtext(asked ->> 'client'));
    IF EXISTS (SELECT FROM jobs WHERE client = asked ->> 'client' AND key = asked ->> 'key') THEN
        RETURN 'known';
    END IF;
    IF (SELECT count(*) FROM jobs WHERE client = asked ->> 'client' AND state IN ('staging', 'running')) >= most_open THEN
        RETURN 'too_many';
    END IF;
    INSERT INTO jobs (id, kind, client, role, office, key, fingerprint, state, begun_at, touched_at)
    SELECT id, kind, client, role, office, key, fingerprint, 'staging', at, at
    FROM jsonb_to_record(asked) AS one (
        id text, kind text, client text, role text, office text, key text, fingerprint text
    ), clock_timestamp() AS at;
    RETURN 'begun';
END
$$;
COMMENT ON FUNCTION begin_job IS 'Begins to stage a file. Returns begun; known where the client used this key before; too_many where it has as many open jobs as it may have';

CREATE OR REPLACE FUNCTION touch_job(whose text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE jobs SET touched_at = clock_timestamp() WHERE id = whose AND state = 'staging';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION touch_job IS 'Whether the file of a job is still being read; nobody drops it until the end of the transaction';

CREATE OR REPLACE FUNCTION job_rows_arrive() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM arrived LEFT JOIN jobs ON jobs.id = arrived.job AND jobs.state = 'staging'
        WHERE jobs.id IS NULL OR arrived.state <> CASE WHEN arrived.leaf IS NULL THEN 'refused' ELSE 'waiting' END
    ) THEN
        RAISE EXCEPTION 'JOB_NOT_RUNNING' USING ERRCODE = 'CASE1';
    END IF;
    -- What is found in the file as a whole stands in a row of number 0, and is none of its rows.
    UPDATE jobs SET
        touched_at = clock_timestamp(),
        rows_read = rows_read + added.waiting + added.refused,
        rows_waiting = rows_waiting + added.waiting,
        rows_refused = rows_refused + added.refused,
        acts = ARRAY(SELECT DISTINCT unnest(jobs.acts || added.acts) ORDER BY 1)
    FROM (
        SELECT
            job,
            (count(*) FILTER (WHERE leaf IS NOT NULL))::integer AS waiting,
            (count(*) FILTER (WHERE leaf IS NULL AND number > 0))::integer AS refused,
            coalesce(array_agg(DISTINCT act) FILTER (WHERE leaf IS NOT NULL), '{}') AS acts
        FROM arrived GROUP BY job
    ) AS added
    WHERE jobs.id = added.job;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION job_rows_arrive IS 'Rows are added while their file is read, as waiting or as refused, and counted; none is added later';
CREATE OR REPLACE TRIGGER job_rows_arrive AFTER INSERT ON job_rows
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION job_rows_arrive();

CREATE OR REPLACE FUNCTION stage_job_rows(whose text, staged jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT touch_job(whose) THEN
        RETURN false;
    END IF;
    INSERT INTO job_rows (job, place, number, leaf, state, case_id, act, told_as, content, findings)
    SELECT
        whose, place, number, leaf, CASE WHEN leaf IS NULL THEN 'refused' ELSE 'waiting' END, case_id, act, told_as, content,
        coalesce(findings, '[]')
    FROM jsonb_to_recordset(staged) AS one (
        place integer, number integer, leaf integer, case_id text, act text, told_as text, content text, findings jsonb
    );
    RETURN true;
END
$$;
COMMENT ON FUNCTION stage_job_rows IS 'Some more rows of a job whose file is being read, as services of the release before stage them; false where it is not';

CREATE OR REPLACE FUNCTION start_job(whose text, stamped text, its_leaves bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE jobs SET
        state = CASE WHEN stamped IS NULL THEN 'done' ELSE 'running' END,
        manifest = stamped,
        leaves = its_leaves,
        ended_at = CASE WHEN stamped IS NULL THEN clock_timestamp() END
    WHERE id = whose AND state = 'staging'
      -- The manifest covers every row that waits, or there is none of either.
      AND coalesce(length(its_leaves), 0) / 32 = rows_waiting;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION start_job IS 'The file is read and its rows have a manifest: they are opened or told from now on; done at once where no row may be';

CREATE OR REPLACE FUNCTION drop_job(whose text) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    DELETE FROM jobs WHERE id = whose AND state = 'staging';
END;
COMMENT ON FUNCTION drop_job IS 'Forgets a job whose file could not be read to its end';

CREATE OR REPLACE FUNCTION claim_job_rows(at_most integer, lease interval) RETURNS SETOF job_rows LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    its jobs;
    each_of integer;
    claimed integer := 0;
    got integer;
BEGIN
    UPDATE jobs SET state = 'done', ended_at = at
    WHERE state = 'running' AND rows_waiting = 0 AND NOT EXISTS (SELECT FROM campaigns WHERE campaigns.job = jobs.id);
    -- What had begun when its job was cancelled is finished; of a client, one job at a time, the oldest first.
    SELECT greatest(1, at_most / greatest(1, count(DISTINCT client))::integer) INTO each_of
    FROM jobs WHERE state = 'running' AND NOT EXISTS (SELECT FROM campaigns WHERE campaigns.job = jobs.id);
    FOR its IN
        SELECT * FROM jobs AS one
        -- A campaign has a workflow of its own, and keeps nobody waiting.
        WHERE NOT EXISTS (SELECT FROM campaigns WHERE campaigns.job = one.id)
          AND ((one.state = 'cancelled' AND one.rows_waiting > 0)
           OR (one.state = 'running' AND NOT EXISTS (
               SELECT FROM jobs AS earlier
               WHERE earlier.client = one.client AND earlier.state = 'running'
                 AND (earlier.begun_at, earlier.id) < (one.begun_at, one.id)
                 AND NOT EXISTS (SELECT FROM campaigns WHERE campaigns.job = earlier.id)
           )))
        ORDER BY random()
    LOOP
        EXIT WHEN claimed >= at_most;
        RETURN QUERY
            WITH chosen AS (
                SELECT place FROM job_rows AS r
                WHERE r.job = its.id AND r.state = 'waiting'
                  AND (r.leased_until IS NULL OR r.leased_until <= at)
                  AND (r.not_before IS NULL OR r.not_before <= at)
                  -- A case is told in the order of the file.
                  AND NOT EXISTS (
                      SELECT FROM job_rows AS earlier
                      WHERE earlier.job = r.job AND earlier.case_id = r.case_id AND earlier.place < r.place
                        AND earlier.state = 'waiting'
                  )
                ORDER BY place
                LIMIT least(each_of, at_most - claimed)
                FOR UPDATE SKIP LOCKED
            )
            UPDATE job_rows AS r SET leased_until = at + lease, attempts = r.attempts + 1
            FROM chosen WHERE r.job = its.id AND r.place = chosen.place
            RETURNING r.*;
        GET DIAGNOSTICS got = ROW_COUNT;
        claimed := claimed + got;
    END LOOP;
END
$$;
COMMENT ON FUNCTION claim_job_rows IS
    'Rows to be opened or told now, for as long as the lease lasts: of each client the same share, of each case the earliest; jobs without a waiting row are done';

CREATE OR REPLACE FUNCTION end_job_row(
    whose text, its_place integer, its_state text, its_status text, its_version integer, code text
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- The job before its rows, as whoever cancels it does.
    PERFORM FROM jobs WHERE id = whose FOR NO KEY UPDATE;
    UPDATE job_rows SET
        state = its_state,
        status = its_status,
        version = its_version,
        findings = findings || CASE
            WHEN code IS NULL THEN '[]'::jsonb
            ELSE jsonb_build_array(jsonb_build_object('column', NULL, 'code', code, 'refused', its_state = 'refused'))
        END,
        content = NULL,
        leased_until = NULL,
        not_before = NULL,
        ended_at = clock_timestamp()
    WHERE job = whose AND place = its_place AND state = 'waiting' AND its_state IN ('done', 'refused');
    IF FOUND THEN
        UPDATE jobs SET
            rows_waiting = rows_waiting - 1,
            rows_done = rows_done + (its_state = 'done')::integer,
            rows_refused = rows_refused + (its_state = 'refused')::integer
        WHERE id = whose;
    END IF;
END
$$;
COMMENT ON FUNCTION end_job_row IS 'What became of a row, once; its content is forgotten';

CREATE OR REPLACE FUNCTION put_back_job_row(whose text, its_place integer, pause interval) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    UPDATE job_rows SET leased_until = NULL, not_before = clock_timestamp() + pause
    WHERE job = whose AND place = its_place AND state = 'waiting';
END;
COMMENT ON FUNCTION put_back_job_row IS 'Nobody answered for a row: it is asked for again after a pause';

CREATE OR REPLACE FUNCTION cancel_job(whose text, by_client text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    given_up integer;
BEGIN
    UPDATE jobs SET state = 'cancelled', ended_at = clock_timestamp()
    WHERE id = whose AND client = by_client AND state = 'running';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Of a row that somebody has begun to open or to tell the outcome is not known yet: it is finished.
    UPDATE job_rows SET state = 'cancelled', content = NULL, ended_at = clock_timestamp()
    WHERE job = whose AND state = 'waiting' AND attempts = 0;
    GET DIAGNOSTICS given_up = ROW_COUNT;
    UPDATE jobs SET rows_waiting = rows_waiting - given_up, rows_cancelled = rows_cancelled + given_up WHERE id = whose;
    RETURN true;
END
$$;
COMMENT ON FUNCTION cancel_job IS 'Opens and tells no further row of a client''s job; false where it is over, or not theirs';

CREATE OR REPLACE FUNCTION forget_jobs(abandoned_after interval, kept interval) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    forgotten integer;
BEGIN
    DELETE FROM jobs
    WHERE (state = 'staging' AND touched_at < clock_timestamp() - abandoned_after)
       OR (ended_at < clock_timestamp() - kept AND rows_waiting = 0);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION forget_jobs IS 'Forgets what nobody reads to its end any more, and what ended long ago. Returns how many jobs';

-- Campaigns: jobs whose rows a workflow has opened, page by page.

CREATE OR REPLACE FUNCTION make_campaign(whose text, at_most_each_second real, under_way integer) RETURNS boolean LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO campaigns (job, per_second, in_flight, seen_at)
    SELECT id, at_most_each_second, under_way, clock_timestamp() FROM jobs
    WHERE id = whose AND state = 'staging' AND kind = 'register';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION make_campaign IS 'A register whose file is being read will be opened by a campaign; false where it is none';

CREATE OR REPLACE FUNCTION claim_page(whose text, its_page integer, at_most integer) RETURNS SETOF job_rows LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- One after the other for each campaign, so that two attempts at a page have the same rows.
    UPDATE campaigns SET seen_at = clock_timestamp(), pages = greatest(pages, its_page + 1) WHERE job = whose;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM job_rows WHERE job = whose AND page = its_page AND state = 'waiting') THEN
        WITH chosen AS (
            SELECT place FROM job_rows AS r
            WHERE r.job = whose AND r.state = 'waiting' AND r.page IS NULL
              -- Of what was begun before its campaign was cancelled the outcome is not known: it is finished.
              AND (r.attempts > 0 OR EXISTS (SELECT FROM jobs WHERE id = whose AND state = 'running'))
            ORDER BY place
            LIMIT at_most
            FOR UPDATE SKIP LOCKED
        )
        UPDATE job_rows AS r SET page = its_page FROM chosen WHERE r.job = whose AND r.place = chosen.place;
    END IF;
    RETURN QUERY
        UPDATE job_rows AS r SET attempts = r.attempts + 1
        WHERE r.job = whose AND r.page = its_page AND r.state = 'waiting'
        RETURNING r.*;
END
$$;
COMMENT ON FUNCTION claim_page IS
    'The rows of a page of a campaign: those that it has, or the next that nobody has; none where the campaign is over or was cancelled';

CREATE OR REPLACE FUNCTION end_page(whose text, its_page integer, said jsonb) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    left_over integer;
    without_case integer;
BEGIN
    -- The job before its rows, as whoever cancels it does.
    PERFORM FROM jobs WHERE id = whose FOR NO KEY UPDATE;
    WITH ended AS (
        UPDATE job_rows AS r SET
            state = one.state,
            status = one.status,
            findings = findings || CASE
                WHEN one.code IS NULL THEN '[]'::jsonb
                ELSE jsonb_build_array(
                    jsonb_build_object('column', NULL, 'code', one.code, 'refused', one.state = 'refused')
                )
            END,
            -- There is no case that could be looked up.
            case_id = CASE WHEN one.has_case THEN r.case_id END,
            content = NULL,
            ended_at = clock_timestamp()
        FROM jsonb_to_recordset(said) AS one (place integer, state text, status text, code text, has_case boolean)
        WHERE r.job = whose AND r.place = one.place AND r.page = its_page AND r.state = 'waiting'
          AND one.state IN ('done', 'refused')
        RETURNING r.state, r.case_id
    ), counted AS (
        SELECT
            count(*)::integer AS rows,
            (count(*) FILTER (WHERE state = 'done'))::integer AS done,
            (count(*) FILTER (WHERE case_id IS NULL))::integer AS without_case
        FROM ended
    ), written AS (
        UPDATE jobs SET
            touched_at = clock_timestamp(),
            rows_waiting = rows_waiting - counted.rows,
            rows_done = rows_done + counted.done,
            rows_refused = rows_refused + counted.rows - counted.done,
            state = CASE WHEN state = 'running' AND rows_waiting = counted.rows THEN 'done' ELSE state END,
            ended_at = CASE WHEN state = 'running' AND rows_waiting = counted.rows THEN clock_timestamp() ELSE ended_at END
        FROM counted WHERE id = whose
        RETURNING jobs.rows_waiting, counted.without_case
    )
    SELECT written.rows_waiting, written.without_case INTO left_over, without_case FROM written;
    UPDATE campaigns SET seen_at = clock_timestamp(), answered = answered + without_case WHERE job = whose;
    -- Who nobody answered for goes with a later page.
    UPDATE job_rows SET page = NULL WHERE job = whose AND page = its_page AND state = 'waiting';
    RETURN left_over;
END
$$;
COMMENT ON FUNCTION end_page IS 'What became of the rows of a page, each once; the rest is put back. Returns how many rows of the job wait';

CREATE OR REPLACE FUNCTION pace_campaign(
    whose text, at_most_each_second real, under_way integer, is_paused boolean, actor text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE campaigns SET
        per_second = at_most_each_second, in_flight = under_way, paused = is_paused, paced_by = coalesce(actor, paced_by),
        seen_at = clock_timestamp()
    WHERE job = whose;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION pace_campaign IS 'The pace at which a campaign goes on; the one place where it is kept beyond a run of its workflow';

CREATE OR REPLACE FUNCTION cancel_campaign(whose text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    its_client CONSTANT text := (SELECT client FROM jobs JOIN campaigns ON campaigns.job = jobs.id WHERE jobs.id = whose);
BEGIN
    RETURN its_client IS NOT NULL AND cancel_job(whose, its_client);
END
$$;
COMMENT ON FUNCTION cancel_campaign IS 'As cancel_job, for the workflow of a campaign';

REVOKE EXECUTE ON FUNCTION
    begin_job, touch_job, stage_job_rows, start_job, drop_job, claim_job_rows, end_job_row, put_back_job_row, cancel_job, forget_jobs,
    make_campaign, claim_page, end_page, pace_campaign, cancel_campaign
FROM PUBLIC;
