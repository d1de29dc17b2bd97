-- What stands still.

-- name: next_in_turn
-- Some open cases after the one that was looked at last, in the order of their IDs.
SELECT
    cases.case_id, cases.region, cases.moved_at, case_files.opening, case_files.screening, cases.state,
    EXISTS (SELECT FROM turn_waiters WHERE turn_waiters.case_id = cases.case_id) AS waits,
    CASE WHEN cases.status = ANY (:waiting_for_neighbours::text[]) THEN ARRAY(
        SELECT event FROM unnest(:of_neighbours::text[]) AS event
        WHERE may_be_told(cases.case_id, cases.generation, cases.person, cases.person_id, NULL, event)
    ) END AS said
FROM cases JOIN case_files USING (case_id, generation)
WHERE cases.closed_at IS NULL AND cases.case_id > (SELECT case_id FROM watched)
ORDER BY cases.case_id LIMIT :limit;

-- name: again
-- Open cases that stood still when they were looked at last, some of them.
SELECT
    cases.case_id, cases.region, cases.moved_at, case_files.opening, case_files.screening, cases.state,
    EXISTS (SELECT FROM turn_waiters WHERE turn_waiters.case_id = cases.case_id) AS waits,
    CASE WHEN cases.status = ANY (:waiting_for_neighbours::text[]) THEN ARRAY(
        SELECT event FROM unnest(:of_neighbours::text[]) AS event
        WHERE may_be_told(cases.case_id, cases.generation, cases.person, cases.person_id, NULL, event)
    ) END AS said
FROM cases JOIN case_files USING (case_id, generation)
WHERE cases.closed_at IS NULL AND cases.case_id = ANY (:case_ids::text[]);

-- name: watched_until
-- From here the next look goes on.
UPDATE watched SET case_id = :case_id;

-- name: standing
-- What stands still at the moment, what was found first before the rest.
SELECT subject, kind FROM standstills WHERE ended_at IS NULL ORDER BY id LIMIT :limit;

-- name: late_messages
-- Of each office the messages that nobody has sent although it is time, by what keeps most of them; those to applicants from
-- the end of the quiet hours on, and none in them.
SELECT
    coalesce(notifications.office, cases.region) AS office,
    mode() WITHIN GROUP (ORDER BY coalesce(error, 'NOT_TAKEN_UP')) AS what,
    min(not_before) AS since
FROM notifications LEFT JOIN cases USING (case_id, generation)
WHERE notifications.state = 'pending'
  AND CASE WHEN recipient = 'applicant' THEN greatest(not_before, :quiet_ended) ELSE not_before END <= :before
  AND (recipient <> 'applicant' OR NOT :is_quiet::boolean)
  AND coalesce(notifications.office, cases.region) IS NOT NULL
GROUP BY 1;

-- name: late_events
-- The feed, where what was committed gets no place; subscriptions whose receivers accept nothing; campaigns that open nothing.
SELECT 'feed' AS subject, :top::text AS office, 'NOT_PUBLISHED' AS what, min(at) AS since
FROM transitions WHERE written_in >= (SELECT written_before FROM feed_state)
HAVING min(at) <= :unpublished_before
UNION ALL
SELECT 'subscription:' || id, office, 'NOT_ACCEPTED', failing_since
FROM subscriptions WHERE state = 'active' AND failing_since <= :failing_before
UNION ALL
SELECT 'campaign:' || campaigns.job, jobs.office, 'ROWS_NOT_OPENED', campaigns.seen_at
FROM campaigns JOIN jobs ON jobs.id = campaigns.job
WHERE jobs.state = 'running' AND NOT campaigns.paused AND campaigns.seen_at <= :unopened_before;

-- name: write_down
-- What was found, each once while it lasts; another `what` is a change.
INSERT INTO standstills (subject, kind, what, office, since, found_at)
SELECT subject, kind, what, office, since, :at
FROM unnest(
    :subjects::text[], :kinds::text[], :whats::text[], :offices::text[], :sinces::timestamptz[]
) AS found (subject, kind, what, office, since)
ON CONFLICT (subject, kind) WHERE ended_at IS NULL
DO UPDATE SET what = excluded.what, since = excluded.since, found_at = excluded.found_at
WHERE standstills.what <> excluded.what
RETURNING subject, kind, what;

-- name: end
-- What was looked at and not found goes on again.
UPDATE standstills SET ended_at = :at
WHERE ended_at IS NULL
  AND (kind = ANY (:looked_at_whole::text[]) OR (subject, kind) IN (SELECT * FROM unnest(:looked_at::text[], :as_kinds::text[])))
  AND (subject, kind) NOT IN (SELECT * FROM unnest(:subjects::text[], :kinds::text[]));

-- name: tell
-- Each office is told of what has stood still for two looks, and was not told as it is now; one message for all of it.
WITH told AS (
    UPDATE standstills SET told = what
    WHERE ended_at IS NULL AND told IS DISTINCT FROM what AND found_at < :at
    RETURNING id, subject, kind, office, since
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY office ORDER BY since, id) AS place FROM told
)
INSERT INTO notifications (subject, event, recipient, office, template, facts, not_before, written_at, next_attempt_at)
SELECT
    'standstill:' || office, max(id) || '@' || extract(epoch FROM :at::timestamptz),
    CASE WHEN office = :top THEN 'ministry' ELSE 'team_lead' END, office, 'standstill',
    jsonb_build_object(
        'count', count(*),
        'standstills', jsonb_agg(
            jsonb_build_object('subject', subject, 'how', kind, 'since', since) ORDER BY place
        ) FILTER (WHERE place <= :listed),
        'more', greatest(count(*) - :listed, 0)
    ),
    :not_before, :at, :at
FROM ranked GROUP BY office
RETURNING office;

-- name: counted
-- How many stand still, by kind.
SELECT kind, count(*) AS standing FROM standstills WHERE ended_at IS NULL GROUP BY kind;

-- name: shown
-- What stands still, or did lately; the newest first.
SELECT subject, kind, what, office, since, found_at, told IS NOT NULL AS is_told, ended_at
FROM standstills WHERE ended_at IS NULL OR :ended::boolean ORDER BY id DESC LIMIT :limit;
