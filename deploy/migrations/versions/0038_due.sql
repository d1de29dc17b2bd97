-- A round takes up some of those that are due. Where they come out of the index in order it looks at no others, however
-- many wait after an outage.
DROP INDEX notifications_due;
CREATE INDEX notifications_due ON notifications (not_before, id) WHERE state = 'pending';
