-- Cards: 0 number released, 1 normal, A not yet activated, B temporarily lost, 2 lost, 3 cancelled after loss, 4 cancelled.

CREATE OR REPLACE FUNCTION effect_mark_card_outdated(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cards SET
        printed_data_outdated = true,
        -- What an earlier change has made wrong, taking this one back does not make right.
        outdated_by_case = CASE WHEN printed_data_outdated THEN nullif(outdated_by_case, s.case_id) ELSE s.case_id END,
        -- An offer that was made before was about another change.
        offered = false
    WHERE person_id = s.person_id AND code IN ('1', 'A', 'B', '2');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_mark_card_outdated IS 'What is printed on the person''s cards is wrong from here on';

CREATE OR REPLACE FUNCTION card_to_replace(whose bigint) RETURNS cards LANGUAGE sql AS $$
    SELECT * FROM cards AS old
    WHERE old.person_id = whose
      AND (old.code IN ('1', 'B', '2')
           OR (old.code = '3'
               AND NOT EXISTS (SELECT FROM cards AS new WHERE new.replaces = old.id AND new.code <> '4')))
    ORDER BY old.code NOT IN ('1', 'B'), old.code = '3', old.id DESC
    LIMIT 1
    FOR UPDATE
$$;
COMMENT ON FUNCTION card_to_replace IS
    'The card whose place a new one takes, held still: the one in use, else a lost one, else one that was cancelled after its loss';

CREATE OR REPLACE FUNCTION tell_of_card(s step, card bigint, told_as text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, told_as, target, card::text, s.person, s.at
    FROM unnest(ARRAY['bank', 'card_bureau']) AS target
    WHERE card IS NOT NULL
$$;
COMMENT ON FUNCTION tell_of_card IS 'A do or an undo of the card system: everyone who relies on the card is told; nobody where there is none';

CREATE OR REPLACE FUNCTION block(s step) RETURNS bigint LANGUAGE sql AS $$
    UPDATE cards SET
        code = 'B',
        blocked_by_case = s.case_id,
        blocked_by_generation = s.generation,
        blocked_at = s.at,
        block_ends_at = told(s.facts, 'block_ends_at')::timestamptz,
        block_ends = told(s.facts, 'block_ends')
    WHERE person_id = s.person_id AND code = '1'
    RETURNING id
$$;
COMMENT ON FUNCTION block IS 'The card in use is blocked, by this generation of the case and until its report expires; null where none is in use';

CREATE OR REPLACE FUNCTION effect_block_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    -- A loss that was reported before is reported once more: it is this report that expires from here on.
    UPDATE cards SET
        blocked_by_case = s.case_id,
        blocked_by_generation = s.generation,
        blocked_at = coalesce(blocked_at, s.at),
        block_ends_at = told(s.facts, 'block_ends_at')::timestamptz,
        block_ends = told(s.facts, 'block_ends')
    WHERE person_id = s.person_id AND code = 'B';
    PERFORM tell_of_card(s, block(s), 'card_blocked');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_block_card IS
    'A card that works is blocked at once, and one that is blocked stays so for this report; a person without one has nothing to block';

CREATE OR REPLACE FUNCTION effect_report_loss(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    blocked CONSTANT bigint := block(s);
BEGIN
    IF blocked IS NULL AND EXISTS (SELECT FROM cards WHERE person_id = s.person_id AND code IN ('B', '2')) THEN
        RAISE EXCEPTION 'LOSS_ALREADY_REPORTED' USING ERRCODE = 'CASE1';
    ELSIF blocked IS NULL THEN
        RAISE EXCEPTION 'NO_CARD_IN_USE' USING ERRCODE = 'CASE1';
    END IF;
    PERFORM tell_of_card(s, blocked, 'card_blocked');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_report_loss IS
    'The card in use is blocked at once, whatever case is open; refuses LOSS_ALREADY_REPORTED, or NO_CARD_IN_USE';

CREATE OR REPLACE FUNCTION free_of_block(s step) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('neighbours', jsonb_agg(neighbour(other.case_id, 'block_ended', s.case_id) ORDER BY other.case_id))
    FROM cases AS other
    WHERE other.person = s.person AND other.case_id <> s.case_id AND other.closed_at IS NULL AND other.person_id IS NOT NULL
      AND other.state::jsonb @> '{"card_blocked": true}'
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION free_of_block IS
    'The person''s other open cases that show the card as blocked which has just come free, or is in use no more; null for none';

CREATE OR REPLACE FUNCTION effect_unblock_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    old cards;
    is_ours boolean;
BEGIN
    old := card_to_replace(s.person_id);
    is_ours := (old.blocked_by_case, old.blocked_by_generation) IS NOT DISTINCT FROM (s.case_id, s.generation);
    IF s.event = 'loss_report_expired' THEN
        -- What a temporary report began is all that its end ends.
        IF old.code IS DISTINCT FROM 'B' OR NOT is_ours THEN
            RETURN NULL;
        END IF;
    ELSIF old.code = '3' OR (old.code = '2' AND NOT is_ours) THEN
        RAISE EXCEPTION 'UNDO_NOT_PERMITTED' USING ERRCODE = 'CASE1';
    END IF;
    IF old.code IN ('B', '2') THEN
        UPDATE cards SET
            code = '1', blocked_by_case = NULL, blocked_by_generation = NULL, blocked_at = NULL, block_ends_at = NULL,
            block_ends = NULL
        WHERE id = old.id;
        PERFORM tell_of_card(s, old.id, 'card_unblocked');
    END IF;
    RETURN free_of_block(s);
END
$$;
COMMENT ON FUNCTION effect_unblock_card IS
    'A found card works again, and so does one whose temporary report has expired in the generation that made it; refuses UNDO_NOT_PERMITTED where it was cancelled after its loss, or was reported formally in another generation';

CREATE OR REPLACE FUNCTION effect_confirm_loss(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    lost bigint;
BEGIN
    UPDATE cards SET
        code = '2', blocked_by_case = s.case_id, blocked_by_generation = s.generation,
        blocked_at = coalesce(blocked_at, s.at), block_ends_at = NULL, block_ends = NULL
    WHERE person_id = s.person_id AND code = 'B'
    RETURNING id INTO lost;
    PERFORM tell_of_card(s, lost, 'card_lost');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_confirm_loss IS 'The loss is reported formally, by this generation of the case: no time ends that';

CREATE OR REPLACE FUNCTION effect_cancel_lost_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    lost bigint;
BEGIN
    UPDATE cards SET code = '3', block_ends_at = NULL, block_ends = NULL
    WHERE person_id = s.person_id AND code = 'B'
      AND blocked_by_case = s.case_id AND blocked_by_generation = s.generation
    RETURNING id INTO lost;
    PERFORM tell_of_card(s, lost, 'card_cancelled');
    RETURN free_of_block(s);
END
$$;
COMMENT ON FUNCTION effect_cancel_lost_card IS
    'The temporary loss report of this generation expired and the region cancels the card';

CREATE OR REPLACE FUNCTION end_block(card bigint, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    s step;
    ended record;
BEGIN
    SELECT person.token INTO s.person
    FROM persons AS person WHERE id = (SELECT person_id FROM cards WHERE id = card) FOR NO KEY UPDATE;
    UPDATE cards SET
        code = CASE was.block_ends WHEN 'release' THEN '1' ELSE '3' END,
        blocked_by_case = CASE was.block_ends WHEN 'cancel' THEN was.blocked_by_case END,
        blocked_by_generation = CASE was.block_ends WHEN 'cancel' THEN was.blocked_by_generation END,
        blocked_at = CASE was.block_ends WHEN 'cancel' THEN was.blocked_at END,
        block_ends_at = NULL,
        block_ends = NULL
    FROM (
        SELECT id, blocked_by_case, blocked_by_generation, blocked_at, block_ends
        FROM cards AS blocked
        WHERE id = card AND code = 'B' AND block_ends_at <= at
          -- A case that waits for the end of its own report ends it itself.
          AND NOT EXISTS (
              SELECT FROM cases
              WHERE case_id = blocked.blocked_by_case AND generation = blocked.blocked_by_generation
                AND closed_at IS NULL AND status = 'temporarily_blocked'
          )
    ) AS was
    WHERE cards.id = was.id
    RETURNING was.blocked_by_case, was.blocked_by_generation, was.blocked_at, was.block_ends INTO ended;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- What came with the register was blocked by none: everyone is told in the name of the person's newest case.
    SELECT cases.case_id, cases.generation INTO s.case_id, s.generation FROM cases
    WHERE cases.person = s.person AND (ended.blocked_by_case IS NULL OR cases.case_id = ended.blocked_by_case)
      AND (ended.blocked_by_generation IS NULL OR cases.generation = ended.blocked_by_generation)
    ORDER BY opened_at DESC LIMIT 1;
    IF s.case_id IS NULL THEN
        RETURN true;
    END IF;
    s.name := 'block_ended.' || to_char(ended.blocked_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS');
    s.at := at;
    PERFORM tell_of_card(s, card, CASE ended.block_ends WHEN 'release' THEN 'card_unblocked' ELSE 'card_cancelled' END);
    -- Nobody writes to a person who has ended.
    IF end_of_person((SELECT person_id FROM cards WHERE id = card)) IS NOT NULL THEN
        RETURN true;
    END IF;
    -- No case says so: its own is over, or is about something else.
    PERFORM write_notifications(s, jsonb_build_array(jsonb_build_object(
        'recipient', 'applicant', 'template', 'block_ended', 'event', s.name, 'second_channel', false,
        'facts', jsonb_build_object('expires', ended.block_ends)
    )));
    RETURN true;
END
$$;
COMMENT ON FUNCTION end_block IS
    'A loss report that nobody confirmed has expired: the card works again or is cancelled, as the policy of the report says, and its holder, who has not ended, is told; false where it has ended otherwise, or its own case will end it';

CREATE OR REPLACE FUNCTION effect_order_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    is_busy boolean;
    replaced bigint;
    is_ordered boolean;
BEGIN
    WITH old AS (
        SELECT id FROM card_to_replace(s.person_id) WHERE id IS NOT NULL
    ), ordered AS (
        INSERT INTO cards (person_id, code, in_production, replaces, case_id, generation, order_id)
        SELECT s.person_id, 'A', true, old.id, s.case_id, s.generation, told(s.facts, 'request_id') FROM old
        ON CONFLICT (person_id) WHERE code = 'A' DO NOTHING
        RETURNING id
    ), published AS (
        INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id, delivery)
        SELECT
            s.case_id, s.generation, s.name, 'card_ordered', 'card_bureau', ordered.id::text, s.person, s.at,
            told(s.facts, 'request_id'), s.facts ->> 'delivery'
        FROM ordered
    )
    SELECT
        EXISTS (SELECT FROM turns WHERE person = s.person AND case_id <> s.case_id),
        (SELECT id FROM old),
        EXISTS (SELECT FROM ordered)
    INTO is_busy, replaced, is_ordered;
    IF is_busy THEN
        RAISE EXCEPTION 'PERSON_BUSY' USING ERRCODE = 'CASE1';
    ELSIF replaced IS NULL THEN
        RAISE EXCEPTION 'PRECHECK_4' USING ERRCODE = 'CASE1';
    ELSIF NOT is_ordered THEN
        RAISE EXCEPTION 'PRECHECK_3' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_order_card IS
    'A card is ordered at the bureau; refuses PERSON_BUSY while the person''s number is changing, PRECHECK_3 where a card is coming already, PRECHECK_4 where there is none to replace';

CREATE OR REPLACE FUNCTION effect_reorder_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH ordered AS (
        UPDATE cards SET
            order_id = told(s.facts, 'request_id'), printed_data_outdated = false, outdated_by_case = NULL
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        RETURNING id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id, delivery)
    SELECT
        s.case_id, s.generation, s.name, 'card_ordered', 'card_bureau', ordered.id::text, s.person, s.at,
        told(s.facts, 'request_id'), s.facts ->> 'delivery'
    FROM ordered;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_reorder_card IS
    'The bureau is asked once more for the card, with what is to be printed on it by now; refuses REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_tell_address(s step) RETURNS jsonb LANGUAGE sql AS $$
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id, delivery)
    SELECT
        s.case_id, s.generation, s.name, 'card_address_confirmed', 'card_bureau', coming.id::text, s.person, s.at,
        coming.order_id, 'post'
    FROM cards AS coming
    WHERE coming.person_id = s.person_id AND coming.case_id = s.case_id AND coming.generation = s.generation
      AND coming.code = 'A';
    SELECT NULL::jsonb
$$;
COMMENT ON FUNCTION effect_tell_address IS
    'The bureau learns that an address was confirmed for a card that it makes; nothing happens where none is ordered yet';

CREATE OR REPLACE FUNCTION effect_take_earlier_attempt(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    brought_by CONSTANT text := told(s.facts, 'fact', 'order');
    asked_for bigint;
BEGIN
    SELECT max(id) INTO asked_for FROM events
    WHERE request_id = brought_by AND kind = 'card_ordered' AND case_id = s.case_id AND generation = s.generation;
    WITH coming AS (
        SELECT id, order_id FROM cards
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        FOR UPDATE
    ), taken AS (
        UPDATE cards SET
            order_id = brought_by,
            -- A card that was asked for before a number changed shows the old one.
            printed_data_outdated = cards.printed_data_outdated OR EXISTS (
                SELECT FROM events AS changed
                WHERE changed.person = s.person AND changed.kind = 'number_changed' AND changed.id > asked_for
            )
        FROM coming
        WHERE cards.id = coming.id AND asked_for IS NOT NULL
        RETURNING cards.id, coming.order_id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
    SELECT
        s.case_id, s.generation, s.name, 'card_order_cancelled', 'card_bureau', taken.id::text, s.person, s.at,
        taken.order_id
    FROM taken;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_take_earlier_attempt IS
    'The card of an earlier order comes after all: it is the one, and the bureau is told that the order after it is not wanted; refuses REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_keep_surplus_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    request CONSTANT text := told(s.facts, 'fact', 'order');
    card_token CONSTANT text := told(s.facts, 'fact', 'card_token');
    kept bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM events WHERE request_id = request AND kind = 'card_ordered' AND person = s.person) THEN
        RAISE EXCEPTION 'ORDER_NOT_OVER' USING ERRCODE = 'CASE1';
    ELSIF EXISTS (
        SELECT FROM cards AS known
        WHERE known.number_token = card_token AND known.code <> '0' AND known.order_id IS DISTINCT FROM request
    ) THEN
        RAISE EXCEPTION 'PAYLOAD_INVALID' USING ERRCODE = 'CASE1';
    END IF;
    INSERT INTO cards AS surplus (person_id, code, number, number_token, batch, order_id, case_id, generation)
    VALUES (
        s.person_id, '4', told(s.facts, 'fact', 'card_number'), card_token, told(s.facts, 'fact', 'batch'), request,
        s.case_id, s.generation
    )
    ON CONFLICT (order_id) DO UPDATE SET
        code = '4', number = excluded.number, number_token = excluded.number_token, batch = excluded.batch
        WHERE surplus.person_id = s.person_id
          AND ((surplus.code = '4' AND surplus.number IS NULL)
               -- A card that was given up as lost on its way.
               OR (surplus.code = '3' AND surplus.number_token = excluded.number_token))
    RETURNING id INTO kept;
    IF kept IS NULL THEN
        RAISE EXCEPTION 'ORDER_NOT_OVER' USING ERRCODE = 'CASE1';
    END IF;
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
    VALUES (s.case_id, s.generation, s.name, 'card_surplus', 'card_bureau', kept::text, s.person, s.at, request);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_keep_surplus_card IS
    'A card that an order brought which is over is on record as cancelled, and kept for its destruction. Refuses ORDER_NOT_OVER where the order is none of this person''s, or brought a card already, PAYLOAD_INVALID where another card has its number';

CREATE OR REPLACE FUNCTION effect_destroy_surplus_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH destroyed AS (
        UPDATE cards SET
            destroyed_at = s.at,
            destroyed_by = told(s.facts, 'fact', 'actor', 'id'),
            destruction_witness = told(s.facts, 'first_statement'),
            destruction_record = told(s.facts, 'fact', 'record')
        WHERE person_id = s.person_id AND order_id = told(s.facts, 'fact', 'order')
          AND code = '4' AND number IS NOT NULL AND destroyed_at IS NULL
        RETURNING id, order_id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
    SELECT
        s.case_id, s.generation, s.name, 'card_destroyed', 'card_bureau', destroyed.id::text, s.person, s.at,
        destroyed.order_id
    FROM destroyed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_destroy_surplus_card IS
    'A card that is nobody''s was destroyed by two people; refuses REGISTER_CHANGED where there is none';

CREATE OR REPLACE FUNCTION effect_cancel_order(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH cancelled AS (
        UPDATE cards SET code = '4', in_production = false
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        RETURNING id, order_id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
    SELECT
        s.case_id, s.generation, s.name, 'card_order_cancelled', 'card_bureau', cancelled.id::text, s.person, s.at,
        cancelled.order_id
    FROM cancelled;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_cancel_order IS
    'The order is taken back, and a card that was made is cancelled; nothing happens where none is coming';

CREATE OR REPLACE FUNCTION effect_write_off_order(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH written_off AS (
        UPDATE cards SET code = '4', in_production = false
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        RETURNING id, order_id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
    SELECT
        s.case_id, s.generation, s.name, 'card_order_written_off', 'card_bureau', written_off.id::text, s.person, s.at,
        written_off.order_id
    FROM written_off;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_write_off_order IS
    'An order that cannot be cancelled is taken to bring nothing, which the bureau learns: a card that it brings all the same is nobody''s; nothing happens where none is coming';

CREATE OR REPLACE FUNCTION effect_cancel_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    cancelled bigint;
BEGIN
    UPDATE cards SET code = '4', functions = '{}'
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
    RETURNING id INTO cancelled;
    IF cancelled IS NULL THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    PERFORM tell_of_card(s, cancelled, 'card_cancelled');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_cancel_card IS
    'A card that was handed over and never worked will not any more, of which everyone is told, and the old one stays what it was; refuses REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_record_production(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    card_token CONSTANT text := told(s.facts, 'fact', 'card_token');
BEGIN
    UPDATE cards AS coming SET
        number = told(s.facts, 'fact', 'card_number'),
        number_token = card_token,
        batch = told(s.facts, 'fact', 'batch'),
        in_production = false
    WHERE coming.person_id = s.person_id AND coming.case_id = s.case_id AND coming.generation = s.generation
      AND coming.code = 'A' AND coming.in_production
      AND NOT EXISTS (SELECT FROM cards AS known WHERE known.number_token = card_token AND known.code <> '0');
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM cards AS coming
        JOIN cards AS known ON known.number_token = card_token AND known.code <> '0' AND known.id <> coming.id
        WHERE coming.person_id = s.person_id AND coming.case_id = s.case_id AND coming.generation = s.generation
          AND coming.code = 'A'
    ) THEN
        RAISE EXCEPTION 'PAYLOAD_INVALID' USING ERRCODE = 'CASE1';
    END IF;
    RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
END
$$;
COMMENT ON FUNCTION effect_record_production IS
    'The bureau made the card, which has a number from here on; refuses PAYLOAD_INVALID where another card has that number, REGISTER_CHANGED where none is in production';

CREATE OR REPLACE FUNCTION effect_give_up_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    lost bigint;
BEGIN
    UPDATE cards SET code = '3', functions = '{}'
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation
      AND code = 'A' AND order_id = told(s.facts, 'fact', 'order')
    RETURNING id INTO lost;
    IF lost IS NULL THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    PERFORM tell_of_card(s, lost, 'card_cancelled');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_give_up_card IS
    'The new card was lost before it worked: it never will, of which everyone is told, and the old one stays what it was; refuses REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_hand_over_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cards SET
        handed_over_at = s.at,
        handed_over_by = told(s.facts, 'fact', 'by'),
        hand_over_evidence = told(s.facts, 'fact', 'evidence')
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_hand_over_card IS 'The card reached its holder; refuses REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_activate_function(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    activated CONSTANT text := told(s.facts, 'fact', 'function');
BEGIN
    UPDATE cards SET
        functions = CASE WHEN activated = ANY (functions) THEN functions ELSE array_append(functions, activated) END
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_activate_function IS
    'One function of the card works; refuses REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_switch_cards(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    is_busy boolean;
    is_switched boolean;
BEGIN
    WITH coming AS (
        SELECT id, replaces FROM cards
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        FOR UPDATE
    ), retired AS (
        UPDATE cards SET
            code = CASE cards.code WHEN '1' THEN '4' WHEN 'B' THEN '3' WHEN '2' THEN '3' ELSE cards.code END,
            block_ends_at = NULL,
            block_ends = NULL
        FROM coming
        WHERE cards.id = coming.replaces
        RETURNING cards.id
    ), switched AS (
        UPDATE cards SET code = '1'
        FROM coming
        -- Counting retires the old card before the new one is written: a person has at most one in use.
        WHERE cards.id = coming.id AND (SELECT count(*) FROM retired) = num_nonnulls(coming.replaces)
        RETURNING cards.id
    ), published AS (
        INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
        SELECT s.case_id, s.generation, s.name, 'card_switched', target, switched.id::text, s.person, s.at
        FROM switched CROSS JOIN unnest(ARRAY['card_bureau', 'bank']) AS target
    )
    SELECT
        EXISTS (SELECT FROM turns WHERE person = s.person AND case_id <> s.case_id),
        EXISTS (SELECT FROM switched)
    INTO is_busy, is_switched;
    IF is_busy THEN
        RAISE EXCEPTION 'PERSON_BUSY' USING ERRCODE = 'CASE1';
    ELSIF NOT is_switched THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN free_of_block(s);
END
$$;
COMMENT ON FUNCTION effect_switch_cards IS
    'The new card works and the old one, cancelled after a loss in its own way, does not any more; refuses PERSON_BUSY, or REGISTER_CHANGED where none is coming';

CREATE OR REPLACE FUNCTION effect_close_old_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    is_busy boolean;
    is_paid_to boolean;
BEGIN
    WITH in_use AS (
        SELECT id, replaces FROM cards
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation
          -- Also one that was reported lost since it was switched to, whatever its report came to; what was lost on the
          -- way never worked.
          AND (code IN ('1', 'B', '2') OR (code = '3' AND functions <> '{}'))
        FOR UPDATE
    ), closed AS (
        UPDATE cards SET
            payment_authority = false,
            functions = CASE WHEN cards.id = in_use.replaces THEN '{}' ELSE cards.functions END
        FROM in_use
        WHERE cards.person_id = s.person_id AND cards.id <> in_use.id
          AND (cards.payment_authority OR cards.id = in_use.replaces)
        RETURNING cards.id
    ), paid_to AS (
        UPDATE cards SET payment_authority = true
        FROM in_use
        -- Counting takes the authority from the old card before the new one has it: a person is paid to at most one.
        WHERE cards.id = in_use.id AND (SELECT count(*) FROM closed) >= 0
        RETURNING cards.id
    ), published AS (
        INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
        SELECT s.case_id, s.generation, s.name, 'payment_authority_moved', target, paid_to.id::text, s.person, s.at
        FROM paid_to CROSS JOIN unnest(ARRAY['card_bureau', 'bank']) AS target
    )
    SELECT
        EXISTS (SELECT FROM turns WHERE person = s.person AND case_id <> s.case_id),
        EXISTS (SELECT FROM paid_to)
    INTO is_busy, is_paid_to;
    IF is_busy THEN
        RAISE EXCEPTION 'PERSON_BUSY' USING ERRCODE = 'CASE1';
    ELSIF NOT is_paid_to THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_close_old_card IS
    'Benefits are paid to the new card and the old one has no function left; refuses PERSON_BUSY, or REGISTER_CHANGED where the case''s card never was in use';

CREATE OR REPLACE FUNCTION effect_destroy_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH destroyed AS (
        UPDATE cards SET
            code = '4',
            destroyed_at = s.at,
            destroyed_by = told(s.facts, 'fact', 'actor', 'id'),
            destruction_witness = told(s.facts, 'first_statement'),
            destruction_record = told(s.facts, 'fact', 'record')
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        RETURNING id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'card_destroyed', 'card_bureau', destroyed.id::text, s.person, s.at
    FROM destroyed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_destroy_card IS
    'A card that nobody fetched was destroyed by two people; refuses REGISTER_CHANGED where none is coming';
