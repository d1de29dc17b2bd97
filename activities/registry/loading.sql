-- Loading of a register's extract.

-- name: take_time
-- A batch may take longer than a step of a case.
SELECT set_config('statement_timeout', :limit, true), set_config('lock_timeout', :limit, true);

-- name: one_loader
-- Loaders come one after the other, so that each sees whom the other loaded.
SELECT pg_advisory_xact_lock(3, 0);

-- name: persons_present
-- Who is in the register already.
SELECT token FROM persons WHERE token = ANY (:tokens::text[]);

-- name: numbers_taken
-- Which 18-digit numbers somebody has or has reserved.
SELECT token FROM numbers WHERE token = ANY (:tokens::text[]) AND digits = 18 AND state IN ('living', 'reserved');

-- name: person_ids
-- Identities for persons that are about to be copied in.
SELECT nextval(pg_get_serial_sequence('persons', 'id')) AS id FROM generate_series(1, :count::int);

-- name: lock_persons
-- Some persons' records, held still in one order.
SELECT id FROM persons WHERE token = ANY (:tokens::text[]) ORDER BY id FOR NO KEY UPDATE;

-- name: learn_of_deaths
-- Persons who died on a day that an extract names.
UPDATE persons SET died_on = said.died_on
FROM unnest(:tokens::text[], :died::date[]) AS said (token, died_on)
WHERE persons.token = said.token AND said.died_on IS NOT NULL AND persons.died_on IS NULL;

-- name: learn_of_transfers
-- Persons whose record another agency keeps.
INSERT INTO standings_of_persons (person_id, standing, known_at)
SELECT DISTINCT person.id, 'transferred', now()
FROM unnest(:tokens::text[], :transferred::boolean[]) AS said (token, transferred)
JOIN persons AS person ON person.token = said.token
WHERE said.transferred AND end_of_person(person.id) IS NULL;

-- name: learn_of_returns
-- Persons who are insured here although the register knew of an end.
WITH returned AS (
    SELECT DISTINCT ON (person.id) person.id, said.evidence
    FROM unnest(:tokens::text[], :evidence::text[]) AS said (token, evidence)
    JOIN persons AS person ON person.token = said.token
    -- A record that was merged comes back when its merge is undone.
    WHERE said.evidence IS NOT NULL AND end_of_person(person.id) <> 'PERSON_MERGED'
), living AS (
    UPDATE persons SET died_on = NULL FROM returned WHERE persons.id = returned.id
)
INSERT INTO standings_of_persons (person_id, standing, evidence, known_at)
SELECT id, 'insured', evidence, now() FROM returned;
