-- What the journal says of cases that somebody sees in clear.

-- name: is_revealed
-- Whether somebody revealed a case after a moment.
SELECT EXISTS (
    SELECT FROM journal WHERE kind = 'reveal' AND actor = :actor AND case_id = :case_id AND at > :since AND at <= :at
) AS revealed;

-- name: open_reveals
-- The cases that somebody revealed after a moment, each with when it was last.
SELECT case_id, max(at) AS at
FROM journal
WHERE kind = 'reveal' AND actor = :actor AND at > :since AND at <= :at
GROUP BY case_id
ORDER BY max(at) DESC, case_id;
