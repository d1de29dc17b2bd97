-- At the campaign date a decision is owed: to hold benefits, or not to.

-- A further event that somebody tells comes with its rows of role_events, and without this constraint being written anew.
CREATE FUNCTION is_told(event text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
-- Dates are reckoned anew by decision, or because the calendar grew.
RETURN event <> 'recompute' AND EXISTS (SELECT FROM role_events WHERE role_events.event = is_told.event);
COMMENT ON FUNCTION is_told IS 'Whether somebody tells a case of an event, so that it needs a stamp';
ALTER TABLE transitions
    DROP CONSTRAINT transitions_told_with_a_stamp,
    ADD CONSTRAINT transitions_told_with_a_stamp CHECK (stamp IS NOT NULL OR NOT is_told(event)) NOT VALID;

INSERT INTO role_events (event, role) VALUES ('keep_benefits', 'officer'), ('keep_benefits', 'supervisor');
