-- What came in and went out within a time is found without reading every case, and who decided without reading the audit.

-- Each holds what never changes once it is there, so that a case is still written in its place.
CREATE INDEX cases_by_opening ON cases (opened_at);
CREATE INDEX cases_by_closing ON cases (closed_at) WHERE closed_at IS NOT NULL;
-- Rows are only ever added, in the order of their time: a range of pages says from when to when, and that is all.
CREATE INDEX transitions_by_time ON transitions USING brin (at) WITH (autosummarize = on);
