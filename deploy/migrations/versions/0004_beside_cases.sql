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

-- Those to whom the campaign is about are walked in the order of their keys.
CREATE INDEX numbers_first_generation ON numbers (person_id) WHERE state = 'living' AND digits = 15;
