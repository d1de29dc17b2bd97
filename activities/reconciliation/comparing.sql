-- Cases as the register has them, to be compared with their runs.

-- name: moved
-- The newest generation of cases that moved after a place of the feed and have rested since; and how far the feed goes until then.
WITH settled AS (
    SELECT sequence, case_id FROM feed
    WHERE sequence > :after AND sequence < coalesce(
        (SELECT min(sequence) FROM feed WHERE sequence > :after AND at > :before), 9223372036854775807
    )
    ORDER BY sequence LIMIT :limit
)
SELECT
    cases.case_id, cases.generation, cases.version, cases.closed_at IS NULL AS is_open, cases.moved_at,
    max(settled.sequence) AS place
FROM settled JOIN cases USING (case_id)
WHERE cases.generation = (SELECT max(generation) FROM cases AS each WHERE each.case_id = cases.case_id)
GROUP BY cases.case_id, cases.generation
ORDER BY place;

-- name: standing
-- The newest generation of some open cases, in the order of their IDs.
SELECT case_id, generation, version, true AS is_open, moved_at
FROM cases
WHERE closed_at IS NULL AND case_id > :after AND moved_at <= :before
ORDER BY case_id LIMIT :limit;

-- name: newest
-- One case, as it stands.
SELECT case_id, generation, version, closed_at IS NULL AS is_open, moved_at
FROM cases WHERE case_id = :case_id ORDER BY generation DESC LIMIT 1;

-- name: reached
-- How far cases that moved were compared.
SELECT sequence FROM reconciled;

-- name: has_reached
-- From here the next comparison goes on.
UPDATE reconciled SET sequence = :sequence WHERE sequence < :sequence;

-- name: write_down
-- A difference, once.
INSERT INTO differences (case_id, generation, kind, version, run_id, run_version)
VALUES (:case_id, :generation, :kind, :version, :run_id, :run_version)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: newest_of
-- The newest generation of some cases, of those that the register knows.
SELECT DISTINCT ON (case_id) case_id, generation, version, closed_at IS NULL AS is_open, moved_at FROM cases
WHERE case_id = ANY (:case_ids::text[]) ORDER BY case_id, generation DESC;

-- name: taken_in
-- Which of some facts, by the identity under which a case was told, the register has.
SELECT told_as FROM transitions WHERE case_id = :case_id AND told_as = ANY (:told_as::text[])
UNION
SELECT told_as FROM answers_out_of_date WHERE case_id = :case_id AND told_as = ANY (:told_as::text[]);

-- name: newest_moment
-- When a case moved last; null where there is none.
SELECT max(moved_at) AS moved_at FROM cases;

-- name: written_down
-- The newest differences.
SELECT case_id, generation, kind, version, run_id, run_version, found_at
FROM differences ORDER BY id DESC LIMIT :limit;
