-- Erasing: what is due of one person goes in one transaction, from every table. Who may do it owns the schema.
--
-- What stays of a case: its audit without what was told and what followed, its line in erased_cases, the hash of its
-- idempotency keys. What stays of a person of whom all goes: their ref, in case IDs and in erased_persons.

CREATE OR REPLACE FUNCTION is_held(whose keyed_token) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT says = 'held' FROM legal_holds WHERE legal_holds.person = whose ORDER BY id DESC LIMIT 1
    ), false);
END
$$;
COMMENT ON FUNCTION is_held IS 'Whether a legal hold keeps what is of a person';

CREATE OR REPLACE FUNCTION why_not_erased(whose keyed_token, cases_asked text[], wholly boolean) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN is_held(whose) THEN 'legal_hold'
        WHEN EXISTS (SELECT FROM cases WHERE case_id = ANY (cases_asked) AND closed_at IS NULL) THEN 'open_case'
        WHEN wholly AND EXISTS (SELECT FROM cases WHERE person = whose AND case_id <> ALL (cases_asked)) THEN 'other_case'
        WHEN EXISTS (SELECT FROM transitions WHERE case_id = ANY (cases_asked) AND format = 1) THEN 'first_format'
        WHEN EXISTS (
            SELECT FROM merges
            WHERE case_id = ANY (cases_asked) OR undone_by_case = ANY (cases_asked) OR (wholly AND EXISTS (
                SELECT FROM persons WHERE token = whose AND id IN (kept_person_id, other_person_id)
            ))
        ) THEN 'merged'
        WHEN EXISTS (
            SELECT FROM disputes
            WHERE state = 'open' AND (case_id = ANY (cases_asked) OR rival_case_id = ANY (cases_asked) OR (wholly AND EXISTS (
                SELECT FROM persons WHERE token = whose AND id IN (person_id, rival_person_id)
            )))
        ) THEN 'open_dispute'
    END;
END
$$;
COMMENT ON FUNCTION why_not_erased IS 'What keeps cases of a person, or with `wholly` all that is of them; null where nothing does';

