-- Invitations to people without a case.

-- name: next_persons
-- Some more of those who still have a 15-digit number, in the order of their keys: how far they reach, and of them the
-- living without an open ID-number change.
WITH batch AS (
    SELECT person_id FROM numbers
    WHERE state = 'living' AND digits = 15 AND person_id > :after
    ORDER BY person_id LIMIT :limit
)
SELECT
    max(batch.person_id) AS reached,
    coalesce(array_agg(person.token::text ORDER BY person.id) FILTER (WHERE person.id IS NOT NULL), '{}') AS persons,
    coalesce(array_agg(person.region::text ORDER BY person.id) FILTER (WHERE person.id IS NOT NULL), '{}') AS regions,
    coalesce(array_agg(person.category ORDER BY person.id) FILTER (WHERE person.id IS NOT NULL), '{}') AS categories
FROM batch LEFT JOIN persons AS person
    ON person.id = batch.person_id AND person.died_on IS NULL
    AND NOT EXISTS (
        SELECT FROM cases
        WHERE cases.person = person.token AND cases.kind = 'IdNumberChange' AND cases.closed_at IS NULL
    );

-- name: write_invitations
-- One message to each, once per person and level, each at its own moment of the office hours.
INSERT INTO notifications (
    subject, person, event, recipient, template, facts, not_before, written_at, next_attempt_at
)
SELECT subject, person, 'invited', 'applicant', template, facts::jsonb, slot, :at, slot
FROM unnest(:subjects::text[], :persons::text[], :templates::text[], :facts::text[], :slots::timestamptz[])
    AS invitation (subject, person, template, facts, slot)
ON CONFLICT (subject, event, recipient) DO NOTHING;
