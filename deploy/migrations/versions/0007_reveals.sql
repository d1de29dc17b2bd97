-- Who sees the names and numbers of a case in clear is written down.

ALTER TABLE journal
    DROP CONSTRAINT journal_kind_check,
    ADD CONSTRAINT journal_kind_check CHECK (
        kind IN ('search', 'pause', 'unpause', 'reset', 'terminate', 'bulk_planned', 'bulk_run', 'reveal')
    ),
    ADD CONSTRAINT journal_reveals_one_case CHECK (
        kind <> 'reveal' OR num_nonnulls(case_id, actor, reason) = 3
    );
COMMENT ON TABLE journal IS 'What is done beside decisions: searches by number, cases revealed in clear, Temporal''s own means used on a case, bulk plans and their runs; append-only, one hash chain';
-- Asked for every payload that is shown to somebody who may reveal.
CREATE INDEX journal_reveals ON journal (actor, case_id, at) WHERE kind = 'reveal';
