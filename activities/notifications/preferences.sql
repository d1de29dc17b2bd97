-- How applicants want to be reached.

-- name: one_loader
-- Whoever loads preferences comes after whoever loads them now.
SELECT pg_advisory_xact_lock(3, 3);

-- name: persons_known
-- Who of them is in the register.
SELECT token FROM persons WHERE token = ANY (:persons::text[]);

-- name: contacts_of
-- Their ways so far, held against receipts that come in meanwhile; the addresses are sealed.
SELECT person, channel, address, rank, language, valid FROM contacts WHERE person = ANY (:persons::text[])
ORDER BY person, rank, channel
FOR UPDATE;

-- name: put_contact
-- A way that is new, or leads somewhere else; it counts as valid.
INSERT INTO contacts (person, channel, address, rank, language)
VALUES (:person, :channel, :address, :rank, :language)
ON CONFLICT (person, channel) DO UPDATE
SET address = excluded.address, rank = excluded.rank, language = excluded.language, valid = true;

-- name: rank_contact
-- The same way in another place or language.
UPDATE contacts SET rank = :rank, language = :language WHERE person = :person AND channel = :channel;

-- name: remove_contact
-- A way that is given up.
DELETE FROM contacts WHERE person = :person AND channel = :channel AND valid;
