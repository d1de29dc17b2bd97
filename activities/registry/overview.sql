-- How an office and all below it stand, in figures. Nothing sealed is read here, and no row says whom a case is about.

-- name: open_cases
-- Open cases by agency, kind, status and rung, and how many of them are past their date.
SELECT region, kind, status, rung, count(*) AS cases, count(*) FILTER (WHERE due_at < :now) AS overdue
FROM cases WHERE closed_at IS NULL
GROUP BY region, kind, status, rung
-- Asked once for each group, and not for each case.
HAVING office_covers(:office, region)
ORDER BY region, kind, status, rung;

-- name: moves
-- What came in and went out on each day since a moment, in Shanghai; a day without either has no row.
SELECT day, sum(opened)::int AS opened, sum(closed)::int AS closed FROM (
    SELECT region, (opened_at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*) AS opened, 0 AS closed
    FROM cases WHERE opened_at >= :since GROUP BY 1, 2
    UNION ALL
    SELECT region, (closed_at AT TIME ZONE 'Asia/Shanghai')::date, 0, count(*)
    FROM cases WHERE closed_at >= :since GROUP BY 1, 2
) AS moved
WHERE office_covers(:office, region)
GROUP BY day ORDER BY day;

-- name: durations
-- How long cases took that came to their end since a moment with everything done, in seconds.
SELECT
    kind, count(*) AS cases,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - opened_at)) AS median,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - opened_at)) AS p90
FROM cases
WHERE closed_at >= :since AND milestone = 'benefits_unblocked' AND office_covers(:office, region)
GROUP BY kind ORDER BY kind;

-- name: remaining
-- Insured persons whose number in force has 15 digits, by agency and group, and how many of them have an open case of a kind
-- that the campaign binds.
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
    FROM cases
    JOIN persons AS person ON person.id = cases.person_id
    JOIN numbers ON numbers.person_id = cases.person_id AND numbers.state = 'living' AND numbers.digits = 15
    WHERE cases.closed_at IS NULL AND cases.kind = ANY (:campaigned::text[])
    GROUP BY 1, 2
) AS counted
WHERE office_covers(:office, region)
GROUP BY region, category ORDER BY region, category;

-- name: changed
-- How many cases of a kind that the campaign binds came to their end since a moment with the number changed, by agency.
SELECT region, count(*) AS cases
FROM cases
WHERE closed_at >= :since AND kind = ANY (:campaigned::text[]) AND milestone = 'benefits_unblocked'
GROUP BY region HAVING office_covers(:office, region);

-- name: decisions
-- What each member of the staff of these offices told cases since a moment.
SELECT actor, office, role, count(*) AS decisions, count(DISTINCT case_id) AS cases
FROM transitions
WHERE at >= :since AND actor IS NOT NULL AND role = ANY (:roles::text[]) AND office_covers(:office, office)
GROUP BY actor, office, role ORDER BY office, decisions DESC, actor;
