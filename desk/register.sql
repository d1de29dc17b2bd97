-- What the desk reads of the register, and who has which case in hand. Nothing sealed leaves but what one case shows.

-- name: groups
-- How many open cases of a region there are of which queues ask the same.
SELECT
    kind, status, attention,
    coalesce(submitter = :me, false) AS taken_in,
    coalesce(verifier = :me, false) AS verified,
    count(*) AS cases
FROM cases
WHERE closed_at IS NULL AND starts_with(region, :below)
GROUP BY kind, status, attention, taken_in, verified;

-- name: waiting
-- Open cases of a region by the day they are due, after a given one: those that stand in some places, or need attention for
-- some reason; a filter that is null lets everything through.
SELECT
    cases.case_id, generation, kind, region, category, cases.status, milestone, due_at, attention, rung, moved_at,
    in_hand.staff AS in_hand_of, in_hand.until AS in_hand_until
FROM cases
LEFT JOIN in_hand ON in_hand.case_id = cases.case_id AND in_hand.status = cases.status AND in_hand.until > :at
WHERE closed_at IS NULL AND starts_with(region, :below)
  AND (
      :everything::boolean
      OR (
          kind || '/' || cases.status = ANY (:places::text[])
          AND NOT attention && :unless::text[]
          AND NOT coalesce(submitter = :me AND kind || '/' || cases.status = ANY (:not_taken_in::text[]), false)
          AND NOT coalesce(verifier = :me AND kind || '/' || cases.status = ANY (:not_verified::text[]), false)
      )
      OR attention && :attention::text[]
  )
  AND (:kind::text IS NULL OR kind = :kind)
  AND (:category::text IS NULL OR category = :category)
  AND (:in_hand_of::text IS NULL OR in_hand.staff = :in_hand_of)
  AND (NOT :free::boolean OR in_hand.staff IS NULL)
  AND (
      :after_case::text IS NULL
      OR (coalesce(due_at, 'infinity'), cases.case_id) > (coalesce(:after_due::timestamptz, 'infinity'), :after_case)
  )
ORDER BY coalesce(due_at, 'infinity'), cases.case_id
LIMIT :limit;

-- name: in_hand
-- Who has a case in hand as it stands.
SELECT in_hand.staff, in_hand.until
FROM in_hand JOIN cases USING (case_id, status)
WHERE case_id = :case_id AND closed_at IS NULL AND until > :at;

-- name: take
-- Take a case as it stands; of whoever has it already only where that may be moved. No row where somebody else has it, or it
-- is closed.
INSERT INTO in_hand (case_id, staff, role, office, status, since, until)
SELECT case_id, :staff, :role, :office, status, :at, :until FROM cases WHERE case_id = :case_id AND closed_at IS NULL
ON CONFLICT (case_id) DO UPDATE
SET staff = excluded.staff, role = excluded.role, office = excluded.office, status = excluded.status,
    since = excluded.since, until = excluded.until
WHERE in_hand.until <= :at OR in_hand.staff = excluded.staff OR in_hand.status <> excluded.status OR :moves::boolean
RETURNING staff;

-- name: put_back
-- Put a case back; that of somebody else only where it may be moved.
DELETE FROM in_hand WHERE case_id = :case_id AND (staff = :staff OR :moves::boolean);

-- name: colleagues
-- Who stands at a post of some offices.
SELECT DISTINCT staff FROM posts WHERE starts_with(office, :below) ORDER BY staff;

-- name: numbers_of_the_person
-- The number in force of whom a case is about, and the one that it has put out of force; sealed.
SELECT
    (SELECT sealed FROM numbers WHERE numbers.person_id = cases.person_id AND state = 'living') AS living,
    (
        SELECT sealed FROM numbers
        WHERE ended_by_case = cases.case_id AND ended_by_generation = cases.generation AND state = 'historic'
        ORDER BY id DESC LIMIT 1
    ) AS replaced
FROM cases WHERE case_id = :case_id AND generation = :generation;

-- name: claims_of_the_person
-- Claims of whom a case is about, by scheme and state.
SELECT scheme, claims.state, suspended_for, count(*) AS claims, sum(amount_fen)::bigint AS amount_fen
FROM claims JOIN cases USING (person_id)
WHERE case_id = :case_id AND generation = :generation
GROUP BY scheme, claims.state, suspended_for
ORDER BY scheme, claims.state, suspended_for;

-- name: holds_of_the_person
-- Benefits that were withheld from whom a case is about, the newest first.
SELECT reason, benefit_holds.state, legal_basis, notice, served_on, officer, held_at, released_at, released_by
FROM benefit_holds JOIN cases USING (person_id)
WHERE cases.case_id = :case_id AND cases.generation = :generation
ORDER BY benefit_holds.id DESC;

-- name: rungs_of_the_case
-- Rungs that fired, oldest first.
SELECT generation, rung, cause, fired_at FROM rungs WHERE case_id = :case_id ORDER BY generation, fired_at, rung;

-- name: messages_of_the_case
-- What was told about a case, to whom, and what came of it, the newest first.
SELECT
    notifications.recipient, notifications.template, notifications.state, notifications.written_at,
    notifications.error, array_remove(array_agg(deliveries.channel::text ORDER BY deliveries.id), NULL) AS channels,
    max(coalesce(deliveries.settled_at, deliveries.accepted_at)) AS settled_at
FROM notifications LEFT JOIN deliveries ON deliveries.notification_id = notifications.id
WHERE case_id = :case_id
GROUP BY notifications.id
ORDER BY notifications.id DESC
LIMIT :limit;
