-- Who blocked a card, and until when: a temporary report ends what it began, a formal one ends by no time.

ALTER TABLE cards
    ADD COLUMN blocked_by_case text COLLATE "C",
    ADD COLUMN blocked_by_generation integer,
    ADD COLUMN blocked_at timestamptz,
    ADD COLUMN block_ends_at timestamptz,
    ADD COLUMN block_ends text CHECK (block_ends IN ('release', 'cancel')),
    ADD COLUMN offered boolean NOT NULL DEFAULT false,
    ADD FOREIGN KEY (blocked_by_case, blocked_by_generation) REFERENCES cases (case_id, generation),
    ADD CONSTRAINT cards_block_has_an_end CHECK (
        num_nonnulls(block_ends_at, block_ends) IN (0, 2) AND (code = 'B' OR block_ends_at IS NULL)
        AND (code <> 'B' OR blocked_by_case IS NULL OR block_ends_at IS NOT NULL)
    );
COMMENT ON COLUMN cards.blocked_by_case IS 'The case in whose generation the loss was reported last; null for a block that came with the register';
COMMENT ON COLUMN cards.blocked_at IS 'When the loss was reported first';
COMMENT ON COLUMN cards.block_ends_at IS 'When the temporary report expires; null where the loss is reported formally';
COMMENT ON COLUMN cards.block_ends IS 'What its end does: release or cancel, as the policy of the report says';
COMMENT ON COLUMN cards.offered IS 'A new card in its place was offered since its print was outdated';
CREATE INDEX cards_blocked ON cards (block_ends_at) WHERE code = 'B';

-- --- who may do what ----------------------------------------------------------------------------------------------------

INSERT INTO role_events (event, role) VALUES
    ('report_loss', 'clerk'), ('report_loss', 'back_office'), ('report_loss', 'card_bureau'), ('report_loss', 'bank'),
    ('card_lost_on_way', 'clerk'), ('card_lost_on_way', 'back_office'), ('card_lost_on_way', 'card_bureau'),
    ('card_lost_on_way', 'bank');

-- The functions that call it are written anew after this.
DROP FUNCTION IF EXISTS recode_card(step, text, text[], text) CASCADE;
COMMENT ON COLUMN step.facts IS
    'fact: what was told; request_id: identity of an order or a publication; first_decider, first_statement: who said the same before; block_ends_at, block_ends: of a loss report; targets, undone_targets: who is told of a number; offers_replacement: open or offer; rung, cause, clock, rung_due_at';
