-- Rungs of the escalation ladder.

-- name: record_rung
-- The rung that fires; it was promised by the transition before.
INSERT INTO rungs (case_id, generation, rung, cause, clock, due_at, fired_at)
VALUES (:case_id, :generation, :rung, :cause, :clock, :due_at, :at);
