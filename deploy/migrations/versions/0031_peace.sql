-- What a sink never accepts held up whatever else it was to be told: a sink that fails was asked with the oldest message.

ALTER TABLE subscription_queue ADD COLUMN not_before timestamptz;
COMMENT ON COLUMN subscription_queue.not_before IS 'Before then it is not sent again; null where it has not failed';
