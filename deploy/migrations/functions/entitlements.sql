CREATE OR REPLACE FUNCTION effect_snapshot_entitlements(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entitlement_snapshots (case_id, generation, version, taken_at, taken_in, digest)
    SELECT s.case_id, s.generation, s.version, now.at, now.seen, entitlement_digest(s.person_id, now.seen, now.at)
    FROM (SELECT clock_timestamp() AS at, pg_current_snapshot() AS seen) AS now;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_snapshot_entitlements IS 'The digest of the person''s contribution months and balances is kept';

CREATE OR REPLACE FUNCTION effect_compare_entitlements(s step) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entitlement_snapshots SET compared_at = s.at, digest_after = digest
    WHERE case_id = s.case_id AND generation = s.generation
      AND version = (
          SELECT max(version) FROM entitlement_snapshots WHERE case_id = s.case_id AND generation = s.generation
      )
      AND digest = entitlement_digest(s.person_id, taken_in, taken_at);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'DIGEST_DIFFERS' USING ERRCODE = 'CASE1';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION effect_compare_entitlements IS
    'Refuses DIGEST_DIFFERS where months or balances of the snapshot are not what they were; what was posted later does not count';
