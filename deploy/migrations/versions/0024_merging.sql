-- One human, two records: one is kept, months and balances are added up, and it is undone until the first payment.

INSERT INTO role_events (event, role) VALUES ('resolve_duplicate', 'officer'), ('resolve_duplicate', 'supervisor');

ALTER TABLE standings_of_persons
    DROP CONSTRAINT standings_of_persons_standing_check,
    ADD CHECK (standing IN ('died', 'transferred', 'merged', 'insured'));
COMMENT ON COLUMN standings_of_persons.standing IS
    'died; transferred to another agency; merged into another record of the same person; insured here again, or wrongly believed not to be';

CREATE TABLE merges (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kept_person_id bigint NOT NULL REFERENCES persons,
    other_person_id bigint NOT NULL REFERENCES persons,
    number_id bigint REFERENCES numbers,
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    step text COLLATE "C" NOT NULL,
    merged_at timestamptz NOT NULL,
    overlap text NOT NULL CHECK (overlap IN ('add', 'refund')),
    overlap_basis text NOT NULL,
    legal_basis text NOT NULL,
    document sha256_hex NOT NULL,
    first_decider staff_id NOT NULL,
    second_decider staff_id NOT NULL,
    moved jsonb NOT NULL,
    taken_in pg_snapshot NOT NULL,
    taken_at timestamptz NOT NULL,
    digest_kept sha256_hex NOT NULL,
    digest_other sha256_hex NOT NULL,
    digest_after sha256_hex,
    fen_kept bigint NOT NULL,
    fen_other bigint NOT NULL,
    fen_after bigint,
    fen_refunded bigint,
    undone_at timestamptz,
    undone_by_case text COLLATE "C",
    undone_generation integer,
    undone_step text COLLATE "C",
    undone_basis text,
    undone_document sha256_hex,
    undone_first_decider staff_id,
    undone_second_decider staff_id,
    FOREIGN KEY (case_id, generation) REFERENCES cases,
    FOREIGN KEY (undone_by_case, undone_generation) REFERENCES cases (case_id, generation),
    CHECK (kept_person_id <> other_person_id),
    CHECK (num_nonnulls(digest_after, fen_after, fen_refunded) IN (0, 3)),
    CONSTRAINT merges_two_deciders CHECK (first_decider <> second_decider),
    CONSTRAINT merges_lose_nothing CHECK (fen_after + fen_refunded = fen_kept + fen_other),
    CONSTRAINT merges_undone_by_two CHECK (undone_first_decider <> undone_second_decider),
    CONSTRAINT merges_undone_on_evidence CHECK (
        num_nonnulls(
            undone_at, undone_by_case, undone_generation, undone_step, undone_basis, undone_document,
            undone_first_decider, undone_second_decider
        ) IN (0, 8)
    )
);
COMMENT ON TABLE merges IS 'One human, two records: which was kept, what was added up, on which two officers'' decision; and by which it was undone';
COMMENT ON COLUMN merges.number_id IS 'The number that the other record had in force and the kept one may have since; null where it had none';
COMMENT ON COLUMN merges.overlap IS 'What became of months that both records have: add: both contributions count; refund: that of the kept record counts, the other is paid back';
COMMENT ON COLUMN merges.moved IS 'What the other record brought, enough to take it apart again: months, balances, claims, cards; and which claims of the kept one were paid before';
COMMENT ON COLUMN merges.taken_in IS 'What was committed before; a contribution posted later does not count for the digests before';
COMMENT ON COLUMN merges.digest_after IS 'Digest of the kept record with what was added up';
COMMENT ON COLUMN merges.fen_kept IS 'Contributions and newest balances of the kept record before, in fen; fen_other those of the other, fen_after with all that was added up';

ALTER TABLE claims ADD COLUMN refund_of_merge bigint REFERENCES merges;
COMMENT ON COLUMN claims.refund_of_merge IS 'The merge by which a contribution was paid twice for one month, and is paid back; null for every other claim';
CREATE INDEX claims_of_merges ON claims (refund_of_merge) WHERE refund_of_merge IS NOT NULL;

-- A record is merged into one other, and while it is nothing is merged into it.
CREATE UNIQUE INDEX merges_one_in_force ON merges (other_person_id) WHERE undone_at IS NULL;
CREATE INDEX merges_of_the_kept ON merges (kept_person_id) WHERE undone_at IS NULL;
