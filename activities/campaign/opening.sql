-- Pages of a campaign: what the register knows of their rows, and what became of them.

-- name: claim_page
-- The rows of a page, those that it has or the next that nobody has.
SELECT place, leaf, case_id, content, attempts FROM claim_page(:job, :page, :at_most) ORDER BY place;

-- name: look_at_page
-- What the register knows of each row of a page that waits: what it was answered before, under its key; why it is refused; or
-- whether its person holds the number that is applied for. One statement for all.
SELECT
    r.place,
    CASE
        WHEN used.key IS NOT NULL AND (used.case_id, used.fingerprint::text) IS DISTINCT FROM (r.case_id, said.fingerprint)
            THEN 'IDEMPOTENCY_CONFLICT'
        WHEN used.key IS NOT NULL THEN NULL
        WHEN person.id IS NULL THEN 'PERSON_UNKNOWN'
        WHEN ended.code IS NOT NULL THEN ended.code
        WHEN open_one.fingerprint::text <> said.fingerprint THEN 'CASE_ALREADY_OPEN'
    END AS refused,
    file.receipt::jsonb ->> 'status' AS status,
    file.receipt::jsonb ->> 'reason' AS reason,
    CASE WHEN used.key IS NULL AND open_one.case_id IS NULL AND living.token::text = said.number_token THEN person.name END
        AS holds_number_as
FROM job_rows AS r
CROSS JOIN LATERAL jsonb_to_record(r.content::jsonb) AS said (key text, fingerprint text, number_token text)
LEFT JOIN idempotency_keys AS used ON used.key = said.key
LEFT JOIN case_files AS file ON file.case_id = used.case_id AND file.generation = used.generation
LEFT JOIN persons AS person ON person.token = substr(r.case_id, 5)
LEFT JOIN LATERAL end_of_person(person.id) AS ended (code) ON true
LEFT JOIN numbers AS living ON living.person_id = person.id AND living.state = 'living' AND living.digits = 18
LEFT JOIN cases AS open_one ON open_one.case_id = r.case_id AND open_one.closed_at IS NULL
WHERE r.job = :job AND r.page = :page AND r.state = 'waiting';

-- name: end_page
-- What became of its rows, all together.
SELECT end_page(:job, :page, :said::jsonb) AS waiting;

-- name: pace
-- The pace that was set.
SELECT pace_campaign(:job, :per_second, :in_flight, :paused, :by) AS known;

-- name: cancel
-- No further row is begun.
SELECT cancel_campaign(:job) AS cancelled;

-- name: report
-- A campaign in numbers, counted from its rows.
SELECT
    jobs.state,
    count(*) FILTER (WHERE r.number > 0) AS read,
    count(*) FILTER (WHERE r.state = 'done') AS done,
    count(*) FILTER (WHERE r.state = 'refused' AND r.number > 0) AS refused,
    count(*) FILTER (WHERE r.state = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE r.state = 'waiting') AS waiting,
    count(*) FILTER (WHERE r.state = 'done' AND r.case_id IS NOT NULL) AS opened,
    count(*) FILTER (WHERE r.ended_at IS NOT NULL AND r.state IN ('done', 'refused') AND r.case_id IS NULL) AS answered
FROM jobs JOIN job_rows AS r ON r.job = jobs.id
WHERE jobs.id = :job
GROUP BY jobs.id;

-- name: report_codes
-- How many rows have which finding.
SELECT found ->> 'code' AS code, count(DISTINCT r.place) AS rows
FROM job_rows AS r CROSS JOIN LATERAL jsonb_array_elements(r.findings) AS found
WHERE r.job = :job
GROUP BY 1 ORDER BY 1;

-- name: report_statuses
-- How many rows that are done have which status.
SELECT status, count(*) AS rows FROM job_rows
WHERE job = :job AND state = 'done' AND status IS NOT NULL
GROUP BY 1 ORDER BY 1;

-- name: left_alone
-- Campaigns that go on although nothing was heard of their workflow, with what a further run begins with.
SELECT campaigns.job, per_second, in_flight, paused, pages
FROM campaigns JOIN jobs ON jobs.id = campaigns.job
WHERE (jobs.state = 'running' OR (jobs.state = 'cancelled' AND jobs.rows_waiting > 0)) AND campaigns.seen_at < :before
ORDER BY campaigns.seen_at LIMIT :limit;

-- name: campaign_of
-- One campaign that goes on, with what its run begins with.
SELECT campaigns.job, per_second, in_flight, paused, pages
FROM campaigns JOIN jobs ON jobs.id = campaigns.job
WHERE campaigns.job = :job AND jobs.state = 'running';
