-- Whoever wrote to the journal waited for everybody else who did, in every office: it was one chain. What stands in that
-- chain stays there.

COMMENT ON TABLE journal IS 'What is done beside decisions: searches by number, cases revealed in clear, Temporal''s own means used on a case, bulk plans and their runs, who stands in the directory; append-only, a hash chain for each office and day, written by append_to_journal() only';
COMMENT ON COLUMN journal.chain IS 'Which chain the row is a link of: that of an office and a day of Asia/Shanghai (journal:110105:2026-11-30), of nobody''s office where only Temporal knew who (journal:none:…); journal for what is older';
-- Heads are published of the chains that were written to since; a limit counts what was written within its span.
CREATE INDEX journal_by_writing ON journal (written_at) WHERE written_at IS NOT NULL;
CREATE INDEX journal_by_actor_written ON journal (actor, kind, written_at) WHERE actor IS NOT NULL;

ALTER TABLE journal
    DROP CONSTRAINT journal_kind_check,
    ADD CONSTRAINT journal_kind_check CHECK (
        kind IN (
            'search', 'lookup', 'subject', 'persons', 'pause', 'unpause', 'reset', 'terminate', 'bulk_planned', 'bulk_run',
            'reveal', 'directory'
        )
    );
