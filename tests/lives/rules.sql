-- Rules that no life may break, as queries that find whoever breaks one. $1 are the persons of a life, $2 is what time it is.
-- They rest on tables alone: no function of the register is asked, and no code of the product is shared.

-- name: a number has two holders
SELECT token FROM numbers
WHERE digits = 18 AND state IN ('living', 'reserved')
  AND token IN (SELECT token FROM numbers WHERE person_id = ANY ($1))
GROUP BY token HAVING count(*) > 1

-- name: a person has two numbers in force, or two reserved
SELECT person_id, state FROM numbers
WHERE person_id = ANY ($1) AND state IN ('living', 'reserved')
GROUP BY person_id, state HAVING count(*) > 1

-- name: a person has no number, and had one
SELECT id FROM persons
WHERE id = ANY ($1)
  AND EXISTS (SELECT FROM numbers WHERE person_id = persons.id AND state = 'historic')
  AND NOT EXISTS (SELECT FROM numbers WHERE person_id = persons.id AND state = 'living')
  -- Two people have decided that they have it no more.
  AND NOT EXISTS (
      SELECT FROM changes JOIN transitions ON transitions.written_in = changes.made_in
      WHERE changes.person_id = persons.id AND changes.what = 'numbers' AND changes.became = 'revoked'
        AND transitions.event IN ('resolve_dispute', 'resolve_duplicate')
  )

-- name: a person has two cards in use, or two that are coming
SELECT person_id FROM cards
WHERE person_id = ANY ($1) AND code IN ('1', 'B', 'A')
GROUP BY person_id, code = 'A' HAVING count(*) > 1

-- name: a card changed as no card may
SELECT changes.subject, changes.was, changes.became, transitions.event
FROM changes LEFT JOIN transitions ON transitions.written_in = changes.made_in
WHERE changes.what = 'cards' AND changes.person_id = ANY ($1)
  AND NOT EXISTS (
      SELECT FROM (VALUES
          ('1', 'B', '{checked, report_loss}'::text[]),
          ('B', '1', '{loss_report_expired, card_found}'),
          ('B', '2', '{confirm_loss}'),
          ('B', '3', '{loss_report_expired, switch_cards}'),
          ('2', '1', '{card_found}'),
          ('2', '3', '{switch_cards}'),
          ('1', '4', '{switch_cards, resolve_duplicate}'),
          ('B', '4', '{resolve_duplicate}'),
          ('2', '4', '{resolve_duplicate}'),
          ('4', '1', '{resolve_duplicate}'),
          ('4', 'B', '{resolve_duplicate}'),
          ('4', '2', '{resolve_duplicate}'),
          ('4', 'A', '{resolve_duplicate}'),
          ('A', '1', '{switch_cards}'),
          ('A', '3', '{card_lost_on_way}'),
          ('A', '4', '{card_found, repair, withdraw, person_ended, person_found_ended, card_unclaimed, card_not_activated, card_destroyed, card_produced, resolve_duplicate}'),
          ('3', '4', '{card_turned_up}')
      ) AS may (was, became, by)
      WHERE (may.was, may.became) = (changes.was, changes.became)
        AND (transitions.event = ANY (may.by)
             -- A closed case, or the walk over loss reports, makes no transition.
             OR (transitions.event IS NULL
                 AND (may.was, may.became) IN (('1', 'B'), ('B', '1'), ('B', '2'), ('B', '3'), ('2', '1'), ('3', '4'))))
  )

-- name: a card was lost for good and works again
SELECT changes.subject FROM changes
WHERE changes.what = 'cards' AND changes.person_id = ANY ($1) AND changes.was = '3' AND changes.became <> '4'

-- name: a card was destroyed and is not cancelled
SELECT id FROM cards WHERE person_id = ANY ($1) AND destroyed_at IS NOT NULL AND code <> '4'

