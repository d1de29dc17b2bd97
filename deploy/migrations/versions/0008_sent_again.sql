-- Messages that were given up may be sent again.
--
-- Each time is a further round under the same keys: a provider accepts a key once within a round. What it tells of an
-- earlier round decides nothing about a later one.

ALTER TABLE notifications
    ADD COLUMN round integer NOT NULL DEFAULT 1 CHECK (round >= 1),
    ADD COLUMN sent_again_by staff_id,
    ADD COLUMN sent_again_at timestamptz,
    ADD CONSTRAINT notifications_sent_again_by_somebody CHECK (
        (round > 1) = (sent_again_by IS NOT NULL) AND (round > 1) = (sent_again_at IS NOT NULL)
    );
COMMENT ON COLUMN notifications.round IS '1; one more each time somebody has it sent again after it was given up';
COMMENT ON COLUMN notifications.sent_again_by IS 'Who had it sent again last';

ALTER TABLE deliveries ADD COLUMN round integer NOT NULL DEFAULT 1 CHECK (round >= 1);
COMMENT ON COLUMN deliveries.round IS 'In which round of its notification it was begun';
COMMENT ON COLUMN deliveries.begun_at IS 'When it was begun, in this round';
-- What nobody knows anything of is counted every minute.
CREATE INDEX deliveries_unknown ON deliveries (begun_at) WHERE uncertain AND state = 'sending';
-- Those that were given up are few among all that were ever sent.
CREATE INDEX notifications_given_up ON notifications (id) WHERE state IN ('failed', 'undeliverable');

ALTER TABLE callbacks ADD COLUMN round integer NOT NULL DEFAULT 1 CHECK (round >= 1);
COMMENT ON COLUMN callbacks.round IS 'Of which round the provider tells';
