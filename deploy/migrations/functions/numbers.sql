CREATE OR REPLACE FUNCTION keeps_number(s step) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (s.facts ->> 'keeps_number')::boolean IS NOT TRUE THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (
        SELECT FROM numbers
        WHERE id = s.replaces_number_id AND person_id = s.person_id AND state = 'living' AND token = s.number_token
    ) THEN
        RAISE EXCEPTION 'REGISTER_CHANGED' USING ERRCODE = 'CASE1';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION keeps_number IS
    'Whether the name alone changes, and the number in force is the one applied for; refuses REGISTER_CHANGED where another is by now';

CREATE OR REPLACE FUNCTION effect_reserve_number(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF keeps_number(s) THEN
        RETURN NULL;
    END IF;
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

CREATE OR REPLACE FUNCTION effect_release_reservation(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE numbers SET
        state = 'revoked', valid_to = s.day, ended_by_case = s.case_id, ended_by_generation = s.generation
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND state = 'reserved';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_release_reservation IS 'The reservation is given back; nothing happens where there is none';

CREATE OR REPLACE FUNCTION change_name(s step) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO name_changes (person_id, name_before, name_after, case_id, generation, changed_on)
    SELECT id, name, s.facts ->> 'new_name', s.case_id, s.generation, s.day FROM persons WHERE id = s.person_id;
    UPDATE persons SET name = s.facts ->> 'new_name' WHERE id = s.person_id;
END
$$;
COMMENT ON FUNCTION change_name IS 'The person has the name that was applied for; the one before stays in its history';

CREATE OR REPLACE FUNCTION effect_commit_number(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF s.facts ? 'new_name' THEN
        PERFORM change_name(s);
    END IF;
    IF keeps_number(s) THEN
        RETURN NULL;
    END IF;
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

CREATE OR REPLACE FUNCTION effect_follow_register(s step) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object(
    'replaces_number_id', (SELECT id FROM numbers WHERE person_id = s.person_id AND state = 'living')
);
COMMENT ON FUNCTION effect_follow_register IS
    'From here on the case is to replace the number that is in force now, null for none; the transition writes it to its row';

CREATE OR REPLACE FUNCTION effect_restore_number(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    former text;
    is_undone boolean;
BEGIN
    UPDATE name_changes SET undone_on = s.day
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND undone_on IS NULL
    RETURNING name_before INTO former;
    is_undone := FOUND;
    IF is_undone THEN
        UPDATE persons SET name = former WHERE id = s.person_id;
    END IF;
    UPDATE numbers SET
        state = 'revoked',
        valid_to = greatest(s.day, valid_from),
        ended_by_case = s.case_id,
        ended_by_generation = s.generation
    WHERE person_id = s.person_id AND case_id = s.case_id AND generation = s.generation AND state = 'living';
    IF FOUND THEN
        is_undone := true;
        UPDATE numbers SET state = 'living', valid_to = NULL, ended_by_case = NULL, ended_by_generation = NULL
        WHERE person_id = s.person_id AND ended_by_case = s.case_id AND ended_by_generation = s.generation
          AND state = 'historic';
    END IF;
    IF NOT is_undone THEN
        RETURN NULL;
    END IF;
    UPDATE cards SET printed_data_outdated = false, outdated_by_case = NULL
    WHERE person_id = s.person_id AND outdated_by_case = s.case_id;
    INSERT INTO events (case_id, generation, step, kind, target, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'number_change_undone', target, s.person, s.at
    FROM (
        -- Whoever was told, whatever the policy says since.
        SELECT target, min(id) AS first_told FROM events
        WHERE case_id = s.case_id AND generation = s.generation AND kind = 'number_changed'
        GROUP BY target
    ) AS informed
    ORDER BY first_told;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_restore_number IS
    'A committed number and a changed name are taken back, those before them are in force again, and everyone who was told learns it; nothing happens where none was committed';

CREATE OR REPLACE FUNCTION effect_publish_number_changed(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (case_id, generation, step, kind, target, person, written_at, request_id)
    SELECT s.case_id, s.generation, s.name, 'number_changed', target, s.person, s.at, told(s.facts, 'request_id')
    FROM jsonb_array_elements_text(told(s.facts, 'targets')::jsonb) AS target;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_publish_number_changed IS 'The register''s readers and the systems that confirm are told';
