-- What each effect of the state tables does to the register, and what the register itself knows of neighbours' events.
--
-- An effect answers null, or an object: `neighbours` who have to be told, in this order; the `related` case; what the
-- transition writes to its own row (`replaces_number_id`) or to its applicant (`notify`). What cannot be done for a
-- reason of the domain is raised as CASE1 with a stable code for its message: one call is one transaction, so that
-- nothing of it is in effect then. All run with the caller's rights, and with the person's row locked by the
-- transition: a person's transitions come one after the other, those of rivals do not.

CREATE TYPE step AS (
    case_id text,
    generation integer,
    version integer,
    name text,
    event text,
    at timestamptz,
    day date,
    person text,
    person_id bigint,
    region text,
    number text,
    number_token text,
    reason text,
    replaces_number_id bigint,
    facts jsonb
);
COMMENT ON TYPE step IS 'What effects see of a transition';
COMMENT ON COLUMN step.version IS 'Version of the case after the transition';
COMMENT ON COLUMN step.name IS 'Event and version, such as apply.3';
COMMENT ON COLUMN step.day IS 'Civil day of Asia/Shanghai';
COMMENT ON COLUMN step.number IS 'Number applied for, or shown for a replacement; sealed';
COMMENT ON COLUMN step.reason IS 'Why a benefit is held or a claim suspended that this kind of case ends: id_number, card';
COMMENT ON COLUMN step.replaces_number_id IS 'The number that the case is to replace, by its locked row';
COMMENT ON COLUMN step.facts IS
    'fact: what was told; request_id: identity of an order or a publication; first_decider; targets, undone_targets: who is told of a number; offers_replacement: open or offer; rung, cause, clock, rung_due_at';

