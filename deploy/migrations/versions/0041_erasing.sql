-- Nothing was ever erased: not from the register, not from the audit, not from backups.
--
-- docs/decisions/0058 says why the keys of persons have no table here, 0060 what is erased and what stays.

DROP TABLE person_keys;

CREATE TABLE legal_holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person keyed_token NOT NULL,
    says text NOT NULL CHECK (says IN ('held', 'lifted')),
    legal_basis text NOT NULL CHECK (length(legal_basis) BETWEEN 4 AND 200),
    actor staff_id NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE legal_holds IS 'Whose data are kept beyond their time, for a court, an audit or an inquiry; the newest row of a person counts';
COMMENT ON COLUMN legal_holds.legal_basis IS 'The law or order that it rests on';
CREATE INDEX legal_holds_newest ON legal_holds (person, id DESC);

CREATE TABLE erasures (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^era-[a-z2-7]{26}$'),
    actor staff_id NOT NULL,
    at timestamptz NOT NULL,
    key_backups_days integer NOT NULL CHECK (key_backups_days >= 0)
);
COMMENT ON TABLE erasures IS 'Runs that erased what was due; the journal says who had them done, and why';
COMMENT ON COLUMN erasures.actor IS 'Who had it done; of one that a restore replayed, who replayed it';
COMMENT ON COLUMN erasures.key_backups_days IS 'For how many days, by the policy of then, backups of the store of keys are kept: destroyed keys stand in them until then';

CREATE TABLE erased_cases (
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    erasure text COLLATE "C" NOT NULL REFERENCES erasures,
    kind text COLLATE "C" NOT NULL,
    region region_code NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    head sha256_hex NOT NULL,
    closed_at timestamptz NOT NULL,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, generation)
);
COMMENT ON TABLE erased_cases IS 'Cases that were erased: what is left of each beside its audit, whose contents and salts are gone';
COMMENT ON COLUMN erased_cases.case_id IS 'Holds the person ref, a pseudonym: only who has the key of the tokens and the personal number finds it again';
COMMENT ON COLUMN erased_cases.head IS 'Hash of the newest transition';
CREATE INDEX erased_cases_by_erasure ON erased_cases (erasure);

CREATE TABLE erased_persons (
    person keyed_token NOT NULL,
    key_id text COLLATE "C" NOT NULL CHECK (key_id ~ '^(p-[a-z2-7]{14}|-)$'),
    erasure text COLLATE "C" NOT NULL REFERENCES erasures,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (person, key_id, erasure)
);
COMMENT ON TABLE erased_persons IS 'Persons of whom nothing is left, and the keys that were destroyed with it';
COMMENT ON COLUMN erased_persons.key_id IS 'What stood before the dot of a sealed_text of theirs; - where they had no key';
CREATE INDEX erased_persons_by_erasure ON erased_persons (erasure);

CREATE TABLE erased_keys (
    key sha256_hex PRIMARY KEY,
    erasure text COLLATE "C" NOT NULL REFERENCES erasures
);
COMMENT ON TABLE erased_keys IS 'Idempotency keys of applications that were erased, hashed: used again they open nothing';

-- What was erased stays so.
CREATE TRIGGER legal_holds_are_kept BEFORE UPDATE OR DELETE ON legal_holds FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER legal_holds_are_not_emptied BEFORE TRUNCATE ON legal_holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasures_are_kept BEFORE UPDATE OR DELETE ON erasures FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasures_are_not_emptied BEFORE TRUNCATE ON erasures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_cases_are_kept BEFORE UPDATE OR DELETE ON erased_cases FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_cases_are_not_emptied BEFORE TRUNCATE ON erased_cases FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_persons_are_kept BEFORE UPDATE OR DELETE ON erased_persons FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_persons_are_not_emptied BEFORE TRUNCATE ON erased_persons FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_keys_are_kept BEFORE UPDATE OR DELETE ON erased_keys FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_keys_are_not_emptied BEFORE TRUNCATE ON erased_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- --- what is append-only forgets what was erased, and nothing else -----------------------------------------------------------

