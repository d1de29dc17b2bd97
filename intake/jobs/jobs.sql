-- Jobs and their rows. What is written is written by functions (deploy/migrations/functions/jobs.sql).

-- name: begin
-- Begin to stage a file.
SELECT begin_job(:asked::jsonb, :most_open) AS answer;

-- name: touch
-- It is still being read, and stays until the end of the transaction.
SELECT touch_job(:job) AS answer;

-- name: make_campaign
-- Its rows will be opened by a campaign.
SELECT make_campaign(:job, :per_second, :in_flight) AS answer;

-- name: start
-- Its rows have a manifest.
SELECT start_job(:job, :manifest, :leaves) AS answer;

-- name: drop
-- Its file could not be read to its end.
SELECT drop_job(:job) AS answer;

-- name: claim
-- Rows to be opened or told now.
SELECT job, place, leaf, case_id, act, told_as, content, attempts
FROM claim_job_rows(:at_most, make_interval(secs => :lease));

-- name: end_row
-- What became of a row.
SELECT end_job_row(:job, :place, :state, :status, :version, :code) AS answer;

-- name: put_back
-- A row is asked for again after a pause.
SELECT put_back_job_row(:job, :place, make_interval(secs => :pause)) AS answer;

-- name: cancel
-- No further row is opened or told.
SELECT cancel_job(:job, :client) AS answer;

-- name: forget
-- What nobody reads to its end any more, and what ended long ago.
SELECT forget_jobs(make_interval(secs => :abandoned_after), make_interval(secs => :kept)) AS answer;

-- name: jobs_of
-- The jobs of a client, the newest first; or the one of an ID or of a key, if it is theirs.
SELECT
    id, kind, fingerprint, begun_at, ended_at, touched_at, acts,
    CASE
        WHEN state = 'running' AND EXISTS (
            SELECT FROM jobs AS earlier
            WHERE earlier.client = jobs.client AND earlier.state = 'running'
              AND (earlier.begun_at, earlier.id) < (jobs.begun_at, jobs.id)
              -- A campaign keeps nobody waiting: all that are running have pages.
              AND NOT (earlier.kind = 'register' AND earlier.rows_read > :campaign_rows)
        ) THEN 'waiting'
        ELSE state
    END AS state,
    rows_read AS read, rows_done AS done, rows_refused AS refused, rows_waiting AS waiting, rows_cancelled AS cancelled
FROM jobs
WHERE client = :client AND (:id::text IS NULL OR id = :id) AND (:key::text IS NULL OR key = :key)
ORDER BY begun_at DESC, id
LIMIT :at_most;

-- name: campaigns_of
-- Those of some jobs that are campaigns.
SELECT job, per_second, paused, paced_by, answered FROM campaigns WHERE job = ANY (:jobs::text[]);

-- name: rows_of
-- Rows of a job, in the order of the file, from a place on.
SELECT place, number, state, case_id, act, told_as, findings, status, version
FROM job_rows
WHERE job = :job AND place > :after AND (:state::text IS NULL OR state = :state)
ORDER BY place
LIMIT :at_most;

-- name: run_of
-- What a running job is run by.
SELECT client, manifest, leaves FROM jobs WHERE id = :job;

-- name: ended_of
-- Which of some jobs are over.
SELECT id FROM jobs WHERE id = ANY (:jobs::text[]) AND ended_at IS NOT NULL;

-- name: cases_of
-- Kind and region of cases, the newest generation of each.
SELECT DISTINCT ON (case_id) case_id, kind, region
FROM cases WHERE case_id = ANY (:case_ids::text[])
ORDER BY case_id, generation DESC;
