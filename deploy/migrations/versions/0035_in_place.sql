-- A case is written anew at each of its transitions. Where no index holds a column that changes, and its page has room,
-- PostgreSQL leaves every index alone (a heap-only tuple). docs/decisions/0049-written-in-place.md says what this rests on.

-- Open cases are found by cases_one_open, in the order in which lists are read; the status is looked at on the way.
DROP INDEX cases_by_status;
DROP INDEX cases_open_by_due;
DROP INDEX cases_open_by_days;
DROP INDEX cases_by_attention;
CREATE INDEX cases_by_attention ON cases USING gin (attention) WHERE closed_at IS NULL AND attention <> '{}';
ALTER TABLE cases SET (fillfactor = 60);

-- Places are given in the order of time, so that what is old is found at the beginning.
DROP INDEX feed_by_age;

-- Sixty-four bits of the hash tell the rows of one case apart. Two that name the same one before them have the same.
ALTER TABLE transitions DROP CONSTRAINT transitions_no_fork;
CREATE UNIQUE INDEX transitions_no_fork ON transitions (case_id, left(prev_hash, 16));

-- What nobody knows anything of belongs to a message that is pending, and is found by it.
DROP INDEX deliveries_unknown;
ALTER TABLE deliveries SET (fillfactor = 80);

-- A message that is taken up gets another moment, and stays in its place: those that are due are found by when they may be
-- sent at the earliest.
DROP INDEX notifications_due;
CREATE INDEX notifications_due ON notifications (not_before) WHERE state = 'pending';
ALTER TABLE notifications SET (fillfactor = 80);
