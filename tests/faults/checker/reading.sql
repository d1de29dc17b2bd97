-- What the checker reads of the register to compare it with something else. $1 are the cases that are asked about.

-- name: cases
SELECT case_id, generation, kind, status, milestone, version, region, category, attention, due_at, closed_at IS NULL AS is_open,
    generation = max(generation) OVER (PARTITION BY case_id) AS is_newest
FROM cases WHERE case_id = ANY ($1) ORDER BY case_id, generation

-- name: told
SELECT case_id, generation, version, event, told_as, to_status FROM transitions
WHERE case_id = ANY ($1) AND told_as IS NOT NULL
UNION ALL
SELECT case_id, generation, NULL, event, told_as, NULL FROM told_after_closing WHERE case_id = ANY ($1)

-- name: steps
SELECT transitions.case_id, cases.kind, transitions.version, transitions.from_status, transitions.event, transitions.to_status
FROM transitions JOIN cases USING (case_id, generation)
WHERE case_id = ANY ($1) AND transitions.version > 0

-- name: rungs
SELECT case_id, rung, due_at, fired_at FROM rungs WHERE case_id = ANY ($1)

-- name: overdue_rungs
-- Rungs that should have fired, and the moment by which.
SELECT case_id, next_rung AS rung, greatest(next_rung_at, silenced_until) AS due_at FROM cases
WHERE case_id = ANY ($1) AND closed_at IS NULL AND next_rung_at < clock_timestamp() AND status NOT IN ('on_hold', 'disputed', 'merging')

-- name: deliveries
SELECT deliveries.idempotency_key AS key, deliveries.state, deliveries.round, notifications.case_id
FROM deliveries JOIN notifications ON notifications.id = deliveries.notification_id
WHERE notifications.case_id = ANY ($1)

-- name: audit
SELECT
    format, case_id, generation, version, step, event, from_status, to_status, milestone, actor, role, office, stamp,
    told_as, state_before, state_after, salt, fact, fact_commitment, outcome, outcome_commitment, neighbours, at,
    prev_hash, hash
FROM transitions WHERE case_id = ANY ($1) ORDER BY case_id, generation, version

-- name: heads
SELECT case_id, generation, version, head, state_digest, state, opening, screening
FROM cases LEFT JOIN case_files USING (case_id, generation)
WHERE case_id = ANY ($1) ORDER BY case_id, generation

-- name: outbox
-- What is still to be sent, and since when it might have been. What waits for its slot does not count.
SELECT subject, 'message ' || id || ' is ' || state || coalesce(', ' || error, '') AS what, greatest(written_at, not_before) AS since
FROM notifications WHERE state = 'pending' AND not_before <= clock_timestamp() AND (case_id IS NULL OR case_id = ANY ($1))
UNION ALL
SELECT coalesce(events.case_id, events.subject), 'event ' || events.id || ' is in no feed', events.written_at
FROM events WHERE events.case_id = ANY ($1) AND NOT EXISTS (SELECT FROM feed WHERE feed.event_id = events.id)
UNION ALL
SELECT transitions.case_id, 'version ' || transitions.version || ' is in no feed', transitions.at
FROM transitions WHERE transitions.case_id = ANY ($1) AND NOT EXISTS (
    SELECT FROM feed
    WHERE (feed.case_id, feed.generation, feed.version) = (transitions.case_id, transitions.generation, transitions.version)
)
UNION ALL
SELECT queue.case_id, 'place ' || queue.sequence || ' was not taken by ' || subscriptions.client, queue.queued_at
FROM subscription_queue AS queue JOIN subscriptions ON subscriptions.id = queue.subscription
WHERE subscriptions.state = 'active' AND queue.case_id = ANY ($1)
