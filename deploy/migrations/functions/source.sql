-- What the register's source says of persons: taken in where it is newer than what it said before, a line at a time.

CREATE OR REPLACE FUNCTION refuse_line(code text, pointer text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CASE1', MESSAGE = code, DETAIL = pointer;
END
$$;
COMMENT ON FUNCTION refuse_line IS 'Nothing of a line is taken in; the pointer says which of its fields is meant';

CREATE OR REPLACE FUNCTION word_of(version bigint, content text, known_version bigint, known_content text, pointer text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF known_version IS NULL THEN
        RETURN 'new';
    ELSIF version < known_version THEN
        RETURN 'older';
    ELSIF content IS NOT DISTINCT FROM known_content THEN
        RETURN 'same';
    ELSIF version = known_version THEN
        PERFORM refuse_line('SOURCE_VERSION_REUSED', pointer);
    END IF;
    RETURN 'new';
END
$$;
COMMENT ON FUNCTION word_of IS
    'Whether the source says something new, the same as it said last, or something older than that; refuses SOURCE_VERSION_REUSED where it says something else in the same version';

CREATE OR REPLACE FUNCTION take_in_number(person persons, number jsonb, is_busy boolean, at timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    living numbers%ROWTYPE;
    day CONSTANT date := (at AT TIME ZONE 'Asia/Shanghai')::date;
    its_token CONSTANT text := number ->> 'token';
    its_digits CONSTANT smallint := (number ->> 'digits')::smallint;
    requeued integer := 0;
    s step;
BEGIN
    SELECT * INTO living FROM numbers WHERE person_id = person.id AND state = 'living';
    IF living.token = its_token THEN
        RETURN 0;
    ELSIF is_busy OR EXISTS (
        SELECT FROM disputes WHERE state = 'open' AND person.id IN (person_id, rival_person_id)
    ) THEN
        PERFORM refuse_line('PERSON_BUSY', '/number');
    ELSIF (living.digits = 18 AND its_digits IS DISTINCT FROM 18) OR EXISTS (
        SELECT FROM numbers
        WHERE person_id = person.id AND token = its_token AND ended_by_case IS NOT NULL
    ) THEN
        PERFORM refuse_line('NUMBER_SUPERSEDED', '/number');
    ELSIF its_digits = 18 AND EXISTS (
        SELECT FROM numbers WHERE token = its_token AND digits = 18 AND state IN ('living', 'reserved')
    ) THEN
        PERFORM refuse_line('NUMBER_TAKEN', '/number');
    END IF;
    UPDATE numbers SET state = 'historic', valid_to = greatest(day, valid_from) WHERE id = living.id;
    INSERT INTO numbers (person_id, token, sealed, digits, state, valid_from)
    VALUES (
        person.id, its_token, number ->> 'sealed', its_digits, 'living',
        CASE
            WHEN living.id IS NULL THEN (
                SELECT max(valid_to) FROM numbers WHERE person_id = person.id AND state = 'historic'
            )
            ELSE day
        END
    );
    IF living.id IS NOT NULL THEN
        UPDATE cards SET printed_data_outdated = true, offered = false
        WHERE person_id = person.id AND code IN ('1', 'A', 'B', '2') AND NOT printed_data_outdated;
    END IF;
    IF its_digits = 18 THEN
        s.name := 'number_said.' || day;
        WITH queued AS (
            UPDATE claims SET state = 'queued', requeued_at = at
            WHERE person_id = person.id AND suspended_for = 'id_number' AND state = 'suspended' AND living.id IS NOT NULL
            RETURNING id, scheme
        ), told AS (
            INSERT INTO events (step, kind, target, subject, person, written_at)
            SELECT s.name, 'claim_requeued', scheme, id::text, person.token, at FROM queued
        )
        SELECT count(*) INTO requeued FROM queued;
    END IF;
    RETURN requeued;
END
$$;
COMMENT ON FUNCTION take_in_number IS
    'The number in force is another one: the one before stays with its dates, cards are printed wrong, and with 18 digits what was suspended is queued again. Returns how many claims. Refuses NUMBER_TAKEN; NUMBER_SUPERSEDED for a number that a case replaced, or that takes back 18 digits; PERSON_BUSY while a case changes it or two dispute it';

CREATE OR REPLACE FUNCTION take_in_cards(person persons, version bigint, said jsonb, is_busy boolean) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    words text[] := '{}';
    card record;
    held cards%ROWTYPE;
    word text;
BEGIN
    FOR card IN
        SELECT place - 1 AS place, its ->> 'token' AS token, its ->> 'sealed' AS sealed, its ->> 'code' AS code,
               (its ->> 'generation')::smallint AS of_generation,
               ARRAY(SELECT jsonb_array_elements_text(its -> 'functions')) AS functions,
               (its ->> 'outdated')::boolean AS outdated, (its ->> 'paid')::boolean AS paid,
               its ->> 'content' AS content
        FROM jsonb_array_elements(said) WITH ORDINALITY AS of_person (its, place)
        -- What is given up makes room for what takes its place.
        ORDER BY (its ->> 'code') IN ('1', 'A', 'B'), (its ->> 'paid')::boolean, place
    LOOP
        SELECT * INTO held FROM cards WHERE number_token = card.token AND person_id = person.id ORDER BY id DESC LIMIT 1;
        IF held.id IS NULL THEN
            IF EXISTS (SELECT FROM cards WHERE number_token = card.token AND code <> '0') THEN
                PERFORM refuse_line('CARD_NUMBER_TAKEN', '/cards/' || card.place);
            ELSIF is_busy AND card.code IN ('1', 'A', 'B') THEN
                PERFORM refuse_line('PERSON_BUSY', '/cards/' || card.place);
            END IF;
            INSERT INTO cards (
                person_id, code, number, number_token, card_generation, functions, printed_data_outdated,
                payment_authority, source_version, source_said
            ) VALUES (
                person.id, card.code, card.sealed, card.token, card.of_generation, card.functions, card.outdated, card.paid,
                version, card.content
            );
            words := words || 'new'::text;
            CONTINUE;
        END IF;
        word := word_of(version, card.content, held.source_version, held.source_said, '/cards/' || card.place);
        words := words || word;
        IF word = 'new' THEN
            IF is_busy OR EXISTS (
                SELECT FROM cases WHERE cases.person = person.token AND kind = 'CardReplacement' AND closed_at IS NULL
            ) THEN
                PERFORM refuse_line('PERSON_BUSY', '/cards/' || card.place);
            ELSIF held.blocked_by_case IS NOT NULL AND held.code IN ('B', '2', '3') AND card.code IN ('1', 'A', 'B') THEN
                -- What was reported lost here is found here.
                PERFORM refuse_line('CARD_BLOCKED_BY_CASE', '/cards/' || card.place);
            ELSIF held.destroyed_at IS NOT NULL AND card.code <> '4' THEN
                PERFORM refuse_line('CARD_BLOCKED_BY_CASE', '/cards/' || card.place);
            END IF;
            UPDATE cards SET
                code = card.code,
                card_generation = card.of_generation,
                functions = card.functions,
                printed_data_outdated = card.outdated,
                payment_authority = card.paid,
                block_ends_at = CASE WHEN card.code = 'B' THEN block_ends_at END,
                block_ends = CASE WHEN card.code = 'B' THEN block_ends END
            WHERE id = held.id;
        END IF;
        IF word <> 'older' THEN
            UPDATE cards SET source_version = version, source_said = card.content WHERE id = held.id;
        END IF;
    END LOOP;
    RETURN words;
END
$$;
COMMENT ON FUNCTION take_in_cards IS
    'Cards that are new, and what became of known ones. Refuses CARD_NUMBER_TAKEN; PERSON_BUSY while a case writes or replaces the card; CARD_BLOCKED_BY_CASE for a card that was reported lost or destroyed here';

CREATE OR REPLACE FUNCTION take_in_claims(
    person persons, version bigint, said jsonb, terms jsonb, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    words text[] := '{}';
    suspended jsonb := '[]';
    claim record;
    held claims%ROWTYPE;
    word text;
    ended CONSTANT text := end_of_person(person.id);
    law CONSTANT text := terms #>> ARRAY['owed_under', ended];
    has_old_number CONSTANT boolean := EXISTS (
        SELECT FROM numbers WHERE person_id = person.id AND state = 'living' AND digits = 15
    );
    had_old_number CONSTANT boolean := EXISTS (
        SELECT FROM numbers WHERE person_id = person.id AND state = 'living' AND digits = 18
    ) AND EXISTS (
        SELECT FROM numbers WHERE person_id = person.id AND state = 'historic' AND digits = 15
    );
    requeued integer := 0;
    is_to_tell boolean;
    its_state text;
    its_reason text;
    its_basis text;
    s step;
BEGIN
    FOR claim IN
        SELECT place - 1 AS place, its ->> 'scheme' AS scheme, its ->> 'reference' AS reference,
               (its ->> 'amount_fen')::bigint AS amount_fen, its ->> 'state' AS state,
               its ->> 'suspended_for' AS suspended_for, its ->> 'content' AS content
        FROM jsonb_array_elements(said) WITH ORDINALITY AS of_person (its, place)
        ORDER BY place
    LOOP
        SELECT * INTO held FROM claims
        WHERE source_person_id = person.id AND scheme = claim.scheme AND reference = claim.reference
        FOR UPDATE;
        word := word_of(version, claim.content, held.source_version, held.source_said, '/claims/' || claim.place);
        words := words || word;
        IF word = 'older' THEN
            CONTINUE;
        ELSIF word = 'same' THEN
            UPDATE claims SET source_version = version WHERE id = held.id;
            CONTINUE;
        ELSIF held.state = 'paid' THEN
            PERFORM refuse_line('CLAIM_PAID', '/claims/' || claim.place);
        END IF;
        its_state := claim.state;
        its_reason := claim.suspended_for;
        its_basis := NULL;
        is_to_tell := false;
        IF its_state <> 'paid' AND ended IS NOT NULL THEN
            -- Nothing of theirs stays held, and after a death it goes to others than its scheme thinks. Where no policy says
            -- by which law, the check of persons who have ended names the region.
            is_to_tell := law IS NOT NULL AND (its_state = 'suspended' OR (ended = 'PERSON_DECEASED' AND held.id IS NULL));
            its_state := CASE WHEN law IS NULL THEN its_state ELSE 'queued' END;
        ELSIF its_state = 'queued' AND has_old_number THEN
            IF terms ->> 'legal_basis' IS NULL THEN
                PERFORM refuse_line('POLICY_UNKNOWN', '/claims/' || claim.place);
            END IF;
            its_state := 'suspended';
            its_reason := 'id_number';
            its_basis := terms ->> 'legal_basis';
        ELSIF its_state = 'suspended' AND its_reason = 'id_number' AND had_old_number THEN
            -- Who suspended it had not heard that the number is changed: nothing else would queue it again.
            its_state := 'queued';
            is_to_tell := true;
            requeued := requeued + 1;
        END IF;
        IF its_basis IS NOT NULL AND held.state IS DISTINCT FROM 'suspended' THEN
            suspended := suspended || jsonb_build_object('pointer', '/claims/' || claim.place, 'legal_basis', its_basis);
        END IF;
        IF held.id IS NULL THEN
            INSERT INTO claims (
                person_id, scheme, amount_fen, state, suspended_for, requeued_at, payee, payee_under, source_person_id,
                reference, source_version, source_said, legal_basis
            ) VALUES (
                person.id, claim.scheme, claim.amount_fen, its_state, its_reason, CASE WHEN is_to_tell THEN at END,
                CASE WHEN ended = 'PERSON_DECEASED' AND law IS NOT NULL THEN 'heirs' ELSE 'person' END, law, person.id,
                claim.reference, version, claim.content, its_basis
            )
            RETURNING * INTO held;
        ELSE
            UPDATE claims SET
                amount_fen = claim.amount_fen,
                state = its_state,
                -- Why it was suspended once stays on record.
                suspended_for = coalesce(its_reason, suspended_for),
                requeued_at = CASE WHEN is_to_tell THEN at ELSE requeued_at END,
                payee_under = coalesce(law, payee_under),
                source_version = version,
                source_said = claim.content,
                legal_basis = coalesce(its_basis, claims.legal_basis)
            WHERE id = held.id;
        END IF;
        IF is_to_tell THEN
            s.name := 'claim_said.' || (at AT TIME ZONE 'Asia/Shanghai')::date;
            INSERT INTO events (step, kind, target, subject, person, written_at, legal_basis) VALUES (
                s.name, CASE ended WHEN 'PERSON_DECEASED' THEN 'claim_requeued_for_heirs' ELSE 'claim_requeued' END,
                claim.scheme, held.id::text, person.token, at, law
            );
        END IF;
    END LOOP;
    RETURN jsonb_build_object('words', words, 'suspended', suspended, 'requeued', requeued);
END
$$;
COMMENT ON FUNCTION take_in_claims IS
    'Claims that arrive, and what became of known ones: one that is to be paid to somebody whose number still has 15 digits is suspended, on a legal basis; one that waits for a number that has been changed is queued, and its scheme told. Refuses CLAIM_PAID; POLICY_UNKNOWN where no policy says on what basis';

CREATE OR REPLACE FUNCTION tell_of_suspension(person persons, facts jsonb, at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO notifications (
        subject, person, event, recipient, template, facts, topic, not_before, written_at, next_attempt_at
    )
    SELECT
        'claims:' || max(claims.id), person.token, 'suspended', 'applicant',
        CASE
            WHEN EXISTS (
                SELECT FROM cases
                WHERE cases.person = person.token AND cases.kind = 'IdNumberChange' AND cases.closed_at IS NULL
            ) THEN 'claims_suspended.in_hand'
            ELSE 'claims_suspended.to_bring'
        END,
        facts || jsonb_build_object('office', (SELECT offices.name FROM offices WHERE offices.code = person.region)),
        'claims_suspended', at, at, at
    FROM claims WHERE claims.person_id = person.id
    ON CONFLICT (subject, event, recipient) DO NOTHING
$$;
COMMENT ON FUNCTION tell_of_suspension IS
    'Whose claim was suspended is told why, what to bring, where and by when; or that their change is in hand';

CREATE OR REPLACE FUNCTION take_in_months(person persons, version bigint, said jsonb, is_busy boolean) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    words text[];
    reused bigint;
    corrected bigint;
BEGIN
    SELECT
        array_agg(CASE
            WHEN known.month IS NULL THEN 'new'
            WHEN known.source_version > version THEN 'older'
            WHEN coalesce(known.source_fen, known.amount_fen) = month_of.amount_fen THEN 'same'
            ELSE 'new'
        END),
        min(place) FILTER (WHERE known.source_version = version AND known.source_fen <> month_of.amount_fen),
        min(place) FILTER (
            WHERE known.month IS NOT NULL AND known.source_version IS DISTINCT FROM version
              AND coalesce(known.source_version, 0) < version
              AND coalesce(known.source_fen, known.amount_fen) <> month_of.amount_fen
        )
    INTO words, reused, corrected
    FROM ROWS FROM (jsonb_to_recordset(said) AS (scheme scheme, month date, amount_fen bigint)) WITH ORDINALITY
        AS month_of (scheme, month, amount_fen, place)
    LEFT JOIN contributions AS known
        ON known.person_id = person.id AND known.scheme = month_of.scheme AND known.month = month_of.month;
    IF reused IS NOT NULL THEN
        PERFORM refuse_line('SOURCE_VERSION_REUSED', '/contributions/' || reused - 1);
    ELSIF corrected IS NOT NULL AND is_busy THEN
        -- What a case compares before and after its change does not move in between.
        PERFORM refuse_line('PERSON_BUSY', '/contributions/' || corrected - 1);
    ELSIF corrected IS NOT NULL AND is_merged(person.id) THEN
        PERFORM refuse_line('PERSON_MERGED', '/contributions/' || corrected - 1);
    END IF;
    INSERT INTO contributions (person_id, scheme, month, amount_fen, source_version, source_fen)
    SELECT person.id, scheme, month, amount_fen, version, amount_fen
    FROM jsonb_to_recordset(said) AS month_of (scheme scheme, month date, amount_fen bigint)
    ON CONFLICT ON CONSTRAINT contributions_pkey DO UPDATE SET
        source_version = excluded.source_version,
        source_fen = excluded.source_fen,
        amount_fen = CASE
            WHEN coalesce(contributions.source_fen, contributions.amount_fen) = excluded.source_fen
                THEN contributions.amount_fen
            ELSE excluded.amount_fen
        END,
        posted_at = CASE
            WHEN coalesce(contributions.source_fen, contributions.amount_fen) = excluded.source_fen
                THEN contributions.posted_at
            ELSE clock_timestamp()
        END,
        posted_in = CASE
            WHEN coalesce(contributions.source_fen, contributions.amount_fen) = excluded.source_fen
                THEN contributions.posted_in
            ELSE pg_current_xact_id()
        END
    WHERE coalesce(contributions.source_version, 0) < excluded.source_version;
    RETURN words;
END
$$;
COMMENT ON FUNCTION take_in_months IS
    'Contribution months that are new, and corrected ones. A corrected one refuses PERSON_BUSY while a case writes, PERSON_MERGED where two records were added up';

CREATE OR REPLACE FUNCTION take_in_balances(person persons, version bigint, said jsonb) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    words text[] := '{}';
    balance record;
    held balances%ROWTYPE;
    word text;
BEGIN
    FOR balance IN
        SELECT place - 1 AS place, its ->> 'scheme' AS scheme, (its ->> 'amount_fen')::bigint AS amount_fen
        FROM jsonb_array_elements(said) WITH ORDINALITY AS of_person (its, place)
    LOOP
        SELECT * INTO held FROM balances
        WHERE person_id = person.id AND scheme = balance.scheme
        ORDER BY source_version DESC NULLS LAST, posted_at DESC LIMIT 1;
        word := word_of(
            version, balance.amount_fen::text, held.source_version, held.amount_fen::text, '/balances/' || balance.place
        );
        words := words || word;
        IF word = 'same' THEN
            UPDATE balances SET source_version = version
            WHERE person_id = person.id AND scheme = balance.scheme AND posted_at = held.posted_at;
        ELSIF word = 'new' THEN
            IF is_merged(person.id) THEN
                PERFORM refuse_line('PERSON_MERGED', '/balances/' || balance.place);
            END IF;
            INSERT INTO balances (person_id, scheme, amount_fen, posted_at, source_version)
            VALUES (person.id, balance.scheme, balance.amount_fen, clock_timestamp(), version);
        END IF;
    END LOOP;
    RETURN words;
END
$$;
COMMENT ON FUNCTION take_in_balances IS
    'Balances that changed; each is a new row. Refuses PERSON_MERGED where two records were added up';

CREATE OR REPLACE FUNCTION take_in_standing(person persons, standing jsonb, owed_under jsonb, at timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    ended CONSTANT text := end_of_person(person.id);
    s step;
BEGIN
    IF (standing ->> 'died_on')::date > (at AT TIME ZONE 'Asia/Shanghai')::date THEN
        PERFORM refuse_line('DATE_INVALID', '/died_on');
    END IF;
    CASE standing ->> 'standing'
        WHEN 'died' THEN
            UPDATE persons SET died_on = (standing ->> 'died_on')::date WHERE id = person.id;
        WHEN 'transferred' THEN
            INSERT INTO standings_of_persons (person_id, standing, known_at)
            SELECT person.id, 'transferred', at WHERE ended IS NULL;
        WHEN 'insured' THEN
            IF ended IS NOT NULL THEN
                UPDATE persons SET died_on = NULL WHERE id = person.id;
                INSERT INTO standings_of_persons (person_id, standing, evidence, known_at)
                VALUES (person.id, 'insured', standing ->> 'evidence', at);
                RETURN 'returned';
            END IF;
            RETURN NULL;
    END CASE;
    IF ended IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- A case that ends with its person releases what is owed, and tells the schemes; where there is none it is done here, or
    -- where no policy says by which law, by the check of persons who have ended.
    IF owed_under IS NOT NULL AND NOT EXISTS (SELECT FROM cases WHERE cases.person = take_in_standing.person.token AND closed_at IS NULL) THEN
        s.person_id := person.id;
        s.person := person.token;
        s.name := 'person_ended.' || (at AT TIME ZONE 'Asia/Shanghai')::date;
        s.at := at;
        s.facts := jsonb_build_object('owed_under', owed_under);
        PERFORM effect_release_what_is_owed(s);
    END IF;
    RETURN 'ended';
END
$$;
COMMENT ON FUNCTION take_in_standing IS
    'The person died, was transferred, or is insured here after all. Returns ended or returned where the register learned it just now';

CREATE OR REPLACE FUNCTION take_in_person(line jsonb, office text, terms jsonb, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    version CONSTANT bigint := (line ->> 'version')::bigint;
    person persons%ROWTYPE;
    is_known boolean;
    is_busy boolean;
    part record;
    word text;
    words text[] := '{}';
    claims_said jsonb;
    suspended jsonb := '[]';
    requeued integer := 0;
    became text;
BEGIN
    PERFORM hold_keys_of(line ->> 'person', line::text);
    SELECT * INTO person FROM persons WHERE token = line ->> 'person' FOR NO KEY UPDATE;
    is_known := FOUND;
    IF office IS NOT NULL AND NOT office_covers(office, line #>> '{parts,region,content}') THEN
        PERFORM refuse_line('OFFICE_NOT_COMPETENT', '/region');
    ELSIF is_known AND office IS NOT NULL AND NOT office_covers(office, person.region) THEN
        -- Another office's person is as unknown as one that there is not.
        PERFORM refuse_line('PERSON_UNKNOWN', '');
    ELSIF NOT is_known AND NOT line -> 'parts' ?& ARRAY['name', 'region'] THEN
        PERFORM refuse_line('PERSON_UNKNOWN', '');
    ELSIF NOT is_known THEN
        INSERT INTO persons (token, name, region, category)
        VALUES (
            line ->> 'person', line #>> '{parts,name,sealed}', line #>> '{parts,region,content}',
            coalesce(line #>> '{parts,category,content}', 'general')
        )
        RETURNING * INTO person;
    ELSIF end_of_person(person.id) = 'PERSON_MERGED' THEN
        PERFORM refuse_line('PERSON_MERGED', '');
    END IF;
    is_busy := EXISTS (SELECT FROM turns WHERE turns.person = take_in_person.line ->> 'person');
    INSERT INTO numbers (person_id, token, sealed, digits, state, valid_from, valid_to)
    SELECT person.id, token, sealed, digits, 'historic', valid_from, valid_to
    FROM jsonb_to_recordset(line -> 'past_numbers')
        AS past (token text, sealed text, digits smallint, valid_from date, valid_to date)
    WHERE NOT EXISTS (
        SELECT FROM numbers AS known WHERE known.person_id = person.id AND known.token = past.token
    );
    IF FOUND THEN
        words := words || 'new'::text;
    END IF;
    FOR part IN SELECT key, value FROM jsonb_each(line -> 'parts') ORDER BY key LOOP
        word := word_of(
            version, part.value ->> 'content', (person.said -> part.key ->> 0)::bigint, person.said -> part.key ->> 1,
            '/' || part.key
        );
        words := words || word;
        IF word = 'older' THEN
            CONTINUE;
        END IF;
        person.said := person.said || jsonb_build_object(part.key, jsonb_build_array(version, part.value -> 'content'));
        IF word = 'same' THEN
            CONTINUE;
        END IF;
        CASE part.key
            WHEN 'name' THEN
                IF is_busy THEN
                    PERFORM refuse_line('PERSON_BUSY', '/name');
                END IF;
                person.name := part.value ->> 'sealed';
                IF is_known THEN
                    UPDATE cards SET printed_data_outdated = true, offered = false
                    WHERE person_id = person.id AND code IN ('1', 'A', 'B', '2') AND NOT printed_data_outdated;
                END IF;
            WHEN 'phone' THEN person.phone := part.value ->> 'sealed';
            WHEN 'region' THEN person.region := part.value ->> 'content';
            WHEN 'category' THEN person.category := part.value ->> 'content';
            WHEN 'draws_pension' THEN person.draws_pension := (part.value ->> 'content')::boolean;
            WHEN 'number' THEN requeued := take_in_number(person, part.value, is_busy, at);
            WHEN 'standing' THEN became := 'to be told';
        END CASE;
    END LOOP;
    UPDATE persons SET
        name = person.name,
        phone = person.phone,
        region = person.region,
        category = person.category,
        draws_pension = person.draws_pension,
        said = person.said
    WHERE id = person.id;
    words := words || take_in_cards(person, version, line -> 'cards', is_busy)
        || take_in_months(person, version, line -> 'contributions', is_busy)
        || take_in_balances(person, version, line -> 'balances');
    INSERT INTO benefit_holds (person_id, reason, state, legal_basis, notice, served_on, officer, held_at)
    SELECT person.id, reason, state, legal_basis, notice, served_on, officer, held_at
    FROM jsonb_to_recordset(line -> 'benefit_holds') AS hold (
        reason text, state text, legal_basis text, notice text, served_on date, officer text, held_at timestamptz
    )
    -- One that is known, released since or not, is not held once more.
    WHERE NOT EXISTS (
        SELECT FROM benefit_holds AS known
        WHERE known.person_id = person.id AND known.reason = hold.reason AND known.notice = hold.notice
    );
    IF FOUND THEN
        words := words || 'new'::text;
    END IF;
    IF became IS NOT NULL THEN
        became := take_in_standing(person, line #> '{parts,standing}', terms -> person.region -> 'owed_under', at);
    END IF;
    claims_said := take_in_claims(person, version, line -> 'claims', terms -> person.region, at);
    suspended := claims_said -> 'suspended';
    requeued := requeued + (claims_said ->> 'requeued')::integer;
    words := words || ARRAY(SELECT jsonb_array_elements_text(claims_said -> 'words'));
    IF suspended <> '[]' THEN
        PERFORM tell_of_suspension(person, terms -> person.region -> 'facts', at);
    END IF;
    RETURN jsonb_build_object(
        'outcome', CASE
            WHEN NOT is_known OR 'new' = ANY (words) THEN 'applied'
            WHEN 'older' = ANY (words) AND NOT 'same' = ANY (words) THEN 'older'
            ELSE 'unchanged'
        END,
        'is_known', is_known,
        'became', became,
        'suspended', suspended,
        'requeued', requeued
    );
END
$$;
COMMENT ON FUNCTION take_in_person IS
    'One line of the register''s source, all of it or nothing. What it does not name stays as it is. Refuses PERSON_UNKNOWN, OFFICE_NOT_COMPETENT, PERSON_MERGED, PERSON_BUSY, and as its parts';

CREATE OR REPLACE FUNCTION take_in_persons(asked jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    line jsonb;
    outcomes jsonb := '[]';
    refused text;
    pointer text;
    broken text;
BEGIN
    -- Held in one order against transitions of their cases, which look at them again.
    PERFORM FROM persons
    WHERE token IN (SELECT said ->> 'person' FROM jsonb_array_elements(asked -> 'lines') AS said)
    ORDER BY id FOR NO KEY UPDATE;
    FOR line IN SELECT jsonb_array_elements(asked -> 'lines') LOOP
        refused := NULL;
        BEGIN
            outcomes := outcomes || take_in_person(line, asked ->> 'office', asked -> 'terms', at);
        EXCEPTION
            WHEN SQLSTATE 'CASE1' THEN
                GET STACKED DIAGNOSTICS refused = MESSAGE_TEXT, pointer = PG_EXCEPTION_DETAIL;
            WHEN unique_violation THEN
                GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
                CASE broken
                    -- A case was faster, between the look and the change.
                    WHEN 'numbers_one_holder' THEN refused := 'NUMBER_TAKEN'; pointer := '/number';
                    WHEN 'cards_one_number' THEN refused := 'CARD_NUMBER_TAKEN'; pointer := '/cards';
                    WHEN 'cards_one_in_use', 'cards_one_coming', 'cards_one_paid' THEN
                        refused := 'CARDS_CONTRADICT'; pointer := '/cards';
                    WHEN 'benefit_holds_one' THEN refused := 'BENEFITS_ALREADY_HELD'; pointer := '/benefit_holds';
                    ELSE RAISE;
                END CASE;
        END;
        IF refused IS NOT NULL THEN
            outcomes := outcomes || jsonb_build_object('outcome', 'refused', 'code', refused, 'pointer', pointer);
        END IF;
    END LOOP;
    RETURN jsonb_build_object('lines', outcomes, 'to_tell', (
        SELECT coalesce(jsonb_agg(neighbour(case_id, event, NULL) ORDER BY case_id), '[]')
        FROM (
            SELECT cases.case_id, 'person_found_ended' AS event
            FROM cases
            WHERE cases.closed_at IS NULL AND cases.ended_because IS NULL AND end_of_person(cases.person_id) IS NOT NULL
              AND cases.person IN (SELECT said ->> 'person' FROM jsonb_array_elements(asked -> 'lines') AS said)
            UNION ALL
            SELECT cases.case_id, 'number_changed'
            FROM cases JOIN numbers USING (person_id)
            WHERE cases.closed_at IS NULL AND cases.kind = 'CardReplacement' AND cases.status = 'on_hold'
              AND numbers.state = 'living' AND numbers.digits = 18 AND end_of_person(cases.person_id) IS NULL
              AND cases.person IN (
                  SELECT said ->> 'person' FROM jsonb_array_elements(asked -> 'lines') AS said
                  WHERE said -> 'parts' ? 'number'
              )
        ) AS concerned
    ));
END
$$;
COMMENT ON FUNCTION take_in_persons IS
    'Lines of the register''s source, each by itself: what became of each, and which open cases have to be told, also where an earlier request had to tell them and nobody knows whether it did';
REVOKE ALL ON FUNCTION take_in_persons FROM PUBLIC;
