-- Registers and batches of events that systems hand in whole: what stands in each row is staged here, sealed, until it was
-- opened or told. The rows are committed to by a manifest that the gate stamps once (cases/manifests.py).

CREATE TABLE jobs (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^job-[a-z2-7]{26}$'),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('register', 'event_batch')),
    client staff_id NOT NULL,
    role text COLLATE "C" NOT NULL,
    office region_code NOT NULL,
    key text COLLATE "C",
    fingerprint keyed_token NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('staging', 'running', 'done', 'cancelled')),
    acts text[] COLLATE "C" NOT NULL DEFAULT '{}',
    rows_read integer NOT NULL DEFAULT 0,
    rows_waiting integer NOT NULL DEFAULT 0,
    rows_done integer NOT NULL DEFAULT 0,
    rows_refused integer NOT NULL DEFAULT 0,
    rows_cancelled integer NOT NULL DEFAULT 0,
    manifest text COLLATE "C",
    leaves bytea,
    begun_at timestamptz NOT NULL,
    touched_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT jobs_key_once UNIQUE (client, key),
    CONSTRAINT jobs_run_by_a_manifest CHECK (state <> 'running' OR (manifest IS NOT NULL AND leaves IS NOT NULL)),
    CONSTRAINT jobs_ended CHECK ((ended_at IS NULL) = (state IN ('staging', 'running'))),
    CONSTRAINT jobs_account_for_each_row CHECK (
        rows_read = rows_waiting + rows_done + rows_refused + rows_cancelled
        AND least(rows_read, rows_waiting, rows_done, rows_refused, rows_cancelled) >= 0
    )
);
COMMENT ON TABLE jobs IS 'Registers and batches of events that a system handed in; kept for some weeks after their end';
COMMENT ON COLUMN jobs.key IS 'The client''s own key: the same one is the same job';
COMMENT ON COLUMN jobs.fingerprint IS 'Keyed token of the whole file and of how it was to be read';
COMMENT ON COLUMN jobs.state IS 'staging: the file is being read; running: its rows are opened or told, or wait for it';
COMMENT ON COLUMN jobs.acts IS 'What its rows do: open, or the events that they tell';
COMMENT ON COLUMN jobs.rows_read IS 'Rows of the file, kept as they are staged and done, so that whoever asks for a job counts none';
COMMENT ON COLUMN jobs.manifest IS 'The gate''s word on all rows, signed once; each row is taken by belonging to it';
COMMENT ON COLUMN jobs.leaves IS 'The leaves of the tree whose root was signed, 32 bytes each, in the order of the rows';
COMMENT ON COLUMN jobs.touched_at IS 'When a row was last staged: a job whose file nobody reads any more is dropped';
CREATE INDEX jobs_by_client ON jobs (client, begun_at);

CREATE TABLE job_rows (
    job text COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
    place integer NOT NULL CHECK (place >= 0),
    number integer NOT NULL CHECK (number >= 0),
    leaf integer CHECK (leaf >= 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'done', 'refused', 'cancelled')),
    case_id text COLLATE "C",
    act text COLLATE "C",
    told_as text COLLATE "C",
    content text,
    findings jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(findings) = 'array'),
    status text COLLATE "C",
    version integer,
    attempts integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    not_before timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (job, place),
    CONSTRAINT job_rows_leaf_once UNIQUE (job, leaf),
    CONSTRAINT job_rows_wait_with_content CHECK (
        state <> 'waiting' OR num_nulls(leaf, case_id, act, content) = 0
    ),
    CONSTRAINT job_rows_forget_content CHECK (state = 'waiting' OR content IS NULL)
);
COMMENT ON TABLE job_rows IS 'The rows of a job, and what became of each';
COMMENT ON COLUMN job_rows.place IS 'Place among all rows that were read, from 0';
COMMENT ON COLUMN job_rows.number IS 'Row as people count it who look at the file, headings included; 0 for the file as a whole';
COMMENT ON COLUMN job_rows.leaf IS 'Place among the rows that the manifest covers, from 0; null for a row that was refused when it was read';
COMMENT ON COLUMN job_rows.act IS 'open, or the event that is told';
COMMENT ON COLUMN job_rows.told_as IS 'The row''s own key; without one its content is its key';
COMMENT ON COLUMN job_rows.content IS 'What is opened or told, JSON as the manifest commits to it, names and numbers sealed; forgotten at the end';
COMMENT ON COLUMN job_rows.findings IS 'What was noticed: column, code, and whether the row is refused for it';
COMMENT ON COLUMN job_rows.status IS 'Where its case stood after it; version likewise';
COMMENT ON COLUMN job_rows.leased_until IS 'Somebody is opening or telling it';
CREATE INDEX job_rows_waiting ON job_rows (job, place) WHERE state = 'waiting';
CREATE INDEX job_rows_waiting_of_case ON job_rows (job, case_id, place) WHERE state = 'waiting';
CREATE INDEX job_rows_by_state ON job_rows (job, state, place);
