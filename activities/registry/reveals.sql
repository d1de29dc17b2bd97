-- What the journal says of cases that somebody sees in clear.

-- name: seen_by
-- Of each of some cases who handles it, and whether somebody revealed it after a moment.
SELECT DISTINCT ON (case_id)
    case_id,
    region,
    EXISTS (
        SELECT FROM journal
        WHERE kind = 'reveal' AND actor = :actor AND journal.case_id = cases.case_id AND at > :since AND at <= :at
    ) AS revealed
FROM cases
WHERE case_id = ANY(:cases::text [])
ORDER BY case_id, generation DESC;

-- name: open_reveals
-- The cases that somebody revealed after a moment, each with when it was last.
SELECT case_id, max(at) AS at
FROM journal
WHERE kind = 'reveal' AND actor = :actor AND at > :since AND at <= :at
GROUP BY case_id
ORDER BY max(at) DESC, case_id;
