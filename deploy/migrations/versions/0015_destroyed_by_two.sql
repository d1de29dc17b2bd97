-- Cards that nobody may have: they turn up, and are destroyed by two people.

COMMENT ON COLUMN step.facts IS
    'fact: what was told; request_id: identity of an order or a publication; first_decider, first_statement: who said the same before; targets, undone_targets: who is told of a number; offers_replacement: open or offer; rung, cause, clock, rung_due_at';

-- --- who may do what ----------------------------------------------------------------------------------------------------

-- A further event comes with further rows, which a migration adds and nobody else; what stands is kept. The trigger is
-- replaced and not dropped, for the database lets nobody drop what keeps the audit.
CREATE OR REPLACE TRIGGER role_events_are_kept BEFORE UPDATE OR DELETE ON role_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE FUNCTION added_by_migration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('cardcase.migrating', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'added by a migration only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION added_by_migration IS 'Refuses rows that no migration adds';
CREATE TRIGGER role_events_are_added_by_migration BEFORE INSERT ON role_events
    FOR EACH STATEMENT EXECUTE FUNCTION added_by_migration();
INSERT INTO role_events (event, role) VALUES
    ('card_turned_up', 'card_bureau'), ('card_destroyed', 'card_bureau'), ('card_destroyed', 'clerk');

ALTER TABLE transitions
    DROP CONSTRAINT transitions_told_with_a_stamp,
    ADD CONSTRAINT transitions_told_with_a_stamp CHECK (
        stamp IS NOT NULL
        OR event NOT IN (
            'registered', 'add_documents', 'verify_documents', 'return_documents', 'approve', 'reject', 'hold',
            'resume', 'extend', 'withdraw', 'resolve_dispute', 'confirm_downstream', 'repair', 'hold_benefits',
            'release_benefits', 'acknowledge', 'person_ended', 'confirm_loss', 'card_found', 'card_produced',
            'card_handed_over', 'card_activated', 'card_unclaimed', 'card_turned_up', 'card_destroyed'
        )
    ) NOT VALID;
