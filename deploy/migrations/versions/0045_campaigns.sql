-- A register of more than a thousand rows is a campaign: a workflow has its rows opened page by page, at a pace that can be changed
-- (docs/decisions/0066). What is left to do still stands in the rows of the job, and nowhere else.

CREATE TABLE campaigns (
    job text COLLATE "C" PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    per_second real NOT NULL CHECK (per_second BETWEEN 0.1 AND 1000),
    in_flight integer NOT NULL CHECK (in_flight BETWEEN 8 AND 32),
    paused boolean NOT NULL DEFAULT false,
    paced_by staff_id,
    pages integer NOT NULL DEFAULT 0 CHECK (pages >= 0),
    answered integer NOT NULL DEFAULT 0 CHECK (answered >= 0),
    seen_at timestamptz NOT NULL
);
COMMENT ON TABLE campaigns IS 'Jobs that a workflow runs, with the pace that was set last';
COMMENT ON COLUMN campaigns.per_second IS 'Rows that are opened a second, at most';
COMMENT ON COLUMN campaigns.in_flight IS 'Rows under way at the same time, as the engine bore them last';
COMMENT ON COLUMN campaigns.paced_by IS 'Who paused it, let it go on, or set its rate last';
COMMENT ON COLUMN campaigns.pages IS 'How many pages have been begun: a further run goes on with the next';
COMMENT ON COLUMN campaigns.answered IS 'Rows that needed no case, and were answered without a workflow';
COMMENT ON COLUMN campaigns.seen_at IS 'When its workflow last asked for anything';

ALTER TABLE job_rows ADD COLUMN page integer CHECK (page >= 0);
COMMENT ON COLUMN job_rows.page IS 'The page of a campaign that has it; whoever tries the page again has the same rows';
CREATE INDEX job_rows_of_page ON job_rows (job, page) WHERE state = 'waiting';
