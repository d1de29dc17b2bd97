-- Delivery: what is due, whom it is for, how far it got.

-- name: leave_in_peace
-- Messages to applicants whose time came in quiet hours wait until those end. Of those in :ids, or any.
UPDATE notifications SET attempts = attempts + 1, next_attempt_at = :quiet_until, error = NULL
WHERE id IN (
    SELECT id FROM notifications
    WHERE state = 'pending' AND next_attempt_at <= :at AND not_before <= :at AND recipient = 'applicant'
      AND (:ids::bigint[] IS NULL OR id = ANY (:ids))
    ORDER BY not_before, id LIMIT :many FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: take_up
-- Notifications that are due, for as long as the lease; whoever took one up before writes no more. Of those in :ids, or the
-- first that are due and not behind another one. What has been overtaken comes to its end. With each, how an applicant is reached, in the order they prefer; at the register's phone where they
-- named none.
WITH due AS (
    SELECT id, is_overtaken(notifications, :at) FROM notifications
    -- By their IDs in either case, so that one plan serves both.
    WHERE id = ANY (CASE WHEN :ids::bigint[] IS NOT NULL THEN :ids ELSE ARRAY(
        SELECT id FROM notifications
        WHERE state = 'pending' AND next_attempt_at <= :at AND not_before <= :at
          AND (recipient <> 'applicant' OR :with_applicants) AND NOT is_behind(notifications, :at)
        -- In the order of their index: whatever waits, no more are looked at than are taken up.
        ORDER BY not_before, id LIMIT :limit FOR UPDATE SKIP LOCKED
    ) END)
      AND state = 'pending' AND next_attempt_at <= :at AND not_before <= :at
      AND (recipient <> 'applicant' OR :with_applicants::boolean) AND NOT is_behind(notifications, :at)
    FOR UPDATE SKIP LOCKED
),
taken AS (
    UPDATE notifications SET
        attempts = attempts + 1,
        state = CASE WHEN is_overtaken THEN 'overtaken' ELSE state END,
        error = CASE WHEN is_overtaken THEN NULL ELSE error END,
        next_attempt_at = CASE WHEN is_overtaken THEN NULL ELSE :at::timestamptz + :lease::interval END
    FROM due WHERE notifications.id = due.id
    RETURNING notifications.*
)
SELECT
    taken.id, state, subject, case_id, person, event, recipient, office, template, facts, second_channel, attempts, round,
    reach.channels, reach.addresses, reach.languages, whom.reference, to_jsonb(desk) AS desk
FROM taken
-- What the schema of the release before does not have is read as nothing.
LEFT JOIN LATERAL (
    SELECT to_jsonb(cases) ->> 'reference' AS reference, region FROM cases
    WHERE (cases.case_id, cases.generation) = (taken.case_id, taken.generation)
    UNION ALL
    SELECT NULL, region FROM persons WHERE token = taken.person AND taken.case_id IS NULL
) AS whom ON taken.recipient = 'applicant'
LEFT JOIN offices AS desk ON desk.code = whom.region
CROSS JOIN LATERAL (
    SELECT
        array_agg(channel::text ORDER BY rank, channel) AS channels,
        array_agg(address::text ORDER BY rank, channel) AS addresses,
        array_agg(language::text ORDER BY rank, channel) AS languages
    FROM (
        SELECT channel, address, language, rank FROM contacts WHERE person = taken.person AND valid
        UNION ALL
        SELECT 'sms', phone, 'zh', 32767 FROM persons
        WHERE token = taken.person AND phone IS NOT NULL
          AND NOT EXISTS (SELECT FROM contacts WHERE person = taken.person AND channel = 'sms')
    ) AS ways
) AS reach
ORDER BY taken.id;

-- name: renew
-- What is under way goes on counting as taken up; who took one up since has it.
WITH held AS (
    SELECT notifications.id FROM notifications
    JOIN unnest(:ids::bigint[], :attempts::integer[]) AS taken (id, attempts) USING (id, attempts)
    WHERE state = 'pending' ORDER BY id FOR UPDATE OF notifications
)
UPDATE notifications SET next_attempt_at = :at::timestamptz + :lease::interval FROM held WHERE notifications.id = held.id;

-- name: deliveries_of
-- The ways of some notifications so far, in the order in which they were begun.
SELECT notification_id, id, channel, idempotency_key, staff, address, language, state, uncertain, attempts, begun_at, round
FROM deliveries WHERE notification_id = ANY (:ids::bigint[]) ORDER BY begun_at, id;

-- name: contacts_of_staff
-- How some of the staff are reached, in the order they prefer.
SELECT staff, channel, address, language FROM staff_contacts
WHERE staff = ANY (:staff::text[]) AND valid ORDER BY staff, rank, channel;

-- name: offices_from
-- Some offices, each with those above it.
WITH RECURSIVE chain AS (
    SELECT code AS origin, code, level, parent, name, 0 AS depth FROM offices WHERE code = ANY (:offices::text[])
    UNION ALL
    SELECT chain.origin, above.code, above.level, above.parent, above.name, chain.depth + 1
    FROM chain JOIN offices AS above ON above.code = chain.parent WHERE chain.depth < 4
)
SELECT origin, code, level, parent, name FROM chain ORDER BY origin, depth;

-- name: people_at_posts
-- The holders of the posts of some offices and those who stand in, for each post in this order.
SELECT office, role, staff, rank, absent_from, absent_to FROM posts WHERE office = ANY (:offices::text[]) ORDER BY rank;

-- name: begin
-- Ways that are to be tried, there before a provider is called, so that a crash leaves the key behind; and the attempt at
-- each whose provider may be called within :patience and whose message is :ready: from here on until the provider answers,
-- it may have the message. A way that failed in an earlier round starts again, under the same key, at the address that is
-- known now. A provider's pace is kept by all workers together, its row held for this statement only. No slot where a pace
-- has no row yet; no ID where a receipt came in between.
WITH leased AS (
    -- As receipts do: the notification first, its deliveries after it.
    SELECT id FROM notifications WHERE id = ANY (:notifications::bigint[]) ORDER BY id FOR KEY SHARE
),
wanted AS (
    SELECT each.*, row_number() OVER (PARTITION BY channel, ready ORDER BY notification_id) - 1 AS before
    FROM unnest(
        :notifications::bigint[], :deliveries::bigint[], :channels::text[], :keys::text[], :staff::text[],
        :addresses::text[], :languages::text[], :providers::text[], :rounds::integer[], :steps::interval[],
        :ready::boolean[]
    ) AS each (notification_id, delivery, channel, key, staff, address, language, provider, round, step, ready)
    JOIN leased ON leased.id = notification_id
),
held AS (
    SELECT channel, open_from FROM channel_paces WHERE channel = ANY (:paced::text[]) ORDER BY channel FOR UPDATE
),
open AS (
    SELECT channel, open_from FROM held
    UNION ALL
    SELECT channel, open_from FROM channel_paces WHERE channel <> ALL (:paced)
),
slots AS (
    SELECT
        wanted.*,
        CASE WHEN open.channel IS NOT NULL OR step = interval '0'
            THEN greatest(open.open_from, :at::timestamptz) + step * before END AS slot
    FROM wanted LEFT JOIN open ON open.channel = wanted.channel
),
granted AS (
    SELECT slots.*, ready AND coalesce(slot <= :at::timestamptz + :patience::interval, false) AS is_granted FROM slots
),
reserved AS (
    UPDATE channel_paces AS pace SET open_from = last.slot + last.step
    FROM (SELECT channel, step, max(slot) AS slot FROM granted WHERE is_granted GROUP BY channel, step) AS last
    WHERE pace.channel = last.channel AND last.step > interval '0'
),
begun AS (
    INSERT INTO deliveries (
        notification_id, channel, idempotency_key, staff, address, language, provider, round, begun_at,
        attempts, uncertain, tried_at
    )
    SELECT
        notification_id, channel, key, staff, address, language, provider, round, :at,
        is_granted::integer, is_granted, CASE WHEN is_granted THEN :at END
    FROM granted WHERE delivery IS NULL
    ON CONFLICT (notification_id, channel) DO UPDATE SET
        staff = excluded.staff,
        address = excluded.address,
        language = excluded.language,
        provider = excluded.provider,
        round = excluded.round,
        begun_at = excluded.begun_at,
        state = 'sending',
        uncertain = excluded.uncertain,
        attempts = excluded.attempts,
        error = NULL,
        provider_reference = NULL,
        tried_at = excluded.tried_at,
        accepted_at = NULL,
        settled_at = NULL
    WHERE deliveries.state = 'failed' AND deliveries.round < excluded.round
    RETURNING id, notification_id, channel
),
repeated AS (
    UPDATE deliveries SET attempts = deliveries.attempts + 1, tried_at = :at, uncertain = true
    FROM granted WHERE deliveries.id = granted.delivery AND is_granted AND deliveries.state = 'sending'
    RETURNING deliveries.id, deliveries.notification_id, deliveries.channel
)
SELECT granted.notification_id, granted.channel, granted.slot, granted.is_granted, attempt.id
FROM granted
LEFT JOIN (SELECT * FROM begun UNION ALL SELECT * FROM repeated) AS attempt USING (notification_id, channel);

-- name: open_paces
-- Rows for paces that nobody kept yet.
INSERT INTO channel_paces (channel, open_from) SELECT unnest(:paced::text[]), :at ON CONFLICT (channel) DO NOTHING;

-- name: leave_alone
-- A provider asked for patience, and gets it from everyone.
INSERT INTO channel_paces AS pace (channel, open_from) VALUES (:channel, :until)
ON CONFLICT (channel) DO UPDATE SET open_from = greatest(pace.open_from, excluded.open_from);

-- name: record
-- What became of calls, and where notifications stand after them, taken up again at :nexts where they are pending. A receipt
-- may have come before an answer; what surely was refused or may be tried again is told of a way that is still being sent
-- only. A notification whose ways are not as they were seen, because a receipt told of one meanwhile, is not settled but
-- answered, for its standing has to be found again. No standing: it goes on through its next channel.
WITH held AS (
    -- A receipt and a delivery of the same notification go one after the other.
    SELECT id, attempts FROM notifications WHERE id = ANY (:ids::bigint[]) ORDER BY id FOR UPDATE
),
found AS (
    -- Locked to be read as they are now, whatever was committed since this statement began. What is written below is
    -- made from these: PostgreSQL checks constraints of a new row before it notices that the old one was outdated.
    SELECT
        deliveries.id, deliveries.notification_id, deliveries.channel, deliveries.state, deliveries.accepted_at,
        deliveries.settled_at, deliveries.provider_reference
    FROM held JOIN deliveries ON deliveries.notification_id = held.id
    FOR UPDATE OF deliveries
),
recorded AS (
    UPDATE deliveries SET
        state = CASE WHEN found.state = 'sending' THEN answer.state ELSE found.state END,
        accepted_at = CASE WHEN answer.state = 'accepted' THEN coalesce(found.accepted_at, :at) ELSE found.accepted_at END,
        settled_at = CASE WHEN answer.state = 'failed' THEN :at ELSE found.settled_at END,
        provider_reference = CASE WHEN answer.state = 'accepted' THEN answer.reference ELSE found.provider_reference END,
        uncertain = answer.uncertain,
        error = answer.error
    FROM unnest(:deliveries::bigint[], :outcomes::text[], :codes::text[], :references::text[], :uncertain::boolean[])
        AS answer (id, state, error, reference, uncertain)
    JOIN found ON found.id = answer.id
    WHERE deliveries.id = found.id
      AND (found.state = 'sending' OR (answer.state = 'accepted' AND found.state <> 'failed'))
),
standing AS (
    SELECT
        given.*,
        given.seen = coalesce(
            (SELECT string_agg(found.state, ' ' ORDER BY found.channel) FROM found WHERE found.notification_id = given.id), ''
        ) AS is_as_seen
    FROM unnest(
        :idle::bigint[], :attempts::integer[], :seen::text[], :standings::text[], :errors::text[], :nexts::timestamptz[]
    ) AS given (id, attempt, seen, state, error, next)
    JOIN held ON held.id = given.id AND held.attempts = given.attempt
),
settled AS (
    UPDATE notifications SET
        state = standing.state,
        error = standing.error,
        next_attempt_at = CASE WHEN standing.state = 'pending' THEN standing.next END
    FROM standing
    WHERE notifications.id = standing.id AND standing.is_as_seen AND standing.state IS NOT NULL
)
SELECT id FROM standing WHERE NOT is_as_seen;

-- name: invalidate_contact
-- Nobody is reached there any more; a contact that was corrected meanwhile is left alone.
WITH gone AS (
    SELECT delivery.channel, delivery.address, delivery.staff, notification.person
    FROM deliveries AS delivery JOIN notifications AS notification ON notification.id = delivery.notification_id
    WHERE delivery.id = :delivery
),
of_person AS (
    UPDATE contacts SET valid = false FROM gone
    WHERE contacts.person = gone.person AND contacts.channel = gone.channel AND contacts.address = gone.address
),
of_staff AS (
    UPDATE staff_contacts SET valid = false FROM gone
    WHERE staff_contacts.staff = gone.staff AND staff_contacts.channel = gone.channel
      AND staff_contacts.address = gone.address
)
INSERT INTO contacts (person, channel, address, rank, valid)
SELECT gone.person, 'sms', gone.address, 32767, false
FROM gone JOIN persons ON persons.token = gone.person AND persons.phone = gone.address
WHERE gone.channel = 'sms'
ON CONFLICT (person, channel) DO NOTHING;

-- name: settle
-- Where a notification stands after what a receipt told.
UPDATE notifications SET state = :state, error = :error, next_attempt_at = NULL WHERE id = :id;

-- name: lock_notification
-- A receipt and a delivery of the same notification go one after the other.
SELECT id, second_channel, state, round FROM notifications WHERE id = :id FOR UPDATE;

-- name: delivery_of_key
-- The delivery that a channel's provider speaks of. Of those through other channels it knows nothing.
SELECT id, notification_id, provider, round FROM deliveries WHERE idempotency_key = :key AND channel = :channel;

-- name: write_callback
-- What a provider told, once.
INSERT INTO callbacks (provider, event_id, delivery_id, round, what, at, received_at)
VALUES (:provider, :event_id, :delivery, :round, :what, :told_at, :at)
ON CONFLICT (provider, event_id) DO NOTHING;

-- name: told_of
-- All that the provider told of a delivery in one round.
SELECT DISTINCT what FROM callbacks WHERE delivery_id = :delivery AND round = :round;

-- name: record_receipt
-- A receipt settles a delivery, whatever was known of it before.
UPDATE deliveries SET
    state = :state, settled_at = coalesce(settled_at, :at), accepted_at = coalesce(accepted_at, :at), uncertain = false,
    error = :error
WHERE id = :delivery;

-- name: take_up_again
-- A message that did not arrive goes on through its next channel; one that is being sent just now is left to who sends it.
UPDATE notifications SET state = 'pending', next_attempt_at = :at WHERE id = :id AND state <> 'pending';

-- name: write_staff_contact
-- How one of the staff is reached from now on; a contact that bounced counts again.
INSERT INTO staff_contacts (staff, channel, address, rank, language)
VALUES (:staff, :channel, :address, :rank, :language)
ON CONFLICT (staff, channel) DO UPDATE SET
    address = excluded.address, rank = excluded.rank, language = excluded.language, valid = true;

-- name: send_again
-- What was given up is taken up again, in a further round.
UPDATE notifications SET
    state = 'pending', round = round + 1, next_attempt_at = :at, error = NULL, sent_again_by = :by, sent_again_at = :at
WHERE id = ANY (:ids::bigint[]) AND state IN ('failed', 'undeliverable')
RETURNING id;

-- name: known_notifications
-- Which of these there are.
SELECT id FROM notifications WHERE id = ANY (:ids::bigint[]);

-- name: list_troubled
-- Messages that did not reach anybody, or of which nobody has known for long whether they did, by their IDs: what was tried,
-- in the order in which it was begun.
SELECT
    notification.id, notification.subject, notification.case_id, notification.recipient, notification.office,
    notification.template, notification.round, notification.written_at, notification.error,
    CASE notification.state WHEN 'pending' THEN 'unknown' ELSE notification.state END AS trouble,
    coalesce(way.tried, '{}') AS tried
FROM notifications AS notification
LEFT JOIN LATERAL (
    SELECT
        array_agg(concat_ws(' ', channel, state, error) ORDER BY begun_at, id) AS tried,
        bool_or(uncertain AND state = 'sending' AND begun_at <= :unknown_since) AS is_unknown
    FROM deliveries WHERE deliveries.notification_id = notification.id
) AS way ON true
WHERE (
    notification.state = ANY (:states::text[])
    OR (:with_unknown::boolean AND notification.state = 'pending' AND way.is_unknown)
)
AND (:error::text IS NULL OR notification.error = :error)
AND (:case_id::text IS NULL OR notification.case_id = :case_id)
AND notification.id > :after
ORDER BY notification.id LIMIT :limit;

-- name: count_unknown
-- Deliveries of which nobody has known for long whether the provider has them.
SELECT count(*) AS deliveries
FROM notifications CROSS JOIN LATERAL (
    -- OFFSET 0 has them looked up for each message: nobody reads all the deliveries that there ever were.
    SELECT FROM deliveries
    WHERE notification_id = notifications.id AND uncertain AND deliveries.state = 'sending' AND begun_at <= :unknown_since
    OFFSET 0
) AS doubtful
-- Those that were never taken up were never tried.
WHERE notifications.state = 'pending' AND notifications.attempts > 0;

-- name: standing_of_all
-- How messages stand: those that wait for their time, those that nobody took up although it was time, those of which nobody
-- knows for long, and those that were given up.
SELECT
    count(*) FILTER (WHERE state = 'pending') AS pending,
    count(*) FILTER (
        WHERE state = 'pending' AND next_attempt_at <= :overdue_since AND NOT is_behind(notifications, :overdue_since)
    ) AS overdue,
    count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state = 'undeliverable') AS undeliverable,
    unknown.deliveries AS unknown,
    unknown.since AS unknown_since
FROM notifications
CROSS JOIN (
    SELECT coalesce(sum(tried.deliveries), 0)::bigint AS deliveries, min(tried.since) AS since
    FROM notifications AS unsettled CROSS JOIN LATERAL (
        SELECT count(*) AS deliveries, min(begun_at) AS since FROM deliveries
        WHERE notification_id = unsettled.id AND uncertain AND deliveries.state = 'sending' AND begun_at <= :unknown_since
    ) AS tried
    WHERE unsettled.state = 'pending' AND unsettled.attempts > 0
) AS unknown
WHERE state IN ('pending', 'failed', 'undeliverable')
GROUP BY unknown.deliveries, unknown.since;
