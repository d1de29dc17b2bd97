CREATE OR REPLACE FUNCTION effect_escalate(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
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
