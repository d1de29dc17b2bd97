-- How far register and Temporal have come together.

-- name: ours
-- What the register knows of it; moved: its files are those of another cluster, timeline or database than its feed was published in.
SELECT
    feed_state.epoch, coalesce(feed_state.belongs_to <> written_where(), false) AS moved, pair.beat, pair.told_over
FROM feed_state CROSS JOIN pair;

-- name: seal_key
-- By which the register seals what Temporal remembers of it; null on the schema of the release before, which seals nothing.
SELECT to_jsonb(pair) ->> 'seal_key' AS key FROM pair;

-- name: beat_ago
-- For how many seconds register and runs have not been compared; null where they never were, or the schema does not tell.
SELECT extract(epoch FROM clock_timestamp() - (to_jsonb(pair) ->> 'beat_at')::timestamptz)::float8 AS seconds FROM pair;

-- name: beat
-- One beat further. What was said counts until Temporal has followed.
UPDATE pair SET beat = :beat, told_over = CASE WHEN :is_told::boolean THEN told_over END;

-- name: hold
-- The register holds over a mark of Temporal.
UPDATE pair SET told_over = :over;

-- name: begin_epoch_here
-- Places of the feed mean something else from now on: where the register stands before what its readers have had, or is elsewhere.
UPDATE feed_state SET epoch = new_epoch(), belongs_to = written_where()
WHERE :anew::boolean OR belongs_to <> written_where();
