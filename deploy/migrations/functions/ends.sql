-- The end of a person: they died, another agency keeps their record, or it was merged into another one of theirs.

CREATE OR REPLACE FUNCTION end_of_person(whose bigint) RETURNS text LANGUAGE sql STABLE
RETURN (
    SELECT CASE
        WHEN person.died_on IS NOT NULL OR newest.standing = 'died' THEN 'PERSON_DECEASED'
        WHEN newest.standing = 'transferred' THEN 'PERSON_TRANSFERRED'
        WHEN newest.standing = 'merged' THEN 'PERSON_MERGED'
    END
    FROM persons AS person
    LEFT JOIN LATERAL (
        SELECT standing FROM standings_of_persons
        WHERE standings_of_persons.person_id = person.id ORDER BY standings_of_persons.id DESC LIMIT 1
    ) AS newest ON true
    WHERE person.id = whose
);
COMMENT ON FUNCTION end_of_person IS
    'Why nothing is done for a person any more, as the code of a refusal; null for whoever is insured here, and for nobody';

CREATE OR REPLACE FUNCTION effect_record_end(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    others jsonb;
BEGIN
    INSERT INTO standings_of_persons (person_id, standing, evidence, case_id, generation, step, known_at)
    SELECT
        s.person_id, CASE told(s.facts, 'fact', 'reason') WHEN 'death' THEN 'died' WHEN 'transfer' THEN 'transferred' END,
        told(s.facts, 'fact', 'evidence'), s.case_id, s.generation, s.name, s.at
    WHERE s.person_id IS NOT NULL;
    SELECT jsonb_agg(neighbour(case_id, 'person_found_ended', s.case_id) ORDER BY case_id) INTO others
    FROM cases WHERE person = s.person AND case_id <> s.case_id AND closed_at IS NULL AND person_id IS NOT NULL;
    RETURN nullif(jsonb_strip_nulls(jsonb_build_object('neighbours', others)), '{}');
END
$$;
COMMENT ON FUNCTION effect_record_end IS
    'The register knows from here on that the person died or was transferred; their other open cases are told';

CREATE OR REPLACE FUNCTION effect_release_what_is_owed(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ended CONSTANT text := end_of_person(s.person_id);
    law CONSTANT text := s.facts #>> ARRAY['owed_under', ended];
BEGIN
    UPDATE benefit_holds SET
        state = 'released', released_at = s.at, released_by_case = s.case_id, release_basis = lower(ended),
        released_under = law
    WHERE person_id = s.person_id AND state <> 'released';
    WITH owed AS (
        UPDATE claims SET
            state = 'queued',
            payee = CASE WHEN ended = 'PERSON_DECEASED' THEN 'heirs' ELSE payee END,
            payee_under = law,
            requeued_by = CASE WHEN state = 'suspended' THEN s.case_id ELSE requeued_by END,
            requeued_generation = CASE WHEN state = 'suspended' THEN s.generation ELSE requeued_generation END,
            requeued_at = CASE WHEN state = 'suspended' THEN s.at ELSE requeued_at END
        WHERE person_id = s.person_id
          AND (state = 'suspended' OR (state = 'queued' AND ended = 'PERSON_DECEASED' AND payee = 'person'))
        RETURNING id, scheme, payee
    )
    INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at, legal_basis)
    SELECT
        s.case_id, s.generation, s.name,
        CASE owed.payee WHEN 'heirs' THEN 'claim_requeued_for_heirs' ELSE 'claim_requeued' END,
        owed.scheme, owed.id::text, s.person, s.at, law
    FROM owed;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_release_what_is_owed IS
    'Nothing of a person who has ended stays held, for whatever reason it was: every claim that is not paid yet goes to them, or after their death to those whom the law names, and its scheme is told, with the legal basis that the region''s policy gives';
