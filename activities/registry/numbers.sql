-- Numbers and what depends on them.

-- name: reserve_number
-- Nobody else can have the number from here on; no row where somebody has it.
INSERT INTO numbers (person_id, token, sealed, digits, state, case_id, generation)
VALUES (:person_id, :number_token, :number, 18, 'reserved', :case_id, :generation)
ON CONFLICT (token) WHERE digits = 18 AND state IN ('living', 'reserved') DO NOTHING;

-- name: release_reservation
-- The reservation is given back.
UPDATE numbers SET state = 'revoked', valid_to = :day, ended_by_case = :case_id, ended_by_generation = :generation
WHERE person_id = :person_id AND case_id = :case_id AND generation = :generation AND state = 'reserved';

-- name: number_in_force
-- The number that is replaced, held still.
SELECT id, token FROM numbers WHERE person_id = :person_id AND state = 'living' FOR UPDATE;

-- name: follow_register
-- The number that the case replaces is the one that is in force.
UPDATE cases SET
    replaces_number_id = (SELECT id FROM numbers WHERE person_id = :person_id AND state = 'living')
WHERE case_id = :case_id AND generation = :generation;

-- name: retire_number
-- The old number goes into the history.
UPDATE numbers SET
    state = 'historic',
    valid_to = greatest(:day, valid_from),
    ended_by_case = :case_id,
    ended_by_generation = :generation
WHERE id = :number_id;

-- name: put_in_force
-- The reserved number becomes the person's number.
UPDATE numbers SET state = 'living', valid_from = :day
WHERE person_id = :person_id AND case_id = :case_id AND generation = :generation
  AND state = 'reserved' AND token = :number_token;

-- name: take_out_of_force
-- A committed number is taken back.
UPDATE numbers SET
    state = 'revoked',
    valid_to = greatest(:day, valid_from),
    ended_by_case = :case_id,
    ended_by_generation = :generation
WHERE person_id = :person_id AND case_id = :case_id AND generation = :generation AND state = 'living';

-- name: reinstate_number
-- The number before it is in force again.
UPDATE numbers SET state = 'living', valid_to = NULL, ended_by_case = NULL, ended_by_generation = NULL
WHERE person_id = :person_id AND ended_by_case = :case_id AND ended_by_generation = :generation AND state = 'historic';

-- name: take_snapshot
-- What the person is entitled to before the change.
INSERT INTO entitlement_snapshots (case_id, generation, version, taken_at, taken_in, digest)
SELECT :case_id, :generation, :version, now.at, now.seen, entitlement_digest(:person_id, now.seen, now.at)
FROM (SELECT clock_timestamp() AS at, pg_current_snapshot() AS seen) AS now;

-- name: compare_with_snapshot
-- The same after it; no row where it differs. What was posted since does not count.
UPDATE entitlement_snapshots SET compared_at = :at, digest_after = digest
WHERE case_id = :case_id AND generation = :generation
  AND version = (
      SELECT max(version) FROM entitlement_snapshots WHERE case_id = :case_id AND generation = :generation
  )
  AND digest = entitlement_digest(:person_id, taken_in, taken_at);

-- name: mark_card_outdated
-- What is printed on the person's cards is wrong from here on.
UPDATE cards SET printed_data_outdated = true, outdated_by_case = :case_id
WHERE person_id = :person_id AND code IN ('1', 'A', 'B', '2') AND NOT printed_data_outdated;

-- name: card_is_right_again
-- What is printed is right again, where only this case made it wrong.
UPDATE cards SET printed_data_outdated = false, outdated_by_case = NULL
WHERE person_id = :person_id AND outdated_by_case = :case_id;

-- name: outdated_card
-- Whether the person has a card whose printed data is wrong.
SELECT id FROM cards
WHERE person_id = :person_id AND code IN ('1', 'A', 'B', '2') AND printed_data_outdated LIMIT 1;

-- name: open_replacement
-- The person's open card replacement.
SELECT case_id FROM cases WHERE person = :person AND kind = 'CardReplacement' AND closed_at IS NULL;
