-- What the register says about a person when a case is screened.

-- name: person_on_register
-- The person, the number in force, and what decides a screening, in one row; a row without a person where there is none.
SELECT
    person.id,
    person.name,
    end_of_person(person.id) AS ended,
    person.draws_pension,
    living.id AS number_id,
    living.sealed AS number,
    EXISTS (
        SELECT FROM benefit_holds AS hold
        WHERE hold.person_id = person.id AND hold.reason = :reason AND hold.state = 'held'
    ) AS benefits_held,
    EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = person.id AND card.code = 'A'
    ) AS card_coming,
    EXISTS (
        SELECT FROM cards AS card
        WHERE card.person_id = person.id
          AND (card.code IN ('1', 'B', '2')
               OR (card.code = '3'
                   AND NOT EXISTS (SELECT FROM cards AS new WHERE new.replaces = card.id AND new.code <> '4')))
    ) AS card_to_replace,
    (
        SELECT change.case_id FROM cases AS change
        WHERE change.person = person.token AND change.kind = 'IdNumberChange' AND change.closed_at IS NULL
    ) AS number_change,
    EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = person.id AND card.code = '2'
    ) AND NOT EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = person.id AND card.code IN ('1', 'B')
    ) AS card_lost,
    EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = person.id AND card.code IN ('1', 'B')
    ) AS card_in_use,
    EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = person.id AND card.code = 'B'
    ) AS card_blocked,
    ARRAY(
        SELECT DISTINCT ordered.request_id FROM events AS ordered
        WHERE ordered.case_id = :case_id AND ordered.kind = 'card_ordered' AND ordered.request_id IS NOT NULL
    ) AS orders,
    (
        SELECT coalesce(json_agg(card.order_id ORDER BY card.id), '[]') FROM cards AS card
        WHERE card.person_id = person.id AND card.case_id = :case_id AND card_is_surplus(card)
    ) AS surplus,
    (
        SELECT coalesce(
            json_agg(json_build_object(
                'order', card.order_id, 'record', told.fact::jsonb ->> 'record', 'stated_by', told.actor
            ) ORDER BY told.place),
            '[]'
        )
        FROM cards AS card
        JOIN told_after_closing AS told ON told.order_id = card.order_id AND told.event = 'card_destroyed'
        WHERE card.person_id = person.id AND card.case_id = :case_id AND card_is_surplus(card)
    ) AS destruction,
    who_else(:number_token, person.id) AS who_else,
    is_merged(person.id) AS merged,
    other.token AS other,
    other.name AS other_name
FROM (VALUES (:person::text)) AS asked (token)
LEFT JOIN persons AS person ON person.token = asked.token
LEFT JOIN numbers AS living ON living.person_id = person.id AND living.state = 'living'
LEFT JOIN persons AS other
    ON other.id = other_record(:number_token, person.id) AND end_of_person(other.id) IS NULL AND NOT is_merged(other.id);
