-- Whoever took away what a closed case was told, or an answer that came too late, was not found: no chain covers those
-- rows. And entries of the journal were kept for ever, with the tokens of numbers that were searched for.

ALTER TABLE journal
    DROP CONSTRAINT journal_kind_check,
    ADD CONSTRAINT journal_kind_check CHECK (
        kind IN (
            'search', 'lookup', 'subject', 'persons', 'pause', 'unpause', 'reset', 'terminate', 'bulk_planned', 'bulk_run',
            'reveal', 'directory', 'legal_hold', 'erasure', 'told_beside'
        )
    );
COMMENT ON COLUMN journal.chain IS 'Which chain the row is a link of: that of an office and a day of Asia/Shanghai (journal:110105:2026-11-30), of nobody''s office where only Temporal knew who (journal:none:…), of what is kept for good (journal:kept:…); journal for what is older';

CREATE TABLE erased_chains (
    chain text COLLATE "C" PRIMARY KEY CHECK (chain ~ '^journal(:[a-z0-9-]{1,32}){0,2}$'),
    number integer NOT NULL CHECK (number > 0),
    hash sha256_hex NOT NULL,
    newest_at timestamptz NOT NULL,
    erasure text COLLATE "C" NOT NULL REFERENCES erasures,
    erased_at timestamptz NOT NULL,
    -- Six months, whichever they are: the law wants logs kept for so long.
    CONSTRAINT erased_chains_are_old CHECK (erased_at >= newest_at + interval '184 days')
);
COMMENT ON TABLE erased_chains IS 'Chains of the journal that were erased as a whole: where each ended, for whoever compares with what was published';
COMMENT ON COLUMN erased_chains.number IS 'Of the newest entry';
COMMENT ON COLUMN erased_chains.hash IS 'Hash of the newest entry';
COMMENT ON COLUMN erased_chains.newest_at IS 'When the newest entry was written';
CREATE INDEX erased_chains_by_erasure ON erased_chains (erasure);
CREATE TRIGGER erased_chains_are_kept BEFORE UPDATE OR DELETE ON erased_chains FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erased_chains_are_not_emptied BEFORE TRUNCATE ON erased_chains FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_all_but_old_chains() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'DELETE' OR NOT EXISTS (
        SELECT FROM erased_chains WHERE chain = OLD.chain AND newest_at >= coalesce(OLD.written_at, OLD.at)
    ) THEN
        RAISE EXCEPTION 'append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION refuse_all_but_old_chains IS 'As refuse_change, but that the entries of a chain may go that was erased as a whole';
CREATE OR REPLACE TRIGGER journal_is_kept BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_old_chains();

-- A row goes only with its case, which erased_cases names; for any other the journal has a digest that nothing fits.
CREATE FUNCTION tell_the_journal() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM append_to_journal(
        kind => 'told_beside',
        key => NULL,
        case_id => NEW.case_id,
        plan => NULL,
        actor => NULL,
        role => NULL,
        office => NULL,
        seen_as => 'register',
        reason => NULL,
        facts => jsonb_build_object('digest', digest_beside(
            TG_TABLE_NAME, NEW.case_id, NEW.generation, NEW.told_as, NEW.event, NEW.fact, NEW.stamp
        )),
        at => clock_timestamp(),
        at_most => NULL,
        since => NULL
    );
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tell_the_journal IS 'Has the journal, whose heads are published, cover a row that stands beside the chains';

CREATE FUNCTION digest_beside(
    stands_in text, case_id text, generation integer, told_as text, event text, fact text, stamp text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(sha256(convert_to(
    concat_ws(chr(10), stands_in, case_id, generation, told_as, event, fact, stamp), 'UTF8'
)), 'hex');
COMMENT ON FUNCTION digest_beside IS 'What the journal says of a row beside the chains; its stamp is a salt that goes with it';

CREATE TRIGGER told_after_closing_is_told AFTER INSERT ON told_after_closing FOR EACH ROW EXECUTE FUNCTION tell_the_journal();
CREATE TRIGGER answers_out_of_date_are_told AFTER INSERT ON answers_out_of_date FOR EACH ROW EXECUTE FUNCTION tell_the_journal();

-- What stands there already is covered from now on.
DO $$ BEGIN
    PERFORM append_to_journal(
        kind => 'told_beside', key => NULL, case_id => beside.case_id, plan => NULL, actor => NULL, role => NULL, office => NULL,
        seen_as => 'register', reason => NULL,
        facts => jsonb_build_object('digest', digest_beside(
            stands_in, beside.case_id, generation, told_as, event, fact, stamp
        )),
        at => clock_timestamp(), at_most => NULL, since => NULL
    )
    FROM (
        SELECT 'told_after_closing' AS stands_in, case_id, generation, told_as, event, fact, stamp FROM told_after_closing
        UNION ALL
        SELECT 'answers_out_of_date', case_id, generation, told_as, event, fact, stamp FROM answers_out_of_date
    ) AS beside;
END $$;

COMMENT ON COLUMN deliveries.idempotency_key IS 'Keyed hash (HMAC-SHA-256) over channel, subject, event and recipient; of what was begun by an earlier release a plain one. Sent to the provider with every attempt';
