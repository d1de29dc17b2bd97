-- Cards that nobody may have: they turn up, and are destroyed by two people.

COMMENT ON COLUMN step.facts IS
    'fact: what was told; request_id: identity of an order or a publication; first_decider, first_statement: who said the same before; targets, undone_targets: who is told of a number; offers_replacement: open or offer; rung, cause, clock, rung_due_at';

-- --- who may do what ----------------------------------------------------------------------------------------------------

DROP TRIGGER role_events_are_kept ON role_events;
INSERT INTO role_events (event, role) VALUES
    ('card_turned_up', 'card_bureau'), ('card_destroyed', 'card_bureau'), ('card_destroyed', 'clerk');
CREATE TRIGGER role_events_are_kept BEFORE INSERT OR UPDATE OR DELETE ON role_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

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
