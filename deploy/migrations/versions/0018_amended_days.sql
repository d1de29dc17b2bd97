-- An amended calendar moves whatever rests on its days: which days that are, and what was known of them, stands with the case.

ALTER TABLE cases
    ADD COLUMN rests_from date,
    ADD COLUMN rests_to date,
    ADD COLUMN rests_on text COLLATE "C" CHECK (rests_on ~ '^[0-9a-f]{12}$'),
    ADD CONSTRAINT cases_rest_on_days CHECK (
        num_nonnulls(rests_from, rests_to, rests_on) IN (0, 3) AND rests_from <= rests_to
    );
COMMENT ON COLUMN cases.rests_from IS 'The first day that a date of the case was counted from; null for one without dates';
COMMENT ON COLUMN cases.rests_to IS 'The last of its dates';
COMMENT ON COLUMN cases.rests_on IS 'What the working calendar said of these days, in short: another answer means that they were amended';

-- Every date of a case is found by what it rests on, whether it is provisional or not.
DROP INDEX cases_open_provisional;
CREATE INDEX cases_open_by_days ON cases (case_id) WHERE closed_at IS NULL AND rests_on IS NOT NULL;

-- The campaign date of a case may be moved ahead after it has come; then it comes again, under another generation of the
-- clocks. Every other rung fires once.
ALTER TABLE rungs DROP CONSTRAINT rungs_pkey, ADD PRIMARY KEY (case_id, generation, rung, clock);
CREATE UNIQUE INDEX rungs_once ON rungs (case_id, generation, rung) WHERE rung < 6;
COMMENT ON TABLE rungs IS 'Rungs that fired, never early: each once in a generation of a case, those of the campaign date once for each date';
