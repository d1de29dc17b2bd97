-- Lists for programs and auditors. Nothing sealed is read here.

-- name: list_cases
-- Cases in the order of their IDs, or of their dates, after a given one; a filter that is null lets everything through.
-- What is asked is known when it is planned: of the two orders one is left. That of dates has no index, since dates change
-- with every move (docs/decisions/0049-written-in-place.md): the open cases that are asked for are sorted.
SELECT
    case_id, generation, kind, region, category, status, milestone, version, road, policy, due_at, attention,
    opened_at, moved_at, closed_at,
    EXISTS (
        SELECT FROM answers_out_of_date AS late
        WHERE (late.case_id, late.generation) = (cases.case_id, cases.generation) AND NOT answer_is_seen(late)
    ) AS answered_late,
    closed_at IS NOT NULL AND EXISTS (
        SELECT FROM cards
        WHERE cards.person_id = cases.person_id AND cards.case_id = cases.case_id AND card_is_surplus(cards)
    ) AS card_left
FROM cases
WHERE (:kind::text IS NULL OR kind = :kind)
  AND (:status::text IS NULL OR status = :status)
  AND (:milestone::text IS NULL OR milestone = :milestone)
  AND (:region::text IS NULL OR region LIKE :region || '%')
  AND (:category::text IS NULL OR category = :category)
  AND (:reference::text IS NULL OR to_jsonb(cases) ->> 'reference' = :reference)
  AND (
      :attention::text IS NULL
      -- The index holds no empty ones.
      OR (attention <> '{}' AND attention @> ARRAY[:attention])
      OR (:attention = 'late_answer' AND EXISTS (
          SELECT FROM answers_out_of_date AS late
          WHERE (late.case_id, late.generation) = (cases.case_id, cases.generation) AND NOT answer_is_seen(late)
      ))
      OR (:attention = 'surplus_card' AND closed_at IS NOT NULL AND EXISTS (
          SELECT FROM cards
          WHERE cards.person_id = cases.person_id AND cards.case_id = cases.case_id AND card_is_surplus(cards)
      ))
  )
  AND (:due_before::timestamptz IS NULL OR due_at < :due_before)
  AND (:is_open::boolean IS NULL OR (closed_at IS NULL) = :is_open)
  AND (:kinds::text[] IS NULL OR kind = ANY (:kinds))
  AND (:office::text IS NULL OR office_covers(:office, region))
  AND (:moved_after::timestamptz IS NULL OR moved_at > :moved_after)
  AND (
      :after_case::text IS NULL
      OR CASE WHEN :by_due::boolean
          THEN (coalesce(due_at, 'infinity'), case_id, generation)
              > (coalesce(:after_due::timestamptz, 'infinity'), :after_case, :after_generation::int)
          ELSE (case_id, generation) > (:after_case, :after_generation::int)
      END
  )
ORDER BY CASE WHEN :by_due::boolean THEN due_at END, case_id, generation
LIMIT :limit;

-- name: transitions_of
-- The audit of a case over all generations, oldest first.
SELECT
    format, case_id, generation, version, step, event, from_status, to_status, milestone, actor, role, office, stamp,
    told_as, state_before, state_after, salt, fact, fact_commitment, outcome, outcome_commitment, neighbours, at,
    prev_hash, hash
FROM transitions WHERE case_id = :case_id
ORDER BY generation, version;

-- name: heads_of
-- What the generations of a case carry of the audit: version, newest hash, digest and content of the state.
SELECT generation, version, head, state_digest, state, opening, screening
FROM cases LEFT JOIN case_files USING (case_id, generation)
WHERE case_id = :case_id
ORDER BY generation;

-- name: knows_erased
-- Whether the schema has what was erased; that of the release before has not.
SELECT to_regclass('erased_cases') IS NOT NULL AS known;

-- name: erased_heads
-- Of every erased case, or of one: where its audit ends, and whether the journal says who had it erased.
SELECT
    case_id, generation, version, head,
    EXISTS (SELECT FROM journal WHERE key = 'erasure:' || erasure AND kind = 'erasure') AS is_founded
FROM erased_cases
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY case_id, generation;

-- name: case_now
-- The newest generation of a case, or one that is asked for: its state as it rests, and the newest answers to requests of
-- the case that were over, of all generations.
SELECT
    state, opening, screening,
    -- Read as nothing where the schema is that of the release before.
    to_jsonb(cases) ->> 'reference' AS reference,
    (
        SELECT coalesce(json_agg(newest ORDER BY newest.at), '[]') FROM (
            SELECT event, request_id AS request, actor, written_at AS at
            FROM answers_out_of_date WHERE case_id = :case_id
            ORDER BY written_at DESC, told_as DESC LIMIT :most
        ) AS newest
    ) AS late_answers,
    EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = cases.person_id AND card.code = '1'
    ) AS card_in_use,
    EXISTS (
        SELECT FROM cards AS card
        WHERE card.person_id = cases.person_id AND (
            card.code IN ('1', 'B')
            OR (card.code = '2'
                AND (card.blocked_by_case, card.blocked_by_generation) = (cases.case_id, cases.generation))
        )
    ) AS block_may_be_lifted,
    NOT EXISTS (
        SELECT FROM claims CROSS JOIN (
            SELECT moved -> 'paid' AS before FROM merges
            WHERE kept_person_id = cases.person_id AND undone_at IS NULL
            ORDER BY id DESC LIMIT 1
        ) AS paid
        WHERE claims.person_id = cases.person_id AND claims.state = 'paid' AND NOT paid.before @> to_jsonb(claims.id)
    ) AS nothing_paid
FROM cases JOIN case_files USING (case_id, generation)
WHERE case_id = :case_id AND (:generation::int IS NULL OR generation = :generation)
ORDER BY generation DESC
LIMIT 1;

-- name: versions_of
-- Where cases stand: the newest generation of each, and its version.
SELECT DISTINCT ON (case_id) case_id, generation, version
FROM cases WHERE case_id = ANY (:case_ids::text[])
ORDER BY case_id, generation DESC;

-- name: told_before
-- What a case was told under an identity of the caller's, if it moved by it, or was closed and it was taken in.
SELECT event, fact FROM (
    SELECT event, fact, generation FROM transitions WHERE case_id = :case_id AND told_as = :told_as
    UNION ALL
    SELECT event, fact, generation FROM told_after_closing WHERE case_id = :case_id AND told_as = :told_as
) AS told
ORDER BY generation DESC
LIMIT 1;

-- name: reference_of
-- By which eight digits an applicant names a generation of a case; nothing where the schema is that of the release before.
SELECT to_jsonb(cases) ->> 'reference' AS reference FROM cases WHERE case_id = :case_id AND generation = :generation;

-- name: is_key_used
-- Whether a case was opened, or answered, under an idempotency key.
SELECT EXISTS (SELECT FROM idempotency_keys WHERE key = :key) AS used;

-- name: replaced_number
-- The number that a case has put out of force, sealed.
SELECT sealed FROM numbers
WHERE ended_by_case = :case_id AND ended_by_generation = :generation AND state = 'historic'
ORDER BY id DESC
LIMIT 1;
