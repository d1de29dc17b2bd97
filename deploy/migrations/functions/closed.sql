-- What a case is told that is closed. It makes no transition, and what it tells of the world is on record all the same.

CREATE OR REPLACE FUNCTION said_destroyed(whose text, card_order text, in_record text)
RETURNS TABLE (actor text) LANGUAGE sql STABLE AS $$
    SELECT said.actor FROM (
        SELECT told.actor, told.fact::jsonb AS fact FROM told_after_closing AS told
        WHERE told.case_id = whose AND told.event = 'card_destroyed'
        UNION ALL
        SELECT made.actor, made.fact::jsonb FROM transitions AS made
        WHERE made.case_id = whose AND made.event = 'card_destroyed'
    ) AS said
    WHERE said.fact ->> 'order' = card_order AND said.fact ->> 'record' = in_record
$$;
COMMENT ON FUNCTION said_destroyed IS 'Who said, whether the case was open or closed, that the card of an order was destroyed, on one record';

CREATE OR REPLACE FUNCTION card_is_surplus(card cards) RETURNS boolean LANGUAGE sql STABLE
RETURN card.code = '4' AND card.number IS NOT NULL AND card.destroyed_at IS NULL AND EXISTS (
    SELECT FROM events
    WHERE events.request_id = card.order_id AND events.kind = 'card_surplus' AND events.subject = card.id::text
);
COMMENT ON FUNCTION card_is_surplus IS 'Whether a card is there that an order brought which was over, and waits for its destruction';

CREATE OR REPLACE FUNCTION answer_is_seen(late answers_out_of_date) RETURNS boolean LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT FROM transitions AS made
    WHERE made.case_id = late.case_id AND made.event = 'acknowledge' AND made.role IN ('operator', 'supervisor')
      AND made.at >= late.written_at
) OR EXISTS (
    SELECT FROM told_after_closing AS told
    WHERE told.case_id = late.case_id AND told.event = 'acknowledge' AND told.told_at >= late.written_at
);
COMMENT ON FUNCTION answer_is_seen IS
    'Whether an operator or a supervisor has acknowledged, while the case was open or afterwards, that an answer came when what it answers was over';

CREATE OR REPLACE FUNCTION take_in_after_closing(s step) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    blocked record;
    ended CONSTANT text := end_of_person(s.person_id);
    witness text;
BEGIN
    IF s.event = 'card_turned_up' THEN
        PERFORM effect_keep_surplus_card(s);
        RETURN;
    ELSIF s.event = 'card_destroyed' THEN
        IF NOT EXISTS (
            SELECT FROM cards
            WHERE person_id = s.person_id AND order_id = told(s.facts, 'fact', 'order')
              AND code = '4' AND number IS NOT NULL AND destroyed_at IS NULL
        ) THEN
            RAISE EXCEPTION 'CARD_NOT_TO_BE_DESTROYED' USING ERRCODE = 'CASE1';
        END IF;
        SELECT actor INTO witness
        FROM said_destroyed(s.case_id, told(s.facts, 'fact', 'order'), told(s.facts, 'fact', 'record'))
        ORDER BY actor = told(s.facts, 'fact', 'actor', 'id') LIMIT 1;
        IF witness = told(s.facts, 'fact', 'actor', 'id') THEN
            RAISE EXCEPTION 'SAME_PERSON' USING ERRCODE = 'CASE1';
        ELSIF witness IS NOT NULL THEN
            s.facts := s.facts || jsonb_build_object('first_statement', witness);
            PERFORM effect_destroy_surplus_card(s);
        END IF;
        RETURN;
    ELSIF s.event = 'acknowledge' THEN
        IF NOT EXISTS (
            SELECT FROM answers_out_of_date AS late WHERE late.case_id = s.case_id AND NOT answer_is_seen(late)
        ) THEN
            RAISE EXCEPTION 'CASE_CLOSED' USING ERRCODE = 'CASE1';
        ELSIF told(s.facts, 'fact', 'actor', 'role') NOT IN ('operator', 'supervisor') THEN
            RAISE EXCEPTION 'ROLE_NOT_ALLOWED' USING ERRCODE = 'CASE1';
        END IF;
        RETURN;
    ELSIF ended IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = ended;
    ELSIF s.event = 'report_loss' THEN
        PERFORM effect_report_loss(s);
        RETURN;
    END IF;
    SELECT
        cards.code,
        EXISTS (
            SELECT FROM cases
            WHERE cases.case_id = cards.blocked_by_case AND cases.generation = cards.blocked_by_generation
              AND cases.closed_at IS NULL
        ) AS by_an_open_case
    INTO blocked
    FROM cards WHERE cards.person_id = s.person_id AND cards.code IN ('B', '2')
    ORDER BY cards.code <> 'B', cards.id DESC LIMIT 1;
    IF blocked.by_an_open_case THEN
        -- That case waits for this very word, and is told itself.
        RAISE EXCEPTION 'CASE_CLOSED' USING ERRCODE = 'CASE1';
    ELSIF s.event = 'confirm_loss' THEN
        IF blocked.code IS DISTINCT FROM 'B' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'CASE1',
                MESSAGE = CASE WHEN blocked.code IS NULL THEN 'NO_CARD_IN_USE' ELSE 'LOSS_ALREADY_REPORTED' END;
        END IF;
        PERFORM effect_confirm_loss(s);
    ELSIF s.event = 'card_found' THEN
        IF blocked.code IS NULL AND EXISTS (
            SELECT FROM cards WHERE person_id = s.person_id AND code = '3' AND blocked_at IS NOT NULL
        ) THEN
            -- It was cancelled after its loss, or has a successor: it stays out of use, and that it turned up is on record.
            RETURN;
        ELSIF blocked.code IS NULL THEN
            RAISE EXCEPTION 'EVENT_NOT_ALLOWED' USING ERRCODE = 'CASE1';
        ELSIF blocked.code = '2' AND NOT told(s.facts, 'undo_formal_loss')::boolean THEN
            RAISE EXCEPTION 'UNDO_NOT_PERMITTED' USING ERRCODE = 'CASE1';
        END IF;
        PERFORM effect_unblock_card(s);
    ELSE
        RAISE EXCEPTION 'CASE_CLOSED' USING ERRCODE = 'CASE1';
    END IF;
