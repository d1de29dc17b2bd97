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
