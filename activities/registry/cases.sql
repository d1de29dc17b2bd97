-- Cases and their audit.

-- name: see_each_other
-- Registrations for one number, of one case, and with one key come one after the other until the transaction ends.
SELECT
    pg_advisory_xact_lock(1, hashtext(:number_token)),
    pg_advisory_xact_lock(2, hashtext(:case_id)),
    pg_advisory_xact_lock(4, hashtext(:key));

-- name: used_key
-- What an idempotency key was used for.
SELECT case_id, generation, fingerprint FROM idempotency_keys WHERE key = :key;

-- name: newest_generation
-- The case as it stands, newest generation first.
SELECT generation, version, status, fingerprint, closed_at, head, state ->> 'ended_because' AS ended_because
FROM cases WHERE case_id = :case_id
ORDER BY generation DESC LIMIT 1;

-- name: use_key
-- Keep a key for ever.
INSERT INTO idempotency_keys (key, case_id, generation, fingerprint, used_at)
VALUES (:key, :case_id, :generation, :fingerprint, :at);

-- name: open_case
-- The row of a case that was just applied for.
INSERT INTO cases (
    case_id, generation, kind, person, person_id, region, category, status, milestone, version, policy, key, fingerprint,
    number_token, replaces_number_id, road, channel, submitter_kind, submitter, submitter_ref, due_at, state, state_digest, head,
    opened_at, moved_at
) VALUES (
    :case_id, :generation, :kind, :person, :person_id, :region, :category, :status, :milestone, 0, :policy, :key,
    :fingerprint, :number_token, :replaces_number_id, :road, :channel, :submitter_kind, :submitter, :submitter_ref, :due_at,
    :state, :state_digest, :head, :at, :at
);

-- name: lock_case
-- The case, held against every other transition of it until the transaction ends.
SELECT person_id, version, status, verified_content, number_token, replaces_number_id, state_digest, head
FROM cases WHERE case_id = :case_id AND generation = :generation
FOR UPDATE;

-- name: lock_person
-- The person's record, held against transitions of the person's other cases.
SELECT id FROM persons WHERE token = :person FOR NO KEY UPDATE;

-- name: registered_as
-- What was answered to the registration of a case.
SELECT outcome FROM transitions WHERE case_id = :case_id AND generation = :generation AND version = 0;

-- name: standing
-- The whole state of a case.
SELECT version, state FROM cases WHERE case_id = :case_id AND generation = :generation;

-- name: untold_neighbours
-- Whom the transitions after a version had to tell, and who has not moved by it although it still matters to them: the
-- run that had to tell them died in between.
SELECT neighbour
FROM transitions AS made CROSS JOIN LATERAL jsonb_array_elements(made.outcome -> 'neighbours') AS neighbour
WHERE made.case_id = :case_id AND made.generation = :generation AND made.version > :before
  AND EXISTS (SELECT FROM cases WHERE case_id = neighbour ->> 'case_id' AND closed_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM transitions AS told
      WHERE told.case_id = neighbour ->> 'case_id' AND told.event = neighbour ->> 'event' AND told.at >= made.at
  )
  AND (
      neighbour ->> 'event' NOT LIKE 'dispute%'
      OR (neighbour ->> 'event' = 'dispute_opened') = EXISTS (
          SELECT FROM disputes
          WHERE state = 'open' AND neighbour ->> 'case_id' IN (case_id, rival_case_id)
      )
  )
ORDER BY made.version;

-- name: move_case
-- The transition itself: the case as it stands now, guarded by what it was.
UPDATE cases SET
    status = :status,
    milestone = :milestone,
    version = :version,
    road = :road,
    verifier = :verifier,
    approver = :approver,
    verified_content = :verified_content,
    policy = :policy,
    due_at = :due_at,
    rung = :rung,
    rung_at = :rung_at,
    next_rung = :next_rung,
    next_rung_at = :next_rung_at,
    processing_due_at = :processing_due_at,
    campaign_due_at = :campaign_due_at,
    provisional = :provisional,
    silenced_until = :silenced_until,
    attention = :attention,
    state = :state,
    state_digest = :state_digest,
    head = :head,
    moved_at = :at,
    closed_at = CASE WHEN :is_open THEN NULL ELSE :at::timestamptz END
WHERE case_id = :case_id AND generation = :generation AND version = :before AND status = :from_status;

-- name: record_transition
-- One link of the audit's chain.
INSERT INTO transitions (
    case_id, generation, version, step, event, from_status, to_status, actor, role, office, fact, stamp,
    state_before, state_after, outcome, at, prev_hash, hash
) VALUES (
    :case_id, :generation, :version, :step, :event, :from_status, :to_status, :actor, :role, :office, :fact, :stamp,
    :state_before, :state_after, :outcome, :at, :prev_hash, :hash
);