-- name: a number in force was not reserved, or not in force before
SELECT changes.subject, changes.was, transitions.event
FROM changes LEFT JOIN transitions ON transitions.written_in = changes.made_in
WHERE changes.what = 'numbers' AND changes.person_id = ANY ($1) AND changes.became IN ('living', 'reserved')
  AND (changes.was, coalesce(transitions.event, '-')) NOT IN (
      ('reserved', 'commit'),
      ('historic', 'confirm_downstream'), ('historic', 'repair'), ('historic', 'withdraw'),
      ('historic', 'person_ended'), ('historic', 'person_found_ended'),
      ('historic', 'resolve_duplicate'), ('revoked', 'resolve_duplicate')
  )

-- name: a claim was paid, and was touched afterwards
SELECT changes.subject, changes.became FROM changes
WHERE changes.what = 'claims' AND changes.person_id = ANY ($1) AND changes.was = 'paid'

-- name: a claim was withheld again
SELECT changes.subject FROM changes
WHERE changes.what = 'claims' AND changes.person_id = ANY ($1) AND changes.became = 'suspended'

-- name: a claim is paid twice: its scheme was told twice to pay the same
SELECT subject, kind FROM events
WHERE person IN (SELECT token FROM persons WHERE id = ANY ($1))
  AND kind IN ('claim_requeued', 'claim_requeued_for_heirs', 'contribution_refunded')
GROUP BY subject, kind, target HAVING count(*) > 1

-- name: money came or went
SELECT sum(begun.fen) AS was, sum(now.fen) AS became
FROM begun JOIN LATERAL (
    SELECT coalesce((SELECT sum(amount_fen) FROM claims WHERE person_id = begun.person_id AND refund_of_merge IS NULL), 0) AS fen
) AS now ON true
WHERE begun.person_id = ANY ($1)
HAVING sum(begun.fen) IS DISTINCT FROM sum(now.fen)

-- name: a hold that was released is in force again
SELECT changes.subject FROM changes
WHERE changes.what = 'benefit_holds' AND changes.person_id = ANY ($1) AND changes.was = 'released'

-- name: benefits are held without notice, basis or officer
SELECT id FROM benefit_holds
WHERE person_id = ANY ($1) AND state = 'held'
  AND (notice IS NULL OR served_on IS NULL OR legal_basis IS NULL OR officer IS NULL OR held_at IS NULL
       OR served_on > (held_at AT TIME ZONE 'Asia/Shanghai')::date)

-- name: benefits are held because of a number while a hold, a dispute or a second review is in force
SELECT hold.id FROM benefit_holds AS hold
JOIN cases ON cases.person_id = hold.person_id AND cases.kind = 'IdNumberChange' AND cases.closed_at IS NULL
WHERE hold.person_id = ANY ($1) AND hold.state = 'held' AND hold.reason = 'id_number'
  AND cases.status IN ('on_hold', 'disputed', 'merging')

-- name: benefits are held by a decision that came before its date
SELECT hold.id FROM benefit_holds AS hold
JOIN transitions ON (transitions.case_id, transitions.generation) = (hold.case_id, hold.generation)
  AND transitions.event = 'hold_benefits' AND transitions.at = hold.held_at
