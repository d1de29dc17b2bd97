-- Who saw names and numbers of which case in clear, when, and for what reason.

-- name: lock_reveals
-- One at a time: each row names the hash of the one before.
SELECT pg_advisory_xact_lock(x'63617264726576'::bigint);

-- name: region_of_case
-- The agency that handles a case.
SELECT region FROM cases WHERE case_id = :case_id ORDER BY generation DESC LIMIT 1;

-- name: count_reveals
-- How many cases somebody has revealed since a moment.
SELECT count(*) AS revealed FROM reveals WHERE actor = :actor AND at > :since;

-- name: last_reveal
-- The hash that the next row names.
SELECT hash FROM reveals ORDER BY id DESC LIMIT 1;

-- name: write_reveal
INSERT INTO reveals (case_id, actor, role, office, reason, at, until, prev_hash, hash)
VALUES (:case_id, :actor, :role, :office, :reason, :at, :until, :prev_hash, :hash);

-- name: is_revealed
-- Whether somebody may see a case in clear at a moment.
SELECT EXISTS (
    SELECT FROM reveals WHERE case_id = :case_id AND actor = :actor AND at <= :at AND until > :at
) AS revealed;

-- name: open_reveals
-- What somebody may see in clear at a moment, that which ends last first.
SELECT case_id, max(until) AS until FROM reveals WHERE actor = :actor AND at <= :at AND until > :at
GROUP BY case_id ORDER BY until DESC, case_id;

-- name: all_reveals
-- The whole list, oldest first.
SELECT id, case_id, actor, role, office, reason, at, until, prev_hash, hash FROM reveals ORDER BY id;
