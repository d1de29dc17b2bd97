-- What is published of the register: read in one snapshot, by a connection whose search path nobody else has set.

-- name: fixed_path
-- The schema's own names mean what the schema has, whatever the owner of the database has set for sessions.
SELECT set_config('search_path', 'pg_catalog, public, pg_temp', true);

-- name: moment
-- As of when and where, and which migrations the register has had.
SELECT
    now() AS at,
    written_where() AS written_where,
    pg_snapshot_xmin(pg_current_snapshot())::text AS before,
    (
        SELECT encode(sha256(convert_to(coalesce(string_agg(revision || ' ' || sha256, E'\n' ORDER BY revision COLLATE "C"), ''), 'UTF8')), 'hex')
        FROM schema_checksums
    ) AS release;

-- name: all_heads
-- The newest link of each case's chain.
SELECT DISTINCT ON (case_id) case_id, generation, version, hash
FROM transitions
ORDER BY case_id, generation DESC, version DESC;

-- name: heads_since
-- The newest links of the chains that a transaction wrote to which was not over when heads were published last.
SELECT DISTINCT ON (case_id) case_id, generation, version, hash
FROM transitions
WHERE written_in >= :since::text::xid8
ORDER BY case_id, generation DESC, version DESC;

-- name: journal_heads
-- The newest link of each of the journal's chains that was written to since a moment, or of all.
SELECT DISTINCT ON (chain) chain AS case_id, 1 AS generation, number AS version, hash
FROM journal
WHERE :since::timestamptz IS NULL OR written_at >= :since
ORDER BY chain, number DESC;

-- name: catalogue
-- Everything that decides what the register's tables hold and who may change it, an object a line. A trigger that was
-- dropped and made again, or switched off and on, is another one: by its identity, and by what wrote its row.
WITH object (name, content) AS (
    SELECT
        'table ' || c.relname,
        concat_ws(
            E'\n', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
            pg_get_userbyid(c.relowner),
            (SELECT string_agg(right_of::text, ' ' ORDER BY right_of::text COLLATE "C") FROM unnest(c.relacl) AS right_of),
            (
                SELECT string_agg(
                    concat_ws(
                        ' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, a.attidentity,
                        (SELECT co.collname FROM pg_collation AS co WHERE co.oid = a.attcollation),
                        pg_get_expr(d.adbin, d.adrelid),
                        (SELECT string_agg(r::text, ' ' ORDER BY r::text COLLATE "C") FROM unnest(a.attacl) AS r)
                    ), E'\n' ORDER BY a.attnum
                )
                FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            )
        )
    FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'index ' || c.relname, pg_get_indexdef(i.indexrelid) || i.indisvalid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT
        concat('constraint ', k.conname, ' on ', coalesce(c.relname, t.typname)),
        concat_ws(E'\n', pg_get_constraintdef(k.oid), k.convalidated)
    FROM pg_constraint AS k
    LEFT JOIN pg_class AS c ON c.oid = k.conrelid
    LEFT JOIN pg_type AS t ON t.oid = k.contypid
    WHERE k.connamespace = 'public'::regnamespace
    UNION ALL
    SELECT
        concat('trigger ', t.tgname, ' on ', c.relname),
        concat_ws(E'\n', pg_get_triggerdef(t.oid), t.tgenabled, t.oid, t.xmin)
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    -- Those by which the server holds references: the owner may switch them off.
    SELECT
        concat('references of ', c.relname),
        string_agg(concat_ws(' ', k.conname, t.tgenabled, t.tgfoid::regproc), E'\n' ORDER BY k.conname COLLATE "C", t.tgfoid)
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_constraint AS k ON k.oid = t.tgconstraint
    WHERE c.relnamespace = 'public'::regnamespace AND t.tgisinternal
    GROUP BY c.relname
    UNION ALL
    SELECT concat('rule ', r.rulename, ' on ', c.relname), concat_ws(E'\n', pg_get_ruledef(r.oid), r.ev_enabled)
    FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT
        concat('policy ', p.polname, ' on ', c.relname),
        concat_ws(
            E'\n', p.polcmd, p.polpermissive, p.polroles::text, pg_get_expr(p.polqual, p.polrelid),
            pg_get_expr(p.polwithcheck, p.polrelid)
        )
    FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT
        concat('function ', n.nspname, '.', p.proname, '(', pg_get_function_identity_arguments(p.oid), ')'),
        concat_ws(
            E'\n', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner),
            (SELECT string_agg(r::text, ' ' ORDER BY r::text COLLATE "C") FROM unnest(p.proacl) AS r)
        )
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('public', 'guard') AND p.prokind IN ('f', 'p')
    UNION ALL
    SELECT concat('type ', t.typname), concat_ws(E'\n', t.typtype, t.typnotnull, t.typbasetype::regtype, t.typdefault)
    FROM pg_type AS t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('d', 'e', 'r')
    UNION ALL
    SELECT concat('event trigger ', e.evtname), concat_ws(E'\n', e.evtevent, e.evtenabled, e.evtfoid::regproc)
    FROM pg_event_trigger AS e
    UNION ALL
    SELECT
        concat('schema ', n.nspname),
        concat_ws(
            E'\n', pg_get_userbyid(n.nspowner),
            (SELECT string_agg(r::text, ' ' ORDER BY r::text COLLATE "C") FROM unnest(n.nspacl) AS r)
        )
    FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT
        concat('settings of ', coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'everybody')),
        array_to_string(s.setconfig, E'\n')
    FROM pg_db_role_setting AS s
    WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    UNION ALL
    SELECT
        'roles ' || r.rolname,
        concat_ws(
            ' ', r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolreplication,
            (
                SELECT string_agg(pg_get_userbyid(m.roleid), ' ' ORDER BY pg_get_userbyid(m.roleid) COLLATE "C")
                FROM pg_auth_members AS m WHERE m.member = r.oid
            )
        )
    FROM pg_roles AS r WHERE r.rolname !~ '^pg_'
)
SELECT name, encode(sha256(convert_to(string_agg(content, E'\n' ORDER BY content COLLATE "C"), 'UTF8')), 'hex') AS digest
FROM object
GROUP BY name
ORDER BY name COLLATE "C";
