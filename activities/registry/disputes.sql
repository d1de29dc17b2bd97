-- Disputes: two people, one number.

-- name: open_dispute
-- A dispute between this case and a rival; no row where the two are in dispute over the number already.
INSERT INTO disputes (
    number_token, case_id, generation, person_id, rival_person_id, rival_case_id, rival_generation, opened_at
) VALUES (
    :number_token, :case_id, :generation, :person_id, :rival_person_id, :rival_case_id, :rival_generation, :at
)
ON CONFLICT (number_token, least(person_id, rival_person_id), greatest(person_id, rival_person_id))
    WHERE state = 'open' DO NOTHING;

-- name: disputes_of_case
-- The open disputes of a case, whichever side it is on, and who is on the other.
SELECT
    id,
    CASE WHEN case_id = :case_id THEN rival_person_id ELSE person_id END AS other_person_id,
    CASE WHEN case_id = :case_id THEN rival_case_id ELSE case_id END AS other_case
FROM disputes
WHERE state = 'open'
  AND ((case_id = :case_id AND generation = :generation)
       OR (rival_case_id = :case_id AND rival_generation = :generation))
ORDER BY id
FOR UPDATE;

-- name: settle_dispute
-- Two people have decided.
UPDATE disputes SET
    state = 'settled',
    closed_at = :at,
    decided_in = :case_id,
    outcome = :outcome,
    document = :document,
    first_decider = :first_decider,
    second_decider = :second_decider
WHERE id = :dispute_id;

-- name: lapse_dispute
-- One side has left.
UPDATE disputes SET state = 'lapsed', closed_at = :at WHERE id = :dispute_id;

-- name: still_disputed
-- Whether a case is in another open dispute.
SELECT id FROM disputes WHERE state = 'open' AND (case_id = :other_case OR rival_case_id = :other_case) LIMIT 1;

-- name: decided_elsewhere
-- How other cases have decided the disputes of an open case, the worst first: whether it lost the number.
SELECT dispute.outcome <> 'theirs' AS lost
FROM disputes AS dispute
JOIN cases AS party
    ON (party.case_id, party.generation) IN (
        (dispute.case_id, dispute.generation), (dispute.rival_case_id, dispute.rival_generation)
    )
WHERE party.case_id = :party AND party.closed_at IS NULL AND dispute.state = 'settled' AND dispute.decided_in <> :party
ORDER BY lost DESC
LIMIT 1;

-- name: revoke_number
-- A person loses a number that is not theirs, and the register's readers are told.
WITH revoked AS (
    UPDATE numbers SET
        state = 'revoked',
        valid_to = greatest(:day, valid_from),
        ended_by_case = :case_id,
        ended_by_generation = :generation
    WHERE person_id = :other_person_id AND token = :number_token AND state IN ('living', 'reserved')
    RETURNING id, person_id
)
INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
SELECT :case_id, :generation, :step, 'number_revoked', 'register', revoked.id::text, person.token, :at
FROM revoked JOIN persons AS person ON person.id = revoked.person_id;

-- name: disputes_over_given_up_number
-- Open disputes over the number that this case's person has just given up.
SELECT dispute.id, dispute.case_id AS other_case
FROM disputes AS dispute
JOIN numbers AS given_up ON given_up.token = dispute.number_token
WHERE dispute.state = 'open' AND dispute.rival_person_id = :person_id
  AND given_up.person_id = :person_id AND given_up.state = 'historic'
  AND given_up.ended_by_case = :case_id AND given_up.ended_by_generation = :generation
ORDER BY dispute.id
FOR UPDATE OF dispute;
