-- The journal's one way in. Whoever calls it needs no right to the table, and chooses neither chain nor number, hashes, the
-- moment of writing or how often a thing may be done.

CREATE OR REPLACE FUNCTION limit_of(kind text, OUT most integer, OUT span interval) LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT allowed.most, allowed.span
    FROM (VALUES ('search', 60, interval '1 hour'), ('reveal', 20, interval '1 hour'), ('lookup', 600, interval '1 hour'))
        AS allowed (kind, most, span)
    WHERE allowed.kind = limit_of.kind;
END;
COMMENT ON FUNCTION limit_of IS 'How often one actor may do a thing within a span, by the kind of the journal''s entry; null where nothing is limited. A copy of the limits in the code';

CREATE OR REPLACE FUNCTION is_kept_for_good(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN kind IN ('directory', 'legal_hold', 'erasure', 'told_beside');
COMMENT ON FUNCTION is_kept_for_good IS 'Whether entries of the journal of a kind are proof for as long as there is an audit: who stood in the directory, what was held and erased, what covers rows beside the chains. The others are logs, and go by the day. A copy of those in the code';

CREATE OR REPLACE FUNCTION append_to_journal(
    kind text,
    key text,
    case_id text,
    plan text,
    actor text,
    role text,
    office text,
    seen_as text,
    reason text,
    facts jsonb,
    at timestamptz,
    at_most integer,
    since timestamptz
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    iso CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    most integer;
    span interval;
    link journal%ROWTYPE;
BEGIN
    -- What the audit is proved by is nobody's to say who only works with it: what covers a row comes with the row.
    IF is_kept_for_good(kind) AND NOT pg_has_role(session_user, current_user, 'USAGE')
       AND NOT (kind = 'told_beside' AND pg_trigger_depth() > 0) THEN
        RAISE EXCEPTION 'kept for good' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT l.most, l.span INTO most, span FROM limit_of(kind) AS l;
    -- Always in this order: what must be written once, what is counted, and the chain.
    IF key IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(6, hashtext(key));
        IF EXISTS (SELECT FROM journal AS j WHERE j.key = append_to_journal.key) THEN
            RETURN 'known';
        END IF;
    END IF;
    IF at_most IS NOT NULL OR most IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(7, hashtext(concat_ws(' ', kind, actor)));
    END IF;
    -- By the clock of the database: what somebody says of when they did it lets nobody do more of it.
    IF most <= (
        SELECT count(*) FROM journal AS j
        WHERE j.kind = append_to_journal.kind AND j.actor = append_to_journal.actor
          AND j.written_at > clock_timestamp() - span
    ) OR at_most <= (
        SELECT count(*) FROM journal AS j
        WHERE j.kind = append_to_journal.kind AND j.actor = append_to_journal.actor AND j.at > coalesce(since, '-infinity')
    ) THEN
        RETURN 'too_often';
    END IF;
    link.written_at := clock_timestamp();
    link.format := 1;
    link.chain := concat_ws(
        ':', 'journal', CASE WHEN is_kept_for_good(kind) THEN 'kept' ELSE coalesce(office, 'none') END,
        to_char(link.written_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD')
    );
    PERFORM pg_advisory_xact_lock(8, hashtext(link.chain));
    SELECT j.number, j.hash INTO link.number, link.prev_hash
    FROM journal AS j WHERE j.chain = link.chain ORDER BY j.number DESC LIMIT 1;
    link.number := coalesce(link.number, 0) + 1;
    link.prev_hash := coalesce(link.prev_hash, repeat('0', 64));
    link.kind := kind;
    link.key := key;
    link.case_id := case_id;
    link.plan := plan;
    link.actor := actor;
    link.role := role;
    link.office := office;
    link.seen_as := seen_as;
    link.reason := reason;
    link.facts := facts;
    link.at := at;
    link.content := jsonb_build_object(
        'kind', kind, 'key', key, 'case_id', case_id, 'plan', plan, 'actor', actor, 'role', role, 'office', office,
        'seen_as', seen_as, 'reason', reason, 'facts', facts,
        'at', to_char(at AT TIME ZONE 'UTC', iso),
        'written_at', to_char(link.written_at AT TIME ZONE 'UTC', iso)
    )::text;
    link.hash := encode(sha256(convert_to(
        concat_ws(chr(10), link.format, link.chain, link.number, link.prev_hash, link.content), 'UTF8'
    )), 'hex');
    INSERT INTO journal SELECT link.*;
    RETURN 'written';
END
$$;
COMMENT ON FUNCTION append_to_journal IS 'Writes an entry: `written`; or does not, where its key stands in the list already (`known`), or where the actor has done as much of this kind as a limit allows (`too_often`)';
REVOKE ALL ON FUNCTION append_to_journal FROM PUBLIC;

CREATE OR REPLACE FUNCTION old_chains(before timestamptz) RETURNS TABLE (chain text, entries bigint) LANGUAGE sql AS $$
    SELECT j.chain, count(*)
    FROM journal AS j
    GROUP BY j.chain
    -- By the database's own clock nothing goes within the six months that the law wants, whatever moment a caller names.
    HAVING max(coalesce(j.written_at, j.at)) < least(old_chains.before, clock_timestamp() - interval '184 days')
       AND NOT bool_or(is_kept_for_good(j.kind))
       AND NOT bool_or(EXISTS (
        -- A plan is there for as long as its runs are.
        SELECT FROM journal AS run WHERE run.plan = j.key AND coalesce(run.written_at, run.at) >= old_chains.before
    ))
$$;
COMMENT ON FUNCTION old_chains IS 'Chains of the journal all of whose entries were written before a moment and are kept no longer';

CREATE OR REPLACE FUNCTION erase_chains(run text, before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    these CONSTANT text[] := ARRAY(SELECT chain FROM old_chains(before));
    gone bigint;
BEGIN
    INSERT INTO erased_chains
    SELECT DISTINCT ON (j.chain) j.chain, j.number, j.hash, coalesce(j.written_at, j.at), run, clock_timestamp()
    FROM journal AS j WHERE j.chain = ANY (these) ORDER BY j.chain, j.number DESC
    -- An older register brought it back.
    ON CONFLICT DO NOTHING;
    DELETE FROM journal WHERE chain = ANY (these);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION erase_chains IS 'Erases the chains of the journal that are old enough, each as a whole; answers how many entries they had. Refused within six months of the newest entry';
REVOKE ALL ON FUNCTION erase_chains FROM PUBLIC;
