-- A register that was restored under a newer Temporal, or stands over an empty one, went unnoticed when a process started.

CREATE TABLE pair (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    beat bigint NOT NULL DEFAULT 0 CHECK (beat >= 0),
    told_over text COLLATE "C" CHECK (told_over ~ '^(none|[a-z2-7]{10}/[0-9]+)$')
);
INSERT INTO pair DEFAULT VALUES;
COMMENT ON TABLE pair IS 'How far register and Temporal have come together: the reconciliation counts on both sides, here first';
COMMENT ON COLUMN pair.beat IS 'The last beat, under the epoch of the feed; that of Temporal is this one or the one before. 0: with no Temporal yet';
COMMENT ON COLUMN pair.told_over IS
    'Over which mark of Temporal, epoch/beat or none, somebody has said that the register holds; null once Temporal has followed';
