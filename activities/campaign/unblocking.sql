-- Loss reports that expire while no case waits for it.

-- name: expired_blocks
-- Cards whose temporary report has expired, or came with the register and says of no end, in the order of their keys.
SELECT card.id, person.region, card.block_ends_at IS NULL AS endless
FROM cards AS card JOIN persons AS person ON person.id = card.person_id
WHERE card.code = 'B' AND card.id > :after AND (card.block_ends_at IS NULL OR card.block_ends_at <= :at)
ORDER BY card.id LIMIT :limit;

-- name: set_end
-- A block that came with the register ends as one that begins now.
UPDATE cards SET blocked_at = :at, block_ends_at = :ends_at, block_ends = :ends
WHERE id = :card AND code = 'B' AND block_ends_at IS NULL;

-- name: end_block
-- End one, in a transaction of its own; false where it ended otherwise, or its case waits for the end itself.
SELECT end_block(:card, :at) AS ended;

-- name: cases_showing_an_ended_block
-- Open cases that show a temporary report as running although no card is blocked any more, in the order of their IDs.
SELECT cases.case_id
FROM cases
WHERE cases.closed_at IS NULL AND cases.case_id > :after AND cases.person_id IS NOT NULL
  AND cases.state::jsonb @> '{"card_blocked": true}' AND NOT cases.state::jsonb @> '{"loss_settled": true}'
  AND NOT cases.state::jsonb @> '{"card_cancelled": true}'
  AND NOT EXISTS (SELECT FROM cards AS card WHERE card.person_id = cases.person_id AND card.code IN ('B', '2'))
ORDER BY cases.case_id LIMIT :limit;
