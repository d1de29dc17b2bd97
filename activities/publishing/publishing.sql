-- The feed and the webhooks.

-- name: publish
-- Give places to what is committed and has none.
SELECT publish(:at_most) AS published;

-- name: forget
-- What was told long ago leaves the feed, up to the first entry that is younger, but for what a subscription still has to
-- be told.
DELETE FROM feed
WHERE sequence < coalesce(
        (SELECT sequence FROM feed WHERE at >= :before ORDER BY sequence LIMIT 1),
        (SELECT max(sequence) + 1 FROM feed)
    )
  AND NOT EXISTS (SELECT FROM subscription_queue AS queued WHERE queued.sequence = feed.sequence);

-- name: feed_ends
-- The epoch, the last place, and the first that is still kept.
SELECT epoch, sequence AS last, coalesce((SELECT min(sequence) FROM feed), sequence + 1) AS first FROM feed_state;

-- name: backlog
-- What has no place in the feed yet, and what subscriptions have still to be sent.
WITH untold AS (
    SELECT at FROM transitions WHERE written_in >= (SELECT written_before FROM feed_state)
    UNION ALL
    SELECT written_at FROM events WHERE written_in >= (SELECT written_before FROM feed_state)
), waiting AS (
    SELECT count(*) AS rows, extract(epoch FROM clock_timestamp() - min(at)) AS age FROM untold
), queued AS (
    SELECT
        count(*) FILTER (WHERE queue.state = 'pending') AS pending,
        extract(epoch FROM clock_timestamp() - min(queued_at) FILTER (WHERE queue.state = 'pending')) AS age,
        count(*) FILTER (WHERE queue.state = 'dead') AS dead
    FROM subscription_queue AS queue JOIN subscriptions ON subscriptions.id = queue.subscription
    WHERE subscriptions.state <> 'ended'
)
SELECT
    waiting.rows AS feed_untold, greatest(coalesce(waiting.age, 0), 0)::float8 AS feed_untold_oldest_seconds,
    queued.pending AS webhooks_pending, coalesce(queued.age, 0)::float8 AS webhooks_pending_oldest_seconds,
    queued.dead AS webhooks_dead
FROM waiting, queued;

-- name: entries_after
-- What follows a place, as far as somebody is told of it; `last` is how far was looked.
WITH looked_at AS (
    SELECT * FROM feed
    WHERE sequence > :after AND sequence <= :upto
      AND (:wanted::text[] = '{}' OR kind = ANY (:wanted))
      AND sees_of_feed(target, of_kind, region, :role, :of_kinds, :office)
    ORDER BY sequence LIMIT :at_most
)
SELECT
    looked_at.sequence, looked_at.kind, looked_at.of_kind, looked_at.case_id, looked_at.generation, looked_at.version,
    looked_at.at, transitions.event, transitions.from_status, transitions.to_status, transitions.milestone,
    due_of_feed(transitions.outcome) AS due_at, events.request_id, events.delivery, events.legal_basis,
    nullif(events.subject, '') AS subject
FROM looked_at
LEFT JOIN transitions USING (case_id, generation, version)
LEFT JOIN events ON events.id = looked_at.event_id
ORDER BY looked_at.sequence;

-- name: entries_of
-- Entries by their places.
SELECT
    feed.sequence, feed.kind, feed.of_kind, feed.case_id, feed.generation, feed.version, feed.at, transitions.event,
    transitions.from_status, transitions.to_status, transitions.milestone,
    due_of_feed(transitions.outcome) AS due_at, events.request_id, events.delivery, events.legal_basis,
    nullif(events.subject, '') AS subject
FROM feed
LEFT JOIN transitions USING (case_id, generation, version)
LEFT JOIN events ON events.id = feed.event_id
WHERE feed.sequence = ANY (:sequences::bigint[]);

