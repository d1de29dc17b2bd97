-- Digests: what those above the agency are told of late cases, written as notifications. Figures and case numbers only.

-- name: write_digests
-- All digests of a day, each once for its office and recipient; answers how many are due and how many were written now.
--
-- Late is an open case that has reached orange, whose level was not acknowledged for longer than :at, and which is not
-- on hold. The municipality lists orange and above, its head and the province red; five working days after the campaign
-- date cases are counted for the province and the ministry. Where no municipality stands between an agency and its
-- province, the province is told as both.
WITH RECURSIVE chain AS (
    SELECT code AS agency, code AS office, level, parent, 0 AS depth FROM offices
    UNION ALL
    SELECT chain.agency, above.code, above.level, above.parent, chain.depth + 1
    FROM chain JOIN offices AS above ON above.code = chain.parent
),
told AS (
    SELECT
        agency,
        (array_agg(office ORDER BY depth) FILTER (WHERE level <> 'agency'))[1] AS municipality,
        (array_agg(office ORDER BY depth) FILTER (WHERE level IN ('province', 'ministry')))[1] AS province
    FROM chain GROUP BY agency
),
late AS (
    SELECT
        region, municipality, province, rung, attention,
        coalesce(least(processing_due_at, campaign_due_at), due_at) AS due,
        case_id, provisional
    FROM cases JOIN told ON told.agency = cases.region
    WHERE closed_at IS NULL AND rung >= 4
      AND (silenced_until IS NULL OR silenced_until <= :at)
      AND NOT attention @> ARRAY['hold']
),
ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY region ORDER BY rung DESC, due, case_id) AS place,
        row_number() OVER (PARTITION BY municipality, rung < 5 OR rung = 7 ORDER BY rung DESC, due, case_id) AS red_place
    FROM late
),
entries AS (
    SELECT
        region, municipality, province, rung, place, red_place,
        'decision' = ANY (attention) AS decision,
        CASE WHEN least(place, red_place) <= :listed THEN jsonb_build_object(
            'case', case_id,
            'rung', rung,
            'due', due,
            'provisional', provisional
        ) END AS entry
    FROM ranked
),
agencies AS (
    SELECT
        municipality, region,
        count(*) FILTER (WHERE rung = 4) AS orange,
        count(*) FILTER (WHERE rung >= 5) AS red,
        count(*) FILTER (WHERE decision) AS decisions,
        jsonb_agg(entry ORDER BY place) FILTER (WHERE place <= :listed) AS cases,
        jsonb_agg(entry ORDER BY place) FILTER (WHERE place <= :listed AND rung >= 5) AS red_cases
    FROM entries GROUP BY municipality, region
),
municipalities AS (
    SELECT
        province, municipality,
        count(*) FILTER (WHERE rung IN (5, 6)) AS red,
        count(*) FILTER (WHERE rung = 7) AS after_deadline,
        count(*) FILTER (WHERE decision) AS decisions,
        jsonb_agg(entry ORDER BY red_place) FILTER (WHERE rung IN (5, 6) AND red_place <= :listed) AS cases
    FROM entries WHERE rung >= 5 GROUP BY province, municipality
),
provinces AS (
    SELECT province, count(*) AS after_deadline FROM entries WHERE rung = 7 GROUP BY province
),
digests (recipient, office, facts) AS (
    SELECT 'municipal', municipality, jsonb_build_object(
        'orange', sum(orange), 'red', sum(red), 'decisions', sum(decisions),
        'agencies', jsonb_agg(jsonb_build_object(
            'office', region, 'name', name, 'orange', orange, 'red', red, 'decisions', decisions,
            'cases', cases, 'more', orange + red - jsonb_array_length(cases)
        ) ORDER BY region)
    )
    FROM agencies JOIN offices ON code = region GROUP BY municipality
    UNION ALL
    SELECT 'municipal_head', municipality, jsonb_build_object(
        'red', sum(red), 'decisions', sum(decisions),
        'agencies', jsonb_agg(jsonb_build_object(
            'office', region, 'name', name, 'red', red, 'decisions', decisions,
            'cases', red_cases, 'more', red - jsonb_array_length(red_cases)
        ) ORDER BY region)
    )
    FROM agencies JOIN offices ON code = region WHERE red > 0 GROUP BY municipality
    UNION ALL
    SELECT 'provincial', province, jsonb_build_object(
        'red', sum(red), 'after_deadline', sum(after_deadline), 'decisions', sum(decisions),
        'municipalities', jsonb_agg(jsonb_build_object(
            'office', municipality, 'name', name, 'red', red, 'after_deadline', after_deadline,
            'decisions', decisions, 'cases', coalesce(cases, '[]'),
            'more', red - jsonb_array_length(coalesce(cases, '[]'))
        ) ORDER BY municipality)
    )
    FROM municipalities JOIN offices ON code = municipality GROUP BY province
    UNION ALL
    SELECT 'ministry', :ministry, jsonb_build_object(
        'after_deadline', sum(after_deadline),
        'provinces', jsonb_agg(jsonb_build_object(
            'office', province, 'name', name, 'after_deadline', after_deadline
        ) ORDER BY province)
    )
    FROM provinces JOIN offices ON code = province HAVING count(*) > 0
),
written AS (
    INSERT INTO notifications (
        subject, event, recipient, office, template, facts, not_before, written_at, next_attempt_at
    )
    SELECT
        'digest:' || office, :day, recipient, office, 'digest.' || recipient,
        facts || jsonb_build_object('day', :day::text), :at, :at, :at
    FROM digests ORDER BY office, recipient
    ON CONFLICT ON CONSTRAINT notifications_once DO NOTHING
    RETURNING id
)
SELECT (SELECT count(*) FROM digests) AS due, (SELECT count(*) FROM written) AS written;

-- name: late_without_office
-- Late cases of agencies that the directory does not hold: nobody above is told of them.
SELECT region, count(*) AS cases FROM cases
WHERE closed_at IS NULL AND rung >= 4 AND NOT EXISTS (SELECT FROM offices WHERE code = region)
GROUP BY region ORDER BY region;
