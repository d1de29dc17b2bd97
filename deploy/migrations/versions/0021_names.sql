-- A name changes with the number, or alone; the one before stays in the person's history.

CREATE TABLE name_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES persons (id),
    name_before sealed_text NOT NULL,
    name_after sealed_text NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    changed_on date NOT NULL,
    undone_on date CHECK (undone_on >= changed_on),
    FOREIGN KEY (case_id, generation) REFERENCES cases (case_id, generation)
);
COMMENT ON TABLE name_changes IS 'Names that persons had, sealed, and the case by which each was changed';
COMMENT ON COLUMN name_changes.undone_on IS 'When the change was taken back and the name before was in force again; null where it was not';
-- A generation changes a name once at a time.
CREATE UNIQUE INDEX name_changes_in_force ON name_changes (case_id, generation) WHERE undone_on IS NULL;
CREATE INDEX name_changes_of_a_person ON name_changes (person_id);

COMMENT ON COLUMN step.facts IS
    'fact: what was told; request_id: identity of an order or a publication; first_decider, first_statement: who said the same before; targets: who is told of a number; keeps_number, new_name: what changes beside it; offers_replacement: open or offer; rung, cause, clock, rung_due_at';
