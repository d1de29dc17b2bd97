-- Jobs of the intake service. It has no right to the tables but to read: what is staged and what became of it is written by
-- these functions, and a staged row is never changed.

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

CREATE OR REPLACE FUNCTION stage_job_rows(whose text, staged jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- What is found in the file as a whole stands in a row of number 0, and is none of its rows.
    UPDATE jobs SET
        touched_at = clock_timestamp(),
        rows_read = rows_read + added.waiting + added.refused,
        rows_waiting = rows_waiting + added.waiting,
        rows_refused = rows_refused + added.refused,
        acts = ARRAY(SELECT DISTINCT unnest(jobs.acts || added.acts) ORDER BY 1)
    FROM (
        SELECT
            (count(*) FILTER (WHERE leaf IS NOT NULL))::integer AS waiting,
            (count(*) FILTER (WHERE leaf IS NULL AND number > 0))::integer AS refused,
            coalesce(array_agg(DISTINCT act) FILTER (WHERE leaf IS NOT NULL), '{}') AS acts
        FROM jsonb_to_recordset(staged) AS one (number integer, leaf integer, act text)
    ) AS added
    WHERE id = whose AND state = 'staging';
    IF NOT FOUND THEN
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
COMMENT ON FUNCTION stage_job_rows IS 'Some more rows of a job whose file is being read; false where it is not';

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
    WHERE state = 'running' AND rows_waiting = 0;
    -- What had begun when its job was cancelled is finished; of a client, one job at a time, the oldest first.
    SELECT greatest(1, at_most / greatest(1, count(DISTINCT client))::integer) INTO each_of FROM jobs WHERE state = 'running';
    FOR its IN
        SELECT * FROM jobs AS one
        WHERE (one.state = 'cancelled' AND one.rows_waiting > 0)
           OR (one.state = 'running' AND NOT EXISTS (
               SELECT FROM jobs AS earlier
               WHERE earlier.client = one.client AND earlier.state = 'running'
                 AND (earlier.begun_at, earlier.id) < (one.begun_at, one.id)
           ))
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

REVOKE EXECUTE ON FUNCTION
    begin_job, stage_job_rows, start_job, drop_job, claim_job_rows, end_job_row, put_back_job_row, cancel_job, forget_jobs
FROM PUBLIC;
