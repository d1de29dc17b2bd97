-- What breaks an invariant, read in tables alone. $1 are the cases that are asked about.
-- Each query answers two columns: who breaks it (subject), and how (what).

-- name: I2 a person has two open cases of one kind
SELECT min(case_id) AS subject, 'open ' || count(*) || ' times' AS what FROM cases
WHERE closed_at IS NULL AND case_id = ANY ($1)
GROUP BY person, kind HAVING count(*) > 1

-- name: I2 an application opened two cases
SELECT min(case_id) AS subject, 'its key opened ' || count(*) || ' cases' AS what FROM cases
WHERE key IN (SELECT key FROM cases WHERE case_id = ANY ($1))
GROUP BY key HAVING count(*) > 1

-- name: I3 versions have a gap or a repeat
SELECT case_id AS subject, 'generation ' || generation || ' has no, or no single, version ' || version AS what FROM (
    SELECT case_id, generation, version,
        lag(version) OVER (PARTITION BY case_id, generation ORDER BY version) AS version_before
    FROM transitions WHERE case_id = ANY ($1)
) AS made
WHERE version <> coalesce(version_before + 1, 0)

-- name: I3 a step begins where the case was not
SELECT case_id AS subject, 'version ' || version || ' begins in ' || coalesce(from_status, '-') AS what FROM (
    SELECT case_id, generation, version, from_status,
        lag(to_status) OVER (PARTITION BY case_id, generation ORDER BY version) AS status_before
    FROM transitions WHERE case_id = ANY ($1)
) AS made
WHERE from_status IS DISTINCT FROM status_before

-- name: I3 a case does not stand where its audit ends
SELECT cases.case_id AS subject, 'version ' || cases.version || ' in ' || cases.status AS what FROM cases
LEFT JOIN LATERAL (
    SELECT version, to_status FROM transitions
    WHERE (transitions.case_id, transitions.generation) = (cases.case_id, cases.generation)
    ORDER BY version DESC LIMIT 1
) AS newest ON true
WHERE cases.case_id = ANY ($1)
  AND (newest.version, newest.to_status) IS DISTINCT FROM (cases.version, cases.status)

-- name: I4 an effect stands twice in the register
SELECT case_id AS subject, step || ' ' || kind || ' for ' || target || ' stands ' || count(*) || ' times' AS what FROM events
WHERE case_id = ANY ($1)
GROUP BY case_id, generation, step, kind, target, subject HAVING count(*) > 1

-- name: I5 claims because of a number were released before it was committed
SELECT cases.case_id AS subject, 'claim ' || claims.id AS what FROM claims
JOIN cases ON (cases.case_id, cases.generation) = (claims.requeued_by, claims.requeued_generation)
WHERE cases.case_id = ANY ($1) AND cases.kind = 'IdNumberChange' AND cases.status <> 'ended'
  AND NOT EXISTS (
      SELECT FROM transitions
      WHERE (transitions.case_id, transitions.generation) = (cases.case_id, cases.generation)
        AND transitions.event = 'commit' AND transitions.at <= claims.requeued_at
  )

-- name: I5 a held benefit was released before the number was committed
-- Nothing is held while a case waits for somebody else: a hold, or a dispute, lifts what was held before.
SELECT cases.case_id AS subject, 'hold ' || benefit_holds.id AS what FROM benefit_holds
JOIN cases ON cases.case_id = benefit_holds.released_by_case
WHERE cases.case_id = ANY ($1) AND cases.kind = 'IdNumberChange' AND cases.status <> 'ended'
  AND NOT EXISTS (
      SELECT FROM transitions
      WHERE transitions.case_id = cases.case_id AND transitions.event = 'commit'
        AND transitions.at <= benefit_holds.released_at
  )
  AND NOT EXISTS (
      SELECT FROM transitions
      WHERE transitions.case_id = cases.case_id AND transitions.at = benefit_holds.released_at
        AND transitions.to_status IN ('on_hold', 'disputed', 'merging')
  )

-- name: I5 something was released for a case that was withdrawn or rejected
SELECT cases.case_id AS subject, 'claim ' || claims.id || ' for a case that is ' || cases.status AS what FROM claims
JOIN cases ON (cases.case_id, cases.generation) = (claims.requeued_by, claims.requeued_generation)
WHERE cases.case_id = ANY ($1) AND cases.status IN ('withdrawn', 'rejected')
UNION ALL
SELECT cases.case_id, events.kind || ' was told of a case that is ' || cases.status FROM events
JOIN cases USING (case_id, generation)
WHERE cases.case_id = ANY ($1) AND cases.status IN ('withdrawn', 'rejected')
  AND events.kind IN ('claim_requeued', 'claim_requeued_for_heirs')

-- name: I7 a rung fired early, or after the end
SELECT rungs.case_id AS subject, 'rung ' || rungs.rung || ' due ' || rungs.due_at || ' fired ' || rungs.fired_at AS what FROM rungs
JOIN cases USING (case_id, generation)
WHERE rungs.case_id = ANY ($1) AND (rungs.fired_at < rungs.due_at OR rungs.fired_at > cases.closed_at)

-- name: I7 a rung fired twice
SELECT case_id AS subject, 'rung ' || rung || ' of clock ' || clock || ' fired ' || count(*) || ' times' AS what FROM rungs
WHERE case_id = ANY ($1)
GROUP BY case_id, generation, rung, clock, due_at HAVING count(*) > 1

-- name: I7 a step fired a rung that is not written down
SELECT case_id AS subject, escalated.times || ' steps, ' || coalesce(fired.times, 0) || ' rungs' AS what
FROM (
    SELECT case_id, generation, count(*) AS times FROM transitions
    WHERE event = 'escalated' AND case_id = ANY ($1) GROUP BY case_id, generation
) AS escalated
LEFT JOIN (
    SELECT case_id, generation, count(*) AS times FROM rungs WHERE case_id = ANY ($1) GROUP BY case_id, generation
) AS fired USING (case_id, generation)
WHERE escalated.times IS DISTINCT FROM fired.times

-- name: I8 a message has two keys for one address
SELECT coalesce(notifications.case_id, notifications.subject) AS subject,
    'message ' || notifications.id || ' has ' || count(DISTINCT deliveries.idempotency_key) || ' keys in ' || deliveries.channel AS what
FROM deliveries JOIN notifications ON notifications.id = deliveries.notification_id
WHERE notifications.case_id = ANY ($1)
GROUP BY notifications.id, deliveries.channel, deliveries.staff, deliveries.round
HAVING count(DISTINCT deliveries.idempotency_key) > 1

-- name: I8 somebody was written to twice of one event
SELECT case_id AS subject, event || ' for ' || recipient || ' stands ' || count(*) || ' times' AS what FROM notifications
WHERE case_id = ANY ($1)
GROUP BY case_id, event, recipient, template, second_channel HAVING count(*) > 1
