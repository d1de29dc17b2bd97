-- The audit as a whole, read in the order of its chains.

-- name: all_transitions
-- Every transition of every case, or of one.
SELECT
    case_id, generation, version, step, event, from_status, to_status, actor, role, office, fact, stamp,
    state_before, state_after, outcome, at, prev_hash, hash
FROM transitions
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation, version;

-- name: all_heads
-- What every generation of every case, or of one, carries of the audit.
SELECT case_id, generation, version, head, state_digest, state
FROM cases
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation;

-- name: newest_heads
-- The newest link of each case's chain.
SELECT DISTINCT ON (case_id) case_id, generation, version, head
FROM cases
ORDER BY case_id, generation DESC;
