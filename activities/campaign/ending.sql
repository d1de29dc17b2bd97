-- Persons who died or were transferred, and what of theirs has not ended yet.

-- name: owed_to_the_ended
-- Some of them, in the order of their keys, for whom something is held, or whose claim is not queued, or not for their heirs.
SELECT person.id, person.token AS person, person.region
FROM (
    SELECT id FROM persons WHERE died_on IS NOT NULL
    UNION
    SELECT person_id FROM standings_of_persons
) AS told
JOIN persons AS person ON person.id = told.id
CROSS JOIN LATERAL (SELECT end_of_person(person.id) AS ended) AS standing
WHERE person.id > :after AND ended IS NOT NULL
  AND (
      EXISTS (SELECT FROM benefit_holds AS hold WHERE hold.person_id = person.id AND hold.state <> 'released')
      OR EXISTS (
          SELECT FROM claims AS claim
          WHERE claim.person_id = person.id
            AND (claim.state = 'suspended'
                 OR (claim.state = 'queued' AND claim.payee = 'person' AND ended = 'PERSON_DECEASED'))
      )
  )
ORDER BY person.id LIMIT :limit;

-- name: lock_person
-- The person's record, held against transitions of the person's cases; no row where they are insured again by now.
SELECT id FROM persons WHERE token = :person AND end_of_person(id) IS NOT NULL FOR NO KEY UPDATE;

-- name: release
-- The effect by which a case that ends with its person releases what is owed.
SELECT effect_release_what_is_owed(step) AS released FROM jsonb_populate_record(NULL::step, :step::jsonb) AS step;

-- name: open_cases_of_the_ended
-- Open cases whose person has ended, in the order of their IDs.
SELECT cases.case_id
FROM cases
JOIN (
    SELECT id FROM persons WHERE died_on IS NOT NULL
    UNION
    SELECT person_id FROM standings_of_persons
) AS told ON told.id = cases.person_id
WHERE cases.closed_at IS NULL AND cases.case_id > :after
  -- One that knows already waits for what is left of it, such as a card that cannot be cancelled.
  AND cases.ended_because IS NULL AND end_of_person(cases.person_id) IS NOT NULL
ORDER BY cases.case_id LIMIT :limit;
