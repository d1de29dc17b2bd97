CREATE OR REPLACE FUNCTION in_dispute(party text) RETURNS boolean LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM disputes WHERE state = 'open' AND (case_id = party OR rival_case_id = party));
COMMENT ON FUNCTION in_dispute IS 'Whether a case, in whichever generation, is a party of an open dispute';

CREATE OR REPLACE FUNCTION lost_elsewhere(party text, its_generation integer) RETURNS boolean LANGUAGE sql STABLE
RETURN (
    SELECT bool_or(outcome <> 'theirs') FROM disputes
    WHERE state = 'settled' AND decided_in <> party
      AND ((case_id = party AND generation = its_generation)
           OR (rival_case_id = party AND rival_generation = its_generation))
);
COMMENT ON FUNCTION lost_elsewhere IS
    'Whether a case lost a number in a dispute that another case decided; null where no other case has decided any';

CREATE OR REPLACE FUNCTION disputes_held_still(s step) RETURNS bigint[] LANGUAGE sql AS $$
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

CREATE OR REPLACE FUNCTION free_of_dispute(others text[], event text, because_of text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(neighbour(other.case_id, free_of_dispute.event, because_of) ORDER BY other.place)
    FROM unnest(others) WITH ORDINALITY AS other (case_id, place)
    LEFT JOIN cases AS party ON party.case_id = other.case_id AND party.closed_at IS NULL
    -- Who has lost the number is being told that, and must not hear before it that the way is free.
    WHERE NOT in_dispute(other.case_id) AND lost_elsewhere(party.case_id, party.generation) IS NOT TRUE
$$;
COMMENT ON FUNCTION free_of_dispute IS
    'The neighbours, of those with whom a dispute has just ended, for whom no other is open and who did not lose one; null for none';

CREATE OR REPLACE FUNCTION effect_open_dispute(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION settle_disputes(s step, disputed bigint[]) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_settle_ours(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_settle_against(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_leave_dispute(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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
