-- A limit for an answer runs from the moment at which the question was delivered. What was delivered is written down when
-- a sink accepts it, or when a reader of the feed asks for what follows; a case looks here when the time to deliver is over.

CREATE TABLE delivered_events (
    event_id bigint PRIMARY KEY REFERENCES events,
    delivered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    way text NOT NULL CHECK (way IN ('webhook', 'feed')),
    client staff_id NOT NULL
);
COMMENT ON TABLE delivered_events IS 'What was meant for one system and has arrived there, the first time that it did';
COMMENT ON COLUMN delivered_events.way IS 'webhook: its sink accepted it; feed: it asked for what follows';
COMMENT ON COLUMN delivered_events.client IS 'Who has it';
CREATE TRIGGER delivered_events_are_kept BEFORE UPDATE OR DELETE ON delivered_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivered_events_are_not_emptied BEFORE TRUNCATE ON delivered_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE subscriptions ADD COLUMN failing_since timestamptz;
COMMENT ON COLUMN subscriptions.failing_since IS 'Since when it accepts nothing; null while it does';

-- A reader that asks for some kinds only has not been told of the others.
ALTER TABLE feed_readers
    ADD COLUMN kinds text[] COLLATE "C" NOT NULL DEFAULT '{}',
    DROP CONSTRAINT feed_readers_pkey,
    ADD PRIMARY KEY (client, kinds);
COMMENT ON COLUMN feed_readers.kinds IS 'Kinds of the feed that it asks for; empty for all';
