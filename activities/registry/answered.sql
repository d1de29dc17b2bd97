-- What callers were answered, as the register holds it.

-- name: receipt_given
-- How an application was answered: that of a key, or, where no key was used for it, the newest of the case with the same
-- content.
SELECT file.receipt, used.key IS NOT NULL AS by_key, held.closed_at IS NULL AS is_open, begun.stamp
FROM cases AS held
JOIN case_files AS file USING (case_id, generation)
JOIN transitions AS begun ON (begun.case_id, begun.generation, begun.version) = (held.case_id, held.generation, 0)
LEFT JOIN idempotency_keys AS used
    ON used.key = :key AND (used.case_id, used.generation) = (held.case_id, held.generation)
WHERE held.case_id = :case_id AND file.receipt IS NOT NULL
  AND CASE WHEN used.key IS NOT NULL THEN used.fingerprint = :fingerprint ELSE held.fingerprint = :fingerprint END
ORDER BY used.key IS NOT NULL DESC, held.generation DESC
LIMIT 1;

-- name: answer_given
-- The transition that was made by an update in the newest generation of a case; what remains, where nothing came after it.
SELECT
    held.case_id, told.version, told.to_status AS status, coalesce(told.milestone, held.milestone) AS milestone,
    told.version = held.version AS is_newest, told.event, told.fact,
    CASE WHEN told.version = held.version THEN held.state::jsonb -> 'remains' END AS remains
FROM cases AS held
JOIN transitions AS told USING (case_id, generation)
WHERE held.case_id = :case_id AND told.told_as = :told_as
  AND held.generation = (SELECT max(generation) FROM cases WHERE case_id = :case_id);

-- name: taken_in_after_closing
-- What a closed case was told of the world under an identity; no row where it was told nothing.
SELECT event, fact FROM told_after_closing WHERE case_id = :case_id AND told_as = :told_as;

-- name: outcome_reached
-- How the newest generation of a case ended; no row while it is open.
SELECT
    case_id, generation, status, milestone, ended_because AS reason, version AS transitions, state::jsonb -> 'remains' AS remains
FROM cases
WHERE case_id = :case_id AND closed_at IS NOT NULL
  AND generation = (SELECT max(generation) FROM cases WHERE case_id = :case_id);
