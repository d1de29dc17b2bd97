-- Where every case stands on the escalation ladder. The dates rest on a calendar; `provisional` says that a year of it is
-- still to be published.

ALTER TABLE cases
    ADD COLUMN rung smallint NOT NULL DEFAULT 0 CHECK (rung BETWEEN 0 AND 7),
    ADD COLUMN rung_at timestamptz,
    ADD COLUMN next_rung smallint CHECK (next_rung BETWEEN 1 AND 7),
    ADD COLUMN next_rung_at timestamptz,
    ADD COLUMN processing_due_at timestamptz,
    ADD COLUMN campaign_due_at timestamptz,
    ADD COLUMN provisional boolean NOT NULL DEFAULT false,
    ADD COLUMN silenced_until timestamptz,
    ADD CONSTRAINT cases_rung_fired CHECK ((rung = 0) = (rung_at IS NULL)),
    ADD CONSTRAINT cases_rung_to_come CHECK ((next_rung IS NULL) = (next_rung_at IS NULL) AND next_rung > rung);
COMMENT ON COLUMN cases.rung IS 'Highest rung fired: 0 none, 1 blue 0, 2 blue 1, 3 yellow, 4 orange, 5 red, 6 the campaign date, 7 five working days later';
COMMENT ON COLUMN cases.rung_at IS 'When it fired';
COMMENT ON COLUMN cases.next_rung IS 'The rung to come; null where none is, or while a hold silences it';
COMMENT ON COLUMN cases.next_rung_at IS 'When it fires if nothing happens before';
COMMENT ON COLUMN cases.processing_due_at IS 'When the processing time ends; null while it stands still';
COMMENT ON COLUMN cases.campaign_due_at IS 'When the campaign ends for this case, moved by its lawful holds';
COMMENT ON COLUMN cases.provisional IS 'A date of the case rests on a calendar year that is not published yet';
COMMENT ON COLUMN cases.silenced_until IS 'Until when the level it has reached was acknowledged';
CREATE INDEX cases_open_by_rung ON cases (rung, region) WHERE closed_at IS NULL AND rung > 0;
CREATE INDEX cases_open_provisional ON cases (case_id) WHERE closed_at IS NULL AND provisional;

CREATE TABLE rungs (
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    rung smallint NOT NULL CHECK (rung BETWEEN 1 AND 7),
    cause text NOT NULL CHECK (cause IN ('processing', 'step', 'campaign', 'unacknowledged')),
    clock integer NOT NULL,
    due_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, generation, rung),
    FOREIGN KEY (case_id, generation) REFERENCES cases,
    CONSTRAINT rungs_never_early CHECK (fired_at >= due_at)
);
COMMENT ON TABLE rungs IS 'Rungs that fired: each once in a generation of a case, and never early';
COMMENT ON COLUMN rungs.cause IS 'What came first: the processing time, an overrun of one step, the campaign date, or a level that nobody acknowledged';
COMMENT ON COLUMN rungs.clock IS 'Generation of the case''s clocks, which grows with every change of a date';
COMMENT ON COLUMN rungs.due_at IS 'The instant at which it was due';

CREATE TRIGGER rungs_are_kept BEFORE UPDATE OR DELETE ON rungs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rungs_are_not_emptied BEFORE TRUNCATE ON rungs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
