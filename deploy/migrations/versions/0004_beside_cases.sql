-- What happens to persons beside their cases.

-- A hold that came with the register is released, and its claims are queued again, also where there never was a case. No
-- two such events are written for one claim: it is queued again only while it is suspended.
ALTER TABLE events
    ALTER COLUMN case_id DROP NOT NULL,
    ALTER COLUMN generation DROP NOT NULL,
    ADD CONSTRAINT events_of_a_case_or_none CHECK ((case_id IS NULL) = (generation IS NULL));
COMMENT ON COLUMN events.case_id IS 'The case whose transition it is; null where the person has none';

COMMENT ON COLUMN benefit_holds.release_basis IS
    'Legal basis of the decision to release; of the weekly check what took the reason away: case_done, number_updated, case_on_hold, case_disputed';

-- Blanks are no basis and no notice, and a notice is served before the decision. What an older register holds is looked at
-- when it is touched.
ALTER TABLE benefit_holds
    ADD CONSTRAINT benefit_holds_decided_on_a_served_notice CHECK (
        state <> 'held'
        OR (btrim(legal_basis) <> '' AND btrim(notice) <> '' AND served_on <= (held_at AT TIME ZONE 'Asia/Shanghai')::date)
    ) NOT VALID;

-- Those to whom the campaign is about are walked in the order of their keys.
CREATE INDEX numbers_first_generation ON numbers (person_id) WHERE state = 'living' AND digits = 15;
