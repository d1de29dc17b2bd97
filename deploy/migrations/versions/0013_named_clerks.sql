-- A clerk whom a system names did not act: what two people decide elsewhere then takes three.

ALTER TABLE cases
    ADD COLUMN submitter_named boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT cases_named_clerk CHECK (NOT submitter_named OR submitter IS NOT NULL),
    ADD CONSTRAINT cases_named_clerk_decides_nothing
        CHECK (NOT submitter_named OR milestone = 'submitted' OR approver IS NOT NULL);
ALTER TABLE cases ALTER COLUMN submitter_named DROP DEFAULT;
COMMENT ON COLUMN cases.submitter_named IS 'A system said who took the application in; that clerk did not act themself, so verifier and approver are both needed';