-- name: keep_place
-- How far a reader has come; it never goes back within an epoch. What was meant for it alone, and it had not said to have
-- before, is delivered.
WITH delivered AS (
    INSERT INTO delivered_events (event_id, way, client)
    SELECT feed.event_id, 'feed', :client::staff_id
    FROM feed
    WHERE feed.sequence <= :sequence::bigint AND feed.event_id IS NOT NULL
      AND feed.sequence > coalesce((
          SELECT sequence FROM feed_readers WHERE client = :client::staff_id AND kinds = :wanted::text[] AND epoch = :epoch::text
      ), 0)
      AND feed.target = :role
      AND (:wanted::text[] = '{}' OR feed.kind = ANY (:wanted))
      AND sees_of_feed(feed.target, feed.of_kind, feed.region, :role, :of_kinds, :office)
    ON CONFLICT (event_id) DO NOTHING
)
INSERT INTO feed_readers (client, kinds, epoch, sequence, read_at) VALUES (:client::staff_id, :wanted, :epoch, :sequence, :at)
ON CONFLICT (client, kinds) DO UPDATE SET
    epoch = excluded.epoch,
    sequence = CASE WHEN feed_readers.epoch = excluded.epoch
               THEN greatest(feed_readers.sequence, excluded.sequence) ELSE excluded.sequence END,
    read_at = excluded.read_at;

-- name: subscribe
-- A subscription that begins when its sink has answered.
INSERT INTO subscriptions (
    id, client, role, office, sink, kinds, of_kinds, state, challenge, next_attempt_at, created_at
) VALUES (
    :id, :client, :role, :office, :sink, :kinds, :of_kinds, 'unverified', :challenge, :at, :at
);

-- name: subscriptions_of
-- The subscriptions of a client, and how much each has still to be told.
SELECT
    id, sink, kinds, office AS region, subscriptions.state, failures, subscriptions.last_error, created_at, ended_at,
    count(queued.sequence) FILTER (WHERE queued.state = 'pending') AS pending,
    count(queued.sequence) FILTER (WHERE queued.state = 'dead') AS dead
FROM subscriptions LEFT JOIN subscription_queue AS queued ON queued.subscription = subscriptions.id
WHERE client = :client AND (:id::text IS NULL OR id = :id)
GROUP BY subscriptions.id
ORDER BY created_at, id;

-- name: change_state
-- Pause or go on, or end; what has ended begins no more.
UPDATE subscriptions SET
    state = :state::text, failures = 0, next_attempt_at = :at::timestamptz, ended_at = CASE WHEN :state = 'ended' THEN :at::timestamptz END
WHERE id = :id AND client = :client AND state = ANY (:from_states::text[]);

-- name: empty_queue
-- What has not been sent is not sent any more.
DELETE FROM subscription_queue WHERE subscription = :id;

-- name: send_again
-- What was given up is sent again.
UPDATE subscription_queue SET state = 'pending', attempts = 0, leased_until = NULL, not_before = NULL
WHERE subscription = :id AND state = 'dead';

-- name: replay
-- Everything from a place on is sent once more, as far as it is kept.
INSERT INTO subscription_queue (subscription, sequence, case_id, queued_at)
SELECT subscriptions.id, feed.sequence, feed.case_id, :at
FROM subscriptions JOIN feed ON feed.sequence > :after
 AND (subscriptions.kinds = '{}' OR feed.kind = ANY (subscriptions.kinds))
 AND sees_of_feed(
     feed.target, feed.of_kind, feed.region, subscriptions.role, subscriptions.of_kinds, subscriptions.office
 )
WHERE subscriptions.id = :id AND subscriptions.client = :client AND subscriptions.state IN ('active', 'paused')
ON CONFLICT (subscription, sequence) DO UPDATE SET state = 'pending', attempts = 0, leased_until = NULL, not_before = NULL;

-- name: unverified
-- Sinks that have to show that they want to be told.
UPDATE subscriptions SET next_attempt_at = :at + interval '1 minute'
WHERE id IN (
    SELECT id FROM subscriptions WHERE state = 'unverified' AND next_attempt_at <= :at
    ORDER BY next_attempt_at LIMIT :at_most FOR UPDATE SKIP LOCKED
)
RETURNING id, sink, challenge, failures;

-- name: verified
-- The sink wants to be told.
UPDATE subscriptions SET state = 'active', failures = 0, last_error = NULL, next_attempt_at = :at
WHERE id = :id AND state = 'unverified';

-- name: not_verified
-- The sink has not answered its challenge; after some attempts it is left alone.
UPDATE subscriptions SET
    failures = failures + 1,
    last_error = :error,
    next_attempt_at = :next,
    state = CASE WHEN failures + 1 >= :most THEN 'ended' ELSE state END,
    ended_at = CASE WHEN failures + 1 >= :most::int THEN :at::timestamptz END
