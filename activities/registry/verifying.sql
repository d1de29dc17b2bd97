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

-- name: gone_beside
-- Rows beside the chains that the journal tells of, and that are not there as they were; of every case or of one. With
-- their case they may be erased.
SELECT entry.case_id, entry.number
FROM journal AS entry
WHERE entry.kind = 'told_beside' AND (:case_id::text IS NULL OR entry.case_id = :case_id)
  AND NOT EXISTS (SELECT FROM erased_cases WHERE erased_cases.case_id = entry.case_id)
  AND entry.facts ->> 'digest' NOT IN (
    SELECT digest_beside('told_after_closing', case_id, generation, told_as, event, fact, stamp)
    FROM told_after_closing WHERE case_id = entry.case_id
    UNION ALL
    SELECT digest_beside('answers_out_of_date', case_id, generation, told_as, event, fact, stamp)
    FROM answers_out_of_date WHERE case_id = entry.case_id
  )
ORDER BY entry.case_id, entry.number;

-- name: knows_chains
-- Whether the schema knows which chains of the journal were erased.
SELECT to_regclass('erased_chains') IS NOT NULL AS known;

-- name: erased_chains
-- Chains of the journal that were erased: where each ended, whether it was old enough by its own name, and whether somebody
-- says that they had it erased.
SELECT
    erased.chain, erased.number, erased.hash,
    EXISTS (SELECT FROM journal WHERE kind = 'erasure' AND key = 'erasure:' || erased.erasure) AS is_founded,
    CASE WHEN erased.chain ~ ':\d{4}-\d\d-\d\d$'
        THEN erased.erased_at >= (right(erased.chain, 10)::date::timestamp AT TIME ZONE 'Asia/Shanghai') + interval '184 days'
        ELSE erased.erased_at >= erased.newest_at + interval '184 days'
    END AS is_old
FROM erased_chains AS erased
ORDER BY erased.chain;

-- name: all_heads
-- What every generation of every case, or of one, carries of the audit.
SELECT case_id, generation, version, head, state_digest, state, opening, screening
FROM cases LEFT JOIN case_files USING (case_id, generation)
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation;
