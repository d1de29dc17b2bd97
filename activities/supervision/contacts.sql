-- How staff are reached.

-- name: one_loader
-- Whoever loads contacts comes after whoever loads them now.
SELECT pg_advisory_xact_lock(3, 2);

-- name: staff_contacts
-- All ways to reach staff; the addresses are sealed.
SELECT staff, channel, address, rank, language FROM staff_contacts ORDER BY staff, rank, channel;

-- name: remove_staff_contact
-- A way that is given up.
DELETE FROM staff_contacts WHERE staff = :staff AND channel = :channel;

-- name: put_staff_contact
-- A way that is new or was changed; at a new address it counts as valid again.
INSERT INTO staff_contacts (staff, channel, address, rank, language)
VALUES (:staff, :channel, :address, :rank, :language)
ON CONFLICT (staff, channel) DO UPDATE
SET address = excluded.address, rank = excluded.rank, language = excluded.language, valid = true;

-- name: posts_without_contact
-- Who is told as a post and cannot be reached: nobody, or only at addresses from which messages bounced.
SELECT DISTINCT staff FROM posts
WHERE NOT EXISTS (SELECT FROM staff_contacts WHERE staff_contacts.staff = posts.staff AND valid)
ORDER BY staff;
