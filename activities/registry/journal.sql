-- What is done beside the decisions on cases: one append-only list, a hash chain for each office and day. Only
-- append_to_journal() of the schema writes it.

-- name: append
-- One link of a chain, unless its key stands in the list or a limit is reached: what became of it.
SELECT append_to_journal(
    kind => :kind, key => :key, case_id => :case_id, plan => :plan, actor => :actor, role => :role, office => :office,
    seen_as => :seen_as, reason => :reason, facts => :facts, at => :at, at_most => :at_most, since => :since
) AS became;

-- name: entries
-- The list, or what of it is about one case, oldest first.
SELECT chain, number, kind, key, case_id, plan, actor, role, office, seen_as, reason, facts, at
FROM journal
WHERE :case_id::text IS NULL OR case_id = :case_id
ORDER BY coalesce(written_at, at), chain, number;

-- name: links
-- The whole list with its hashes, one chain after the other.
SELECT
    chain, number, format, kind, key, case_id, plan, actor, role, office, seen_as, reason, facts, at, written_at, content,
    prev_hash, hash
FROM journal
ORDER BY chain, number;

-- name: planned
-- A plan, as it was made.
SELECT actor, facts FROM journal WHERE kind = 'bulk_planned' AND key = :key;

-- name: keys
-- Everything that must not be written twice.
SELECT key FROM journal WHERE key IS NOT NULL;

-- name: region_of
-- The agency that handles a case.
SELECT region FROM cases WHERE case_id = :case_id ORDER BY generation DESC LIMIT 1;

-- name: open_cases
-- Cases that can still move.
SELECT case_id FROM cases WHERE closed_at IS NULL;
