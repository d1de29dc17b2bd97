-- The audit as a whole, read in the order of its chains.

-- name: all_transitions
-- Every transition of every case, or of one.
SELECT
    format, case_id, generation, version, step, event, from_status, to_status, milestone, actor, role, office, stamp,
    told_as, state_before, state_after, salt, fact, fact_commitment, outcome, outcome_commitment, neighbours, at,
    prev_hash, hash
FROM transitions
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation, version;

-- name: all_heads
-- What every generation of every case, or of one, carries of the audit.
SELECT case_id, generation, version, head, state_digest, state, opening, screening
FROM cases LEFT JOIN case_files USING (case_id, generation)
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation;

-- name: newest_heads
-- The newest link of each case's chain.
SELECT DISTINCT ON (case_id) case_id, generation, version, head
FROM cases
ORDER BY case_id, generation DESC;
