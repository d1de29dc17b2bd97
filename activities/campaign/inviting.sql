-- Invitations to people without a case.

-- name: next_persons
-- Some more of those who still have a 15-digit number, in the order of their keys: how far they reach, and of them the
-- insured without an open ID-number change.
WITH batch AS (
    SELECT person_id FROM numbers
    WHERE state = 'living' AND digits = 15 AND person_id > :after
    ORDER BY person_id LIMIT :limit
)
SELECT
    max(batch.person_id) AS reached,
    coalesce(array_agg(person.token) FILTER (WHERE person.token IS NOT NULL), '{}') AS persons,
    coalesce(array_agg(person.region) FILTER (WHERE person.token IS NOT NULL), '{}') AS regions,
    coalesce(array_agg(person.category) FILTER (WHERE person.token IS NOT NULL), '{}') AS categories
-- One look-up for each; the limit keeps the planner from reading the whole register once per batch.
FROM batch LEFT JOIN LATERAL (
    SELECT token::text, region::text, category FROM persons
    WHERE persons.id = batch.person_id AND end_of_person(persons.id) IS NULL
      AND NOT EXISTS (
          SELECT FROM cases
          WHERE cases.person = persons.token AND cases.kind = 'IdNumberChange' AND cases.closed_at IS NULL
      )
    LIMIT 1
) AS person ON true;

-- name: write_invitations
-- One message to each, once per person and level, each at its own moment of the office hours. Those that are known are
-- passed over before anything of a row is made; the rest is a race with another walk.
INSERT INTO notifications (
    subject, person, event, recipient, template, facts, topic, not_before, not_after, written_at, next_attempt_at
)
SELECT subject, person, 'invited', 'applicant', template, facts::jsonb, 'invitation', slot, ends, :at, slot
FROM unnest(
    :subjects::text[], :persons::text[], :templates::text[], :facts::text[], :slots::timestamptz[], :ends::timestamptz[]
) AS invitation (subject, person, template, facts, slot, ends)
WHERE NOT EXISTS (
    SELECT FROM notifications AS known
    WHERE known.subject = invitation.subject AND known.event = 'invited' AND known.recipient = 'applicant'
)
ON CONFLICT (subject, event, recipient) DO NOTHING;
