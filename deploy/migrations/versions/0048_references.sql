-- What is told to people named no office, no place and no phone, and a case by 30 characters that nobody reads out.

ALTER TABLE offices
    ADD COLUMN address text CHECK (length(address) BETWEEN 1 AND 100),
    ADD COLUMN hours text CHECK (length(hours) BETWEEN 1 AND 100),
    ADD COLUMN phone text CHECK (length(phone) BETWEEN 3 AND 40);
COMMENT ON COLUMN offices.address IS 'Where its counter is, as people are told';
COMMENT ON COLUMN offices.hours IS 'When its counter is open';
COMMENT ON COLUMN offices.phone IS 'Whom people call';

ALTER TABLE cases ADD COLUMN reference text COLLATE "C" CHECK (reference ~ '^[1-9][0-9]{7}$');
COMMENT ON COLUMN cases.reference IS
    'Eight digits by which people name it, unique per agency and year of its opening; null for one that was opened before there were any';
CREATE UNIQUE INDEX cases_by_reference
    ON cases (region, reference, extract(year FROM opened_at AT TIME ZONE 'Asia/Shanghai')) WHERE reference IS NOT NULL;

-- Not one after the other: whoever has two would know how many came between.
CREATE FUNCTION give_reference() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    LOOP
        NEW.reference := (10000000 + floor(random() * 90000000))::integer::text;
        EXIT WHEN NOT EXISTS (
            SELECT FROM cases
            WHERE region = NEW.region AND reference = NEW.reference
              AND extract(year FROM opened_at AT TIME ZONE 'Asia/Shanghai')
                  = extract(year FROM NEW.opened_at AT TIME ZONE 'Asia/Shanghai')
        );
    END LOOP;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION give_reference IS 'A reference that no case of the agency has that was opened in the same year';
CREATE TRIGGER cases_have_a_reference BEFORE INSERT ON cases FOR EACH ROW EXECUTE FUNCTION give_reference();
