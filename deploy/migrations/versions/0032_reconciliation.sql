-- The register is the truth of what has happened to a case, its run of what happens next. Whether both agree is compared, every
-- minute for what moved and every night for all; what differed is written down once.

CREATE TABLE differences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id text COLLATE "C" NOT NULL,
    generation integer,
    kind text NOT NULL CHECK (kind IN ('ahead', 'without_run', 'behind', 'without_row')),
    version integer CHECK (version >= 0),
    run_id text,
    run_version integer CHECK (run_version >= 0),
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind = 'without_row') = (version IS NULL) AND (version IS NULL) = (generation IS NULL)),
    CHECK ((kind IN ('behind', 'without_row')) <= (run_id IS NOT NULL)),
    UNIQUE NULLS NOT DISTINCT (case_id, generation, kind, version, run_id, run_version)
);
COMMENT ON TABLE differences IS 'Where register and run of a case did not agree, each once; ahead and without_run are brought into step by the reconciliation itself';
COMMENT ON COLUMN differences.kind IS
    'ahead: the register has moved on without the run; without_run: open by the register, and nothing runs; behind: the register stands before its run; without_row: a run of which the register knows nothing';
COMMENT ON COLUMN differences.version IS 'That of the register';
COMMENT ON COLUMN differences.run_version IS 'That which the run shows; null where it shows none';
CREATE TRIGGER differences_are_kept BEFORE UPDATE OR DELETE ON differences FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER differences_are_not_emptied BEFORE TRUNCATE ON differences FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE reconciled (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0)
);
INSERT INTO reconciled DEFAULT VALUES;
COMMENT ON TABLE reconciled IS 'Up to which place of the feed cases that moved were compared with their runs';
