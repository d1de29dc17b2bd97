-- What is done beside the decisions on cases: one append-only list, one hash chain.

-- name: lock_journal
-- One at a time: each row names the hash of the one before.
SELECT pg_advisory_xact_lock(x'6a6f75726e616c'::bigint);

-- name: newest_entry
-- The row that the next one follows.
SELECT id, hash FROM journal ORDER BY id DESC LIMIT 1;

-- name: entry_of_key
-- Whether something was written down before.
SELECT id FROM journal WHERE key = :key;

-- name: write_entry
-- One link of the chain.
INSERT INTO journal (id, kind, key, case_id, plan, actor, role, office, seen_as, reason, facts, at, prev_hash, hash)
VALUES (
    :id, :kind, :key, :case_id, :plan, :actor, :role, :office, :seen_as, :reason, :facts, :at, :prev_hash, :hash
);

-- name: entries
-- The list, or what of it is about one case, oldest first.
SELECT id, kind, key, case_id, plan, actor, role, office, seen_as, reason, facts, at, prev_hash, hash
FROM journal
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY id;

-- name: planned
-- A plan, as it was made.
SELECT actor, facts FROM journal WHERE kind = 'bulk_planned' AND key = :key;

-- name: count_entries
-- How often somebody has done something since a moment.
SELECT count(*) AS entries FROM journal WHERE kind = :kind AND actor = :actor AND at > :since;

-- name: keys
-- Everything that must not be written twice.
SELECT key FROM journal WHERE key IS NOT NULL;

-- name: region_of
-- The agency that handles a case.
SELECT region FROM cases WHERE case_id = :case_id ORDER BY generation DESC LIMIT 1;

-- name: open_cases
-- Cases that can still move.
SELECT case_id FROM cases WHERE closed_at IS NULL;
