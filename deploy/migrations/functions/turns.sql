CREATE OR REPLACE FUNCTION effect_take_turn(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_yield_turn(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION wait_for_turn(person text, case_id text, generation integer, at timestamptz) RETURNS boolean
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
