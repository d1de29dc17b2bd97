-- Whether a key ring is the one that the register was filled with, and which cases to look at for that of the payloads.

-- name: newest_numbers
-- Some sealed numbers with their tokens and whose they are.
SELECT numbers.sealed, numbers.token, persons.token AS person
FROM numbers
JOIN persons ON persons.id = numbers.person_id
ORDER BY numbers.id DESC
LIMIT :count::int;

-- name: open_cases_from
-- Some open cases, in the order of their IDs, from a place on; and from the first on where there are no more.
SELECT case_id FROM (
    (SELECT case_id, 0 AS turn FROM cases WHERE closed_at IS NULL AND case_id >= :place ORDER BY case_id LIMIT :count::int)
    UNION ALL
    (SELECT case_id, 1 AS turn FROM cases WHERE closed_at IS NULL AND case_id < :place ORDER BY case_id LIMIT :count::int)
) AS around
ORDER BY turn, case_id LIMIT :count::int;
