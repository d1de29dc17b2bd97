-- Delivery: what is due, whom it is for, how far it got.

-- name: take_up
-- One notification that is due, for as long as the lease; whoever took it up before writes no more. Of those in :ids, or any.
UPDATE notifications SET attempts = attempts + 1, next_attempt_at = :at::timestamptz + :lease::interval
WHERE id = (
    SELECT id FROM notifications
    WHERE state = 'pending' AND next_attempt_at <= :at AND not_before <= :at
      AND (:ids::bigint[] IS NULL OR id = ANY (:ids))
    ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING
    id, subject, case_id, generation, person, event, recipient, office, template, facts, second_channel, written_at,
    attempts, round;

-- name: put_back
-- It is taken up again at a later time.
UPDATE notifications SET next_attempt_at = :next, error = :error
WHERE id = :id AND state = 'pending' AND attempts = :attempt;

-- name: deliveries_of
-- Its ways so far, in the order in which they were begun.
SELECT id, channel, idempotency_key, staff, address, language, state, uncertain, attempts, begun_at, round
FROM deliveries WHERE notification_id = :id ORDER BY begun_at, id;

-- name: contacts_of_person
-- How an applicant is reached, in the order they prefer; at the register's phone where they named none.
SELECT channel, address, language FROM (
    SELECT channel, address, language, rank FROM contacts WHERE person = :person AND valid
    UNION ALL
    SELECT 'sms', phone, 'zh', 32767 FROM persons
    WHERE token = :person AND phone IS NOT NULL
      AND NOT EXISTS (SELECT FROM contacts WHERE person = :person AND channel = 'sms')
) AS ways
ORDER BY rank, channel;

-- name: contacts_of_staff
-- How some of the staff are reached, in the order they prefer.
SELECT staff, channel, address, language FROM staff_contacts
WHERE staff = ANY (:staff::text[]) AND valid ORDER BY staff, rank, channel;

-- name: offices_from
-- An office and those above it.
WITH RECURSIVE chain AS (
    SELECT code, level, parent, name, 0 AS depth FROM offices WHERE code = :office
    UNION ALL
    SELECT above.code, above.level, above.parent, above.name, chain.depth + 1
    FROM chain JOIN offices AS above ON above.code = chain.parent WHERE chain.depth < 4
)
SELECT code, level, parent, name FROM chain ORDER BY depth;

-- name: people_at_post
-- The holder of a post and those who stand in, in this order.
SELECT office, role, staff, rank, absent_from, absent_to FROM posts WHERE office = :office AND role = :role ORDER BY rank;

-- name: begin_delivery
-- A way that is to be tried; there before the provider is called, so that a crash leaves the key behind. One that failed in
-- an earlier round begins anew, under the same key, at the address that is known now.
INSERT INTO deliveries (notification_id, channel, idempotency_key, staff, address, language, provider, round, begun_at)
VALUES (:id, :channel, :key, :staff, :address, :language, :provider, :round, :at)
ON CONFLICT (notification_id, channel) DO UPDATE SET
    staff = excluded.staff,
    address = excluded.address,
    language = excluded.language,
    provider = excluded.provider,
    round = excluded.round,
    begun_at = excluded.begun_at,
    state = 'sending',
    uncertain = false,
    attempts = 0,
    error = NULL,
    provider_reference = NULL,
    tried_at = NULL,
    accepted_at = NULL,
    settled_at = NULL
WHERE deliveries.state = 'failed' AND deliveries.round < excluded.round;

-- name: reserve_slot
-- The next moment at which a provider may be called, reserved; no row where that is later than :patience.
INSERT INTO channel_paces AS pace (channel, open_from) VALUES (:channel, :at::timestamptz + :step::interval)
ON CONFLICT (channel) DO UPDATE SET open_from = greatest(pace.open_from, :at::timestamptz) + :step::interval
WHERE pace.open_from <= :at::timestamptz + :patience::interval
RETURNING open_from - :step::interval AS slot;

-- name: open_from
-- When a provider may be called again.
SELECT open_from FROM channel_paces WHERE channel = :channel;

-- name: leave_alone
-- A provider asked for patience, and gets it from everyone.
INSERT INTO channel_paces AS pace (channel, open_from) VALUES (:channel, :until)
ON CONFLICT (channel) DO UPDATE SET open_from = greatest(pace.open_from, excluded.open_from);

-- name: begin_attempt
-- The provider is called now: from here on until it answers, it may have the message.
UPDATE deliveries SET attempts = attempts + 1, tried_at = :at, uncertain = true WHERE id = :delivery AND state = 'sending';

-- name: record_accepted
-- The provider has it. A receipt may have come before the answer.
UPDATE deliveries SET
    state = CASE WHEN state = 'sending' THEN 'accepted' ELSE state END,
    accepted_at = coalesce(accepted_at, :at), provider_reference = :reference, uncertain = false, error = NULL
WHERE id = :delivery AND state IN ('sending', 'accepted', 'delivered');

-- name: record_refused
-- The provider will never take it.
UPDATE deliveries SET state = 'failed', settled_at = :at, uncertain = false, error = :error
WHERE id = :delivery AND state = 'sending';

-- name: record_attempt
-- It is tried again, under the same key. What was uncertain before the attempt stays so.
UPDATE deliveries SET error = :error, uncertain = :uncertain WHERE id = :delivery AND state = 'sending';

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
-- Where a notification stands after all its deliveries. Pending ones are taken up at :next.
UPDATE notifications SET
    state = :state, error = :error, next_attempt_at = CASE WHEN :state::text = 'pending' THEN :next::timestamptz END
WHERE id = :id AND (:attempt::integer IS NULL OR attempts = :attempt);

-- name: lock_notification
-- A receipt and a delivery of the same notification go one after the other.
SELECT id, second_channel, state, round FROM notifications WHERE id = :id FOR UPDATE;

-- name: delivery_of_key
-- The delivery that a provider speaks of.
SELECT id, notification_id, provider, round FROM deliveries WHERE idempotency_key = :key;

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
SELECT count(*) AS deliveries FROM deliveries WHERE uncertain AND state = 'sending' AND begun_at <= :unknown_since;

-- name: standing_of_all
-- How messages stand: those that wait for their time, those that nobody took up although it was time, those of which nobody
-- knows for long, and those that were given up.
SELECT
    count(*) FILTER (WHERE state = 'pending') AS pending,
    count(*) FILTER (WHERE state = 'pending' AND next_attempt_at <= :overdue_since) AS overdue,
    count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state = 'undeliverable') AS undeliverable,
    unknown.deliveries AS unknown,
    unknown.since AS unknown_since
FROM notifications
CROSS JOIN (
    SELECT count(*) AS deliveries, min(begun_at) AS since FROM deliveries
    WHERE uncertain AND state = 'sending' AND begun_at <= :unknown_since
) AS unknown
WHERE state IN ('pending', 'failed', 'undeliverable')
GROUP BY unknown.deliveries, unknown.since;
