-- A case that is closed moves no more, and the world goes on: cards turn up, are destroyed, lost and found.

CREATE TABLE told_after_closing (
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    place integer NOT NULL CHECK (place > 0),
    told_as text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" CHECK (order_id ~ '^ord-[a-z2-7]{26}$'),
    fact text NOT NULL,
    actor staff_id NOT NULL,
    role text COLLATE "C" NOT NULL,
    office region_code NOT NULL,
    stamp text COLLATE "C" NOT NULL UNIQUE,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, generation, place),
    UNIQUE (case_id, told_as),
    FOREIGN KEY (case_id, generation) REFERENCES cases
);
COMMENT ON TABLE told_after_closing IS 'What a closed case was told of the world, and the register took in; answers to what is over stand in answers_out_of_date';
COMMENT ON COLUMN told_after_closing.generation IS 'The newest generation, which was closed';
COMMENT ON COLUMN told_after_closing.place IS 'Counted within the generation; with the event it names the step (events.step)';
COMMENT ON COLUMN told_after_closing.told_as IS 'Identity under which it was told: the same has effect once';
COMMENT ON COLUMN told_after_closing.order_id IS 'The order of the card that it is about, where it names one';
COMMENT ON COLUMN told_after_closing.fact IS 'What was told, with its stamp (JSON)';
COMMENT ON COLUMN told_after_closing.stamp IS 'Identity of that stamp';
CREATE INDEX told_after_closing_by_order ON told_after_closing (order_id);

CREATE TRIGGER told_after_closing_is_kept BEFORE UPDATE OR DELETE ON told_after_closing
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER told_after_closing_is_not_emptied BEFORE TRUNCATE ON told_after_closing
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
