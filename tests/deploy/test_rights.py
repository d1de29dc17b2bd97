"""Rights of the roles of the compose file on a real server: each has what its work needs, and the audit is kept."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from activities.registry import answered
from activities.registry.journal import KEPT_FOR_GOOD, Kind
from tests.deploy.cluster import Cluster

pytestmark = pytest.mark.servers

KEPT = ("transitions", "rungs", "callbacks", "journal", "delivered_events")
"""Tables to which rows are only ever added."""

ENTRY = """
    SELECT append_to_journal(
        kind => 'search', key => NULL, case_id => NULL, plan => NULL, actor => 'officer-1', role => 'officer',
        office => '110105', seen_as => NULL, reason => NULL, facts => '{}', at => now(), at_most => NULL, since => NULL
    )
"""
ROW = """
    INSERT INTO journal (chain, number, format, kind, actor, role, office, at, written_at, content, prev_hash, hash)
    VALUES ('journal', 1, 1, 'search', 'officer-1', 'officer', '110105', now(), now(), '{}', repeat('0', 64),
            repeat('1', 64))
"""


@pytest_asyncio.fixture
async def owner(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    connection = await cluster.connect("cardcase_owner", "owner_pgpass")
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def worker(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    connection = await cluster.connect("cardcase_worker", "worker_pgpass")
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def reader(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    connection = await cluster.connect("cardcase_reader", "reader_pgpass")
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def intake(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    connection = await cluster.connect("cardcase_intake", "intake_pgpass")
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def desk(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    connection = await cluster.connect("cardcase_desk", "desk_pgpass")
    yield connection
    await connection.close()


async def rights_of(connection: asyncpg.Connection, table: str) -> set[str]:
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    return {right for right in rights if await connection.fetchval("SELECT has_table_privilege($1, $2)", table, right)}


async def tables(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row["tablename"] for row in rows]


async def test_the_worker_has_no_right_to_change_what_is_only_added_to(worker: asyncpg.Connection) -> None:
    for table in KEPT:
        expected = {"SELECT"} if table == "journal" else {"SELECT", "INSERT"}
        assert await rights_of(worker, table) == expected


async def test_the_worker_reads_the_registers_own_data_and_the_matrix(worker: asyncpg.Connection) -> None:
    for table in ("persons", "contributions", "balances", "offices", "posts", "role_events", "kinds", "schema_version"):
        assert await rights_of(worker, table) == {"SELECT"}
    # It locks a person's row, for which it may change the one column that nobody can change without being noticed.
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker.execute("UPDATE persons SET region = '110105'")


async def test_the_worker_deletes_turns_and_what_was_told_and_nothing_else(worker: asyncpg.Connection) -> None:
    may = [table for table in await tables(worker) if "DELETE" in await rights_of(worker, table)]
    assert may == ["feed", "subscription_queue", "turn_waiters", "turns"]


async def test_the_intake_service_writes_who_reads_and_who_is_told_and_nothing_else(
    intake: asyncpg.Connection,
) -> None:
    found = {table: await rights_of(intake, table) - {"SELECT"} for table in await tables(intake)}
    assert {table: rights for table, rights in found.items() if rights} == {
        "delivered_events": {"INSERT"},
        "feed_readers": {"INSERT", "UPDATE"},
        "subscriptions": {"INSERT", "UPDATE"},
        "subscription_queue": {"INSERT", "UPDATE", "DELETE"},
    }


async def test_the_desk_writes_who_has_which_case_in_hand_and_the_journal_and_nothing_else(
    desk: asyncpg.Connection, worker: asyncpg.Connection, intake: asyncpg.Connection
) -> None:
    found = {table: await rights_of(desk, table) - {"SELECT"} for table in await tables(desk)}
    assert {table: rights for table, rights in found.items() if rights} == {"in_hand": {"INSERT", "UPDATE", "DELETE"}}
    for connection in (worker, intake):
        assert await rights_of(connection, "in_hand") == {"SELECT"}
    transaction = desk.transaction()
    await transaction.start()
    assert await desk.fetchval(ENTRY) == "written"
    await transaction.rollback()


async def test_jobs_are_written_by_functions_that_the_intake_service_alone_may_call(
    intake: asyncpg.Connection, worker: asyncpg.Connection, reader: asyncpg.Connection
) -> None:
    for connection in (intake, worker, reader):
        for table in ("jobs", "job_rows"):
            assert await rights_of(connection, table) == {"SELECT"}
    claim = "SELECT * FROM claim_job_rows(1, make_interval(secs => 1))"
    assert await intake.fetch(claim) == []
    for connection in (worker, reader):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(claim)


async def test_the_intake_service_takes_persons_in_by_the_registers_function_and_nobody_else_does(
    intake: asyncpg.Connection, worker: asyncpg.Connection, reader: asyncpg.Connection
) -> None:
    nothing = """SELECT take_in_persons('{"lines": [], "terms": {}}')"""
    assert json.loads(await intake.fetchval(nothing)) == {"lines": [], "to_tell": []}
    for connection in (worker, reader):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(nothing)
    for part in ("take_in_person('{}', NULL, '{}', now())", "tell_of_suspension(NULL, '{}', now())"):
        with pytest.raises(asyncpg.PostgresError):
            await intake.execute(f"SELECT {part}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await intake.execute("UPDATE persons SET died_on = now()")


async def test_the_reader_reads_everything_and_writes_nothing(reader: asyncpg.Connection) -> None:
    found = {table: await rights_of(reader, table) for table in await tables(reader)}
    assert found == {table: {"SELECT"} for table in found}
    for statement in ("CREATE TABLE mine (number int)", "CREATE TEMPORARY TABLE mine (number int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(statement)


async def test_the_reader_may_confirm_what_callers_were_answered(reader: asyncpg.Connection) -> None:
    nothing = {"case_id": "idc-" + "a" * 26, "key": "k", "fingerprint": "a" * 26, "told_as": "u"}
    assert [await query.first(reader, nothing) for query in answered.SQL.values()] == [None] * 4


async def test_the_journal_has_no_other_way_in_than_its_function(
    worker: asyncpg.Connection, reader: asyncpg.Connection
) -> None:
    for connection in (worker, reader):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(ROW)
        transaction = connection.transaction()
        await transaction.start()
        assert await connection.fetchval(ENTRY) == "written"
        await transaction.rollback()


async def test_the_function_of_the_journal_is_the_owners_and_nobody_elses_to_lead_astray(
    owner: asyncpg.Connection,
) -> None:
    function = await owner.fetchrow(
        "SELECT prosecdef, proconfig, proowner::regrole::text AS owner, proacl::text AS rights "
        "FROM pg_proc WHERE proname = 'append_to_journal'"
    )
    assert function is not None
    assert (function["prosecdef"], function["owner"]) == (True, "cardcase_owner")
    assert function["proconfig"] == ["search_path=pg_catalog, public, pg_temp"]
    granted = set(function["rights"].strip("{}").split(","))
    # An entry without a name before the equals sign would be everybody's.
    assert granted == {f"cardcase_{role}=X/cardcase_owner" for role in ("owner", "worker", "reader", "intake", "desk")}


async def test_neither_role_can_take_another_ones_place(worker: asyncpg.Connection, reader: asyncpg.Connection) -> None:
    for connection in (worker, reader):
        for statement in ("SET ROLE cardcase_owner", "SET session_replication_role = replica"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "ALTER TABLE {table} DISABLE TRIGGER USER",
        "ALTER TABLE {table} ENABLE REPLICA TRIGGER {trigger}",
        "ALTER TRIGGER {trigger} ON {table} RENAME TO other",
        "DROP TRIGGER {trigger} ON {table}",
        "DROP TABLE {table} CASCADE",
        "TRUNCATE {table} CASCADE",
        "SET session_replication_role = replica",
    ],
)
async def test_not_even_the_owner_gets_round_what_keeps_the_audit(
    owner: asyncpg.Connection, table: str, statement: str
) -> None:
    trigger = await owner.fetchval(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::regclass AND tgfoid = 'refuse_change'::regproc LIMIT 1",
        table,
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement.format(table=table, trigger=trigger))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP FUNCTION refuse_change() CASCADE",
        "DROP EVENT TRIGGER audit_stays_append_only",
        "ALTER EVENT TRIGGER audit_is_not_dropped DISABLE",
        "DROP SCHEMA guard CASCADE",
        "CREATE OR REPLACE FUNCTION guard.more() RETURNS int LANGUAGE sql RETURN 1",
    ],
)
async def test_nor_does_the_owner_get_at_the_guard_itself(owner: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE journal SET reason = 'x'", "DELETE FROM journal"])
async def test_the_owner_changes_no_row_that_was_written(owner: asyncpg.Connection, statement: str) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(ENTRY)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)
    await transaction.rollback()


async def test_the_owner_still_changes_the_schema(owner: asyncpg.Connection) -> None:
    await owner.execute("ALTER TABLE transitions ADD COLUMN more text")
    await owner.execute("ALTER TABLE transitions DROP COLUMN more")
    await owner.execute("CREATE TABLE passing (id int)")
    await owner.execute("DROP TABLE passing")


async def test_the_worker_publishes_and_sees_where_it_writes(worker: asyncpg.Connection) -> None:
    await worker.fetchval("SELECT publish(10)")
    state = await worker.fetchrow("SELECT belongs_to, written_where() AS here FROM feed_state")
    assert state is not None
    assert state["belongs_to"] == state["here"]


ERASES = """
    SELECT erase_data(jsonb_build_object(
        'person', repeat('a', 26), 'erasure', 'era-' || repeat('a', 26), 'whole', true, 'cases', '[]', 'key_ids', '[]'
    ))