CREATE FUNCTION told(facts jsonb, VARIADIC path text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF facts #>> path IS NULL THEN
        RAISE EXCEPTION 'PAYLOAD_INVALID' USING ERRCODE = 'CASE1';
    END IF;
    RETURN facts #>> path;
END
$$;
COMMENT ON FUNCTION told IS 'One word of what a transition was told; refuses PAYLOAD_INVALID where it is missing';

CREATE FUNCTION neighbour(told text, event text, because_of text) RETURNS jsonb LANGUAGE sql STABLE
RETURN jsonb_build_object('case_id', told, 'event', event, 'because_of', because_of);
COMMENT ON FUNCTION neighbour IS 'Another case that has to be told of an event';

-- --- turns --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION effect_take_turn(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO turns (person, case_id, generation, taken_at) VALUES (s.person, s.case_id, s.generation, s.at)
    ON CONFLICT (person) DO UPDATE SET generation = excluded.generation, taken_at = excluded.taken_at
        WHERE turns.case_id = s.case_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'PERSON_BUSY' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_take_turn IS
    'The case is the only one of its person that writes, until it yields; refuses PERSON_BUSY';

CREATE FUNCTION effect_yield_turn(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    DELETE FROM turns WHERE person = s.person AND case_id = s.case_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- A statement of its own: it sees who came on the list while the first one waited for the turn's row.
    WITH dismissed AS (DELETE FROM turn_waiters WHERE person = s.person RETURNING case_id, since)
    SELECT jsonb_build_object(
        'neighbours', jsonb_agg(neighbour(case_id, 'turn_free', s.case_id) ORDER BY since, case_id)
    )
    INTO answer
    FROM dismissed
    HAVING count(*) > 0;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION effect_yield_turn IS 'Other cases of the person may write again, and those that wait are told';

CREATE FUNCTION wait_for_turn(person text, case_id text, generation integer, at timestamptz) RETURNS boolean
    LANGUAGE sql AS $$
    WITH held AS (
        SELECT FROM turns
        WHERE turns.person = wait_for_turn.person AND turns.case_id <> wait_for_turn.case_id
        FOR UPDATE
    ), waiting AS (
        INSERT INTO turn_waiters (person, case_id, generation, since)
        SELECT wait_for_turn.person, wait_for_turn.case_id, wait_for_turn.generation, wait_for_turn.at FROM held
        ON CONFLICT (person, case_id) DO UPDATE SET generation = excluded.generation
        RETURNING turn_waiters.case_id
    )
    SELECT EXISTS (SELECT FROM waiting)
$$;
COMMENT ON FUNCTION wait_for_turn IS
    'Puts a case on the list of those that are told when the turn is free; false where it is free already';

-- --- numbers ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION effect_reserve_number(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO numbers (person_id, token, sealed, digits, state, case_id, generation)
    VALUES (s.person_id, s.number_token, s.number, 18, 'reserved', s.case_id, s.generation)
    ON CONFLICT (token) WHERE digits = 18 AND state IN ('living', 'reserved') DO NOTHING;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM numbers WHERE person_id = s.person_id AND state = 'living' AND token = s.number_token) THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RAISE EXCEPTION 'NUMBER_TAKEN' USING ERRCODE = 'CASE1';
END
$$;
COMMENT ON FUNCTION effect_reserve_number IS
    'Nobody else can have the new number from here on; refuses NUMBER_TAKEN, or REGISTER_CHANGED where it is the person''s own by now';

CREATE FUNCTION effect_release_reservation(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE numbers SET
        state = 'revoked', valid_to = s.day, ended_by_case = s.case_id, ended_by_generation = s.generation
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND state = 'reserved';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_release_reservation IS 'The reservation is given back; nothing happens where there is none';

CREATE FUNCTION effect_commit_number(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH retired AS (
        UPDATE numbers SET
            state = 'historic',
            valid_to = greatest(s.day, valid_from),
            ended_by_case = s.case_id,
            ended_by_generation = s.generation
        WHERE id = s.replaces_number_id AND person_id = s.person_id AND state = 'living'
        RETURNING id
    )
    UPDATE numbers SET state = 'living', valid_from = s.day
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation
      AND state = 'reserved' AND token = s.number_token
      -- Counting retires the old number before the new one is written: a person has at most one in force.
      AND (SELECT count(*) FROM retired) = num_nonnulls(s.replaces_number_id)
      AND NOT EXISTS (
          SELECT FROM numbers AS other
          WHERE other.person_id = s.person_id AND other.state = 'living'
            AND other.id IS DISTINCT FROM s.replaces_number_id
      );
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_commit_number IS
    'The reserved number takes the place of the one that was screened, which stays with its dates; refuses REGISTER_CHANGED where another is in force by now or the reservation is gone';

CREATE FUNCTION effect_follow_register(s step) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object(
    'replaces_number_id', (SELECT id FROM numbers WHERE person_id = s.person_id AND state = 'living')
);
COMMENT ON FUNCTION effect_follow_register IS
    'From here on the case is to replace the number that is in force now, null for none; the transition writes it to its row';

CREATE FUNCTION effect_restore_number(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH taken_back AS (
        UPDATE numbers SET
            state = 'revoked',
            valid_to = greatest(s.day, valid_from),
            ended_by_case = s.case_id,
            ended_by_generation = s.generation
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND state = 'living'
        RETURNING id
    ), reinstated AS (
        UPDATE numbers SET state = 'living', valid_to = NULL, ended_by_case = NULL, ended_by_generation = NULL
        WHERE person_id = s.person_id AND ended_by_case = s.case_id AND ended_by_generation = s.generation
          AND state = 'historic' AND EXISTS (SELECT FROM taken_back)
    ), right_again AS (
        UPDATE cards SET printed_data_outdated = false, outdated_by_case = NULL
        WHERE person_id = s.person_id AND outdated_by_case = s.case_id AND EXISTS (SELECT FROM taken_back)
    )
    INSERT INTO events (case_id, generation, step, kind, target, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'number_change_undone', target, s.person, s.at
    FROM taken_back CROSS JOIN jsonb_array_elements_text(told(s.facts, 'undone_targets')::jsonb) AS target;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_restore_number IS
    'A committed number is taken back, the one before it is in force again, and everyone who was told learns it; nothing happens where none was committed';

CREATE FUNCTION effect_publish_number_changed(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (case_id, generation, step, kind, target, person, written_at, request_id)
    SELECT s.case_id, s.generation, s.name, 'number_changed', target, s.person, s.at, told(s.facts, 'request_id')
    FROM jsonb_array_elements_text(told(s.facts, 'targets')::jsonb) AS target;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_publish_number_changed IS 'The register''s readers and the systems that confirm are told';

-- --- entitlements -------------------------------------------------------------------------------------------------------

CREATE FUNCTION effect_snapshot_entitlements(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entitlement_snapshots (case_id, generation, version, taken_at, taken_in, digest)
    SELECT s.case_id, s.generation, s.version, now.at, now.seen, entitlement_digest(s.person_id, now.seen, now.at)
    FROM (SELECT clock_timestamp() AS at, pg_current_snapshot() AS seen) AS now;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_snapshot_entitlements IS 'The digest of the person''s contribution months and balances is kept';

CREATE FUNCTION effect_compare_entitlements(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entitlement_snapshots SET compared_at = s.at, digest_after = digest
    WHERE case_id = s.case_id AND generation = s.generation
      AND version = (
          SELECT max(version) FROM entitlement_snapshots WHERE case_id = s.case_id AND generation = s.generation
      )
      AND digest = entitlement_digest(s.person_id, taken_in, taken_at);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'DIGEST_DIFFERS' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_compare_entitlements IS
    'Refuses DIGEST_DIFFERS where months or balances of the snapshot are not what they were; what was posted later does not count';

-- --- cards --------------------------------------------------------------------------------------------------------------

-- Cards: 0 number released, 1 normal, A not yet activated, B temporarily lost, 2 lost, 3 cancelled after loss, 4 cancelled.

CREATE FUNCTION effect_mark_card_outdated(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cards SET printed_data_outdated = true, outdated_by_case = s.case_id
    WHERE person_id = s.person_id AND code IN ('1', 'A', 'B', '2') AND NOT printed_data_outdated;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_mark_card_outdated IS 'What is printed on the person''s cards is wrong from here on';

CREATE FUNCTION card_to_replace(whose bigint) RETURNS cards LANGUAGE sql AS $$
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

CREATE FUNCTION recode_card(s step, becomes text, from_codes text[], told_as text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    old CONSTANT cards := card_to_replace(s.person_id);
BEGIN
    IF becomes = '1' AND old.code = '3' THEN
        RAISE EXCEPTION 'UNDO_NOT_PERMITTED' USING ERRCODE = 'CASE1';
    END IF;
    WITH recoded AS (
        UPDATE cards SET code = becomes WHERE id = old.id AND code = ANY (from_codes) RETURNING id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, told_as, target, recoded.id::text, s.person, s.at
    FROM recoded CROSS JOIN unnest(ARRAY['bank', 'card_bureau']) AS target;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION recode_card IS
    'A do or an undo of the card system, of which everyone who relies on the card is told; refuses UNDO_NOT_PERMITTED where a card that was cancelled after its loss is to work again';

CREATE FUNCTION effect_block_card(s step) RETURNS jsonb LANGUAGE sql
RETURN recode_card(s, 'B', ARRAY['1'], 'card_blocked');
COMMENT ON FUNCTION effect_block_card IS 'A card that works is blocked at once; a person without one has nothing to block';

CREATE FUNCTION effect_unblock_card(s step) RETURNS jsonb LANGUAGE sql
RETURN recode_card(s, '1', ARRAY['B', '2'], 'card_unblocked');
COMMENT ON FUNCTION effect_unblock_card IS
    'A found card works again; refuses UNDO_NOT_PERMITTED where it was cancelled after its loss';

CREATE FUNCTION effect_confirm_loss(s step) RETURNS jsonb LANGUAGE sql
RETURN recode_card(s, '2', ARRAY['B'], 'card_lost');
COMMENT ON FUNCTION effect_confirm_loss IS 'The loss was reported formally';

CREATE FUNCTION effect_cancel_lost_card(s step) RETURNS jsonb LANGUAGE sql
RETURN recode_card(s, '3', ARRAY['B'], 'card_cancelled');
COMMENT ON FUNCTION effect_cancel_lost_card IS 'The temporary loss report expired and the region cancels the card';

CREATE FUNCTION effect_order_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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
        INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
        SELECT
            s.case_id, s.generation, s.name, 'card_ordered', 'card_bureau', ordered.id::text, s.person, s.at,
            told(s.facts, 'request_id')
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

CREATE FUNCTION effect_reorder_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH ordered AS (
        UPDATE cards SET order_id = told(s.facts, 'request_id')
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        RETURNING id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, request_id)
    SELECT
        s.case_id, s.generation, s.name, 'card_ordered', 'card_bureau', ordered.id::text, s.person, s.at,
        told(s.facts, 'request_id')
    FROM ordered;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_reorder_card IS
    'The bureau is asked once more to make the card it failed to make; refuses REGISTER_CHANGED where none is coming';

CREATE FUNCTION effect_cancel_order(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH cancelled AS (
        UPDATE cards SET code = '4', in_production = false
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = 'A'
        RETURNING id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'card_order_cancelled', 'card_bureau', cancelled.id::text, s.person, s.at
    FROM cancelled;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_cancel_order IS
    'The order is taken back, and a card that was made is cancelled; nothing happens where none is coming';

CREATE FUNCTION effect_record_production(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION effect_hand_over_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION effect_activate_function(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION effect_switch_cards(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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
            code = CASE cards.code WHEN '1' THEN '4' WHEN 'B' THEN '3' WHEN '2' THEN '3' ELSE cards.code END
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
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_switch_cards IS
    'The new card works and the old one, cancelled after a loss in its own way, does not any more; refuses PERSON_BUSY, or REGISTER_CHANGED where none is coming';

CREATE FUNCTION effect_close_old_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    is_busy boolean;
    is_paid_to boolean;
BEGIN
    WITH in_use AS (
        SELECT id, replaces FROM cards
        WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND code = '1'
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
    'Benefits are paid to the new card and the old one has no function left; refuses PERSON_BUSY, or REGISTER_CHANGED where the case''s card is not in use';

CREATE FUNCTION effect_destroy_card(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH destroyed AS (
        UPDATE cards SET
            code = '4',
            destroyed_at = s.at,
            destroyed_by = told(s.facts, 'fact', 'actor', 'id'),
            destruction_witness = told(s.facts, 'fact', 'witness', 'id'),
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

-- --- benefits -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION effect_hold_benefits(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO benefit_holds (
        person_id, reason, state, legal_basis, notice, served_on, officer, held_at, case_id, generation
    ) VALUES (
        s.person_id, s.reason, 'held', told(s.facts, 'fact', 'legal_basis'), told(s.facts, 'fact', 'notice'),
        told(s.facts, 'fact', 'served_on')::date, told(s.facts, 'fact', 'actor', 'id'), s.at, s.case_id, s.generation
    )
    ON CONFLICT (person_id, reason) WHERE state <> 'released' DO UPDATE SET
        state = 'held',
        legal_basis = excluded.legal_basis,
        notice = excluded.notice,
        served_on = excluded.served_on,
        officer = excluded.officer,
        held_at = excluded.held_at,
        case_id = excluded.case_id,
        generation = excluded.generation;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_hold_benefits IS 'A named officer withholds benefits, with legal basis and served notice';

CREATE FUNCTION effect_release_benefits(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE benefit_holds SET
        state = 'released',
        released_at = s.at,
        released_by = told(s.facts, 'fact', 'actor', 'id'),
        release_basis = told(s.facts, 'fact', 'legal_basis'),
        released_by_case = s.case_id
    WHERE person_id = s.person_id AND reason = s.reason AND state = 'held';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'BENEFITS_NOT_HELD' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_release_benefits IS
    'A named officer lets benefits be paid again; refuses BENEFITS_NOT_HELD';

CREATE FUNCTION effect_lift_benefit_holds(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE benefit_holds SET state = 'released', released_at = s.at, released_by_case = s.case_id
    WHERE person_id = s.person_id AND reason = s.reason AND state <> 'released';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_lift_benefit_holds IS
    'Holds and warnings end because their reason is gone; nobody''s decision is needed for that';

CREATE FUNCTION effect_requeue_claims(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    WITH queued AS (
        UPDATE claims SET
            state = 'queued', requeued_by = s.case_id, requeued_generation = s.generation, requeued_at = s.at
        WHERE person_id = s.person_id AND suspended_for = s.reason AND state = 'suspended'
        RETURNING id, scheme
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'claim_requeued', queued.scheme, queued.id::text, s.person, s.at
    FROM queued;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_requeue_claims IS
    'Every suspended claim of every scheme goes back into its queue, and its scheme is told';

CREATE FUNCTION effect_assert_no_benefit_held(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM benefit_holds WHERE person_id = s.person_id AND reason = s.reason AND state = 'held') THEN
        RAISE EXCEPTION 'BENEFIT_STILL_HELD' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_assert_no_benefit_held IS
    'Refuses BENEFIT_STILL_HELD where a benefit is held, again or still; a claim may be suspended without';

CREATE FUNCTION effect_assert_benefits_unblocked(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM benefit_holds WHERE person_id = s.person_id AND reason = s.reason AND state = 'held')
        OR EXISTS (
            SELECT FROM claims WHERE person_id = s.person_id AND suspended_for = s.reason AND state = 'suspended'
        )
    THEN
        RAISE EXCEPTION 'BENEFIT_STILL_HELD' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_assert_benefits_unblocked IS
    'Refuses BENEFIT_STILL_HELD while a benefit is held or a claim suspended';

-- --- disputes -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION in_dispute(party text) RETURNS boolean LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM disputes WHERE state = 'open' AND (case_id = party OR rival_case_id = party));
COMMENT ON FUNCTION in_dispute IS 'Whether a case, in whichever generation, is a party of an open dispute';

CREATE FUNCTION lost_elsewhere(party text, its_generation integer) RETURNS boolean LANGUAGE sql STABLE
RETURN (
    SELECT bool_or(outcome <> 'theirs') FROM disputes
    WHERE state = 'settled' AND decided_in <> party
      AND ((case_id = party AND generation = its_generation)
           OR (rival_case_id = party AND rival_generation = its_generation))
);
COMMENT ON FUNCTION lost_elsewhere IS
    'Whether a case lost a number in a dispute that another case decided; null where no other case has decided any';

CREATE FUNCTION disputes_held_still(s step) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg(id)
    FROM (
        SELECT id FROM disputes
        WHERE state = 'open'
          AND ((case_id = s.case_id AND generation = s.generation)
               OR (rival_case_id = s.case_id AND rival_generation = s.generation))
        ORDER BY id
        FOR UPDATE
    ) AS held
$$;
COMMENT ON FUNCTION disputes_held_still IS
    'The open disputes of a case, whichever side it is on; null for none. Who decides them at the same time comes before or after';

CREATE FUNCTION free_of_dispute(others text[], event text, because_of text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(neighbour(other.case_id, free_of_dispute.event, because_of) ORDER BY other.place)
    FROM unnest(others) WITH ORDINALITY AS other (case_id, place)
    LEFT JOIN cases AS party ON party.case_id = other.case_id AND party.closed_at IS NULL
    -- Who has lost the number is being told that, and must not hear before it that the way is free.
    WHERE NOT in_dispute(other.case_id) AND lost_elsewhere(party.case_id, party.generation) IS NOT TRUE
$$;
COMMENT ON FUNCTION free_of_dispute IS
    'The neighbours, of those with whom a dispute has just ended, for whom no other is open and who did not lose one; null for none';

CREATE FUNCTION effect_open_dispute(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    WITH rivals AS (
        SELECT
            coalesce(holder.person_id, asking.person_id) AS person_id,
            holder.person_id IS NOT NULL AS holds,
            asking.case_id,
            asking.generation
        FROM (
            SELECT person_id FROM numbers
            WHERE token = s.number_token AND digits = 18 AND state IN ('living', 'reserved')
              AND person_id IS DISTINCT FROM s.person_id
        ) AS holder
        FULL JOIN (
            SELECT other.person_id, other.case_id, other.generation
            FROM cases AS ours
            JOIN cases AS other ON other.kind = ours.kind AND other.number_token = s.number_token
            WHERE ours.case_id = s.case_id AND ours.generation = s.generation AND other.closed_at IS NULL
              AND other.person_id IS NOT NULL AND other.person_id IS DISTINCT FROM s.person_id
        ) AS asking ON asking.person_id = holder.person_id
    ), opened AS (
        INSERT INTO disputes (
            number_token, case_id, generation, person_id, rival_person_id, rival_case_id, rival_generation, opened_at
        )
        SELECT
            s.number_token, s.case_id, s.generation, s.person_id, rivals.person_id, rivals.case_id, rivals.generation,
            s.at
        -- Where nobody has the number any more there is no rival; two officers still decide it.
        FROM (SELECT 1) AS dispute LEFT JOIN rivals ON true
        ORDER BY rivals.holds DESC, rivals.case_id
        ON CONFLICT (number_token, least(person_id, rival_person_id), greatest(person_id, rival_person_id))
            WHERE state = 'open' DO NOTHING
        RETURNING rival_case_id
    )
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'neighbours',
        jsonb_agg(neighbour(rivals.case_id, 'dispute_opened', s.case_id) ORDER BY rivals.holds DESC, rivals.case_id)
            FILTER (WHERE EXISTS (SELECT FROM opened WHERE opened.rival_case_id = rivals.case_id)),
        'related',
        (array_agg(rivals.case_id ORDER BY rivals.holds DESC, rivals.case_id))[1]
    ))
    INTO answer
    FROM rivals
    WHERE rivals.case_id IS NOT NULL;
    RETURN nullif(answer, '{}');
END
$$;
COMMENT ON FUNCTION effect_open_dispute IS
    'The dispute is on record with everyone who has the number or asks for it in a case of the same kind; their open cases are told';

CREATE FUNCTION settle_disputes(s step, disputed bigint[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    decision CONSTANT text := told(s.facts, 'fact', 'outcome');
    others text[];
    answer jsonb;
BEGIN
    WITH settled AS (
        UPDATE disputes SET
            state = 'settled',
            closed_at = s.at,
            decided_in = s.case_id,
            outcome = decision,
            document = told(s.facts, 'fact', 'police_document', 'sha256'),
            first_decider = told(s.facts, 'first_decider'),
            second_decider = told(s.facts, 'fact', 'actor', 'id')
        WHERE id = ANY (disputed)
        RETURNING
            id,
            CASE WHEN case_id = s.case_id THEN rival_person_id ELSE person_id END AS other_person_id,
            CASE WHEN case_id = s.case_id THEN rival_case_id ELSE case_id END AS other_case
    ), revoked AS (
        UPDATE numbers SET
            state = 'revoked',
            valid_to = greatest(s.day, valid_from),
            ended_by_case = s.case_id,
            ended_by_generation = s.generation
        FROM settled
        WHERE decision <> 'theirs' AND numbers.person_id = settled.other_person_id
          AND numbers.token = s.number_token AND numbers.state IN ('living', 'reserved')
        RETURNING numbers.id, numbers.person_id
    ), published AS (
        INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
        SELECT s.case_id, s.generation, s.name, 'number_revoked', 'register', revoked.id::text, person.token, s.at
        FROM revoked JOIN persons AS person ON person.id = revoked.person_id
    )
    SELECT
        array_agg(other_case ORDER BY id),
        jsonb_agg(neighbour(other_case, 'dispute_lost', s.case_id) ORDER BY id)
    INTO others, answer
    FROM settled
    WHERE other_case IS NOT NULL;
    IF decision = 'theirs' THEN
        answer := free_of_dispute(others, 'dispute_won', s.case_id);
    END IF;
    RETURN nullif(jsonb_strip_nulls(jsonb_build_object('neighbours', answer)), '{}');
END
$$;
COMMENT ON FUNCTION settle_disputes IS
    'Two people have decided: who loses the number has it no more, the register''s readers are told, and so are the other cases';

CREATE FUNCTION effect_settle_ours(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    -- What was decided elsewhere is asked once they are held.
    disputed CONSTANT bigint[] := disputes_held_still(s);
BEGIN
    IF lost_elsewhere(s.case_id, s.generation) THEN
        RAISE EXCEPTION 'DISPUTE_LOST' USING ERRCODE = 'CASE1';
    END IF;
    RETURN settle_disputes(s, disputed);
END
$$;
COMMENT ON FUNCTION effect_settle_ours IS
    'The number is ours: the others lose it; refuses DISPUTE_LOST where another case was faster in deciding otherwise';

CREATE FUNCTION effect_settle_against(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    -- What was decided elsewhere is asked once they are held.
    disputed CONSTANT bigint[] := disputes_held_still(s);
BEGIN
    IF disputed IS NULL AND NOT lost_elsewhere(s.case_id, s.generation) THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN settle_disputes(s, disputed);
END
$$;
COMMENT ON FUNCTION effect_settle_against IS
    'The number is theirs, or neither may keep it; refuses REGISTER_CHANGED where another case was faster in deciding that it is ours';

CREATE FUNCTION effect_leave_dispute(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    disputed CONSTANT bigint[] := disputes_held_still(s);
    others text[];
BEGIN
    IF disputed IS NULL THEN
        RETURN NULL;
    END IF;
    WITH lapsed AS (
        UPDATE disputes SET state = 'lapsed', closed_at = s.at WHERE id = ANY (disputed)
        RETURNING id, CASE WHEN case_id = s.case_id THEN rival_case_id ELSE case_id END AS other_case
    )
    SELECT array_agg(other_case ORDER BY id) INTO others FROM lapsed WHERE other_case IS NOT NULL;
    RETURN nullif(
        jsonb_strip_nulls(jsonb_build_object('neighbours', free_of_dispute(others, 'dispute_lapsed', s.case_id))), '{}'
    );
END
$$;
COMMENT ON FUNCTION effect_leave_dispute IS
    'The case leaves its disputes undecided; those who are in no other are told';

-- --- neighbours ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION effect_wake_replacement(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE FUNCTION effect_offer_replacement(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
            SELECT FROM cards
            WHERE person_id = s.person_id AND code IN ('1', 'A', 'B', '2') AND printed_data_outdated
        )
        OR EXISTS (SELECT FROM cases WHERE person = s.person AND kind = 'CardReplacement' AND closed_at IS NULL)
    THEN
        RETURN NULL;
    END IF;
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

CREATE FUNCTION may_be_told(
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
    ELSE false
END;
COMMENT ON FUNCTION may_be_told IS
    'Whether the register itself says what a case is told by a neighbour, or by the weekly look at held benefits; false for every other event';

-- --- people -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION effect_escalate(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rungs (case_id, generation, rung, cause, clock, due_at, fired_at)
    VALUES (
        s.case_id, s.generation, told(s.facts, 'rung')::smallint, told(s.facts, 'cause'),
        told(s.facts, 'clock')::integer, told(s.facts, 'rung_due_at')::timestamptz, s.at
    );
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_escalate IS 'The rung that fires, as the transition before promised it, is on record';
