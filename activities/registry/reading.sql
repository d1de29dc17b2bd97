-- Lists for programs and auditors. Nothing sealed is read here.

-- name: list_cases
-- Cases in the order of their IDs, after a given one; a filter that is null lets everything through.
SELECT
    case_id, generation, kind, region, category, status, milestone, version, road, policy, due_at, attention,
    opened_at, moved_at, closed_at
FROM cases
WHERE (:kind::text IS NULL OR kind = :kind)
  AND (:status::text IS NULL OR status = :status)
  AND (:milestone::text IS NULL OR milestone = :milestone)
  AND (:region::text IS NULL OR region LIKE :region || '%')
  AND (:category::text IS NULL OR category = :category)
  AND (:attention::text IS NULL OR attention @> ARRAY[:attention])
  AND (:due_before::timestamptz IS NULL OR due_at < :due_before)
  AND (:is_open::boolean IS NULL OR (closed_at IS NULL) = :is_open)
  AND (:after_case::text IS NULL OR (case_id, generation) > (:after_case, :after_generation::int))
ORDER BY case_id, generation
LIMIT :limit;

-- name: transitions_of
-- The audit of a case over all generations, oldest first.
SELECT
    format, case_id, generation, version, step, event, from_status, to_status, milestone, actor, role, office, stamp,
    told_as, state_before, state_after, salt, fact, fact_commitment, outcome, outcome_commitment, neighbours, at,
    prev_hash, hash
FROM transitions WHERE case_id = :case_id
ORDER BY generation, version;

-- name: heads_of
-- What the generations of a case carry of the audit: version, newest hash, digest and content of the state.
SELECT generation, version, head, state_digest, state, opening, screening
FROM cases LEFT JOIN case_files USING (case_id, generation)
WHERE case_id = :case_id
ORDER BY generation;
