-- What may be left of no life, once everybody has done their part: nothing hangs.

-- name: a case is open still
SELECT case_id, status FROM cases WHERE person_id = ANY ($1) AND closed_at IS NULL

-- name: somebody writes, or waits for their turn
SELECT turns.case_id FROM turns JOIN persons ON persons.token = turns.person WHERE persons.id = ANY ($1)
UNION ALL
SELECT turn_waiters.case_id FROM turn_waiters
JOIN persons ON persons.token = turn_waiters.person
JOIN cases ON (cases.case_id, cases.generation) = (turn_waiters.case_id, turn_waiters.generation)
WHERE persons.id = ANY ($1) AND cases.closed_at IS NULL

-- name: a number is reserved
SELECT id FROM numbers WHERE person_id = ANY ($1) AND state = 'reserved'

-- name: a dispute is open
SELECT id FROM disputes WHERE (person_id = ANY ($1) OR rival_person_id = ANY ($1)) AND state = 'open'

-- name: a card is on its way
SELECT id FROM cards WHERE person_id = ANY ($1) AND code = 'A'

-- name: a report of a loss is in force, and its time is over
SELECT id FROM cards WHERE person_id = ANY ($1) AND code = 'B' AND (block_ends_at IS NULL OR block_ends_at <= $2)

-- name: somebody who has ended has something withheld
SELECT persons.id FROM ends_known JOIN persons ON persons.id = ends_known.person_id
WHERE persons.id = ANY ($1)
  AND (EXISTS (SELECT FROM claims WHERE person_id = persons.id AND state = 'suspended')
       OR EXISTS (SELECT FROM benefit_holds WHERE person_id = persons.id AND state = 'held'))

-- name: what is left of a case is not said
SELECT cases.case_id FROM cases
JOIN numbers ON (numbers.case_id, numbers.generation) = (cases.case_id, cases.generation)
WHERE cases.person_id = ANY ($1) AND numbers.state = 'living' AND cases.status NOT IN ('done')
  AND cases.state NOT LIKE '%number_committed%'
