-- Which kinds of case there are, so that a further one comes with a row and not with other constraints.

CREATE TABLE kinds (
    kind text COLLATE "C" PRIMARY KEY CHECK (kind ~ '^[A-Z][A-Za-z]{2,63}$'),
    prefix text COLLATE "C" NOT NULL UNIQUE CHECK (prefix ~ '^[a-z]{3}$'),
    held_for text COLLATE "C" NOT NULL UNIQUE CHECK (held_for ~ '^[a-z][a-z_]{2,31}$')
);
COMMENT ON TABLE kinds IS 'The kinds of case: a copy of the records in the code (cases/kinds.py), which every case refers to';
COMMENT ON COLUMN kinds.kind IS 'Workflow type';
COMMENT ON COLUMN kinds.prefix IS 'How its case IDs begin';
COMMENT ON COLUMN kinds.held_for IS 'Why claims are suspended and benefits held that a case of this kind releases';

INSERT INTO kinds (kind, prefix, held_for) VALUES
    ('IdNumberChange', 'idc', 'id_number'),
    ('CardReplacement', 'crc', 'card');

-- Added by later migrations; what cases refer to stays.
CREATE TRIGGER kinds_are_kept BEFORE UPDATE OR DELETE ON kinds
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER kinds_are_not_emptied BEFORE TRUNCATE ON kinds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE cases
    DROP CONSTRAINT cases_case_id_check,
    DROP CONSTRAINT cases_kind_check,
    ADD CHECK (case_id ~ '^[a-z]{3}-[a-z2-7]{26}$');

-- No foreign key: that would lock a kind's only row for every case that is opened, and could not look at the prefix.
CREATE FUNCTION of_a_known_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM kinds WHERE kind = NEW.kind AND NEW.case_id = prefix || '-' || NEW.person
    ) THEN
        RAISE EXCEPTION 'no case ID of this kind and person'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_of_a_known_kind';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION of_a_known_kind IS 'A case is of a kind that there is, and its ID is made of that kind''s prefix and its person';
CREATE TRIGGER cases_of_a_known_kind BEFORE INSERT ON cases
    FOR EACH ROW EXECUTE FUNCTION of_a_known_kind();

ALTER TABLE benefit_holds
    DROP CONSTRAINT benefit_holds_reason_check,
    ADD FOREIGN KEY (reason) REFERENCES kinds (held_for);
ALTER TABLE claims
    DROP CONSTRAINT claims_suspended_for_check,
    ADD FOREIGN KEY (suspended_for) REFERENCES kinds (held_for);
