-- The directory of offices and posts.

-- name: one_loader
-- Whoever loads the directory comes after whoever loads it now.
SELECT pg_advisory_xact_lock(3, 1);

-- name: offices
-- All offices, the highest level first.
SELECT
    code, level, parent, name,
    -- Read as nothing where the schema is that of the release before.
    to_jsonb(offices) ->> 'address' AS address, to_jsonb(offices) ->> 'hours' AS hours, to_jsonb(offices) ->> 'phone' AS phone
FROM offices
ORDER BY array_position(ARRAY['ministry', 'province', 'municipality', 'agency'], level), code;

-- name: posts
-- All posts, holders before their deputies.
SELECT office, role, staff, rank, absent_from, absent_to FROM posts
ORDER BY office, array_position(ARRAY['clerk', 'team_lead', 'supervisor', 'head'], role), rank;

-- name: remove_offices
-- Offices that are closed, or about to be written again.
DELETE FROM offices WHERE code = ANY (:codes::text[]);

-- name: add_office
-- One office.
INSERT INTO offices (code, level, parent, name, address, hours, phone)
VALUES (:code, :level, :parent, :name, :address, :hours, :phone);

-- name: remove_post
-- A post that is given up, or about to be written again.
DELETE FROM posts WHERE office = :office AND role = :role AND rank = :rank;

-- name: add_post
-- Somebody at a post.
INSERT INTO posts (office, role, staff, rank, absent_from, absent_to)
VALUES (:office, :role, :staff, :rank, :absent_from, :absent_to);