-- Whoever has sealed something beforehand writes it while the person's key is being destroyed, or after: it would open for
-- nobody. So they hold the key until they have committed, and look whether it is there.
CREATE OR REPLACE FUNCTION hold_keys_of(whose text, content text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- The schema of the release before erases nothing.
    IF to_regclass('erased_persons') IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(9, hashtext(whose));
    IF EXISTS (
        SELECT FROM erased_persons WHERE person = whose AND key_id <> '-' AND strpos(content, key_id || '.') > 0
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = 'PERSON_ERASED', DETAIL = '';
    END IF;
END
$$;
COMMENT ON FUNCTION hold_keys_of IS 'Keeps a person from being erased until the transaction is over. Raises CASE1 PERSON_ERASED where something is sealed under a key that was destroyed';

CREATE OR REPLACE FUNCTION erase_data(asked jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    whose CONSTANT text := asked ->> 'person';
    run CONSTANT text := asked ->> 'erasure';
    -- Done before, and brought back by an older register: what was due then is.
    again CONSTANT boolean := coalesce((asked ->> 'again')::boolean, false);
    wholly CONSTANT boolean := (asked ->> 'whole')::boolean;
    these CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(asked -> 'cases'));
    whose_id bigint;
    kept_by text;
    messages bigint[];
    told bigint[];
BEGIN
    -- One after the other: the words of the register's source, applications of these cases, whatever else is of the person.
    PERFORM pg_advisory_xact_lock(3, 0);
    PERFORM pg_advisory_xact_lock(2, hashtext(case_id)) FROM unnest(these) AS case_id ORDER BY case_id;
    PERFORM pg_advisory_xact_lock(9, hashtext(whose));
    SELECT id INTO whose_id FROM persons WHERE token = whose FOR UPDATE;
    PERFORM FROM cases WHERE case_id = ANY (these) ORDER BY case_id, generation FOR UPDATE;
    kept_by := why_not_erased(whose, these, wholly);
    IF kept_by IS NOT NULL AND NOT (again AND kept_by IN ('legal_hold', 'open_case', 'open_dispute')) THEN
        RETURN jsonb_build_object('kept_by', kept_by);
    END IF;

    INSERT INTO erased_cases
    SELECT case_id, generation, run, kind, region, status, version, head, coalesce(closed_at, clock_timestamp()), clock_timestamp()
    FROM cases WHERE case_id = ANY (these);
    IF wholly THEN
        INSERT INTO erased_persons SELECT whose, key_id, run, clock_timestamp()
        FROM jsonb_array_elements_text(asked -> 'key_ids') AS key_id;
    END IF;

    UPDATE transitions SET fact = NULL, outcome = NULL, salt = NULL WHERE case_id = ANY (these) AND salt IS NOT NULL;

    messages := ARRAY(SELECT id FROM notifications WHERE case_id = ANY (these) OR (wholly AND person = whose));
    DELETE FROM callbacks USING deliveries
    WHERE deliveries.id = callbacks.delivery_id AND deliveries.notification_id = ANY (messages);
    DELETE FROM deliveries WHERE notification_id = ANY (messages);
    DELETE FROM notifications WHERE id = ANY (messages);
    told := ARRAY(SELECT id FROM events WHERE case_id = ANY (these) OR (wholly AND person = whose));
    DELETE FROM delivered_events WHERE event_id = ANY (told);
    DELETE FROM events WHERE id = ANY (told);
    DELETE FROM rungs WHERE case_id = ANY (these);
    DELETE FROM answers_out_of_date WHERE case_id = ANY (these);
    DELETE FROM told_after_closing WHERE case_id = ANY (these);
    DELETE FROM entitlement_snapshots WHERE case_id = ANY (these);
    DELETE FROM turns WHERE case_id = ANY (these);
    DELETE FROM turn_waiters WHERE case_id = ANY (these);
    DELETE FROM disputes
    WHERE case_id = ANY (these) OR rival_case_id = ANY (these) OR (wholly AND whose_id IN (person_id, rival_person_id));

    -- What the record says stays where the record does, and names the case no more.
    UPDATE numbers SET case_id = NULL, generation = NULL WHERE case_id = ANY (these);
    UPDATE numbers SET ended_by_case = NULL, ended_by_generation = NULL WHERE ended_by_case = ANY (these);
    UPDATE cards SET case_id = NULL, generation = NULL WHERE case_id = ANY (these);
    UPDATE cards SET blocked_by_case = NULL, blocked_by_generation = NULL WHERE blocked_by_case = ANY (these);
    UPDATE benefit_holds SET case_id = NULL, generation = NULL WHERE case_id = ANY (these);
    UPDATE claims SET requeued_by = NULL, requeued_generation = NULL WHERE requeued_by = ANY (these);

    INSERT INTO erased_keys SELECT sha256_of(key), run FROM idempotency_keys WHERE case_id = ANY (these)
    ON CONFLICT DO NOTHING;
    DELETE FROM idempotency_keys WHERE case_id = ANY (these);
    DELETE FROM case_files WHERE case_id = ANY (these);
    DELETE FROM cases WHERE case_id = ANY (these);

    IF wholly THEN
        DELETE FROM contacts WHERE person = whose;
        DELETE FROM name_changes WHERE person_id = whose_id;
        DELETE FROM benefit_holds WHERE person_id = whose_id;
        DELETE FROM claims WHERE person_id = whose_id OR source_person_id = whose_id;
        DELETE FROM cards WHERE person_id = whose_id;
        DELETE FROM numbers WHERE person_id = whose_id;
        DELETE FROM contributions WHERE person_id = whose_id;
        DELETE FROM balances WHERE person_id = whose_id;
        DELETE FROM standings_of_persons WHERE person_id = whose_id;
        DELETE FROM persons WHERE id = whose_id;
    END IF;
    RETURN jsonb_build_object('cases', cardinality(these));
END
$$;
COMMENT ON FUNCTION erase_data IS 'Erases cases of a person, or with `whole` all that is of them; answers what keeps it instead, and then nothing is changed';
REVOKE ALL ON FUNCTION erase_data FROM PUBLIC;
