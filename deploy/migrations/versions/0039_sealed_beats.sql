-- Whoever can reach Temporal can answer in the name of the reconciliation: one answer with a beat of their choice, and no process
-- started any more.

ALTER TABLE pair ADD COLUMN seal_key bytea NOT NULL
    DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) CHECK (octet_length(seal_key) = 32);
COMMENT ON COLUMN pair.seal_key IS
    'By this key the register seals what it answers Temporal, for the run that brings it there; it never leaves the register';

-- Whoever takes the reconciliation's tasks has nothing compared, and the look at what stands still with it: that nobody compares
-- must be seen without Temporal.
ALTER TABLE pair ADD COLUMN beat_at timestamptz;
COMMENT ON COLUMN pair.beat_at IS 'When register and runs were compared last, and both fitted';

CREATE FUNCTION date_beat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.beat_at := clock_timestamp();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION date_beat IS 'Dates a beat, also where it is the same once more';
CREATE TRIGGER pair_is_dated BEFORE UPDATE OF beat ON pair FOR EACH ROW EXECUTE FUNCTION date_beat();
