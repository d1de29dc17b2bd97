-- Turns: while a person's number is being changed no card of the person is written to.

-- name: take_turn
-- Take the person's turn; no row where another case has it.
INSERT INTO turns (person, case_id, generation, taken_at) VALUES (:person, :case_id, :generation, :at)
ON CONFLICT (person) DO UPDATE SET generation = excluded.generation, taken_at = excluded.taken_at
    WHERE turns.case_id = :case_id;

-- name: yield_turn
-- Give the turn back.
DELETE FROM turns WHERE person = :person AND case_id = :case_id;

-- name: dismiss_waiters
-- Whom to tell that the turn is free.
DELETE FROM turn_waiters WHERE person = :person RETURNING case_id;

-- name: turn_of_another
-- The other case that is writing.
SELECT case_id FROM turns WHERE person = :person AND case_id <> :case_id;

-- name: hold_turn_still
-- The turn, held so that nobody gives it back before a waiter is on the list.
SELECT case_id FROM turns WHERE person = :person AND case_id <> :case_id FOR UPDATE;

-- name: wait_for_turn
-- Put a case on the list of those to be told.
INSERT INTO turn_waiters (person, case_id, generation, since) VALUES (:person, :case_id, :generation, :at)
ON CONFLICT (person, case_id) DO UPDATE SET generation = excluded.generation;
