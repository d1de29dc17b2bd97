-- Who decided is signed by the gate, used once, of a role that may, and for the own region. What an older audit holds is
-- left as it is: no constraint here looks back.

-- A copy of the matrix in the code (cases/roles.py), which every row of the audit refers to.
CREATE TABLE role_events (
    role text NOT NULL,
    event text NOT NULL,
    PRIMARY KEY (role, event)
);
COMMENT ON TABLE role_events IS 'Who may do what: the roles of each event; `registered` is the opening of a case';

INSERT INTO role_events (event, role) VALUES
    ('registered', 'back_office'), ('registered', 'clerk'),
    ('add_documents', 'back_office'), ('add_documents', 'clerk'),
    ('verify_documents', 'clerk'), ('verify_documents', 'officer'),
    ('return_documents', 'clerk'), ('return_documents', 'officer'),
    ('approve', 'officer'), ('approve', 'supervisor'),
    ('reject', 'officer'), ('reject', 'supervisor'),
    ('hold', 'clerk'), ('hold', 'officer'),
    ('resume', 'clerk'), ('resume', 'officer'),
    ('extend', 'officer'), ('extend', 'supervisor'),
    ('withdraw', 'back_office'), ('withdraw', 'clerk'),
    ('resolve_dispute', 'officer'), ('resolve_dispute', 'supervisor'),
    ('confirm_downstream', 'bank'), ('confirm_downstream', 'medical_insurance'), ('confirm_downstream', 'pension'),
    ('repair', 'operator'), ('repair', 'supervisor'),
    ('hold_benefits', 'officer'), ('hold_benefits', 'supervisor'),
    ('release_benefits', 'officer'), ('release_benefits', 'supervisor'),
    ('acknowledge', 'clerk'), ('acknowledge', 'officer'), ('acknowledge', 'operator'), ('acknowledge', 'supervisor'),
    ('person_ended', 'back_office'), ('person_ended', 'clerk'), ('person_ended', 'officer'),
    ('recompute', 'operator'), ('recompute', 'supervisor'),
    ('confirm_loss', 'back_office'), ('confirm_loss', 'clerk'),
    ('card_found', 'back_office'), ('card_found', 'clerk'),
    ('card_produced', 'card_bureau'),
    ('card_handed_over', 'card_bureau'), ('card_handed_over', 'clerk'),
    ('card_activated', 'bank'), ('card_activated', 'card_bureau'), ('card_activated', 'clerk'),
    ('card_activated', 'medical_insurance'),
    ('card_unclaimed', 'card_bureau'), ('card_unclaimed', 'clerk');

-- The matrix changes with a release: a migration drops these, changes it, and makes them again.
CREATE TRIGGER role_events_are_kept BEFORE INSERT OR UPDATE OR DELETE ON role_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER role_events_are_not_emptied BEFORE TRUNCATE ON role_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE transitions
    ADD COLUMN stamp text COLLATE "C",
    ADD CONSTRAINT transitions_stamp_once UNIQUE (stamp),
    ADD CONSTRAINT transitions_role_may FOREIGN KEY (role, event) REFERENCES role_events NOT VALID,
    ADD CONSTRAINT transitions_somebody_with_a_stamp CHECK (
        num_nonnulls(actor, role, office, stamp) IN (0, 4)
    ) NOT VALID,
    -- Dates are reckoned anew by decision, or because the calendar grew.
    ADD CONSTRAINT transitions_told_with_a_stamp CHECK (
        stamp IS NOT NULL
        OR event NOT IN (
            'registered', 'add_documents', 'verify_documents', 'return_documents', 'approve', 'reject', 'hold',
            'resume', 'extend', 'withdraw', 'resolve_dispute', 'confirm_downstream', 'repair', 'hold_benefits',
            'release_benefits', 'acknowledge', 'person_ended', 'confirm_loss', 'card_found', 'card_produced',
            'card_handed_over', 'card_activated', 'card_unclaimed'
        )
    ) NOT VALID;
COMMENT ON COLUMN transitions.stamp IS 'ID of the stamp (its jti), good for one transition; the stamp itself stands in the fact';

-- An office answers for its own region and for those below it: a division code that ends in 00 or 0000 is that of a
-- municipality or a province, and 100000 is the ministry (GB/T 2260).
CREATE FUNCTION office_covers(office text, region text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN office = '100000' OR starts_with(region, regexp_replace(office, '(00)+$', ''));

CREATE FUNCTION decided_by_a_competent_office() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM cases
        WHERE case_id = NEW.case_id AND generation = NEW.generation AND office_covers(NEW.office, region)
    ) THEN
        RAISE EXCEPTION 'decided by an office that does not answer for the region'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transitions_office_competent';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER transitions_office_competent
    BEFORE INSERT ON transitions
    FOR EACH ROW WHEN (NEW.office IS NOT NULL) EXECUTE FUNCTION decided_by_a_competent_office();