WHERE hold.person_id = ANY ($1) AND hold.state = 'held'
  -- The rung comes in office hours, and to a case that came late after some days: what counts is the date.
  AND coalesce((transitions.outcome::jsonb #>> '{dates,campaign_due_at}')::timestamptz, 'infinity') > hold.held_at

-- name: a case is done, and a benefit is held or a claim suspended for its reason
SELECT cases.case_id FROM cases
WHERE cases.person_id = ANY ($1) AND cases.status = 'done'
  AND NOT EXISTS (SELECT FROM cases AS later WHERE later.case_id = cases.case_id AND later.generation > cases.generation)
  AND (
      EXISTS (
          SELECT FROM benefit_holds AS hold
          WHERE hold.person_id = cases.person_id AND hold.state = 'held'
            AND hold.reason = CASE cases.kind WHEN 'IdNumberChange' THEN 'id_number' ELSE 'card' END
      )
      OR EXISTS (
          SELECT FROM claims
          WHERE claims.person_id = cases.person_id AND claims.state = 'suspended'
            AND claims.suspended_for = CASE cases.kind WHEN 'IdNumberChange' THEN 'id_number' ELSE 'card' END
      )
  )
  -- What another record brought with it comes after this case.
  AND NOT EXISTS (SELECT FROM merges WHERE merges.kept_person_id = cases.person_id AND merges.merged_at > cases.closed_at)

-- name: a number change is done, and what the person is entitled to was not compared, or is not the same
SELECT cases.case_id FROM cases
WHERE cases.person_id = ANY ($1) AND cases.kind = 'IdNumberChange' AND cases.status = 'done'
  AND NOT EXISTS (
      SELECT FROM entitlement_snapshots AS taken
      WHERE (taken.case_id, taken.generation) = (cases.case_id, cases.generation) AND taken.digest_after = taken.digest
  )

-- name: a number change is done, and the number was not updated in it
SELECT cases.case_id FROM cases
WHERE cases.person_id = ANY ($1) AND cases.kind = 'IdNumberChange' AND cases.status = 'done'
  AND NOT EXISTS (
      SELECT FROM transitions
      WHERE (transitions.case_id, transitions.generation) = (cases.case_id, cases.generation)
        AND transitions.event = 'commit'
  )

-- name: a replacement is done, and its card is not the one that is paid to
SELECT cases.case_id FROM cases
WHERE cases.person_id = ANY ($1) AND cases.kind = 'CardReplacement' AND cases.status = 'done'
  AND NOT EXISTS (SELECT FROM cases AS later WHERE later.person_id = cases.person_id AND later.kind = cases.kind AND later.generation > cases.generation)
  AND NOT EXISTS (SELECT FROM merges WHERE cases.person_id IN (merges.kept_person_id, merges.other_person_id))
  AND NOT EXISTS (
      SELECT FROM cards
      WHERE (cards.case_id, cards.generation) = (cases.case_id, cases.generation)
        AND cards.payment_authority AND cards.code NOT IN ('A', '4')
  )

-- name: claims because of a number went into the queue, and the number was not updated
SELECT claims.id, claims.requeued_by FROM claims
JOIN cases ON (cases.case_id, cases.generation) = (claims.requeued_by, claims.requeued_generation)
JOIN changes AS queued ON queued.what = 'claims' AND queued.subject = claims.id AND queued.became = 'queued'
WHERE claims.person_id = ANY ($1) AND claims.suspended_for = 'id_number'
  -- What is owed to somebody who has died or moved away is released all the same.
  AND cases.status NOT IN ('releasing', 'done', 'ended', 'card_outstanding', 'card_to_destroy')
  AND NOT EXISTS (
      SELECT FROM numbers
      WHERE numbers.person_id = queued.person_id AND numbers.digits = 18
        AND coalesce(
            (SELECT became FROM changes
             WHERE changes.what = 'numbers' AND changes.subject = numbers.id AND changes.id < queued.id
             ORDER BY changes.id DESC LIMIT 1),
            -- As it came with the register, or as its case reserved it.
            CASE WHEN numbers.case_id IS NULL THEN 'living' ELSE 'reserved' END
        ) = 'living'
  )

-- name: claims because of a card are in the queue, and no new card works
SELECT claims.id, claims.requeued_by FROM claims
JOIN cases ON (cases.case_id, cases.generation) = (claims.requeued_by, claims.requeued_generation)
WHERE claims.person_id = ANY ($1) AND claims.suspended_for = 'card'
  AND NOT EXISTS (
      SELECT FROM cases AS paying
      WHERE paying.person_id = cases.person_id AND paying.status IN ('done', 'ended', 'card_outstanding', 'card_to_destroy')
  )

-- name: a rung fired twice, early, late or after the end
SELECT rungs.case_id, rungs.rung FROM rungs
JOIN cases ON (cases.case_id, cases.generation) = (rungs.case_id, rungs.generation)
WHERE cases.person_id = ANY ($1)
  AND (rungs.fired_at < rungs.due_at OR rungs.fired_at > cases.closed_at
       OR EXISTS (
           SELECT FROM rungs AS other
           WHERE (other.case_id, other.generation, other.clock, other.rung, other.cause)
               = (rungs.case_id, rungs.generation, rungs.clock, rungs.rung, rungs.cause) AND other.ctid <> rungs.ctid
       ))

-- name: a rung fired while the case was on hold
SELECT made.case_id FROM transitions AS made
JOIN cases ON (cases.case_id, cases.generation) = (made.case_id, made.generation)
WHERE cases.person_id = ANY ($1) AND made.event = 'escalated' AND made.from_status = 'on_hold'

-- name: the audit of a case has a gap, a fork, or a step from where the case was not
SELECT case_id, generation, version FROM (
    SELECT
        made.*,
        lag(made.version) OVER (PARTITION BY made.case_id, made.generation ORDER BY made.version) AS version_before,
        lag(made.to_status) OVER (PARTITION BY made.case_id, made.generation ORDER BY made.version) AS status_before,
        lag(made.state_after) OVER (PARTITION BY made.case_id, made.generation ORDER BY made.version) AS after_before,
        lag(made.hash) OVER (PARTITION BY made.case_id ORDER BY made.generation, made.version) AS hash_before,
        lag(made.at) OVER (PARTITION BY made.case_id ORDER BY made.generation, made.version) AS at_before
    FROM transitions AS made
    JOIN cases ON (cases.case_id, cases.generation) = (made.case_id, made.generation)
    WHERE cases.person_id = ANY ($1)
) AS link
WHERE link.version <> coalesce(link.version_before + 1, 0)
   OR link.from_status IS DISTINCT FROM link.status_before
   OR link.state_before IS DISTINCT FROM link.after_before
   OR link.prev_hash <> coalesce(link.hash_before, repeat('0', 64))
   OR link.at < link.at_before

-- name: a case does not stand where its audit ends
SELECT cases.case_id FROM cases
JOIN transitions AS newest ON (newest.case_id, newest.generation, newest.version) = (cases.case_id, cases.generation, cases.version)
WHERE cases.person_id = ANY ($1)
  AND ((cases.status, cases.milestone, cases.state_digest, cases.head)
       IS DISTINCT FROM (newest.to_status, newest.milestone, newest.state_after, newest.hash)
       OR EXISTS (
           SELECT FROM transitions AS later
           WHERE (later.case_id, later.generation) = (cases.case_id, cases.generation) AND later.version > cases.version
       ))

-- name: a case went on after its end
SELECT made.case_id FROM transitions AS made
JOIN cases ON (cases.case_id, cases.generation) = (made.case_id, made.generation)
WHERE cases.person_id = ANY ($1) AND made.from_status IN (
    'done', 'not_needed', 'rejected', 'withdrawn', 'closed_no_response', 'ended', 'card_found', 'unclaimed', 'not_activated'
)

-- name: a closed case has the turn, a reservation or an open dispute
SELECT cases.case_id FROM cases
WHERE cases.person_id = ANY ($1) AND cases.closed_at IS NOT NULL
  AND (
      EXISTS (SELECT FROM turns WHERE (turns.case_id, turns.generation) = (cases.case_id, cases.generation))
      OR EXISTS (
          SELECT FROM numbers
          WHERE (numbers.case_id, numbers.generation) = (cases.case_id, cases.generation) AND numbers.state = 'reserved'
      )
      OR EXISTS (
          SELECT FROM disputes
          WHERE disputes.state = 'open' AND (disputes.case_id, disputes.generation) = (cases.case_id, cases.generation)
      )
      OR EXISTS (
          SELECT FROM disputes
          WHERE disputes.state = 'open'
            AND (disputes.rival_case_id, disputes.rival_generation) = (cases.case_id, cases.generation)
            -- Whoever got the number meanwhile has it: the dispute is decided in the case of whoever wants it.
            AND NOT EXISTS (
                SELECT FROM numbers
                WHERE numbers.person_id = cases.person_id AND numbers.token = disputes.number_token
                  AND numbers.state = 'living'
            )
      )
  )

-- name: somebody was told twice of one step
SELECT case_id, step, kind FROM events
WHERE person IN (SELECT token FROM persons WHERE id = ANY ($1))
GROUP BY case_id, generation, step, kind, target, subject HAVING count(*) > 1

-- name: a recipient was told twice of one event
SELECT notifications.case_id, notifications.event FROM notifications
JOIN cases ON (cases.case_id, cases.generation) = (notifications.case_id, notifications.generation)
WHERE cases.person_id = ANY ($1)
GROUP BY notifications.case_id, notifications.event, notifications.recipient, notifications.second_channel
HAVING count(*) > 1

-- name: one person entered, verified or approved the same
SELECT case_id FROM cases
WHERE person_id = ANY ($1) AND (verifier = submitter OR approver = submitter OR approver = verifier)

-- name: something was carried out that nobody verified, or that needed two and had one
SELECT case_id FROM cases
WHERE person_id = ANY ($1) AND milestone <> 'submitted'
  AND (verifier IS NULL OR (kind = 'IdNumberChange' AND road <> 'pure_upgrade' AND approver IS NULL))

-- name: a card is blocked without an end
SELECT id FROM cards WHERE person_id = ANY ($1) AND code = 'B' AND (block_ends_at IS NULL OR block_ends IS NULL)

-- name: a card is being made that nobody asked for
SELECT cards.id FROM cards
WHERE cards.person_id = ANY ($1) AND cards.code = 'A' AND cards.in_production
  AND NOT EXISTS (SELECT FROM events WHERE events.request_id = cards.order_id AND events.kind = 'card_ordered')

-- name: a card was made or is being made, and no case has it
SELECT cards.id FROM cards
LEFT JOIN cases ON (cases.case_id, cases.generation) = (cards.case_id, cards.generation)
WHERE cards.person_id = ANY ($1) AND cards.code = 'A' AND cards.case_id IS NOT NULL AND cases.closed_at IS NOT NULL

-- name: an open case that rests waits for nobody and for nothing
SELECT case_id, status FROM cases
WHERE person_id = ANY ($1) AND closed_at IS NULL
  AND CASE
      -- Somebody of the office is asked, by the very status.
      WHEN status IN ('in_review', 'awaiting_approval', 'disputed', 'merging', 'repair', 'card_to_destroy') THEN false
      WHEN status IN ('awaiting_documents', 'on_hold', 'temporarily_blocked', 'in_production', 'ready', 'handed_over', 'card_outstanding')
          THEN due_at IS NULL AND NOT attention && '{overdue}'
      WHEN status = 'applying' THEN due_at IS NULL
      ELSE false
  END

-- name: a person has ended, and something was done for them afterwards
SELECT made.case_id, made.event FROM ends_known
JOIN cases ON cases.person_id = ends_known.person_id
JOIN transitions AS made ON (made.case_id, made.generation) = (cases.case_id, cases.generation)
WHERE ends_known.person_id = ANY ($1) AND made.at > ends_known.at AND made.version > 0
  AND made.to_status NOT IN ('ended', 'card_outstanding', 'card_to_destroy')
  AND made.event <> 'undo_failed'

-- name: a person has ended, and was written to afterwards
SELECT notifications.id, notifications.template FROM ends_known
JOIN persons ON persons.id = ends_known.person_id
JOIN notifications ON notifications.person = persons.token
WHERE ends_known.person_id = ANY ($1) AND notifications.written_at > ends_known.at

-- name: a merge lost something, or was undone after a payment
SELECT id FROM merges
WHERE (kept_person_id = ANY ($1) OR other_person_id = ANY ($1))
  AND (fen_after + fen_refunded IS DISTINCT FROM fen_kept + fen_other
       OR (undone_at IS NOT NULL AND EXISTS (
           SELECT FROM changes
           WHERE changes.what = 'claims' AND changes.became = 'paid' AND changes.person_id = merges.kept_person_id
             AND changes.made_in > (SELECT min(made.written_in) FROM transitions AS made
                 WHERE (made.case_id, made.generation, made.step) = (merges.case_id, merges.generation, merges.step))
             AND changes.made_in < (SELECT min(made.written_in) FROM transitions AS made
                 WHERE (made.case_id, made.generation, made.step) = (merges.undone_by_case, merges.undone_generation, merges.undone_step))
       )))
