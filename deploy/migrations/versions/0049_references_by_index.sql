-- A plan that is made while the table is small reads all of it, or all of an agency, and is kept for as long as a statement adds
-- to it: thousands of cases written by one statement took seconds. By the digits there is hardly ever more than one.
DROP INDEX cases_by_reference;
CREATE UNIQUE INDEX cases_by_reference
    ON cases (reference, region, extract(year FROM opened_at AT TIME ZONE 'Asia/Shanghai')) WHERE reference IS NOT NULL;

CREATE OR REPLACE FUNCTION give_reference() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    LOOP
        NEW.reference := (10000000 + floor(random() * 90000000))::integer::text;
        -- The region is compared as no index has it.
        EXIT WHEN NOT EXISTS (
            SELECT FROM cases
            WHERE reference = NEW.reference AND region || '' = NEW.region
              AND extract(year FROM opened_at AT TIME ZONE 'Asia/Shanghai')
                  = extract(year FROM NEW.opened_at AT TIME ZONE 'Asia/Shanghai')
        );
    END LOOP;
    RETURN NEW;
END
$$;
