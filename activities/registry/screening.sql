-- What the register says about a person when a case is screened.

-- name: person_on_register
-- The person, the number in force, and what decides a screening, in one row.
SELECT
    person.id,
    person.name,
    person.died_on,
    person.draws_pension,
    living.id AS number_id,
    living.sealed AS number,
    living.token AS number_token,
    living.digits AS number_digits,
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
    ) AS number_change
FROM persons AS person
LEFT JOIN numbers AS living ON living.person_id = person.id AND living.state = 'living'
WHERE person.token = :person;

-- name: rivals
-- Who else has a number or asks for it: holders of it, and open cases for it.
SELECT
    coalesce(holder.person_id, asking.person_id) AS person_id,
    holder.person_id IS NOT NULL AS holds,
    asking.case_id,
    asking.generation
FROM (
    SELECT person_id FROM numbers
    WHERE token = :number_token AND digits = 18 AND state IN ('living', 'reserved')
      AND person_id IS DISTINCT FROM :person_id
) AS holder
FULL JOIN (
    SELECT person_id, case_id, generation FROM cases
    WHERE number_token = :number_token AND kind = 'IdNumberChange' AND closed_at IS NULL
      AND person_id IS NOT NULL AND person_id IS DISTINCT FROM :person_id
) AS asking ON asking.person_id = holder.person_id
ORDER BY holds DESC, asking.case_id;