"""
OF_ERASING = ("legal_holds", "erasures", "erased_cases", "erased_persons", "erased_keys")


async def test_nobody_but_the_owner_erases_or_says_that_something_was_erased_or_is_held(
    owner: asyncpg.Connection, worker: asyncpg.Connection, reader: asyncpg.Connection, intake: asyncpg.Connection
) -> None:
    for connection in (worker, reader, intake):
        assert {table: await rights_of(connection, table) for table in OF_ERASING} == {
            table: {"SELECT"} for table in OF_ERASING
        }
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(ERASES)
    assert await owner.fetchval("SELECT has_function_privilege('erase_data(jsonb)', 'EXECUTE')")
    for table in OF_ERASING:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(f"TRUNCATE {table} CASCADE")


async def test_the_owner_does_not_replace_what_lets_go_only_what_was_erased(owner: asyncpg.Connection) -> None:
    let_go = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(f"CREATE OR REPLACE FUNCTION refuse_all_but_erasing() {let_go}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("ALTER TABLE transitions DISABLE TRIGGER transitions_are_kept")


@pytest.mark.parametrize("kind", sorted(KEPT_FOR_GOOD))
@pytest.mark.parametrize("role", ["worker", "reader", "intake", "desk"])
async def test_what_is_kept_for_good_is_written_by_nobody_but_the_owner(cluster: Cluster, role: str, kind: str) -> None:
    """Whoever could read the register wrote that anybody had stood in the directory, in whichever role."""
    asked = """
        SELECT append_to_journal(
            kind => $1, key => NULL, case_id => NULL, plan => NULL, actor => NULL, role => NULL, office => NULL,
            seen_as => 'loaded', reason => NULL,
            facts => '{"came": [["officer-9", "officer", "110105"]]}', at => now(), at_most => NULL, since => NULL
        )
    """
    connection = await cluster.connect(f"cardcase_{role}", f"{role}_pgpass")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval(asked, kind)
    await connection.close()
    # A digest that nothing fits would be found for ever.
    if kind != Kind.told_beside:
        owner = await cluster.connect("cardcase_owner", "owner_pgpass")
        transaction = owner.transaction()
        await transaction.start()
        assert await owner.fetchval(asked, kind) == "written"
        await transaction.rollback()
        await owner.close()
