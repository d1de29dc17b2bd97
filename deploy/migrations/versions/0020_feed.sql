-- What happens leaves by one feed: everything that a transition writes gets a place in one gapless sequence, given by a
-- publisher after it is committed, so that a reader who has seen a place has seen all before it.
--
-- Which transaction wrote a row says in what order rows may be given places: those of transactions that are all over by
-- now come first, and none can come between them later. No row is written for this beside those that are there.

ALTER TABLE transitions ADD COLUMN written_in xid8 NOT NULL DEFAULT pg_current_xact_id();
COMMENT ON COLUMN transitions.written_in IS 'The transaction that wrote it, by which it gets its place in the feed';
CREATE INDEX transitions_by_writing ON transitions (written_in);

ALTER TABLE events
    DROP COLUMN published_at,
    ADD COLUMN written_in xid8 NOT NULL DEFAULT pg_current_xact_id();
COMMENT ON COLUMN events.written_in IS 'The transaction that wrote it, by which it gets its place in the feed';
CREATE INDEX events_by_writing ON events (written_in);

CREATE TABLE feed_state (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    epoch text COLLATE "C" NOT NULL CHECK (epoch ~ '^[a-z2-7]{10}$'),
    sequence bigint NOT NULL CHECK (sequence >= 0),
    written_before xid8 NOT NULL
);
COMMENT ON TABLE feed_state IS 'How far the feed is published; its one row is held by whoever publishes';
COMMENT ON COLUMN feed_state.epoch IS 'Begins anew when the register was restored: places of another epoch mean nothing';
COMMENT ON COLUMN feed_state.sequence IS 'The last place that was given';
COMMENT ON COLUMN feed_state.written_before IS 'What transactions before this one wrote has its place';
INSERT INTO feed_state (epoch, sequence, written_before) VALUES (
    translate(left(replace(gen_random_uuid()::text, '-', ''), 10), '0189', 'ghij'), 0, pg_snapshot_xmin(pg_current_snapshot())
);

CREATE TABLE feed (
    sequence bigint PRIMARY KEY CHECK (sequence > 0),
    kind text COLLATE "C" NOT NULL,
    of_kind text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    version integer NOT NULL,
    event_id bigint,
    target text COLLATE "C",
    region region_code NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE feed IS 'What happened, in the order in which it is told; kept for some weeks, for whoever was away';
COMMENT ON COLUMN feed.sequence IS 'Place in the feed; without a gap within an epoch';
COMMENT ON COLUMN feed.kind IS 'case_moved for a transition, else the kind of what is asked or told (events.kind)';
COMMENT ON COLUMN feed.of_kind IS 'Kind of case';
COMMENT ON COLUMN feed.target IS 'Who alone is told, null for whoever sees the case';
CREATE INDEX feed_by_age ON feed USING brin (at);

CREATE TABLE feed_readers (
    client staff_id PRIMARY KEY,
    epoch text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    read_at timestamptz NOT NULL
);
COMMENT ON TABLE feed_readers IS 'How far each reader says to have come: asking for what follows is the receipt of what came before';

CREATE TABLE subscriptions (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^sub-[a-z2-7]{26}$'),
    client staff_id NOT NULL,
    role text COLLATE "C" NOT NULL,
    office region_code NOT NULL,
    sink text NOT NULL CHECK (length(sink) <= 500),
    kinds text[] COLLATE "C" NOT NULL DEFAULT '{}',
    of_kinds text[] COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('unverified', 'active', 'paused', 'ended')),
    challenge text COLLATE "C" NOT NULL,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    next_attempt_at timestamptz NOT NULL,
    last_error text COLLATE "C",
    created_at timestamptz NOT NULL,
    ended_at timestamptz
);
COMMENT ON TABLE subscriptions IS 'Who is told by webhook, of what';
COMMENT ON COLUMN subscriptions.role IS 'The role of the client, by which it is told what is meant for it alone';
COMMENT ON COLUMN subscriptions.office IS 'Only cases that this office answers for';
COMMENT ON COLUMN subscriptions.kinds IS 'Kinds of the feed; empty for all';
COMMENT ON COLUMN subscriptions.of_kinds IS 'Kinds of case that the client sees';
COMMENT ON COLUMN subscriptions.challenge IS 'What the sink has to answer once, to show that it wants to be told';
COMMENT ON COLUMN subscriptions.failures IS 'Attempts in a row that failed';
COMMENT ON COLUMN subscriptions.next_attempt_at IS 'Before this nothing is sent to the sink';
CREATE INDEX subscriptions_by_client ON subscriptions (client);

CREATE TABLE subscription_queue (
    subscription text COLLATE "C" NOT NULL REFERENCES subscriptions,
    sequence bigint NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    queued_at timestamptz NOT NULL,
    last_error text COLLATE "C",
    PRIMARY KEY (subscription, sequence)
);
COMMENT ON TABLE subscription_queue IS 'What has still to be sent; what was accepted is gone';
COMMENT ON COLUMN subscription_queue.state IS 'dead: given up, until somebody has it sent again';
COMMENT ON COLUMN subscription_queue.leased_until IS 'Somebody is sending it';
CREATE INDEX subscription_queue_in_order ON subscription_queue (subscription, case_id, sequence) WHERE state = 'pending';
