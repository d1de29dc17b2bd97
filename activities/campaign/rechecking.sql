-- Held benefits whose reason is gone.

-- name: holds_with_their_reason
-- Holds and warnings in the order of their keys, or one of them: whether its reason is gone, and by what.
--
-- A number that an open case has just changed is left to that case: it may still be taken back, and at its end the case
-- lifts the hold itself.
SELECT
    hold.id,
    hold.person_id,
    person.token AS person,
    hold.reason,
    newest.case_id,
    newest.generation,
    CASE
        WHEN newest.status = 'done' AND newest.closed_at >= coalesce(hold.held_at, hold.served_on::timestamptz)
            THEN 'case_done'
        WHEN hold.reason = 'id_number' AND living.digits = 18
             AND (newest.closed_at IS NOT NULL OR living.case_id IS NULL OR living.case_id <> newest.case_id)
            THEN 'number_updated'
        WHEN hold.state = 'held' AND newest.closed_at IS NULL AND newest.status = 'on_hold' THEN 'case_on_hold'
        WHEN hold.state = 'held' AND newest.closed_at IS NULL AND newest.status IN ('disputed', 'merging') THEN 'case_disputed'
    END AS gone_by
FROM benefit_holds AS hold
JOIN persons AS person ON person.id = hold.person_id
LEFT JOIN numbers AS living ON living.person_id = hold.person_id AND living.state = 'living'
LEFT JOIN unnest(:reasons::text[], :prefixes::text[]) AS kind (reason, prefix) ON kind.reason = hold.reason
LEFT JOIN LATERAL (
    SELECT case_id, generation, status, closed_at FROM cases
    WHERE cases.case_id = kind.prefix || '-' || person.token
    ORDER BY generation DESC LIMIT 1
) AS newest ON true
WHERE hold.state <> 'released' AND hold.id > :after AND (:only::bigint IS NULL OR hold.id = :only)
ORDER BY hold.id LIMIT :limit;

-- name: lock_person
-- The person's record, held against transitions of the person's cases.
SELECT id FROM persons WHERE token = :person FOR NO KEY UPDATE;

-- name: lift
-- The effects by which a case itself would lift its hold, and queue the claims where what was withheld can be paid.
SELECT
    effect_lift_benefit_holds(step) AS lifted,
    CASE WHEN :pays::boolean THEN effect_requeue_claims(step) END AS queued
FROM jsonb_populate_record(NULL::step, :step::jsonb) AS step;

-- name: say_why_lifted
-- The reason stands beside the release, where an officer's decision has its legal basis.
UPDATE benefit_holds SET release_basis = :gone_by WHERE id = :id AND state = 'released' AND released_by IS NULL;

-- name: cases_showing_a_lifted_hold
-- Open cases that still show benefits as held although no hold is in force any more, in the order of their IDs: one ended
-- since they were opened, and no step of theirs ended it.
SELECT DISTINCT cases.case_id
FROM benefit_holds AS hold
JOIN persons AS person ON person.id = hold.person_id
JOIN unnest(:reasons::text[], :prefixes::text[]) AS kind (reason, prefix) ON kind.reason = hold.reason
JOIN cases ON cases.case_id = kind.prefix || '-' || person.token
WHERE hold.state = 'released' AND cases.closed_at IS NULL AND hold.released_at >= cases.opened_at
  AND cases.case_id > :after AND cases.benefits_held
  AND NOT EXISTS (
      SELECT FROM benefit_holds AS other
      WHERE other.person_id = hold.person_id AND other.reason = hold.reason AND other.state = 'held'
  )
ORDER BY cases.case_id LIMIT :limit;