END
$$;
COMMENT ON FUNCTION take_in_after_closing IS
    'What the world shows of a closed case is on record: a card that turned up, its destruction by two people, a loss, a find; and that somebody has seen what was answered too late. Refuses as the effects do; CARD_NOT_TO_BE_DESTROYED, SAME_PERSON; CASE_CLOSED where an open case is to be told';

CREATE OR REPLACE FUNCTION tell_closed(asked jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    s step := jsonb_populate_record(NULL::step, asked -> 'step');
    said told_after_closing := jsonb_populate_record(NULL::told_after_closing, asked -> 'told');
    newest record;
BEGIN
    -- Held against an application that reopens the case, and against whatever else it is told.
    PERFORM pg_advisory_xact_lock(2, hashtext(s.case_id));
    SELECT generation, person_id, closed_at INTO newest
    FROM cases WHERE case_id = s.case_id ORDER BY generation DESC LIMIT 1;
    IF newest.generation IS DISTINCT FROM s.generation OR newest.closed_at IS NULL THEN
        RETURN jsonb_build_object('stale', true);
    END IF;
    PERFORM FROM persons WHERE id = newest.person_id FOR NO KEY UPDATE;
    s.person_id := newest.person_id;
    IF EXISTS (
        SELECT FROM transitions WHERE stamp = said.stamp
        UNION ALL
        SELECT FROM told_after_closing WHERE stamp = said.stamp AND told_as <> said.told_as
        UNION ALL
        SELECT FROM answers_out_of_date WHERE case_id = s.case_id AND stamp = said.stamp AND told_as <> said.told_as
    ) THEN
        RAISE EXCEPTION 'STAMP_USED' USING ERRCODE = 'CASE1';
    END IF;
    IF asked ? 'answers' THEN
        INSERT INTO answers_out_of_date (
            case_id, generation, told_as, event, request_id, fact, actor, role, office, stamp, written_at
        ) VALUES (
            s.case_id, s.generation, said.told_as, said.event, asked ->> 'answers', said.fact, said.actor, said.role,
            said.office, said.stamp, s.at
        )
        ON CONFLICT (case_id, told_as) DO NOTHING;
    ELSIF NOT EXISTS (SELECT FROM told_after_closing WHERE case_id = s.case_id AND told_as = said.told_as) THEN
        SELECT coalesce(max(place), 0) + 1 INTO said.place
        FROM told_after_closing WHERE case_id = s.case_id AND generation = s.generation;
        said.case_id := s.case_id;
        said.generation := s.generation;
        said.told_at := s.at;
        s.name := s.event || '.closed.' || said.place;
        PERFORM take_in_after_closing(s);
        INSERT INTO told_after_closing VALUES (said.*);
    END IF;
    RETURN jsonb_build_object(
        'surplus', EXISTS (
            SELECT FROM cards WHERE cards.person_id = s.person_id AND cards.case_id = s.case_id AND card_is_surplus(cards)
        ),
        'blocked', EXISTS (SELECT FROM cards WHERE cards.person_id = s.person_id AND cards.code IN ('B', '2'))
    );
END
$$;
COMMENT ON FUNCTION tell_closed IS
    'What a closed case is told: an answer to what is over is written down, what the world shows is taken in, either once; stale where the case is open again. Raises CASE1 with the code of a refusal';
