-- What each effect of the state tables does to the register, and what the register itself knows of neighbours' events.
--
-- An effect answers null, or an object: `neighbours` who have to be told, in this order; the `related` case; what the
-- transition writes to its own row (`replaces_number_id`) or to its applicant (`notify`). What cannot be done for a
-- reason of the domain is raised as CASE1 with a stable code for its message: one call is one transaction, so that
-- nothing of it is in effect then. All run with the caller's rights, and with the person's row locked by the
-- transition: a person's transitions come one after the other, those of rivals do not.

CREATE OR REPLACE FUNCTION told(facts jsonb, VARIADIC path text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF facts #>> path IS NULL THEN
        RAISE EXCEPTION 'PAYLOAD_INVALID' USING ERRCODE = 'CASE1';
    END IF;
    RETURN facts #>> path;
END
$$;
COMMENT ON FUNCTION told IS 'One word of what a transition was told; refuses PAYLOAD_INVALID where it is missing';

CREATE OR REPLACE FUNCTION neighbour(told text, event text, because_of text) RETURNS jsonb LANGUAGE sql STABLE
RETURN jsonb_build_object('case_id', told, 'event', event, 'because_of', because_of);
COMMENT ON FUNCTION neighbour IS 'Another case that has to be told of an event';
