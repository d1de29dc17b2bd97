-- Who stood in the directory.

-- name: entries
-- What was written down of it, oldest first.
SELECT written_at, facts FROM journal WHERE kind = 'directory' ORDER BY written_at, chain, number;
