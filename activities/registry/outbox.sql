-- What is sent out later: written with the transition.

-- name: write_events
-- One row for each system that is told.
INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
SELECT :case_id, :generation, :step, :event_kind, target, :subject, :person, :at
FROM unnest(:targets::text[]) AS target;

-- name: write_notification
-- One message to a person; it names the case and nothing else.
INSERT INTO notifications (
    subject, case_id, generation, person, event, recipient, office, template, facts, second_channel, not_before,
    written_at, next_attempt_at
)
VALUES (
    :case_id, :case_id, :generation, CASE WHEN :recipient::text = 'applicant' THEN :person::text END,
    :generation::int || ':' || :what::text, :recipient, CASE WHEN :recipient::text <> 'applicant' THEN :region::text END,
    :template, :facts, :second_channel, :at, :at, :at
)
RETURNING id;
