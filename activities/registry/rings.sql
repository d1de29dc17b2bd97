-- Whether a key ring is the one that the register was filled with.

-- name: newest_numbers
-- Some sealed numbers with their tokens and whose they are.
SELECT numbers.sealed, numbers.token, persons.token AS person
FROM numbers
JOIN persons ON persons.id = numbers.person_id
ORDER BY numbers.id DESC
LIMIT :count::int;
