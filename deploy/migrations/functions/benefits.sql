CREATE OR REPLACE FUNCTION effect_hold_benefits(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_release_benefits(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_lift_benefit_holds(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE benefit_holds SET state = 'released', released_at = s.at, released_by_case = s.case_id
    WHERE person_id = s.person_id AND reason = s.reason AND state <> 'released';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_lift_benefit_holds IS
    'Holds and warnings end because their reason is gone; nobody''s decision is needed for that';

CREATE OR REPLACE FUNCTION effect_requeue_claims(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION effect_assert_no_benefit_held(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM benefit_holds WHERE person_id = s.person_id AND reason = s.reason AND state = 'held') THEN
        RAISE EXCEPTION 'BENEFIT_STILL_HELD' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_assert_no_benefit_held IS
    'Refuses BENEFIT_STILL_HELD where a benefit is held, again or still; a claim may be suspended without';

CREATE OR REPLACE FUNCTION effect_assert_benefits_unblocked(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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
