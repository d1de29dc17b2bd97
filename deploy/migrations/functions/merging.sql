-- One human, two records. What is taken apart again is what the merge's own row says.

CREATE OR REPLACE FUNCTION other_record(number_token keyed_token, person_id bigint) RETURNS bigint LANGUAGE sql STABLE
RETURN (
    SELECT CASE WHEN count(DISTINCT rival.person_id) = 1 THEN min(rival.person_id) END
    FROM (
        SELECT numbers.person_id FROM numbers
        WHERE numbers.token = other_record.number_token AND digits = 18 AND state IN ('living', 'reserved')
          AND numbers.person_id IS DISTINCT FROM other_record.person_id
        UNION ALL
        SELECT cases.person_id FROM cases
        WHERE cases.number_token = other_record.number_token AND kind = 'IdNumberChange' AND closed_at IS NULL
          AND cases.person_id IS NOT NULL AND cases.person_id IS DISTINCT FROM other_record.person_id
    ) AS rival
);
COMMENT ON FUNCTION other_record IS
    'The one other person who has a number or asks for it; null where there is none, or more than one';

CREATE OR REPLACE FUNCTION is_merged(whose bigint) RETURNS boolean LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM merges WHERE kept_person_id = whose AND undone_at IS NULL);
COMMENT ON FUNCTION is_merged IS 'Whether another record was merged into this person''s, and was not taken out again';

CREATE OR REPLACE FUNCTION entitled_fen(whose bigint) RETURNS bigint LANGUAGE sql STABLE
RETURN (
    (SELECT coalesce(sum(amount_fen), 0) FROM contributions WHERE person_id = whose)
    + (
        SELECT coalesce(sum(newest.amount_fen), 0)
        FROM (
            SELECT DISTINCT ON (scheme) amount_fen FROM balances WHERE person_id = whose ORDER BY scheme, posted_at DESC
        ) AS newest
    )
)::bigint;
COMMENT ON FUNCTION entitled_fen IS 'A person''s contributions and newest balances together, in fen';

