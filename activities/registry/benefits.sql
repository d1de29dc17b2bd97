-- Benefits that are withheld, and claims that wait.

-- name: hold_benefits
-- A named officer's decision: basis, and a notice that was served.
INSERT INTO benefit_holds (
    person_id, reason, state, legal_basis, notice, served_on, officer, held_at, case_id, generation
) VALUES (
    :person_id, :reason, 'held', :legal_basis, :notice, :served_on, :officer, :at, :case_id, :generation
)
ON CONFLICT (person_id, reason) WHERE state <> 'released' DO UPDATE SET
    state = 'held',
    legal_basis = excluded.legal_basis,
    notice = excluded.notice,
    served_on = excluded.served_on,
    officer = excluded.officer,
    held_at = excluded.held_at,
    case_id = excluded.case_id,
    generation = excluded.generation;

-- name: release_benefits
-- A named officer's decision to pay again.
UPDATE benefit_holds SET
    state = 'released', released_at = :at, released_by = :officer, release_basis = :legal_basis,
    released_by_case = :case_id
WHERE person_id = :person_id AND reason = :reason AND state = 'held';

-- name: lift_benefit_holds
-- The reason of the hold is gone, or must not hold benefits any longer.
UPDATE benefit_holds SET state = 'released', released_at = :at, released_by_case = :case_id
WHERE person_id = :person_id AND reason = :reason AND state <> 'released';

-- name: benefits_held
-- Whether a benefit is held for this reason.
SELECT 1 AS found FROM benefit_holds WHERE person_id = :person_id AND reason = :reason AND state = 'held';

-- name: benefits_still_blocked
-- Whether a benefit is still held or a claim still suspended for this reason.
SELECT 1 AS found FROM benefit_holds WHERE person_id = :person_id AND reason = :reason AND state = 'held'
UNION ALL
SELECT 1 FROM claims WHERE person_id = :person_id AND suspended_for = :reason AND state = 'suspended'
LIMIT 1;

-- name: requeue_claims
-- Every suspended claim of every scheme goes back into its queue, and its scheme is told.
WITH queued AS (
    UPDATE claims SET
        state = 'queued', requeued_by = :case_id, requeued_generation = :generation, requeued_at = :at
    WHERE person_id = :person_id AND suspended_for = :reason AND state = 'suspended'
    RETURNING id, scheme
)
INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
SELECT :case_id, :generation, :step, 'claim_requeued', queued.scheme, queued.id::text, :person, :at
FROM queued;
