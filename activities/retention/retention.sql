-- What is due, what is held back, and what was erased. Erasing itself is a function of the register: erase_data.

-- name: take_time
-- Everything is looked at: that takes longer than a step of a case.
SELECT set_config('statement_timeout', :limit, true), set_config('lock_timeout', :limit, true);

-- name: regions
-- Whose policies are asked.
SELECT region FROM cases UNION SELECT region FROM persons;

-- name: due
-- Persons of whom something is due, and what: cases all of whose generations are closed for long enough, or everything,
-- where no case is left and the record is due as well or there is none. Terms are days, by region.
WITH terms AS (
    SELECT region, unsuccessful, completed, record
    FROM jsonb_to_recordset(:terms::jsonb) AS said (region text, unsuccessful integer, completed integer, record integer)
), of_cases AS (
    SELECT
        cases.person, cases.case_id, bool_and(cases.milestone = 'submitted') AS unsuccessful,
        -- Where one of its generations is open, or no policy says for how long it is kept, it is not due.
        coalesce(bool_and(closed_at + make_interval(days => CASE
            WHEN cases.milestone = 'submitted' THEN terms.unsuccessful ELSE terms.completed
        END) <= :at), false) AND count(terms.region) = count(*) AND count(closed_at) = count(*) AS is_due
    FROM cases LEFT JOIN terms USING (region)
    GROUP BY cases.person, cases.case_id
), of_persons AS (
    SELECT
        person,
        coalesce(array_agg(case_id ORDER BY case_id) FILTER (WHERE is_due), '{}') AS due,
        count(*) FILTER (WHERE is_due AND unsuccessful) AS unsuccessful,
        bool_and(is_due) AS all_due
    FROM of_cases GROUP BY person
), records AS (
    SELECT
        person.token AS person,
        end_of_person(person.id) IS NOT NULL AND greatest(
            (person.died_on::timestamp AT TIME ZONE 'Asia/Shanghai'),
            (SELECT max(known_at) FROM standings_of_persons AS standing WHERE standing.person_id = person.id)
        ) + make_interval(days => terms.record) <= :at AS is_due
    FROM persons AS person LEFT JOIN terms USING (region)
    WHERE EXISTS (SELECT FROM of_persons WHERE of_persons.person = person.token)
       OR person.died_on IS NOT NULL
       OR EXISTS (SELECT FROM standings_of_persons AS standing WHERE standing.person_id = person.id)
), together AS (
    SELECT
        coalesce(of_persons.person, records.person) AS person, coalesce(due, '{}') AS cases, coalesce(unsuccessful, 0) AS unsuccessful,
        coalesce(all_due, true) AND (records.person IS NULL OR coalesce(records.is_due, false)) AS whole
    FROM of_persons FULL JOIN records ON records.person = of_persons.person
)
SELECT person, cases, unsuccessful, whole, why_not_erased(person, cases, whole) AS kept_by
FROM together
WHERE whole OR cases <> '{}'
ORDER BY person;

-- name: old_chains
-- Chains of the journal that are kept no longer.
SELECT chain, entries FROM old_chains(:before::timestamptz) ORDER BY chain;

-- name: erase_chains
-- Erases them; how many entries they had.
SELECT erase_chains(:erasure, :before::timestamptz) AS entries;

-- name: places
-- What goes by itself, or as a whole: since when there is something, and how much of it is older than it may be.
-- Of the journal what is a log; the rest of it is kept for good.
SELECT 'journal' AS what, min(at) AS oldest, count(*) FILTER (WHERE at < :journal) AS over
FROM journal WHERE NOT is_kept_for_good(kind)
UNION ALL
SELECT 'feed', min(at), count(*) FILTER (WHERE at < :feed) FROM feed
UNION ALL
SELECT 'jobs', min(ended_at), count(*) FILTER (WHERE ended_at < :jobs) FROM jobs;

-- name: hold
-- One more word on a person: what is of theirs is held, or not any more.
INSERT INTO legal_holds (person, says, legal_basis, actor, at) VALUES (:person, :says, :legal_basis, :actor, :at);

