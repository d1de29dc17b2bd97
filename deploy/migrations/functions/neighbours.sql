CREATE OR REPLACE FUNCTION effect_wake_replacement(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    neighbours jsonb;
    others text[];
BEGIN
    WITH given_up AS (
        SELECT dispute.id
        FROM disputes AS dispute
        JOIN numbers AS before ON before.token = dispute.number_token
        WHERE dispute.state = 'open' AND dispute.rival_person_id = s.person_id
          AND before.person_id = s.person_id AND before.state = 'historic'
          AND before.ended_by_case = s.case_id AND before.ended_by_generation = s.generation
        ORDER BY dispute.id
        FOR UPDATE OF dispute
    ), lapsed AS (
        UPDATE disputes SET state = 'lapsed', closed_at = s.at FROM given_up WHERE disputes.id = given_up.id
        RETURNING disputes.id, disputes.case_id
    )
    SELECT
        coalesce(
            (SELECT jsonb_build_array(neighbour(case_id, 'number_changed', s.case_id)) FROM cases
             WHERE person = s.person AND kind = 'CardReplacement' AND closed_at IS NULL),
            '[]'
        ),
        array_agg(lapsed.case_id ORDER BY lapsed.id)
    INTO neighbours, others
    FROM lapsed;
    IF others IS NOT NULL THEN
        neighbours := neighbours || coalesce(free_of_dispute(others, 'dispute_lapsed', s.case_id), '[]');
    END IF;
    RETURN nullif(jsonb_build_object('neighbours', neighbours), '{"neighbours": []}');
END
$$;
COMMENT ON FUNCTION effect_wake_replacement IS
    'Whoever waited for the change is told: the person''s card replacement, and cases that wanted the old number';

CREATE OR REPLACE FUNCTION effect_offer_replacement(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
            SELECT FROM cards
            WHERE person_id = s.person_id AND code IN ('1', 'A', 'B', '2') AND printed_data_outdated AND NOT offered
        )
        -- A replacement that ends with this very step has brought whatever card it brings.
        OR EXISTS (
            SELECT FROM cases
            WHERE person = s.person AND kind = 'CardReplacement' AND closed_at IS NULL AND case_id <> s.case_id
        )
        -- A change that is still being written may be taken back; it offers when it is done.
        OR EXISTS (SELECT FROM turns WHERE turns.person = s.person AND turns.case_id <> s.case_id)
    THEN
        RETURN NULL;
    END IF;
    UPDATE cards SET offered = true
    WHERE person_id = s.person_id AND code IN ('1', 'A', 'B', '2') AND printed_data_outdated;
    CASE told(s.facts, 'offers_replacement')
        WHEN 'offer' THEN
            RETURN jsonb_build_object('notify', 'offered');
        WHEN 'open' THEN
            INSERT INTO events (case_id, generation, step, kind, target, person, written_at)
            VALUES (s.case_id, s.generation, s.name, 'replacement_wanted', 'intake', s.person, s.at);
            RETURN NULL;
    END CASE;
END
$$;
COMMENT ON FUNCTION effect_offer_replacement IS
    'A person whose card is printed wrong is offered a new one, which the transition tells them, or, by policy, the intake is asked to open a case';

CREATE OR REPLACE FUNCTION may_be_told(
    case_id text, generation integer, person text, person_id bigint, reason text, event text
) RETURNS boolean LANGUAGE sql STABLE
RETURN CASE event
    WHEN 'dispute_opened' THEN EXISTS (
        SELECT FROM disputes AS dispute
        WHERE dispute.state = 'open'
          AND ((dispute.case_id = may_be_told.case_id AND dispute.generation = may_be_told.generation)
               OR (dispute.rival_case_id = may_be_told.case_id AND dispute.rival_generation = may_be_told.generation))
    )
    WHEN 'dispute_lost' THEN lost_elsewhere(case_id, generation) IS TRUE
    WHEN 'dispute_won' THEN NOT in_dispute(case_id) AND lost_elsewhere(case_id, generation) IS FALSE
    WHEN 'dispute_lapsed' THEN NOT in_dispute(case_id) AND lost_elsewhere(case_id, generation) IS NOT TRUE
    -- A replacement waits because the number in force is of the first generation, or for a change that has ended since.
    WHEN 'number_changed' THEN
        EXISTS (
            SELECT FROM numbers AS living
            WHERE living.person_id = may_be_told.person_id AND living.state = 'living' AND living.digits = 18
        )
        OR NOT EXISTS (
            SELECT FROM cases AS change
            WHERE change.person = may_be_told.person AND change.kind = 'IdNumberChange' AND change.closed_at IS NULL
        )
    WHEN 'turn_free' THEN NOT EXISTS (
        SELECT FROM turns WHERE turns.person = may_be_told.person AND turns.case_id <> may_be_told.case_id
    )
    WHEN 'benefits_lifted' THEN NOT EXISTS (
        SELECT FROM benefit_holds AS hold
        WHERE hold.person_id = may_be_told.person_id AND hold.reason = may_be_told.reason AND hold.state = 'held'
    )
    WHEN 'person_found_ended' THEN end_of_person(person_id) IS NOT NULL
    -- A card that was reported lost formally stays blocked.
    WHEN 'block_ended' THEN NOT EXISTS (
        SELECT FROM cards AS card WHERE card.person_id = may_be_told.person_id AND card.code IN ('B', '2')
    )
    -- That everybody was asked who has to answer is looked at before, by the state that says who they are.
    WHEN 'question_delivered' THEN EXISTS (
        SELECT FROM events JOIN delivered_events ON delivered_events.event_id = events.id
        WHERE events.case_id = may_be_told.case_id AND events.generation = may_be_told.generation
    )
    ELSE false
END;
COMMENT ON FUNCTION may_be_told IS
    'Whether the register itself says what a case is told by a neighbour, or by the scheduled looks at held benefits and at persons who have ended; false for every other event';