-- The audit keeps every row: what may go of one is its fact, its outcome and its salt, all three. Of the others whole rows
-- go. Who is no owner has no right to either.
CREATE FUNCTION refuse_all_but_erasing() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    contents CONSTANT text[] := ARRAY['fact', 'outcome', 'salt'];
    erased boolean := false;
BEGIN
    IF TG_TABLE_NAME = 'transitions' THEN
        erased := TG_OP = 'UPDATE' AND EXISTS (
            SELECT FROM erased_cases WHERE case_id = OLD.case_id AND generation = OLD.generation
        ) AND num_nonnulls(NEW.fact, NEW.outcome, NEW.salt) = 0
          AND to_jsonb(NEW) - contents = to_jsonb(OLD) - contents;
    ELSIF TG_OP = 'DELETE' THEN
        CASE TG_TABLE_NAME
            WHEN 'callbacks' THEN
                erased := EXISTS (
                    SELECT FROM deliveries JOIN notifications ON notifications.id = deliveries.notification_id
                    WHERE deliveries.id = OLD.delivery_id AND (
                        EXISTS (
                            SELECT FROM erased_cases
                            WHERE (erased_cases.case_id, erased_cases.generation) = (notifications.case_id, notifications.generation)
                        )
                        OR EXISTS (SELECT FROM erased_persons WHERE erased_persons.person = notifications.person)
                    )
                );
            WHEN 'delivered_events' THEN
                erased := EXISTS (
                    SELECT FROM events
                    WHERE events.id = OLD.event_id AND (
                        EXISTS (
                            SELECT FROM erased_cases
                            WHERE (erased_cases.case_id, erased_cases.generation) = (events.case_id, events.generation)
                        )
                        OR EXISTS (SELECT FROM erased_persons WHERE erased_persons.person = events.person)
                    )
                );
            WHEN 'standings_of_persons' THEN
                erased := EXISTS (
                    SELECT FROM persons JOIN erased_persons ON erased_persons.person = persons.token
                    WHERE persons.id = OLD.person_id
                );
            ELSE
                erased := EXISTS (
                    SELECT FROM erased_cases WHERE case_id = OLD.case_id AND generation = OLD.generation
                );
        END CASE;
    END IF;
    IF NOT erased THEN
        RAISE EXCEPTION 'append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION refuse_all_but_erasing IS 'As refuse_change, but that what belongs to an erased case or person may go: of the audit what a row tells, and never the row';

CREATE OR REPLACE TRIGGER transitions_are_kept BEFORE UPDATE OR DELETE ON transitions
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
CREATE OR REPLACE TRIGGER rungs_are_kept BEFORE UPDATE OR DELETE ON rungs
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
CREATE OR REPLACE TRIGGER answers_out_of_date_are_kept BEFORE UPDATE OR DELETE ON answers_out_of_date
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
CREATE OR REPLACE TRIGGER told_after_closing_is_kept BEFORE UPDATE OR DELETE ON told_after_closing
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
CREATE OR REPLACE TRIGGER callbacks_are_kept BEFORE UPDATE OR DELETE ON callbacks
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
CREATE OR REPLACE TRIGGER delivered_events_are_kept BEFORE UPDATE OR DELETE ON delivered_events
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();
CREATE OR REPLACE TRIGGER standings_of_persons_are_kept BEFORE UPDATE OR DELETE ON standings_of_persons
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();

-- The audit outlives its case. Who is written about in the record keeps the case ID of a case that is erased, and no row.
ALTER TABLE transitions DROP CONSTRAINT transitions_case_id_generation_fkey;
ALTER TABLE standings_of_persons DROP CONSTRAINT standings_of_persons_case_id_generation_fkey;
ALTER TABLE name_changes DROP CONSTRAINT name_changes_case_id_generation_fkey;

ALTER TABLE journal
    DROP CONSTRAINT journal_kind_check,
    ADD CONSTRAINT journal_kind_check CHECK (
        kind IN (
            'search', 'lookup', 'subject', 'persons', 'pause', 'unpause', 'reset', 'terminate', 'bulk_planned', 'bulk_run',
            'reveal', 'directory', 'legal_hold', 'erasure'
        )
    );
