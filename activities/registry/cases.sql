-- Cases as the register holds them. What a transition writes is a function of the register: make_transition, open_case.

-- name: look
-- A case at a moment of the register's clock; its state where the digest is not the one that is known, and the version in
-- which it was told something before.
SELECT
    held.version, held.state_digest, held.person_id, clock_timestamp() AS now,
    CASE WHEN held.state_digest IS DISTINCT FROM :known THEN held.state END AS state,
    CASE WHEN held.state_digest IS DISTINCT FROM :known THEN file.opening END AS opening,
    CASE WHEN held.state_digest IS DISTINCT FROM :known THEN file.screening END AS screening,
    (
        SELECT told.version FROM transitions AS told
        WHERE told.case_id = :case_id AND told.generation = :generation AND told.told_as = :told_as
    ) AS told_in
FROM cases AS held JOIN case_files AS file USING (case_id, generation)
WHERE held.case_id = :case_id AND held.generation = :generation;

-- name: acts_of
-- How often somebody has told a case something in this generation; no more are counted than are allowed.
SELECT count(*) AS acts FROM (
    SELECT FROM transitions
    WHERE case_id = :case_id AND generation = :generation AND actor = :actor LIMIT :most
) AS told;

-- name: look_for_application
-- What an idempotency key was used for, the newest generation of the case, and whether whoever is said to have taken the
-- application in has a post at that office; one row, whatever there is.
SELECT
    clock_timestamp() AS now,
    EXISTS (SELECT FROM posts WHERE staff = :staff AND office = :office) AS is_staff,
    used.case_id AS used_by, used.generation AS used_generation, used.fingerprint AS used_fingerprint,
    newest.generation, newest.fingerprint, newest.closed_at,
    EXISTS (SELECT FROM cases WHERE case_id = :case_id AND status = 'done') AS carried_out
FROM (VALUES (:key::text)) AS asked (key)
LEFT JOIN idempotency_keys AS used ON used.key = asked.key
LEFT JOIN LATERAL (
    SELECT generation, fingerprint, closed_at FROM cases WHERE case_id = :case_id ORDER BY generation DESC LIMIT 1
) AS newest ON true;

-- name: use_key
-- Keep a key for ever: of an application that is the one of a case already.
INSERT INTO idempotency_keys (key, case_id, generation, fingerprint, used_at)
VALUES (:key, :case_id, :generation, :fingerprint, :at)
ON CONFLICT (key) DO NOTHING;

-- name: open_case
-- The first row of a generation.
SELECT open_case(:asked::jsonb) AS answer;

-- name: make_transition
-- One transition, all of it.
SELECT make_transition(:asked::jsonb) AS answer;

-- name: end_of_person
-- Why the register does nothing for a person any more; null while it does.
SELECT end_of_person(id) AS ended FROM persons WHERE token = :person;

-- name: card_in_use
-- Whether a person has a card that works, or is blocked for a time.
SELECT EXISTS (
    SELECT FROM cards JOIN persons ON persons.id = cards.person_id
    WHERE persons.token = :person AND cards.code IN ('1', 'B')
) AS card_in_use;

-- name: deliveries_of
-- When each of those who are asked had the question; of who had it not, since when its receivers accept nothing.
SELECT role, delivered_at, away_since FROM deliveries_of(:case_id, :generation, :request, :roles);

-- name: wait_for_turn
-- Put a case on the list of those that are told when the turn is free; false where it is free already.
SELECT wait_for_turn(:person, :case_id, :generation, :at) AS waits;

-- name: standing
-- What the register holds beside the state of a case: how the application was answered, and its newest transitions, with
-- the one that was asked about.
SELECT
    file.receipt,
    (
        SELECT coalesce(json_agg(newest ORDER BY newest.version), '[]') FROM (
            -- Of a case from before the audit named milestones the one it has reached is all that is known.
            SELECT
                version, at, event, from_status AS status, to_status AS "to",
                coalesce(milestone, (
                    SELECT milestone FROM cases WHERE case_id = :case_id AND generation = :generation
                )) AS milestone,
                actor, told_as, outcome::jsonb ->> 'refused' AS refused
            FROM transitions
            WHERE case_id = :case_id AND generation = :generation AND version > 0
            ORDER BY (told_as = :told_as) IS TRUE DESC, version DESC LIMIT :most
        ) AS newest
    ) AS transitions
FROM case_files AS file
WHERE file.case_id = :case_id AND file.generation = :generation;

-- name: untold_neighbours
-- Whom the transitions after a version had to tell, and who has not moved by it although it still matters to them: the
-- run that had to tell them died in between.
SELECT neighbour::text AS neighbour
FROM transitions AS made CROSS JOIN LATERAL jsonb_array_elements(made.neighbours::jsonb) AS neighbour
WHERE made.case_id = :case_id AND made.generation = :generation AND made.version > :before
  AND EXISTS (SELECT FROM cases WHERE case_id = neighbour ->> 'case_id' AND closed_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM transitions AS told
      WHERE told.case_id = neighbour ->> 'case_id' AND told.event = neighbour ->> 'event' AND told.at >= made.at
  )
  AND (
      neighbour ->> 'event' NOT LIKE 'dispute%'
      OR (neighbour ->> 'event' = 'dispute_opened') = EXISTS (
          SELECT FROM disputes
          WHERE state = 'open' AND neighbour ->> 'case_id' IN (case_id, rival_case_id)
      )
  )
ORDER BY made.version;

-- name: is_related
-- Whether another case is one of the same person, or was ever in dispute with a case.
SELECT
    EXISTS (SELECT FROM cases WHERE case_id = :related AND person = :person)
    OR EXISTS (
        SELECT FROM disputes
        WHERE (case_id, rival_case_id) IN ((:case_id, :related), (:related, :case_id))
    ) AS is_related;

-- name: rival_case
-- The case of somebody else that asks for a number; that of its holder before others.
SELECT asking.case_id FROM cases AS asking
WHERE asking.number_token = :number_token AND asking.kind = 'IdNumberChange' AND asking.closed_at IS NULL
  AND asking.person_id IS NOT NULL AND asking.person <> :person
ORDER BY NOT EXISTS (
    SELECT FROM numbers
    WHERE token = :number_token AND digits = 18 AND state IN ('living', 'reserved') AND person_id = asking.person_id
), asking.case_id
LIMIT 1;

-- name: write_down_answer
-- Keep an answer to a request that is over; the same one once.
INSERT INTO answers_out_of_date (
    case_id, generation, told_as, event, request_id, fact, actor, role, office, stamp, written_at
) VALUES (
    :case_id, :generation, :told_as, :event, :request_id, :fact, :actor, :role, :office, :stamp, :at
)
ON CONFLICT (case_id, told_as) DO NOTHING;

-- name: newest_generation
-- The newest generation of a case; no row where there is no such case.
SELECT generation FROM cases WHERE case_id = :case_id ORDER BY generation DESC LIMIT 1;

-- name: tell_closed
-- What a closed case is told: written down, or taken in.
SELECT tell_closed(:asked::jsonb) AS answer;

-- name: late_answers
-- The newest answers of a case to requests that were over, oldest first.
SELECT * FROM (
    SELECT event, request_id AS request, actor, written_at AS at
    FROM answers_out_of_date WHERE case_id = :case_id
    ORDER BY written_at DESC, told_as DESC LIMIT :most
) AS newest
ORDER BY at;
