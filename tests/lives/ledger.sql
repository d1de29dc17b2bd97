-- What became of every card, number, claim and hold, written down by the database itself: whoever looks back needs no word
-- of the product. Beside each change stands the transition in whose transaction it was made, null where there was none.

CREATE TABLE changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what text NOT NULL,
    subject bigint NOT NULL,
    person_id bigint NOT NULL,
    was text,
    became text NOT NULL,
    made_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX changes_by_person ON changes (person_id);
CREATE INDEX changes_by_subject ON changes (what, subject);
CREATE INDEX transitions_by_transaction ON transitions (written_in);

CREATE FUNCTION write_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (what, subject, person_id, was, became) VALUES (
        TG_TABLE_NAME, NEW.id, NEW.person_id,
        CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) ->> TG_ARGV[0] END, to_jsonb(NEW) ->> TG_ARGV[0]
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER cards_change AFTER UPDATE OF code ON cards
    FOR EACH ROW WHEN (OLD.code <> NEW.code) EXECUTE FUNCTION write_change('code');
CREATE TRIGGER numbers_change AFTER UPDATE OF state ON numbers
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION write_change('state');
CREATE TRIGGER claims_change AFTER UPDATE OF state ON claims
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION write_change('state');
CREATE TRIGGER holds_change AFTER UPDATE OF state ON benefit_holds
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION write_change('state');

-- For looks at single persons, which nobody takes outside tests.
CREATE INDEX events_by_person ON events (person);
CREATE INDEX cases_by_person ON cases (person_id);
CREATE INDEX notifications_by_person ON notifications (person);
CREATE INDEX disputes_by_parties ON disputes (person_id);
CREATE INDEX disputes_by_rivals ON disputes (rival_person_id);

-- What somebody had before anything happened to them.
CREATE TABLE begun (person_id bigint PRIMARY KEY, fen bigint NOT NULL);

-- When the register learned that a person had ended, by the clock of their life.
CREATE TABLE ends_known (person_id bigint PRIMARY KEY, at timestamptz NOT NULL);
