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

-- name: told_beside
-- What was told and stands beside the chains: what closed cases were told, and answers that came too late; of every case
-- or of one.
SELECT 'told_after_closing' AS stands_in, case_id, generation, event, fact, actor, role, office, stamp, told_at AS at
FROM told_after_closing WHERE :case_id::text IS NULL OR case_id = :case_id
UNION ALL
SELECT 'answers_out_of_date', case_id, generation, event, fact, actor, role, office, stamp, written_at
FROM answers_out_of_date WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation, at;

-- name: stamps_used_again
-- Stamps by which more than one thing was done, and where it was; of every case or of one.
SELECT case_id, generation, version FROM (
    SELECT case_id, generation, version, count(*) OVER (PARTITION BY stamp) AS times FROM (
        SELECT case_id, generation, version, stamp FROM transitions WHERE stamp IS NOT NULL
        UNION ALL
        SELECT case_id, generation, place, stamp FROM told_after_closing
    ) AS used
) AS counted
WHERE times > 1 AND (:case_id::text IS NULL OR case_id = :case_id)
ORDER BY case_id, generation, version;

-- name: all_heads
-- What every generation of every case, or of one, carries of the audit.
SELECT case_id, generation, version, head, state_digest, state, opening, screening
FROM cases LEFT JOIN case_files USING (case_id, generation)
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation;