WHERE id = :id AND state = 'unverified';

-- name: lease
-- The next for each sink and case, for whoever sends it now: none overtakes another of its case, and a sink that
-- fails is asked with one at a time. A message that fails is left in peace for longer than its sink, so that the sink is
-- asked with another one then: what it never accepts holds up its own case alone. What is still on its way counts.
UPDATE subscription_queue AS mine SET leased_until = :until
FROM (
    SELECT queued.subscription, queued.sequence, subscriptions.sink, subscriptions.failures
    FROM subscriptions
    LEFT JOIN unnest(:sinks::text[], :on_their_way::int[]) AS sending (id, number) ON sending.id = subscriptions.id
    CROSS JOIN LATERAL (
        SELECT first.subscription, first.sequence
        FROM subscription_queue AS first
        WHERE first.subscription = subscriptions.id AND first.state = 'pending'
          AND (first.leased_until IS NULL OR first.leased_until < :at)
          AND (first.not_before IS NULL OR first.not_before <= :at)
          AND NOT EXISTS (
              SELECT FROM subscription_queue AS before
              WHERE before.subscription = first.subscription AND before.case_id = first.case_id
                AND before.state = 'pending' AND before.sequence < first.sequence
          )
        ORDER BY first.sequence
        LIMIT greatest(0, CASE WHEN subscriptions.failures > 0 THEN 1 ELSE :of_each::int END - coalesce(sending.number, 0))
        FOR UPDATE SKIP LOCKED
    ) AS queued
    WHERE subscriptions.state = 'active' AND subscriptions.next_attempt_at <= :at
) AS chosen
WHERE mine.subscription = chosen.subscription AND mine.sequence = chosen.sequence
RETURNING mine.subscription, mine.sequence, mine.attempts, mine.queued_at, mine.leased_until,
    chosen.sink, chosen.failures;

-- name: accepted
-- The sink has it: it is gone from the queue, unless somebody had it sent once more meanwhile; what was meant for its
-- client alone is delivered, and the sink is well.
WITH told AS (
    DELETE FROM subscription_queue WHERE subscription = :id AND sequence = :sequence AND leased_until = :leased_until
), delivered AS (
    INSERT INTO delivered_events (event_id, way, client)
    SELECT feed.event_id, 'webhook', subscriptions.client
    FROM feed JOIN subscriptions ON subscriptions.id = :id
    WHERE feed.sequence = :sequence AND feed.event_id IS NOT NULL
    ON CONFLICT (event_id) DO NOTHING
)
UPDATE subscriptions SET failures = 0, failing_since = NULL, last_error = NULL, next_attempt_at = :at
WHERE id = :id AND failures > 0;

-- name: not_accepted
-- It stays, or is given up; the sink is left in peace for a while.
WITH kept AS (
    UPDATE subscription_queue SET
        attempts = attempts + 1,
        last_error = :error,
        leased_until = NULL,
        not_before = :message_next,
        state = CASE WHEN :give_up THEN 'dead' ELSE 'pending' END
    WHERE subscription = :id AND sequence = :sequence AND leased_until = :leased_until
)
UPDATE subscriptions SET
    failures = CASE WHEN :give_up THEN failures ELSE failures + 1 END, failing_since = coalesce(failing_since, :at),
    last_error = :error, next_attempt_at = :next
WHERE id = :id;

-- name: gone
-- The sink says that it is no more.
UPDATE subscriptions SET state = 'ended', ended_at = :at, last_error = 'gone' WHERE id = :id;

-- name: asked_after_all
-- Open cases in which everybody has the question by now who could not be asked in time.
SELECT cases.case_id
FROM cases CROSS JOIN LATERAL (SELECT cases.state::jsonb AS said) AS held
WHERE cases.closed_at IS NULL AND cases.attention <> '{}' AND cases.attention @> '{undelivered}'
  AND held.said ->> 'last_error' = 'QUESTION_NOT_DELIVERED'
  AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(held.said -> 'unasked') AS missing CROSS JOIN LATERAL deliveries_of(
          cases.case_id, cases.generation, coalesce(held.said ->> 'publication', held.said ->> 'order'),
          ARRAY[missing ->> 'role']
      ) AS delivery
      WHERE delivery.delivered_at IS NULL
  )
ORDER BY cases.case_id LIMIT :at_most;