-- Nobody but these two functions writes what was paid in, and they write what a merge's row says and nothing else, once.
CREATE OR REPLACE FUNCTION add_entitlements_of(merge bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    m merges%ROWTYPE;
    refunded bigint;
    own text;
BEGIN
    SELECT * INTO STRICT m FROM merges WHERE id = merge AND digest_after IS NULL AND undone_at IS NULL FOR UPDATE;
    INSERT INTO contributions (person_id, scheme, month, amount_fen)
    SELECT m.kept_person_id, scheme, month, amount_fen
    FROM jsonb_to_recordset(m.moved -> 'months') AS month_of (scheme scheme, month date, amount_fen bigint, of_both boolean)
    WHERE NOT of_both;
    IF m.overlap = 'add' THEN
        UPDATE contributions SET amount_fen = contributions.amount_fen + month_of.amount_fen
        FROM jsonb_to_recordset(m.moved -> 'months') AS month_of (scheme scheme, month date, amount_fen bigint, of_both boolean)
        WHERE of_both AND contributions.person_id = m.kept_person_id
          AND contributions.scheme = month_of.scheme AND contributions.month = month_of.month;
    END IF;
    INSERT INTO balances (person_id, scheme, amount_fen, posted_at)
    SELECT
        m.kept_person_id, brought.scheme,
        brought.amount_fen + coalesce((
            SELECT balances.amount_fen FROM balances
            WHERE balances.person_id = m.kept_person_id AND balances.scheme = brought.scheme
            ORDER BY balances.posted_at DESC LIMIT 1
        ), 0),
        clock_timestamp()
    FROM jsonb_to_recordset(m.moved -> 'balances') AS brought (scheme scheme, amount_fen bigint);
    WITH paid_back AS (
        INSERT INTO claims (person_id, scheme, amount_fen, state, refund_of_merge)
        SELECT m.kept_person_id, scheme, sum(amount_fen), 'queued', m.id
        FROM jsonb_to_recordset(m.moved -> 'months') AS month_of (scheme scheme, month date, amount_fen bigint, of_both boolean)
        WHERE of_both AND m.overlap = 'refund'
        GROUP BY scheme HAVING sum(amount_fen) > 0
        RETURNING amount_fen
    )
    SELECT coalesce(sum(amount_fen), 0) INTO refunded FROM paid_back;
    -- A snapshot that sees what this transaction itself has written.
    own := (pg_current_xact_id()::text::numeric + 1)::text;
    UPDATE merges SET
        digest_after = entitlement_digest(m.kept_person_id, (own || ':' || own || ':')::pg_snapshot, clock_timestamp()),
        fen_after = entitled_fen(m.kept_person_id),
        fen_refunded = refunded
    WHERE id = m.id;
END
$$;
COMMENT ON FUNCTION add_entitlements_of IS
    'Months and balances that a merge brings are those of the kept record as well, months of both as its policy says; the table refuses a merge by which anything is lost';
REVOKE ALL ON FUNCTION add_entitlements_of FROM PUBLIC;

CREATE OR REPLACE FUNCTION take_out_entitlements_of(merge bigint, s step) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    m merges%ROWTYPE;
BEGIN
    SELECT * INTO STRICT m FROM merges WHERE id = merge AND digest_after IS NOT NULL AND undone_at IS NULL FOR UPDATE;
    -- Who pays at the same time comes before or after.
    PERFORM FROM claims WHERE person_id = m.kept_person_id ORDER BY id FOR UPDATE;
    IF EXISTS (
        SELECT FROM claims
        WHERE person_id = m.kept_person_id AND state = 'paid' AND NOT (m.moved -> 'paid') @> to_jsonb(id)
    ) THEN
        RAISE EXCEPTION 'MERGE_PAID' USING ERRCODE = 'CASE1';
    END IF;
    DELETE FROM claims WHERE refund_of_merge = m.id;
    DELETE FROM contributions
    USING jsonb_to_recordset(m.moved -> 'months') AS month_of (scheme scheme, month date, amount_fen bigint, of_both boolean)
    WHERE NOT of_both AND contributions.person_id = m.kept_person_id
      AND contributions.scheme = month_of.scheme AND contributions.month = month_of.month;
    IF m.overlap = 'add' THEN
        UPDATE contributions SET amount_fen = contributions.amount_fen - month_of.amount_fen
        FROM jsonb_to_recordset(m.moved -> 'months') AS month_of (scheme scheme, month date, amount_fen bigint, of_both boolean)
        WHERE of_both AND contributions.person_id = m.kept_person_id
          AND contributions.scheme = month_of.scheme AND contributions.month = month_of.month;
    END IF;
    INSERT INTO balances (person_id, scheme, amount_fen, posted_at)
    SELECT
        m.kept_person_id, brought.scheme,
        (
            SELECT balances.amount_fen FROM balances
            WHERE balances.person_id = m.kept_person_id AND balances.scheme = brought.scheme
            ORDER BY balances.posted_at DESC LIMIT 1
        ) - brought.amount_fen,
        clock_timestamp()
    FROM jsonb_to_recordset(m.moved -> 'balances') AS brought (scheme scheme, amount_fen bigint);
    IF (
        entitlement_digest(m.kept_person_id, m.taken_in, m.taken_at),
        entitlement_digest(m.other_person_id, m.taken_in, m.taken_at)
    ) IS DISTINCT FROM (m.digest_kept::text, m.digest_other::text) THEN
        RAISE EXCEPTION 'DIGEST_DIFFERS' USING ERRCODE = 'CASE1';
    END IF;
    UPDATE merges SET
        undone_at = s.at,
        undone_by_case = s.case_id,
        undone_generation = s.generation,
        undone_step = s.name,
        undone_basis = told(s.facts, 'fact', 'legal_basis'),
        undone_document = told(s.facts, 'fact', 'police_document', 'sha256'),
        undone_first_decider = told(s.facts, 'first_decider'),
        undone_second_decider = told(s.facts, 'fact', 'actor', 'id')
    WHERE id = m.id;
END
$$;
COMMENT ON FUNCTION take_out_entitlements_of IS
    'Both records have what they had before a merge, to the digest, and what was posted since; refuses MERGE_PAID where the kept record was paid since, DIGEST_DIFFERS where they would not be the same';
REVOKE ALL ON FUNCTION take_out_entitlements_of FROM PUBLIC;

CREATE OR REPLACE FUNCTION effect_merge_records(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    other CONSTANT bigint := other_record(s.number_token, s.person_id);
    other_token text;
    disputed bigint[];
    freed bigint;
    merge bigint;
    others jsonb;
BEGIN
    SELECT token INTO other_token FROM persons WHERE id = other FOR NO KEY UPDATE;
    -- Asked again once it is held: what both records were may have ended meanwhile.
    IF other IS NULL OR end_of_person(other) IS NOT NULL
        OR other_record(s.number_token, s.person_id) IS DISTINCT FROM other OR is_merged(other)
    THEN
        RAISE EXCEPTION 'MERGE_IMPOSSIBLE' USING ERRCODE = 'CASE1';
    END IF;
    disputed := disputes_held_still(s);
    SELECT id INTO freed FROM numbers WHERE person_id = other AND token = s.number_token AND state = 'living';
    INSERT INTO merges (
        kept_person_id, other_person_id, number_id, case_id, generation, step, merged_at, overlap, overlap_basis,
        legal_basis, document, first_decider, second_decider, taken_in, taken_at, digest_kept, digest_other, fen_kept,
        fen_other, moved
    )
    SELECT
        s.person_id, other, freed, s.case_id, s.generation, s.name, s.at, told(s.facts, 'overlap'),
        told(s.facts, 'overlap_basis'), told(s.facts, 'fact', 'legal_basis'),
        told(s.facts, 'fact', 'police_document', 'sha256'), told(s.facts, 'first_decider'),
        told(s.facts, 'fact', 'actor', 'id'), now.seen, now.at, entitlement_digest(s.person_id, now.seen, now.at),
        entitlement_digest(other, now.seen, now.at), entitled_fen(s.person_id), entitled_fen(other),
        jsonb_build_object(
            'months', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'scheme', theirs.scheme, 'month', theirs.month, 'amount_fen', theirs.amount_fen,
                    'of_both', ours.person_id IS NOT NULL
                ) ORDER BY theirs.scheme, theirs.month)
                FROM contributions AS theirs
                LEFT JOIN contributions AS ours
                    ON ours.person_id = s.person_id AND ours.scheme = theirs.scheme AND ours.month = theirs.month
                WHERE theirs.person_id = other
            ), '[]'),
            'balances', coalesce((
                SELECT jsonb_agg(jsonb_build_object('scheme', scheme, 'amount_fen', amount_fen) ORDER BY scheme)
                FROM (
                    SELECT DISTINCT ON (scheme) scheme, amount_fen FROM balances
                    WHERE person_id = other ORDER BY scheme, posted_at DESC
                ) AS newest
            ), '[]'),
            'claims', coalesce(
                (SELECT jsonb_agg(id ORDER BY id) FROM claims WHERE person_id = other AND state <> 'paid'), '[]'
            ),
            'paid', coalesce(
                (SELECT jsonb_agg(id ORDER BY id) FROM claims WHERE person_id = s.person_id AND state = 'paid'), '[]'
            ),
            -- Nobody is left without the only card that they have; one that is being made is settled by its order.
            'cards', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'id', id, 'code', code, 'payment_authority', payment_authority,
                    'block_ends_at', block_ends_at, 'block_ends', block_ends
                ) ORDER BY id)
                FROM cards
                WHERE person_id = other AND code IN ('1', 'A', 'B', '2') AND NOT in_production
                  AND EXISTS (
                      SELECT FROM cards AS ours WHERE ours.person_id = s.person_id AND ours.code IN ('1', 'A', 'B', '2')
                  )
            ), '[]')
        )
    FROM (SELECT clock_timestamp() AS at, pg_current_snapshot() AS seen) AS now
    RETURNING id INTO merge;
    PERFORM add_entitlements_of(merge);
    UPDATE claims SET person_id = s.person_id
    FROM merges WHERE merges.id = merge AND (merges.moved -> 'claims') @> to_jsonb(claims.id) AND claims.person_id = other;
    UPDATE benefit_holds SET
        state = 'released', released_at = s.at, released_by_case = s.case_id, release_basis = 'person_merged'
    WHERE person_id = other AND state <> 'released';
    WITH cancelled AS (
        UPDATE cards SET code = '4', payment_authority = false, block_ends_at = NULL, block_ends = NULL
        FROM merges, jsonb_to_recordset(merges.moved -> 'cards') AS held (id bigint)
        WHERE merges.id = merge AND cards.id = held.id
        RETURNING cards.id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'card_cancelled', target, cancelled.id::text, other_token, s.at
    FROM cancelled CROSS JOIN unnest(ARRAY['bank', 'card_bureau']) AS target;
    WITH revoked AS (
        UPDATE numbers SET
            state = 'revoked',
            valid_to = greatest(s.day, valid_from),
            ended_by_case = s.case_id,
            ended_by_generation = s.generation
        WHERE person_id = other AND token = s.number_token AND state IN ('living', 'reserved')
        RETURNING id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'number_revoked', 'register', revoked.id::text, other_token, s.at
    FROM revoked;
    INSERT INTO standings_of_persons (person_id, standing, evidence, case_id, generation, step, known_at)
    VALUES (other, 'merged', 'merge/' || merge, s.case_id, s.generation, s.name, s.at);
    UPDATE disputes SET state = 'lapsed', closed_at = s.at WHERE id = ANY (disputed);
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'records_merged', target, merge::text, s.person, s.at
    FROM jsonb_array_elements_text(told(s.facts, 'targets')::jsonb) AS target;
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'contribution_refunded', scheme, id::text, s.person, s.at
    FROM claims WHERE refund_of_merge = merge;
    SELECT jsonb_agg(neighbour(case_id, 'person_found_ended', s.case_id) ORDER BY case_id) INTO others
    FROM cases WHERE person = other_token AND closed_at IS NULL AND person_id IS NOT NULL;
    RETURN nullif(jsonb_strip_nulls(jsonb_build_object('neighbours', others)), '{}');
END
$$;
COMMENT ON FUNCTION effect_merge_records IS
    'The record of this case is kept: it has the months, balances and claims of the other, whose number is free, whose cards are cancelled and whose cases end; refuses MERGE_IMPOSSIBLE where no single living record has the number beside it';

CREATE OR REPLACE FUNCTION effect_undo_merge(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    m merges%ROWTYPE;
    other_token text;
    ours record;
BEGIN
    -- The newest first, so that each finds the records as it left them.
    SELECT * INTO m FROM merges WHERE kept_person_id = s.person_id AND undone_at IS NULL ORDER BY id DESC LIMIT 1;
    IF m.id IS NULL THEN
        RAISE EXCEPTION 'MERGE_IMPOSSIBLE' USING ERRCODE = 'CASE1';
    END IF;
    SELECT token INTO other_token FROM persons WHERE id = m.other_person_id FOR NO KEY UPDATE;
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'refund_withdrawn', scheme, id::text, s.person, s.at
    FROM claims WHERE refund_of_merge = m.id;
    PERFORM take_out_entitlements_of(m.id, s);
    -- A claim keeps the state that it has by now: nothing is withheld anew.
    UPDATE claims SET person_id = m.other_person_id
    WHERE person_id = s.person_id AND (m.moved -> 'claims') @> to_jsonb(id);
    WITH restored AS (
        UPDATE cards SET
            code = held.code,
            payment_authority = held.payment_authority,
            block_ends_at = held.block_ends_at,
            block_ends = held.block_ends
        FROM jsonb_to_recordset(m.moved -> 'cards') AS held (
            id bigint, code text, payment_authority boolean, block_ends_at timestamptz, block_ends text
        )
        WHERE cards.id = held.id AND cards.code = '4' AND cards.destroyed_at IS NULL
        RETURNING cards.id
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'card_restored', target, restored.id::text, other_token, s.at
    FROM restored CROSS JOIN unnest(ARRAY['bank', 'card_bureau']) AS target;
    UPDATE numbers SET
        state = 'revoked',
        valid_to = greatest(s.day, numbers.valid_from),
        ended_by_case = s.case_id,
        ended_by_generation = s.generation
    FROM numbers AS freed
    WHERE freed.id = m.number_id AND numbers.person_id = s.person_id AND numbers.token = freed.token
      AND numbers.state = 'living'
    RETURNING numbers.case_id, numbers.generation INTO ours;
    IF FOUND THEN
        -- The kept record had it by the change that followed the merge: the number before is in force again.
        UPDATE numbers SET state = 'living', valid_to = NULL, ended_by_case = NULL, ended_by_generation = NULL
        WHERE person_id = s.person_id AND ended_by_case = ours.case_id AND ended_by_generation = ours.generation
          AND state = 'historic';
        UPDATE cards SET
            printed_data_outdated = outdated_by_case IS DISTINCT FROM ours.case_id,
            outdated_by_case = CASE WHEN outdated_by_case IS DISTINCT FROM ours.case_id THEN s.case_id END
        WHERE person_id = s.person_id AND code IN ('1', 'A', 'B', '2');
        INSERT INTO events (case_id, generation, step, kind, target, person, written_at)
        SELECT DISTINCT s.case_id, s.generation, s.name, 'number_change_undone', target, s.person, s.at
        FROM events
        WHERE case_id = ours.case_id AND generation = ours.generation AND kind = 'number_changed';
    END IF;
    UPDATE numbers SET state = 'living', valid_to = NULL, ended_by_case = NULL, ended_by_generation = NULL
    WHERE id = m.number_id AND state = 'revoked';
    INSERT INTO standings_of_persons (person_id, standing, evidence, case_id, generation, step, known_at)
    VALUES (m.other_person_id, 'insured', 'merge/' || m.id, s.case_id, s.generation, s.name, s.at);
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
    SELECT s.case_id, s.generation, s.name, 'records_separated', target, m.id::text, s.person, s.at
    FROM events
    WHERE case_id = m.case_id AND generation = m.generation AND step = m.step AND kind = 'records_merged'
    ORDER BY id;
    RETURN jsonb_build_object(
        'replaces_number_id', (SELECT id FROM numbers WHERE person_id = s.person_id AND state = 'living')
    );
END
$$;
COMMENT ON FUNCTION effect_undo_merge IS
    'Both records are two again, with the months, balances, claims, cards and numbers that each had; refuses MERGE_PAID after the first payment, MERGE_IMPOSSIBLE where nothing is merged';
