-- What is sent out later: written with the transition.

-- name: write_events
-- One row for each system that is told.
INSERT INTO events (case_id, generation, step, kind, target, subject, person, written_at)
SELECT :case_id, :generation, :step, :event_kind, target, :subject, :person, :at
FROM unnest(:targets::text[]) AS target;

-- name: write_notification
-- One message to a person; it names the case and nothing else.
INSERT INTO notifications (case_id, generation, step, recipient, channel, template, written_at)
VALUES (:case_id, :generation, :step, :recipient, :channel, :template, :at);
