-- What systems ask by way of the intake service is written down beside what people do.

ALTER TABLE journal
    DROP CONSTRAINT journal_kind_check,
    ADD CONSTRAINT journal_kind_check CHECK (
        kind IN (
            'search', 'lookup', 'subject', 'pause', 'unpause', 'reset', 'terminate', 'bulk_planned', 'bulk_run', 'reveal'
        )
    );
