-- The register is kept up to date by its source: each thing that the source says of a person has the version in which it
-- was said last, so that a later word is told from a repeated and from an overtaken one.
--
-- What a case changed since stays: compared is what the source says with what the source said, not with what stands.

ALTER TABLE persons ADD COLUMN said jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(said) = 'object');
COMMENT ON COLUMN persons.said IS
    'What the register''s source said last of name, phone, number, standing …: for each its version, and the content, as a keyed token where it is sealed';

ALTER TABLE cards
    ADD COLUMN source_version bigint,
    ADD COLUMN source_said text;
COMMENT ON COLUMN cards.source_version IS 'Version in which the register''s source spoke of it last; null where it never did';
COMMENT ON COLUMN cards.source_said IS 'What the source said then, beside the number';

ALTER TABLE contributions
    ADD COLUMN source_version bigint,
    ADD COLUMN source_fen bigint;
COMMENT ON COLUMN contributions.source_version IS 'Version in which the register''s source spoke of the month last; null where it never did';
COMMENT ON COLUMN contributions.source_fen IS 'What the source said then, in fen; a merge of two records may have added to it';

ALTER TABLE balances ADD COLUMN source_version bigint;
COMMENT ON COLUMN balances.source_version IS 'Version in which the register''s source said it last; null for what a merge wrote';

ALTER TABLE claims
    ADD COLUMN source_person_id bigint REFERENCES persons,
    ADD COLUMN reference text COLLATE "C" CHECK (reference ~ '^[A-Za-z0-9._:/-]{1,64}$'),
    ADD COLUMN source_version bigint,
    ADD COLUMN source_said text,
    ADD COLUMN legal_basis text;
COMMENT ON COLUMN claims.source_person_id IS 'The record under which the source knows it; a merge may have moved it to another one';
COMMENT ON COLUMN claims.reference IS 'What its scheme calls it';
COMMENT ON COLUMN claims.source_version IS 'Version in which the register''s source spoke of it last';
COMMENT ON COLUMN claims.source_said IS 'What the source said then';
COMMENT ON COLUMN claims.legal_basis IS 'On what basis the register suspended it when it arrived; null where it did not';
CREATE UNIQUE INDEX claims_by_reference ON claims (source_person_id, scheme, reference) WHERE reference IS NOT NULL;

-- Each request of the source is written down before it has effect.
ALTER TABLE journal
    DROP CONSTRAINT journal_kind_check,
    ADD CONSTRAINT journal_kind_check CHECK (
        kind IN (
            'search', 'lookup', 'subject', 'persons', 'pause', 'unpause', 'reset', 'terminate', 'bulk_planned', 'bulk_run',
            'reveal'
        )
    );

ALTER TABLE notifications
    DROP CONSTRAINT notifications_topic_check,
    ADD CONSTRAINT notifications_topic_check
        CHECK (topic IN ('status', 'limit', 'rung', 'invitation', 'claims_suspended'));
COMMENT ON COLUMN notifications.subject IS 'What it is about: a case ID, or digest:…, invitation:… or claims:…';
