-- Cases by a number: whoever has it, had it, shows it or asks for it.

-- name: cases_by_number
-- Cases of the persons who have or had a number, as an ID number or of a card, and cases that ask for it; of the regions
-- that an office answers for.
SELECT case_id, generation, kind, region, status, milestone, opened_at, closed_at
FROM cases
WHERE (
        number_token = :token
        OR person_id IN (
            SELECT person_id FROM numbers WHERE token = :token
            UNION
            SELECT person_id FROM cards WHERE number_token = :token
        )
    )
  AND office_covers(:office, region)
ORDER BY opened_at DESC, case_id;
