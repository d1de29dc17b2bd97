-- What ends a person, and what is still owed to them then.

-- What a register's extract said of a death stands in persons.died_on, with its day. Here stands what was told beside it,
-- without a day that nobody named; the newest row counts.
CREATE TABLE standings_of_persons (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES persons,
    standing text NOT NULL CHECK (standing IN ('died', 'transferred', 'insured')),
    evidence text COLLATE "C",
    case_id text COLLATE "C",
    generation integer,
    step text COLLATE "C",
    known_at timestamptz NOT NULL,
    FOREIGN KEY (case_id, generation) REFERENCES cases,
    CHECK (num_nonnulls(case_id, generation, step) IN (0, 3))
);
COMMENT ON TABLE standings_of_persons IS 'Whether a person is still insured here: what was told of them, each time; no row where nothing was';
COMMENT ON COLUMN standings_of_persons.standing IS 'died; transferred to another agency; insured here again, or wrongly believed not to be';
COMMENT ON COLUMN standings_of_persons.evidence IS 'Reference of what it rests on';
COMMENT ON COLUMN standings_of_persons.case_id IS 'The case that was told, by which step; null where an extract of the register said so';
CREATE INDEX standings_of_persons_newest ON standings_of_persons (person_id, id DESC);
CREATE INDEX persons_who_died ON persons (id) WHERE died_on IS NOT NULL;

CREATE TRIGGER standings_of_persons_are_kept BEFORE UPDATE OR DELETE ON standings_of_persons
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER standings_of_persons_are_not_emptied BEFORE TRUNCATE ON standings_of_persons
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE claims ADD COLUMN payee text NOT NULL DEFAULT 'person' CHECK (payee IN ('person', 'heirs'));
COMMENT ON COLUMN claims.payee IS 'To whom it is paid: the person, or after their death those whom the law names, on evidence that its scheme asks for';
