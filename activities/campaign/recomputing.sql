-- Open cases whose dates are to be recomputed.
--
-- A date that is a 24:00 belongs to the day that it closes.

-- name: cases_to_recompute
-- Some more open cases in the order of their IDs: those with provisional dates, or all that follow a policy; with the
-- years in which their dates lie.
SELECT
    case_id, generation, version, region, policy,
    extract(year FROM opened_at AT TIME ZONE 'Asia/Shanghai')::int AS first_year,
    extract(
        year FROM greatest(opened_at, due_at, next_rung_at, processing_due_at, campaign_due_at)
        AT TIME ZONE 'Asia/Shanghai' - interval '1 microsecond'
    )::int AS last_year
FROM cases
WHERE closed_at IS NULL AND case_id > :after
  AND (provisional OR :policy::text IS NOT NULL)
  AND (:policy::text IS NULL OR policy = :policy)
  AND (:region::text IS NULL OR region LIKE :region || '%')
ORDER BY case_id LIMIT :limit;

-- name: provisional_cases
-- How many open cases have provisional dates, by policy and the years in which their dates lie.
SELECT
    policy,
    extract(year FROM opened_at AT TIME ZONE 'Asia/Shanghai')::int AS first_year,
    extract(
        year FROM greatest(opened_at, due_at, next_rung_at, processing_due_at, campaign_due_at)
        AT TIME ZONE 'Asia/Shanghai' - interval '1 microsecond'
    )::int AS last_year,
    count(*) AS cases
FROM cases
WHERE closed_at IS NULL AND provisional
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: count_to_recompute
-- How many cases a selection has.
SELECT count(*) AS cases FROM cases
WHERE closed_at IS NULL
  AND (provisional OR :policy::text IS NOT NULL)
  AND (:policy::text IS NULL OR policy = :policy)
  AND (:region::text IS NULL OR region LIKE :region || '%');
