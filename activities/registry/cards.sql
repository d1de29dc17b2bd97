-- Cards: 0 number released, 1 normal, A not yet activated, B temporarily lost, 2 lost, 3 cancelled after loss, 4 cancelled.

-- name: card_to_replace
-- The card whose place a new one takes: the one in use, else a lost one, else one that was cancelled after its loss.
SELECT old.id, old.code FROM cards AS old
WHERE old.person_id = :person_id
  AND (old.code IN ('1', 'B', '2')
       OR (old.code = '3' AND NOT EXISTS (SELECT FROM cards AS new WHERE new.replaces = old.id AND new.code <> '4')))
ORDER BY old.code NOT IN ('1', 'B'), old.code = '3', old.id DESC
LIMIT 1
FOR UPDATE;

-- name: recode_card
-- A do or an undo of the card system, and everyone who relies on the card is told.
WITH recoded AS (
    UPDATE cards SET code = :code WHERE person_id = :person_id AND code = ANY (:codes_before::text[]) AND id = :card_id
    RETURNING id
)
INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
SELECT :case_id, :generation, :step, :event_kind, target, recoded.id::text, :person, :at
FROM recoded CROSS JOIN unnest(ARRAY['bank', 'card_bureau']) AS target;

-- name: order_card
-- A new card, not yet activated and in production; no row where one is coming already.
INSERT INTO cards (person_id, code, in_production, replaces, case_id, generation)
VALUES (:person_id, 'A', true, :replaces, :case_id, :generation)
ON CONFLICT (person_id) WHERE code = 'A' DO NOTHING
RETURNING id;

-- name: coming_card
-- The card that this case ordered, while it is not in use.
SELECT id, replaces FROM cards
WHERE person_id = :person_id AND case_id = :case_id AND generation = :generation AND code = 'A'
FOR UPDATE;

-- name: cancel_order
-- The order is taken back; a card that was made is cancelled.
UPDATE cards SET code = '4', in_production = false WHERE id = :card_id;

-- name: known_card_number
-- Whether another card has this number.
SELECT id FROM cards WHERE number_token = :card_token AND code <> '0' AND id <> :card_id;

-- name: record_production
-- The bureau made the card.
UPDATE cards SET number = :card_number, number_token = :card_token, batch = :batch, in_production = false
WHERE id = :card_id AND in_production;

-- name: hand_over_card
-- The card reached its holder.
UPDATE cards SET handed_over_at = :at, handed_over_by = :handed_over_by, hand_over_evidence = :evidence
WHERE id = :card_id;

-- name: activate_function
-- One function of the card works.
UPDATE cards SET functions = array_append(functions, :function)
WHERE id = :card_id AND NOT functions @> ARRAY[:function]::text[];

-- name: retire_card
-- The old card: cancelled, after a loss in its own way.
UPDATE cards SET code = CASE code WHEN '1' THEN '4' WHEN 'B' THEN '3' WHEN '2' THEN '3' ELSE code END
WHERE id = :card_id;

-- name: put_card_in_use
-- The new card works.
UPDATE cards SET code = '1' WHERE id = :card_id;

-- name: card_in_use
-- The card of this case that took the old one's place.
SELECT id, replaces FROM cards
WHERE person_id = :person_id AND case_id = :case_id AND generation = :generation AND code = '1'
FOR UPDATE;

-- name: end_payment_authority
-- No benefit is paid to any card of the person; functions of the old card end.
UPDATE cards SET payment_authority = false, functions = CASE WHEN id = :replaces THEN '{}' ELSE functions END
WHERE person_id = :person_id AND (payment_authority OR id = :replaces);

-- name: give_payment_authority
-- Benefits are paid to this card.
UPDATE cards SET payment_authority = true WHERE id = :card_id;

-- name: destroy_card
-- Two people have destroyed a card that nobody fetched.
UPDATE cards SET
    code = '4',
    destroyed_at = :at,
    destroyed_by = :destroyed_by,
    destruction_witness = :witness,
    destruction_record = :record
WHERE id = :card_id;
