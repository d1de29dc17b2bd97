-- The register's clock.

-- name: now
-- What time it is, wherever the asking process runs and whatever it was told.
SELECT now() AS now;
