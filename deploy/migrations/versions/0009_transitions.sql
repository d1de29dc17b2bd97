-- The register decides: a transition is one call of a function (functions/transitions.sql), which compares what was decided
-- on with what stands, makes the effects and writes state, audit and messages, all in one transaction.
--
-- The state of a case is what decides how it goes on, and no more: its opening and its screening stand beside it, for they
-- hardly ever change and a row is written anew whole; its history is its audit. All three are kept as the bytes that were
-- hashed.

CREATE TABLE case_files (
    case_id text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    opening text NOT NULL,
    screening text NOT NULL,
    receipt text,
    PRIMARY KEY (case_id, generation)
);
COMMENT ON TABLE case_files IS 'What a case was opened with, what its screening found, and how the application was answered';
COMMENT ON COLUMN case_files.opening IS 'The opening without its stamp, JSON; names and numbers in it are sealed';
COMMENT ON COLUMN case_files.screening IS 'Road, demands and the terms of the pinned policy, JSON; written anew when the case is screened again';
COMMENT ON COLUMN case_files.receipt IS 'The answer to the application, JSON, given again to whoever repeats it; null until the case was screened';

INSERT INTO case_files (case_id, generation, opening, screening, receipt)
SELECT
    case_id, generation, (state -> 'opening')::text, coalesce(state -> 'screening', 'null')::text,
    nullif(state -> 'receipt', 'null')::text
FROM cases;
ALTER TABLE case_files ADD FOREIGN KEY (case_id, generation) REFERENCES cases;

ALTER TABLE cases
    ADD COLUMN benefits_held boolean NOT NULL DEFAULT false,
    ADD COLUMN ended_because text;
UPDATE cases SET
    benefits_held = coalesce((state ->> 'benefits_held')::boolean, false),
    ended_because = state ->> 'ended_because';
ALTER TABLE cases
    ALTER COLUMN state TYPE text
    USING (state - ARRAY['opening', 'screening', 'receipt', 'transitions', 'answered'])::text;
COMMENT ON COLUMN cases.state IS 'What decides how the case goes on (CaseState without opening and screening), JSON';
COMMENT ON COLUMN cases.state_digest IS 'SHA-256 over the SHA-256 of opening, screening and state, in hexadecimal and in this order';
COMMENT ON COLUMN cases.benefits_held IS 'Whether the case shows benefits as held';
COMMENT ON COLUMN cases.ended_because IS 'Code of the reason of another ending';

-- --- the audit, format 2 ------------------------------------------------------------------------------------------------

-- What was told and what came of it are covered by salted commitments, so that they can be forgotten one day and the chain
-- still verifies; whoever knows neither salt nor content learns nothing from a commitment. Rows of format 1 stay as they are.
ALTER TABLE transitions
    ALTER COLUMN fact TYPE text USING fact::text,
    ALTER COLUMN outcome TYPE text USING outcome::text,
    ALTER COLUMN outcome DROP NOT NULL,
    ADD COLUMN format smallint NOT NULL DEFAULT 1 CHECK (format IN (1, 2)),
    ADD COLUMN milestone text CHECK (milestone IN ('submitted', 'documents_verified', 'number_updated', 'benefits_unblocked')),
    ADD COLUMN told_as text COLLATE "C",
    ADD COLUMN neighbours text,
    ADD COLUMN salt text COLLATE "C",
    ADD COLUMN fact_commitment sha256_hex,
    ADD COLUMN outcome_commitment sha256_hex,
    ADD CONSTRAINT transitions_committed CHECK (
        format = 1 OR (milestone IS NOT NULL AND neighbours IS NOT NULL AND outcome_commitment IS NOT NULL)
    ),
    ADD CONSTRAINT transitions_content_or_none CHECK (
        format = 1 OR ((salt IS NULL) = (outcome IS NULL) AND (salt IS NOT NULL OR fact IS NULL))
    );
ALTER TABLE transitions ALTER COLUMN format SET DEFAULT 2;
-- A step is named by its version, which the primary key holds; steps of the engine have no stamp to be looked for.
ALTER TABLE transitions
    DROP CONSTRAINT transitions_case_id_generation_step_key,
    DROP CONSTRAINT transitions_stamp_once;
CREATE UNIQUE INDEX transitions_stamp_once ON transitions (stamp) WHERE stamp IS NOT NULL;
CREATE UNIQUE INDEX transitions_told_once ON transitions (case_id, generation, told_as) WHERE told_as IS NOT NULL;
COMMENT ON COLUMN transitions.format IS '1: the hash covers the contents; 2: it covers commitments to them';
COMMENT ON COLUMN transitions.milestone IS 'The milestone after the transition';
COMMENT ON COLUMN transitions.told_as IS 'Identity of the update by which it was told: the same one moves a case once, for ever';
COMMENT ON COLUMN transitions.fact IS 'What was told, as it was told (JSON); null for the engine''s own steps';
COMMENT ON COLUMN transitions.outcome IS 'Dates and terms that followed (JSON)';
COMMENT ON COLUMN transitions.neighbours IS 'Which other cases have to be told (JSON)';
COMMENT ON COLUMN transitions.salt IS '128 random bits in hexadecimal, in front of what is committed to';
COMMENT ON COLUMN transitions.fact_commitment IS 'SHA-256 over salt and fact';
COMMENT ON COLUMN transitions.outcome_commitment IS 'SHA-256 over salt and outcome';
COMMENT ON COLUMN transitions.hash IS 'SHA-256 over prev_hash and the other columns (audit_hash)';

-- --- what effects see --------------------------------------------------------------------------------------------------

CREATE TYPE step AS (
    case_id text,
    generation integer,
    version integer,
    name text,
    event text,
    at timestamptz,
    day date,
    person text,
    person_id bigint,
    region text,
    number text,
    number_token text,
    reason text,
    replaces_number_id bigint,
    facts jsonb
);
COMMENT ON TYPE step IS 'What effects see of a transition';
COMMENT ON COLUMN step.version IS 'Version of the case after the transition';
COMMENT ON COLUMN step.name IS 'Event and version, such as apply.3';
COMMENT ON COLUMN step.day IS 'Civil day of Asia/Shanghai';
COMMENT ON COLUMN step.number IS 'Number applied for, or shown for a replacement; sealed';
COMMENT ON COLUMN step.reason IS 'Why a benefit is held or a claim suspended that this kind of case ends: id_number, card';
COMMENT ON COLUMN step.replaces_number_id IS 'The number that the case is to replace, by its locked row';
COMMENT ON COLUMN step.facts IS
    'fact: what was told; request_id: identity of an order or a publication; first_decider; targets, undone_targets: who is told of a number; offers_replacement: open or offer; rung, cause, clock, rung_due_at';
