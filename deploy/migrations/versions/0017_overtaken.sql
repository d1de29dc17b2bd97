-- A message says until when it holds, and one that does not hold any more is not sent.

ALTER TABLE notifications
    DROP CONSTRAINT notifications_state_check,
    ADD COLUMN topic text COLLATE "C" CHECK (topic IN ('status', 'limit', 'rung', 'invitation')),
    ADD COLUMN while_status text COLLATE "C",
    ADD COLUMN not_after timestamptz,
    ADD CONSTRAINT notifications_state CHECK (
        state IN ('pending', 'accepted', 'delivered', 'failed', 'undeliverable', 'overtaken')
    ),
    ADD CONSTRAINT notifications_while_in_a_status CHECK (while_status IS NULL OR case_id IS NOT NULL);
COMMENT ON COLUMN notifications.topic IS 'What it is about: a later message of the case to the same recipient takes its place where it was not sent yet; null for what is told in any case';
COMMENT ON COLUMN notifications.while_status IS 'The status of the case outside of which it does not hold any more';
COMMENT ON COLUMN notifications.not_after IS 'From when on it does not hold any more';
COMMENT ON COLUMN notifications.state IS 'pending: to be sent or sent again; accepted by a provider; delivered: a receipt came; failed: every channel refused it; undeliverable: nobody at the post, or no address; overtaken: what it tells did not hold any more before it was sent';
