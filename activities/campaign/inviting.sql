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

-- name: call_off_invitations
-- What was not sent yet and names another date than the one that holds now does not hold any more from this moment on.
UPDATE notifications SET not_after = :at
FROM unnest(:persons::text[], :announced::text[]) AS holds (person, announced)
WHERE notifications.person = holds.person AND topic = 'invitation' AND state = 'pending' AND not_after > :at
  AND NOT starts_with(subject, holds.announced);

-- name: write_invitations
-- One message to each, once per person, date and level, each at its own moment of the office hours. One that was called off
-- and never sent is written anew when its date holds again. Those that are known are passed over before anything of a row
-- is made; the rest is a race with another walk.
INSERT INTO notifications AS known (
    subject, person, event, recipient, template, facts, topic, not_before, not_after, written_at, next_attempt_at
)
SELECT subject, person, 'invited', 'applicant', template, facts::jsonb, 'invitation', slot, ends, :at, slot
FROM unnest(
    :subjects::text[], :persons::text[], :templates::text[], :facts::text[], :slots::timestamptz[], :ends::timestamptz[]
) AS invitation (subject, person, template, facts, slot, ends)
WHERE NOT EXISTS (
    SELECT FROM notifications AS before
    WHERE before.subject = invitation.subject AND before.event = 'invited' AND before.recipient = 'applicant'
      AND before.not_after = invitation.ends
)
ON CONFLICT (subject, event, recipient) DO UPDATE SET
    not_before = excluded.not_before, not_after = excluded.not_after, written_at = excluded.written_at,
    next_attempt_at = excluded.next_attempt_at, state = 'pending'
WHERE known.not_after < excluded.not_after AND known.state IN ('pending', 'overtaken')
  AND NOT EXISTS (SELECT FROM deliveries WHERE notification_id = known.id);
