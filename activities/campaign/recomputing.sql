-- Open cases whose dates may have to be recomputed: each with the days that they rest on, and what was known of those.

-- name: cases_with_dates
-- Some more open cases in the order of their IDs: those with dates, or all that follow a policy.
SELECT case_id, generation, version, region, policy, provisional, rests_from, rests_to, rests_on
FROM cases
WHERE closed_at IS NULL AND case_id > :after
  AND (rests_on IS NOT NULL OR :policy::text IS NOT NULL)
  AND (:policy::text IS NULL OR policy = :policy)
  AND (:region::text IS NULL OR region LIKE :region || '%')
ORDER BY case_id LIMIT :limit;

-- name: what_dates_rest_on
-- How many open cases rest on what, by policy.
SELECT policy, provisional, rests_from, rests_to, rests_on, count(*) AS cases
FROM cases
WHERE closed_at IS NULL AND rests_on IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5;

-- name: count_with_dates
-- How many cases a selection has.
SELECT count(*) AS cases FROM cases
WHERE closed_at IS NULL
  AND (rests_on IS NOT NULL OR :policy::text IS NOT NULL)
  AND (:policy::text IS NULL OR policy = :policy)
  AND (:region::text IS NULL OR region LIKE :region || '%');
