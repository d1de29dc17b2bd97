-- What answers an order or a publication that is over is refused, and written down: it tells of the world outside.

CREATE TABLE answers_out_of_date (
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    told_as text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL CHECK (request_id ~ '^(ord|pub)-[a-z2-7]{26}$'),
    fact text NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    office text COLLATE "C" NOT NULL,
    stamp text COLLATE "C" NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, told_as),
    FOREIGN KEY (case_id, generation) REFERENCES cases (case_id, generation)
);
COMMENT ON TABLE answers_out_of_date IS 'Answers to an order or a publication that is over: refused, without effect on the case, and kept for an operator';
COMMENT ON COLUMN answers_out_of_date.generation IS 'The generation that refused it; what it answers may be of an earlier one';
COMMENT ON COLUMN answers_out_of_date.told_as IS 'Identity of the update by which it was told: the same answer is written down once';
COMMENT ON COLUMN answers_out_of_date.request_id IS 'What it answers, as it says itself (events.request_id)';
COMMENT ON COLUMN answers_out_of_date.fact IS 'What was told (JSON)';
COMMENT ON COLUMN answers_out_of_date.stamp IS 'Identity of the stamp with which it was told';
CREATE INDEX answers_out_of_date_by_request ON answers_out_of_date (request_id);
CREATE INDEX answers_out_of_date_by_time ON answers_out_of_date (written_at);

CREATE TRIGGER answers_out_of_date_are_kept BEFORE UPDATE OR DELETE ON answers_out_of_date
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER answers_out_of_date_are_not_emptied BEFORE TRUNCATE ON answers_out_of_date
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
