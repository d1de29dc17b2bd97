-- The feed: how places are given, and who is told what.

CREATE OR REPLACE FUNCTION sees_of_feed(
    its_target text, its_kind text, its_region text, role text, of_kinds text[], office text
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN office_covers(office, its_region)
    AND CASE WHEN its_target IS NULL THEN its_kind = ANY (of_kinds) ELSE its_target = role END;
COMMENT ON FUNCTION sees_of_feed IS
    'Whether somebody is told of an entry: what is meant for one is told to them alone, a move to whoever sees the kind of case; of regions that their office answers for';

CREATE OR REPLACE FUNCTION new_epoch() RETURNS text LANGUAGE sql VOLATILE
RETURN translate(left(replace(gen_random_uuid()::text, '-', ''), 10), '0189', 'ghij');
COMMENT ON FUNCTION new_epoch IS 'A name for an epoch of the feed that no other has';

CREATE OR REPLACE FUNCTION written_where() RETURNS text LANGUAGE sql STABLE
RETURN (SELECT system_identifier::text FROM pg_control_system())
    || '.' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
    || '.' || (SELECT oid::text FROM pg_database WHERE datname = current_database());
COMMENT ON FUNCTION written_where IS
    'Cluster, timeline and database: a recovery to a moment, a dump that is loaded, and a copy are somewhere else';

CREATE OR REPLACE FUNCTION begin_epoch() RETURNS text LANGUAGE sql AS $$
    UPDATE feed_state SET epoch = new_epoch() RETURNING epoch
$$;
COMMENT ON FUNCTION begin_epoch IS
    'Makes every place that readers have one of another epoch. For a register that was restored in a way that cannot be seen: its files were put back';

CREATE OR REPLACE FUNCTION publish(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    state feed_state;
    upto xid8;
    full_at xid8;
    published integer;
    here CONSTANT text := written_where();
BEGIN
    SELECT * INTO state FROM feed_state FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF state.belongs_to <> here THEN
        state.epoch := new_epoch();
    END IF;
    -- Transactions before this one are over, one and all.
    upto := pg_snapshot_xmin(pg_current_snapshot());
    SELECT written_in INTO full_at FROM (
        SELECT written_in FROM transitions WHERE written_in >= state.written_before AND written_in < upto
        UNION ALL
        SELECT written_in FROM events WHERE written_in >= state.written_before AND written_in < upto
    ) AS waiting
    ORDER BY written_in OFFSET at_most - 1 LIMIT 1;
    IF FOUND THEN
        -- Whole transactions, up to the next one that has to wait for another round.
        upto := coalesce((
            SELECT min(written_in) FROM (
                (SELECT written_in FROM transitions WHERE written_in > full_at AND written_in < upto ORDER BY written_in LIMIT 1)
                UNION ALL
                (SELECT written_in FROM events WHERE written_in > full_at AND written_in < upto ORDER BY written_in LIMIT 1)
            ) AS next
        ), upto);
    END IF;
    WITH written AS (
        SELECT
            t.written_in, 0 AS part, t.version::bigint AS place, 'case_moved' AS kind, t.case_id, t.generation,
            t.version, NULL::bigint AS event_id, NULL::text AS target, t.at
        FROM transitions AS t
        WHERE t.written_in >= state.written_before AND t.written_in < upto
        UNION ALL
        SELECT
            e.written_in, 1, e.id, e.kind, e.case_id, e.generation,
            -- What a closed case is told of moves it no more: it stands where it ended.
            CASE WHEN split_part(e.step, '.', 2) <> 'closed' THEN split_part(e.step, '.', 2)::integer END,
            e.id, e.target, e.written_at
        FROM events AS e
        -- What belongs to no case has no step of one.
        WHERE e.written_in >= state.written_before AND e.written_in < upto AND e.case_id IS NOT NULL
    ), entered AS (
        INSERT INTO feed (sequence, kind, of_kind, case_id, generation, version, event_id, target, region, at)
        SELECT
            state.sequence + row_number() OVER (ORDER BY written_in, part, place), written.kind, cases.kind, case_id,
            generation, coalesce(written.version, cases.version), event_id, target, cases.region, written.at
        FROM written JOIN cases USING (case_id, generation)
        RETURNING sequence, kind, of_kind, case_id, target, region
    ), queued AS (
        INSERT INTO subscription_queue (subscription, sequence, case_id, queued_at)
        SELECT subscriptions.id, entered.sequence, entered.case_id, clock_timestamp()
        FROM entered JOIN subscriptions
            ON subscriptions.state IN ('active', 'paused')
           AND (subscriptions.kinds = '{}' OR entered.kind = ANY (subscriptions.kinds))
           AND sees_of_feed(
               entered.target, entered.of_kind, entered.region, subscriptions.role, subscriptions.of_kinds,
               subscriptions.office
           )
    )
    SELECT count(*) INTO published FROM entered;
    UPDATE feed_state SET
        epoch = state.epoch, belongs_to = here, sequence = state.sequence + published, written_before = upto;
    RETURN published;
END
$$;
COMMENT ON FUNCTION publish IS 'Gives places in the feed to what is committed and has none, some at a time and in order, and queues it for those who are told by webhook. Returns how many; 0 as well where somebody else publishes';

CREATE OR REPLACE FUNCTION deliveries_of(
    case_id text, generation integer, request text, roles text[]
) RETURNS TABLE (role text, delivered_at timestamptz, away_since timestamptz) LANGUAGE sql STABLE AS $$
    SELECT
        wanted.role,
        delivery.delivered_at,
        -- Whoever is told by several has been away since the last of them went.
        (
            SELECT max(subscription.failing_since)
            FROM subscriptions AS subscription JOIN cases AS mine ON office_covers(subscription.office, mine.region)
            WHERE subscription.role = wanted.role AND subscription.state IN ('active', 'paused')
              AND mine.case_id = deliveries_of.case_id AND mine.generation = deliveries_of.generation
        )
    FROM unnest(roles) AS wanted (role)
    LEFT JOIN LATERAL (
        -- The first event that names the request is the question; what follows under its name is about it.
        SELECT events.id FROM events
        WHERE events.case_id = deliveries_of.case_id AND events.generation = deliveries_of.generation
          AND events.request_id = request AND events.target = wanted.role
        ORDER BY events.id LIMIT 1
    ) AS question ON true
    LEFT JOIN delivered_events AS delivery ON delivery.event_id = question.id
$$;
COMMENT ON FUNCTION deliveries_of IS
    'When each of those who are asked had the question of a case, null for who had it not; and since when its receivers accept nothing, null where nobody receives for it';

CREATE OR REPLACE FUNCTION due_of_feed(outcome text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN outcome::jsonb #>> '{timer,clock}' <> 'delivery' THEN outcome::jsonb #>> '{timer,due_at}' END;
COMMENT ON FUNCTION due_of_feed IS
    'By when somebody has to act after a transition; null where what is to come is the delivery itself, which concerns nobody who reads of it';