-- name: is_held
-- Whether a legal hold keeps what is of a person.
SELECT is_held(:person) AS held;

-- name: person_of_case
-- Whose case it is; no row where there is none.
SELECT person FROM cases WHERE case_id = :case_id LIMIT 1;

-- name: holds
-- Whose data are held, on what basis, since when, by whom; with the cases there are.
SELECT newest.legal_basis, newest.actor, newest.at, ARRAY(
    SELECT DISTINCT case_id FROM cases WHERE cases.person = newest.person ORDER BY case_id
) AS cases
FROM (SELECT DISTINCT ON (person) * FROM legal_holds ORDER BY person, id DESC) AS newest
WHERE newest.says = 'held'
ORDER BY newest.id;

-- name: begin_erasure
-- A run; one that is replayed may stand here already.
INSERT INTO erasures (id, actor, at, key_backups_days) VALUES (:erasure, :actor, :at, :key_backups_days)
ON CONFLICT (id) DO NOTHING;

-- name: erase
-- What is due of one person.
SELECT erase_data(:asked::jsonb) AS answer;

-- name: generations
-- The newest generation of each of some cases.
SELECT case_id, max(generation) AS generation FROM cases WHERE case_id = ANY (:cases::text[]) GROUP BY case_id ORDER BY case_id;

-- name: erasure
-- A run, by its ID.
SELECT id, actor, at, key_backups_days FROM erasures WHERE id = :erasure;

-- name: erasures
-- All runs, the newest first.
SELECT
    id, actor, at,
    (SELECT count(DISTINCT case_id) FROM erased_cases WHERE erasure = erasures.id) AS cases,
    (SELECT count(DISTINCT person) FROM erased_persons WHERE erasure = erasures.id) AS persons
FROM erasures ORDER BY at DESC, id;

-- name: cases_of_erasure
-- What a run erased, and what is left of it that must not be: a row of the case, or contents of its audit.
SELECT
    erased.case_id, erased.generation, erased.erased_at, erased.status,
    EXISTS (SELECT FROM cases WHERE (cases.case_id, cases.generation) = (erased.case_id, erased.generation)) AS has_row,
    EXISTS (
        SELECT FROM transitions AS link
        WHERE (link.case_id, link.generation) = (erased.case_id, erased.generation)
          AND num_nonnulls(link.fact, link.outcome, link.salt) > 0
    ) AS has_contents
FROM erased_cases AS erased WHERE erasure = :erasure
ORDER BY case_id, generation;

-- name: persons_of_erasure
-- Of whom a run left nothing, and by which key they were sealed.
SELECT person, key_id, erased_at FROM erased_persons WHERE erasure = :erasure ORDER BY person, key_id;

-- name: erased
-- All that was erased, for the list that lies beside the keys.
SELECT 'case' AS what, case_id AS ref, max(generation)::text AS part, max(erased_at) AS at, erasure
FROM erased_cases GROUP BY case_id, erasure
UNION ALL
SELECT 'person', person, key_id, erased_at, erasure FROM erased_persons
ORDER BY at, what, ref;

-- name: come_back
-- Of what the list says is erased what stands here all the same, because an older register was put back.
SELECT listed.what, listed.ref, listed.part, listed.at, listed.erasure
FROM jsonb_to_recordset(:listed::jsonb) AS listed (what text, ref text, part text, at timestamptz, erasure text)
WHERE CASE listed.what
    WHEN 'case' THEN EXISTS (
        SELECT FROM cases WHERE case_id = listed.ref AND generation <= listed.part::integer
    )
    ELSE NOT EXISTS (
        SELECT FROM erased_persons AS known WHERE (known.person, known.key_id) = (listed.ref, listed.part)
    ) AND (
        EXISTS (SELECT FROM persons WHERE token = listed.ref) OR EXISTS (SELECT FROM cases WHERE person = listed.ref)
        OR EXISTS (SELECT FROM contacts WHERE person = listed.ref)
    )
END
ORDER BY listed.at, listed.what, listed.ref;

-- name: cases_of_person
-- All cases of a person.
SELECT DISTINCT case_id FROM cases WHERE person = :person ORDER BY case_id;
