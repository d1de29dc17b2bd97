CREATE OR REPLACE FUNCTION sha256_of(content text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(sha256(convert_to(content, 'UTF8')), 'hex');
COMMENT ON FUNCTION sha256_of IS 'SHA-256 of a text in UTF-8, in lower-case hexadecimal; null of null';

CREATE OR REPLACE FUNCTION audit_hash(link transitions) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256_of(concat_ws(
    E'\n',
    link.format, link.case_id, link.generation, link.version, link.step, link.event, coalesce(link.from_status, '-'),
    link.to_status, link.milestone, coalesce(link.actor, '-'), coalesce(link.role, '-'), coalesce(link.office, '-'),
    coalesce(link.stamp, '-'), coalesce(link.told_as, '-'), coalesce(link.state_before, '-'), link.state_after,
    coalesce(link.fact_commitment, '-'), link.outcome_commitment, link.neighbours,
    (extract(epoch FROM link.at) * 1000000)::bigint, link.prev_hash
));
COMMENT ON FUNCTION audit_hash IS 'What the hash of a transition of format 2 is: a line for each column, - for none, the moment in microseconds since 1970';

CREATE OR REPLACE FUNCTION linked(link transitions) RETURNS transitions LANGUAGE plpgsql AS $$
BEGIN
    link.format := 2;
    link.salt := replace(gen_random_uuid()::text, '-', '');
    link.fact_commitment := sha256_of(link.salt || link.fact);
    link.outcome_commitment := sha256_of(link.salt || link.outcome);
    link.hash := audit_hash(link);
    link.written_in := pg_current_xact_id();
    RETURN link;
END
$$;
COMMENT ON FUNCTION linked IS 'A link of the audit with its salt, its commitments and its hash';

-- --- messages -----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION write_notifications(s step, messages jsonb) RETURNS bigint[] LANGUAGE sql AS $$
    WITH written AS (
        INSERT INTO notifications (
            subject, case_id, generation, person, event, recipient, office, template, facts, second_channel, topic,
            while_status, not_before, written_at, next_attempt_at
        )
        SELECT
            s.case_id, s.case_id, s.generation, CASE WHEN message.recipient = 'applicant' THEN s.person END,
            s.generation || ':' || message.event, message.recipient,
            CASE WHEN message.recipient <> 'applicant' THEN s.region END, message.template, message.facts,
            message.second_channel, message.topic, message.while_status, coalesce(message.not_before, s.at), s.at,
            coalesce(message.not_before, s.at)
        FROM jsonb_to_recordset(messages) AS message (
            recipient text, template text, event text, facts jsonb, second_channel boolean, topic text,
            while_status text, not_before timestamptz
        )
        RETURNING id
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM written
$$;
COMMENT ON FUNCTION write_notifications IS 'Messages to people, written with the transition; they name the case and nothing else. Returns their IDs';

-- Each question is asked only where the ones before have not answered: most messages need one or two of them.
CREATE OR REPLACE FUNCTION is_overtaken(message notifications, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE
    SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF message.not_after <= at THEN
        RETURN true;
    END IF;
    IF message.person IS NOT NULL AND EXISTS (
        SELECT FROM persons WHERE persons.token = message.person AND end_of_person(persons.id) IS NOT NULL
    ) THEN
        RETURN true;
    END IF;
    IF message.topic IS NOT NULL AND EXISTS (
        SELECT FROM notifications AS later
        WHERE later.case_id = message.case_id AND later.recipient = message.recipient AND later.topic = message.topic
          AND later.id > message.id
    ) THEN
        RETURN true;
    END IF;
    IF message.while_status IS NOT NULL AND NOT EXISTS (
        SELECT FROM cases
        WHERE cases.case_id = message.case_id AND cases.generation = message.generation
          AND cases.status = message.while_status
    ) THEN
        RETURN true;
    END IF;
    -- Staff are told of a rung until the case is closed or on hold, or somebody has acknowledged it.
    IF message.topic = 'rung' AND message.recipient <> 'applicant' AND NOT EXISTS (
        SELECT FROM cases
        WHERE cases.case_id = message.case_id AND cases.generation = message.generation
          AND cases.closed_at IS NULL AND cases.status <> 'on_hold' AND cases.silenced_until IS NULL
    ) THEN
        RETURN true;
    END IF;
    -- Who has a case, or no first-generation number any more, is not invited.
    IF message.topic = 'invitation' AND NOT EXISTS (
        SELECT FROM persons JOIN numbers ON numbers.person_id = persons.id
        WHERE persons.token = message.person AND numbers.state = 'living' AND numbers.digits = 15
          AND NOT EXISTS (
              SELECT FROM cases
              WHERE cases.person = persons.token AND cases.kind = 'IdNumberChange' AND cases.closed_at IS NULL
          )
    ) THEN
        RETURN true;
    END IF;
    -- Whose claims are queued again need not be told that they were suspended.
    RETURN message.topic IS NOT DISTINCT FROM 'claims_suspended' AND NOT EXISTS (
        SELECT FROM persons JOIN claims ON claims.person_id = persons.id
        WHERE persons.token = message.person AND claims.suspended_for = 'id_number' AND claims.state = 'suspended'
    );
END
$$;
COMMENT ON FUNCTION is_overtaken IS 'Whether what a message tells does not hold any more at a moment: it is not sent then';

CREATE OR REPLACE FUNCTION is_behind(message notifications, at timestamptz) RETURNS boolean LANGUAGE sql STABLE
RETURN message.case_id IS NOT NULL AND EXISTS (
    SELECT FROM notifications AS earlier
    WHERE earlier.case_id = message.case_id AND earlier.recipient = message.recipient AND earlier.id < message.id
      AND earlier.state = 'pending' AND NOT is_overtaken(earlier, at)
);
COMMENT ON FUNCTION is_behind IS 'Whether an earlier message of the case to the same recipient has still to be sent: people read in order what happened';

-- --- a transition -------------------------------------------------------------------------------------------------------

-- Its statements find single rows by their keys: planning them for each value, five times in each new session, costs more
-- than they do.
CREATE OR REPLACE FUNCTION make_transition(asked jsonb) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    s step := jsonb_populate_record(NULL::step, asked -> 'step');
    final cases := jsonb_populate_record(NULL::cases, asked -> 'case');
    link transitions := jsonb_populate_record(NULL::transitions, asked -> 'transition');
    standing record;
    effect text;
    ended text;
    said jsonb;
    neighbours jsonb := '[]';
    messages jsonb := asked -> 'messages';
    written bigint[] := '{}';
BEGIN
    SELECT version, state_digest, head, person_id, replaces_number_id INTO standing
    FROM cases WHERE case_id = s.case_id AND generation = s.generation
    FOR UPDATE;
    IF standing IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = 'CASE_UNKNOWN';
    END IF;
    -- What was decided on is what stands, to the byte, or nothing is written.
    IF (standing.version, standing.state_digest) IS DISTINCT FROM (s.version - 1, link.state_before::text) THEN
        RETURN jsonb_build_object('stale', true);
    END IF;
    s.person_id := standing.person_id;
    s.replaces_number_id := standing.replaces_number_id;
    IF (asked ->> 'of_person')::boolean THEN
        -- Held against transitions of the person's other cases.
        PERFORM FROM persons WHERE token = s.person FOR NO KEY UPDATE;
    END IF;
    IF (asked ->> 'of_neighbour')::boolean
        AND NOT may_be_told(s.case_id, s.generation, s.person, s.person_id, s.reason, s.event)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = 'EVENT_NOT_ALLOWED';
    END IF;
    -- Whatever is decided for a person is decided for one who is there: only their end may still be written, and why it
    -- takes nothing back.
    ended := end_of_person(s.person_id);
    IF ended IS NOT NULL AND s.event <> 'undo_failed' AND coalesce(final.ended_because, '') NOT IN (ended, 'PERSON_DECEASED') THEN
        RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = ended;
    END IF;
    FOR effect IN SELECT jsonb_array_elements_text(asked -> 'effects') LOOP
        EXECUTE format('SELECT %I($1)', 'effect_' || effect) INTO said USING s;
        neighbours := neighbours || coalesce(said -> 'neighbours', '[]');
        IF said ? 'replaces_number_id' THEN
            s.replaces_number_id := (said ->> 'replaces_number_id')::bigint;
        END IF;
        messages := messages || coalesce(asked -> 'further_messages' -> (said ->> 'notify'), '[]');
    END LOOP;
    IF messages <> '[]' THEN
        written := write_notifications(s, messages);
    END IF;
    link.neighbours := neighbours::text;
    link.prev_hash := standing.head;
    link := linked(link);
    INSERT INTO transitions VALUES (link.*);
    UPDATE cases SET
        status = final.status,
        milestone = final.milestone,
        version = s.version,
        road = final.road,
        verifier = final.verifier,
        approver = final.approver,
        verified_content = final.verified_content,
        policy = final.policy,
        due_at = final.due_at,
        rung = final.rung,
        rung_at = final.rung_at,
        next_rung = final.next_rung,
        next_rung_at = final.next_rung_at,
        processing_due_at = final.processing_due_at,
        campaign_due_at = final.campaign_due_at,
        provisional = final.provisional,
        silenced_until = final.silenced_until,
        rests_from = final.rests_from,
        rests_to = final.rests_to,
        rests_on = final.rests_on,
        attention = final.attention,
        benefits_held = final.benefits_held,
        ended_because = final.ended_because,
        replaces_number_id = s.replaces_number_id,
        state = final.state,
        state_digest = link.state_after,
        head = link.hash,
        moved_at = s.at,
        closed_at = final.closed_at
    WHERE case_id = s.case_id AND generation = s.generation;
    IF asked ? 'file' THEN
        UPDATE case_files SET
            screening = coalesce(asked -> 'file' ->> 'screening', screening),
            receipt = coalesce(asked -> 'file' ->> 'receipt', receipt)
        WHERE case_id = s.case_id AND generation = s.generation;
    END IF;
    RETURN jsonb_build_object('neighbours', neighbours, 'notifications', written, 'now', clock_timestamp());
END
$$;
COMMENT ON FUNCTION make_transition IS 'One transition, decided on a state that still stands: its effects, its messages, its link of the audit and the state after it; stale where another was made meanwhile. Raises CASE1 with the code of a refusal, and then nothing is in effect';

-- --- an opening ---------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION who_else(number_token keyed_token, person_id bigint) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(string_agg(concat_ws(' ', rival.person_id, rival.case_id), E'\n' ORDER BY rival.person_id, rival.case_id), '')
    FROM (
        SELECT numbers.person_id, NULL::text AS case_id FROM numbers
        WHERE numbers.token = who_else.number_token AND digits = 18 AND state IN ('living', 'reserved')
          AND numbers.person_id IS DISTINCT FROM who_else.person_id
        UNION ALL
        SELECT cases.person_id, cases.case_id FROM cases
        WHERE cases.number_token = who_else.number_token AND kind = 'IdNumberChange' AND closed_at IS NULL
          AND cases.person_id IS NOT NULL AND cases.person_id IS DISTINCT FROM who_else.person_id
    ) AS rival;
END;
COMMENT ON FUNCTION who_else IS 'Who else has a number or asks for it, as one text that can be compared: empty for nobody';

CREATE OR REPLACE FUNCTION open_case(asked jsonb) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    opened cases := jsonb_populate_record(NULL::cases, asked -> 'case');
    file case_files := jsonb_populate_record(NULL::case_files, asked -> 'file');
    link transitions := jsonb_populate_record(NULL::transitions, asked -> 'transition');
    newest record;
BEGIN
    -- Registrations for one number, of one case, and with one key come one after the other.
    PERFORM
        pg_advisory_xact_lock(1, hashtext(opened.number_token)),
        pg_advisory_xact_lock(2, hashtext(opened.case_id)),
        pg_advisory_xact_lock(4, hashtext(opened.key)),
        hold_keys_of(opened.person, file.opening);
    SELECT generation, version, head, false AS is_erased INTO newest FROM cases
    WHERE case_id = opened.case_id ORDER BY generation DESC LIMIT 1;
    -- The schema of the release before erases nothing.
    IF to_regclass('erased_cases') IS NOT NULL THEN
        IF EXISTS (SELECT FROM erased_keys WHERE key = sha256_of(opened.key)) THEN
            RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = 'PERSON_ERASED';
        END IF;
        IF newest IS NULL THEN
            -- Of a case that was erased the audit goes on.
            SELECT generation, version, head, true AS is_erased INTO newest FROM erased_cases
            WHERE case_id = opened.case_id ORDER BY generation DESC LIMIT 1;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM idempotency_keys WHERE key = opened.key)
        OR coalesce(newest.generation, 0) <> opened.generation - 1
        OR who_else(opened.number_token, opened.person_id) <> asked ->> 'who_else'
    THEN
        RETURN jsonb_build_object('stale', true, 'erased', CASE WHEN newest.is_erased THEN newest.generation END);
    END IF;
    link.neighbours := '[]';
    link.prev_hash := coalesce(newest.head, repeat('0', 64));
    link.milestone := opened.milestone;
    link := linked(link);
    opened.head := link.hash;
    INSERT INTO cases VALUES (opened.*);
    INSERT INTO case_files VALUES (file.*);
    INSERT INTO transitions VALUES (link.*);
    INSERT INTO idempotency_keys (key, case_id, generation, fingerprint, used_at)
    VALUES (opened.key, opened.case_id, opened.generation, opened.fingerprint, opened.opened_at);
    RETURN jsonb_build_object('now', clock_timestamp());
END
$$;
COMMENT ON FUNCTION open_case IS 'The first row of a generation: the case, its file, its first link of the audit, and the key for ever; stale where what was looked at before is no more, or where generations were erased, with how many';
