-- What the register's source says is taken in.

-- name: take_time
-- A batch may take longer than a step of a case.
SELECT set_config('statement_timeout', :limit, true), set_config('lock_timeout', :limit, true);

-- name: one_source
-- Whoever takes in comes one after the other, so that each sees whom the other brought.
SELECT pg_advisory_xact_lock(3, 0);

-- name: regions_of
-- By whose agency persons are looked after.
SELECT DISTINCT region FROM persons WHERE token = ANY (:tokens::text[]);

-- name: take_in_persons
-- Lines, each by itself.
SELECT take_in_persons(:asked::jsonb) AS answer;
