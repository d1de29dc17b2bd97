-- How an office and all below it stand, in figures. Nothing sealed is read here, and no row says whom a case is about.

-- name: cases_counted
-- What is told of cases, each by agency, from one look at those that are open or moved since a moment: their rows are long.
WITH seen AS MATERIALIZED (
    SELECT region, kind, status, milestone, rung, due_at, opened_at, closed_at, person_id
    FROM cases
    WHERE (closed_at IS NULL OR closed_at >= least(:since, :pace_since::timestamptz) OR opened_at >= :since)
      AND office_covers(:office, region)
)
SELECT
    -- Open cases by agency, kind, status and rung, and how many of them are past their date.
    (
        SELECT coalesce(jsonb_agg(each ORDER BY region, kind, status, rung), '[]') FROM (
            SELECT region, kind, status, rung, count(*) AS cases, count(*) FILTER (WHERE due_at < :now) AS overdue
            FROM seen WHERE closed_at IS NULL GROUP BY region, kind, status, rung
        ) AS each
    ) AS open,
    -- What came in and went out on each day, in Shanghai; a day without either is not among them.
    (
        SELECT coalesce(jsonb_agg(each), '[]') FROM (
            SELECT day, sum(opened) AS opened, sum(closed) AS closed FROM (
                SELECT (opened_at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*) AS opened, 0 AS closed
                FROM seen WHERE opened_at >= :since GROUP BY 1
                UNION ALL
                SELECT (closed_at AT TIME ZONE 'Asia/Shanghai')::date, 0, count(*)
                FROM seen WHERE closed_at >= :since GROUP BY 1
            ) AS moved GROUP BY day
        ) AS each
    ) AS moves,
    -- How long those took that came to their end with everything done, in seconds.
    (
        SELECT coalesce(jsonb_agg(each ORDER BY kind), '[]') FROM (
            SELECT
                kind, count(*) AS cases,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - opened_at)) AS median,
                percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - opened_at)) AS p90
            FROM seen WHERE closed_at >= :since AND milestone = 'benefits_unblocked' GROUP BY kind
        ) AS each
    ) AS durations,
    -- How many of a kind that the campaign binds came to their end with the number changed, by agency.
    (
        SELECT coalesce(jsonb_object_agg(region, cases), '{}') FROM (
            SELECT region, count(*) AS cases FROM seen
            WHERE closed_at >= :pace_since AND kind = ANY (:campaigned::text[]) AND milestone = 'benefits_unblocked'
            GROUP BY region
        ) AS each
    ) AS changed,
    -- Who has an open case of such a kind.
    (
        SELECT coalesce(array_agg(person_id), '{}') FROM seen
        WHERE closed_at IS NULL AND kind = ANY (:campaigned::text[]) AND person_id IS NOT NULL
    ) AS with_case;

-- name: remaining
-- Insured persons whose number in force has 15 digits, by agency and group, and how many of them have an open case.
SELECT region, category, sum(persons)::int AS persons, sum(with_case)::int AS with_case FROM (
    SELECT person.region, person.category, count(*) AS persons, 0 AS with_case
    FROM numbers JOIN persons AS person ON person.id = numbers.person_id
    WHERE numbers.state = 'living' AND numbers.digits = 15
    GROUP BY 1, 2
    UNION ALL
    -- Who died or moved away needs no new number; those are few, and are told apart by themselves.
    SELECT person.region, person.category, -count(*), 0
    FROM (
        SELECT id FROM persons WHERE died_on IS NOT NULL
        UNION SELECT person_id FROM standings_of_persons
        UNION SELECT other_person_id FROM merges WHERE undone_at IS NULL
    ) AS told
    JOIN numbers ON numbers.person_id = told.id AND numbers.state = 'living' AND numbers.digits = 15
    JOIN persons AS person ON person.id = told.id
    WHERE end_of_person(person.id) IS NOT NULL
    GROUP BY 1, 2
    UNION ALL
    SELECT person.region, person.category, 0, count(*)
    FROM unnest(:with_case::bigint[]) AS open (person_id)
    JOIN persons AS person ON person.id = open.person_id
    JOIN numbers ON numbers.person_id = open.person_id AND numbers.state = 'living' AND numbers.digits = 15
    GROUP BY 1, 2
) AS counted
WHERE office_covers(:office, region)
GROUP BY region, category ORDER BY region, category;

-- name: decisions
-- What each member of the staff of these offices told cases since a moment.
SELECT actor, office, role, count(*) AS decisions, count(DISTINCT case_id) AS cases
FROM transitions
WHERE at >= :since AND actor IS NOT NULL AND role = ANY (:roles::text[]) AND office_covers(:office, office)
GROUP BY actor, office, role ORDER BY office, decisions DESC, actor;
