"""Whoever owns the register's schema, or writes with the worker's role, rewrites what was decided: each is found.

Heads were published before, to a file that neither can write. What is compared is read with the reader's role.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from activities.heads.places import AppendedFile
from activities.heads.publishing import publish
from activities.registry import Registry, journal
from activities.registry.audit import hash_of, sha256_of
from activities.registry.pool import Pool, create_pool
from activities.registry.reading import case_now
from activities.registry.verifying import verify_audit
from activities.sealing import KeyRing, Sealer
from cases.events import Event
from cases.facts import Acknowledge, Withdraw
from cases.policy import Policies
from cases.stamps import Place, stamp_id
from deploy.migrations import migrate
from tests.activities.play import CLERK, NORTH, OPERATOR, THIRD, Play, insured
from tests.activities.publishing_heads import EVERY, read
from tests.deploy.cluster import Cluster
from tests.stamping import STAMPS, stamp_of

pytestmark = pytest.mark.servers

TEMPLATE: Final = "audited"
_names: Iterator[int] = count(1)


@dataclass
class Site:
    """A register of two cases, whose heads were published, and everybody who may write to it."""

    owner: asyncpg.Connection
    worker: asyncpg.Connection
    reader: Pool
    place: AppendedFile
    case: str
    """Was decided by three people; its number is in force."""
    other: str
    """Waits for its review."""

    async def found(self) -> set[tuple[str, str]]:
        """What does not hold: where, and in what."""
        verified = await verify_audit(self.reader, published=await read(self.place), stamps=STAMPS)
        return {(each.detail or each.case_id, each.what) for each in verified.broken}

    async def rows(self, case: str | None = None) -> list[dict[str, Any]]:
        """The audit of a case."""
        sql = "SELECT * FROM transitions WHERE case_id = $1 ORDER BY generation, version"
        return [dict(row) for row in await self.owner.fetch(sql, case or self.case)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def template(cluster: Cluster) -> tuple[str, str]:
    """A database with two cases, from which each test has a copy."""
    await as_superuser(cluster, f"CREATE DATABASE {TEMPLATE} TEMPLATE cardcase OWNER cardcase_owner")
    owner = await create_pool(cluster.url("cardcase_owner", "owner_pgpass", TEMPLATE), size=2)
    worker = await create_pool(cluster.url("cardcase_worker", "worker_pgpass", TEMPLATE), size=2)
    sealer = Sealer(KeyRing.sample())
    registry = Registry(worker, sealer, STAMPS, Policies.load(), official_calendar)
    play = Play(owner, registry, sealer, at=await owner.fetchval("SELECT now()"))
    decided, waiting = insured(), insured()
    await play.load(decided, waiting)
    case = (await play.committed(play.change(decided))).case_id
    other = (await play.reviewed(play.change(waiting))).case_id
    await journal.write(worker, journal.Entry(kind=journal.Kind.terminate, at=play.at, actor=OPERATOR, reason="工单一"))
    await owner.close()
    await worker.close()
    return case, other


async def as_superuser(cluster: Cluster, *statements: str, database: str = "postgres") -> None:
    connection = await asyncpg.connect(cluster.server.endpoint.url_of(database))
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest_asyncio.fixture
async def site(cluster: Cluster, template: tuple[str, str], tmp_path: Path) -> AsyncIterator[Site]:
    name = f"{TEMPLATE}_{next(_names)}"
    await as_superuser(cluster, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER cardcase_owner")
    owner = await asyncpg.connect(cluster.url("cardcase_owner", "owner_pgpass", name))
    worker = await asyncpg.connect(cluster.url("cardcase_worker", "worker_pgpass", name))
    reader = await create_pool(cluster.url("cardcase_reader", "reader_pgpass", name), size=2)
    place = AppendedFile(tmp_path / "heads")
    await publish(reader, place, EVERY)
    yield Site(owner, worker, reader, place, *template)
    for connection in (owner, worker, reader):
        await connection.close()
    await as_superuser(cluster, f"DROP DATABASE {name} WITH (FORCE)")


async def test_what_nobody_touched_holds(site: Site) -> None:
    assert await site.found() == set()
    await publish(site.reader, site.place, EVERY)
    assert await site.found() == set()


async def test_starting_again_and_keeping_house_change_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """Roles and rights are given at every start, and the server tidies up by itself."""
    reader = await create_pool(cluster.url("cardcase_reader", "reader_pgpass"), size=2)
    place = AppendedFile(tmp_path / "heads")
    await publish(reader, place, EVERY)
    await cluster.set_up()
    assert await migrate(cluster.url("cardcase_owner", "owner_pgpass")) == []
    await as_superuser(
        cluster,
        "VACUUM (FREEZE, ANALYZE)",
        "VACUUM (FULL, FREEZE) pg_trigger",
        "REINDEX TABLE journal",
        database="cardcase",
    )
    newest = await publish(reader, place, EVERY)
    log = await read(place)
    assert (newest.catalogue, log.altered) == (None, [])
    assert (await verify_audit(reader, published=log, stamps=STAMPS)).broken == ()
    await reader.close()


# --- rewriting as the owner -----------------------------------------------------------------------------------------


def forged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chain in which somebody else decided, with every hash to fit."""
    before = rows[0]["prev_hash"]
    made = []
    for row in rows:
        changed = row | {"prev_hash": before}
        if row["event"] == "verify_documents":
            changed |= {"actor": "clerk-9"}
        changed |= {"hash": hash_of(changed)}
        before = changed["hash"]
        made.append(changed)
    return made


async def keep_forgery(site: Site, rows: list[dict[str, Any]]) -> None:
    """Beside the audit, to be looked up while it is rewritten."""
    await site.owner.execute("CREATE TABLE forged (LIKE transitions)")
    await site.owner.copy_records_to_table(
        "forged", columns=tuple(rows[0]), records=[tuple(row.values()) for row in rows]
    )
    await site.owner.execute("UPDATE cases SET head = $2 WHERE case_id = $1", site.case, rows[-1]["hash"])


async def test_types_that_are_changed_with_another_content(site: Site) -> None:
    """`ALTER TABLE … TYPE … USING` writes every row anew, and no trigger is asked."""
    await keep_forgery(site, forged(await site.rows()))
    await site.owner.execute("DROP FUNCTION linked, audit_hash")
    await site.owner.execute(
        """
        CREATE FUNCTION other(text, integer, integer, text, text) RETURNS text LANGUAGE sql AS $$
            SELECT coalesce((
                SELECT to_jsonb(forged) ->> $4 FROM forged WHERE (case_id, generation, version) = ($1, $2, $3)
            ), $5)
        $$
        """
    )
    retyped = ", ".join(
        f"ALTER COLUMN {column} TYPE text USING other(case_id, generation, version, '{column}', {column})"
        for column in ("actor", "prev_hash", "hash")
    )
    await site.owner.execute(f"ALTER TABLE transitions {retyped}")
    assert (await site.rows())[2]["actor"] == "clerk-9"
    found = await site.found()
    assert {(site.case, "published"), (site.case, "stamp"), ("table transitions", "schema")} <= found
    assert (site.other, "published") not in found


async def put_in_its_place(site: Site, rows: list[dict[str, Any]]) -> None:
    """Another table under the audit's name."""
    await site.owner.execute("ALTER TABLE transitions RENAME TO what_was_decided")
    await site.owner.execute("CREATE TABLE transitions (LIKE what_was_decided INCLUDING ALL)")
    await site.owner.copy_records_to_table(
        "transitions", columns=tuple(rows[0]), records=[tuple(row.values()) for row in rows]
    )
    await site.owner.execute(
        "GRANT SELECT, INSERT ON transitions TO cardcase_worker; GRANT SELECT ON transitions TO cardcase_reader"
    )
    await site.owner.execute("UPDATE cases SET head = $2 WHERE case_id = $1", site.case, rows[-1]["hash"])


async def test_another_table_under_the_name(site: Site) -> None:
    await put_in_its_place(site, [*forged(await site.rows()), *await site.rows(site.other)][::-1])
    await site.owner.execute(
        "UPDATE cases SET head = "
        "(SELECT hash FROM transitions AS t WHERE t.case_id = cases.case_id ORDER BY version DESC LIMIT 1) "
        "WHERE case_id = ANY ($1)",
        [site.case, site.other],
    )
    found = await site.found()
    assert {(site.case, "published"), (site.case, "stamp"), ("table transitions", "schema")} <= found
    assert ("trigger transitions_are_kept on transitions", "schema") in found


async def test_the_end_of_a_chain_cut_off_with_the_state_before_it(site: Site) -> None:
    rows = (await site.rows())[:-1]
    await put_in_its_place(site, [*await site.rows(site.other), *rows])
    found = await site.found()
    assert (site.case, "published") in found
    assert (site.other, "published") not in found


async def test_a_case_taken_out_altogether(site: Site) -> None:
    await put_in_its_place(site, await site.rows(site.other))
    await site.owner.execute(
        """
        ALTER TABLE cases RENAME TO what_was_open;
        CREATE TABLE cases (LIKE what_was_open INCLUDING ALL);
        GRANT SELECT ON cases TO cardcase_reader
        """
    )
    await site.owner.execute("INSERT INTO cases SELECT * FROM what_was_open WHERE case_id = $1", site.other)
    found = await site.found()
    assert (site.case, "published") in found
    assert ("table cases", "schema") in found


async def test_a_rule_by_which_what_is_written_is_not(site: Site, waiting: Play) -> None:
    await site.owner.execute(
        "CREATE RULE nothing AS ON INSERT TO transitions WHERE new.event = 'withdraw' DO INSTEAD NOTHING"
    )
    await withdraw(site, waiting)
    assert await site.found() == {(site.other, "head"), ("rule nothing on transitions", "schema")}


async def test_a_function_that_writes_down_somebody_else(site: Site, waiting: Play) -> None:
    """What it writes fits its chain, and its case."""
    await site.owner.execute(
        """
        CREATE OR REPLACE FUNCTION linked(link transitions) RETURNS transitions LANGUAGE plpgsql AS $$
        BEGIN
            link.format := 2;
            link.salt := replace(gen_random_uuid()::text, '-', '');
            link.actor := CASE WHEN link.actor IS NOT NULL THEN 'clerk-9' END;
            link.fact_commitment := sha256_of(link.salt || link.fact);
            link.outcome_commitment := sha256_of(link.salt || link.outcome);
            link.hash := audit_hash(link);
            link.written_in := pg_current_xact_id();
            RETURN link;
        END
        $$
        """
    )
    await withdraw(site, waiting)
    found = await site.found()
    assert found == {(site.other, "stamp"), ("function public.linked(link transitions)", "schema")}


async def test_a_function_that_was_another_one_for_a_while(site: Site, waiting: Play) -> None:
    """Put back before anybody looks: what it wrote is still found, by the stamp that it lacks."""
    source = await site.owner.fetchval("SELECT pg_get_functiondef('linked'::regproc)")
    other = "link.format := 2; link.actor := CASE WHEN link.actor IS NOT NULL THEN 'clerk-9' END;"
    await site.owner.execute(source.replace("link.format := 2;", other))
    await withdraw(site, waiting)
    await site.owner.execute(source)
    assert await site.found() == {(site.other, "stamp")}


async def test_a_trigger_that_changes_what_is_written(site: Site, waiting: Play) -> None:
    await site.owner.execute(
        """
        CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            new.actor := 'clerk-9';
            new.hash := audit_hash(new);
            RETURN new;
        END
        $$
        """
    )
    await site.owner.execute(
        "CREATE TRIGGER a BEFORE INSERT ON transitions FOR EACH ROW WHEN (new.actor IS NOT NULL) "
        "EXECUTE FUNCTION another()"
    )
    await withdraw(site, waiting)
    assert {(site.other, "head"), (site.other, "stamp"), ("trigger a on transitions", "schema")} <= await site.found()


async def test_triggers_that_were_dropped_and_made_again(site: Site, cluster: Cluster) -> None:
    """Where nobody keeps the owner from it, and every hash fits."""
    name = await site.owner.fetchval("SELECT current_database()")
    await as_superuser(
        cluster,
        "DROP EVENT TRIGGER audit_is_not_dropped",
        "DROP EVENT TRIGGER audit_stays_append_only",
        database=name,
    )
    rows = forged(await site.rows())
    trigger = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'transitions_are_kept'"
    source = await site.owner.fetchval(trigger)
    await site.owner.execute("DROP TRIGGER transitions_are_kept ON transitions")
    for row in rows:
        await site.owner.execute(
            "UPDATE transitions SET actor = $4, prev_hash = $5, hash = $6 "
            "WHERE (case_id, generation, version) = ($1, $2, $3)",
            *(row["case_id"], row["generation"], row["version"], row["actor"], row["prev_hash"], row["hash"]),
        )
    await site.owner.execute("UPDATE cases SET head = $2 WHERE case_id = $1", site.case, rows[-1]["hash"])
    await site.owner.execute(source)
    assert await site.owner.fetchval(trigger) == source
    assert {
        (site.case, "published"),
        (site.case, "stamp"),
        ("trigger transitions_are_kept on transitions", "schema"),
    } <= await site.found()


async def test_rows_that_only_who_verifies_is_not_shown(site: Site) -> None:
    await site.owner.execute(f"CREATE POLICY hidden ON transitions FOR SELECT USING (case_id <> '{site.case}')")
    await site.owner.execute("ALTER TABLE transitions ENABLE ROW LEVEL SECURITY")
    assert {
        (site.case, "published"),
        ("policy hidden on transitions", "schema"),
        ("table transitions", "schema"),
    } <= await site.found()


async def test_a_view_that_shows_who_verifies_what_was_there(site: Site) -> None:
    """The rest of the world reads something else, and every published head fits."""
    await keep_forgery(site, forged(await site.rows()))
    head = (await site.rows())[-1]["hash"]
    await site.owner.execute("UPDATE cases SET head = $2 WHERE case_id = $1", site.case, head)
    await site.owner.execute(
        """
        ALTER TABLE transitions RENAME TO what_was_decided;
        CREATE VIEW transitions AS
            SELECT * FROM what_was_decided WHERE current_user = 'cardcase_reader'
            UNION ALL
            SELECT * FROM forged WHERE current_user <> 'cardcase_reader';
        GRANT SELECT ON transitions TO cardcase_worker, cardcase_reader;
        """
    )
    found = await site.found()
    assert {what for _, what in found} == {"schema"}
    assert {("table transitions", "schema"), ("rule _RETURN on transitions", "schema")} <= found


async def test_names_that_mean_something_else_for_who_verifies(site: Site) -> None:
    """The owner of a database sets what its sessions begin with."""
    await site.owner.execute("CREATE SCHEMA shadow; CREATE TABLE shadow.transitions (LIKE transitions)")
    await site.owner.execute("INSERT INTO shadow.transitions SELECT * FROM transitions")
    await site.owner.execute(
        "GRANT USAGE ON SCHEMA shadow TO cardcase_reader; GRANT SELECT ON shadow.transitions TO cardcase_reader"
    )
    name = await site.owner.fetchval("SELECT current_database()")
    await site.owner.execute(f"ALTER DATABASE {name} SET search_path = shadow, public")
    await put_in_its_place(site, [*await site.rows(site.other), *forged(await site.rows())])
    await site.reader.expire_connections()
    assert {
        (site.case, "published"),
        (site.case, "stamp"),
        ("settings of everybody", "schema"),
        ("schema shadow", "schema"),
    } <= await site.found()


async def test_a_decision_from_before_that_nobody_published(site: Site) -> None:
    """Written today, dated to the week before."""
    rows = await site.rows(site.other)
    late = rows[-1] | {"version": rows[-1]["version"] + 1, "prev_hash": rows[-1]["hash"], "step": "screened.9"}
    late |= {"at": rows[-1]["at"].replace(year=rows[-1]["at"].year - 1)}
    late |= {"hash": hash_of(late)}
    await site.owner.copy_records_to_table("transitions", columns=tuple(late), records=[tuple(late.values())])
    await site.owner.execute(
        "UPDATE cases SET head = $2, version = $3 WHERE case_id = $1", site.other, late["hash"], late["version"]
    )
    assert (site.other, "unpublished") in await site.found()


async def test_an_entry_of_the_journal_taken_out(site: Site) -> None:
    await site.owner.execute(
        """
        ALTER TABLE journal RENAME TO what_was_done;
        CREATE TABLE journal (LIKE what_was_done INCLUDING ALL);
        GRANT SELECT ON journal TO cardcase_reader
        """
    )
    found = await site.found()
    assert {what for where, what in found if where.startswith(f"journal:{NORTH}:")} == {"published"}


async def test_what_was_published_meanwhile_does_not_make_a_rewriting_good(site: Site) -> None:
    await put_in_its_place(site, [*await site.rows(site.other), *forged(await site.rows())])
    await publish(site.reader, site.place, EVERY)
    await publish(site.reader, site.place, EVERY)
    found = await site.found()
    assert {(site.case, "published"), ("table transitions", "schema")} <= found


@pytest.mark.parametrize("stands_in", ["told_after_closing", "answers_out_of_date"])
@pytest.mark.parametrize(
    "how",
    ["DELETE FROM {}", "UPDATE {} SET event = 'card_found'", "UPDATE {} SET told_as = told_as || '-2'"],
    ids=["taken away", "of another event", "told by another request"],
)
async def test_what_was_told_beside_the_chains(site: Site, cluster: Cluster, stands_in: str, how: str) -> None:
    """No hash covered it, and no stamp says that there was one: whoever took it away was not found."""
    fact = Acknowledge(actor=CLERK.model_copy(update={"office": NORTH}))
    stamp = stamp_of(fact, site.case, Event.acknowledge, actor=fact.actor)
    at = await site.owner.fetchval("SELECT now()")
    row = {
        "case_id": site.case,
        "generation": 1,
        "told_as": "seen-1",
        "event": "acknowledge",
        "fact": fact.model_copy(update={"stamp": stamp}).model_dump_json(exclude_defaults=True),
        "actor": CLERK.id,
        "role": "clerk",
        "office": NORTH,
        "stamp": stamp_id(stamp),
    }
    if stands_in == "told_after_closing":
        row |= {"place": 1, "told_at": at}
    else:
        row |= {"request_id": f"pub-{'a' * 26}", "written_at": at}
    await site.worker.copy_records_to_table(stands_in, columns=tuple(row), records=[tuple(row.values())])
    await publish(site.reader, site.place, EVERY)
    assert await site.found() == set()
    name = await site.owner.fetchval("SELECT current_database()")
    # Nothing of the catalogue changes by it.
    await as_superuser(cluster, "SET session_replication_role = replica", how.format(stands_in), database=name)
    found = {(each.case_id, each.what) for each in (await verify_audit(site.reader)).broken}
    assert found == {(site.case, "beside")}


# --- writing with the worker's role -----------------------------------------------------------------------------------


async def write_as_worker(site: Site, case: str, **said: Any) -> None:
    """One more link of a case, that fits its chain and its case."""
    last = (await site.rows(case))[-1]
    link = last | {
        "version": last["version"] + 1,
        "from_status": last["to_status"],
        "state_before": last["state_after"],
        "prev_hash": last["hash"],
        "at": await site.owner.fetchval("SELECT now()"),
        "salt": "0" * 32,
        **said,
    }
    link |= {"step": f"{link['event']}.{link['version']}"}
    link |= {
        "fact_commitment": None if link["fact"] is None else sha256_of(link["salt"] + link["fact"]),
        "outcome_commitment": sha256_of(link["salt"] + link["outcome"]),
    }
    link |= {"hash": hash_of(link)}
    await site.worker.copy_records_to_table("transitions", columns=tuple(link), records=[tuple(link.values())])
    await site.worker.execute(
        "UPDATE cases SET head = $2, version = $3 WHERE case_id = $1", case, link["hash"], link["version"]
    )


INVENTED: Final = {"actor": THIRD.id, "role": "officer", "office": NORTH}


async def test_a_decision_that_nobody_made(site: Site) -> None:
    await write_as_worker(
        site, site.other, event="reject", to_status="rejected", stamp="A" * 22, fact='{"reason": "other"}', **INVENTED
    )
    assert await site.found() == {(site.other, "stamp")}


async def test_the_stamp_of_another_case(site: Site) -> None:
    theirs = next(row for row in await site.rows() if row["event"] == "verify_documents")
    said = {name: theirs[name] for name in ("event", "actor", "role", "office", "fact")}
    await write_as_worker(site, site.other, to_status="verified", stamp="B" * 22, **said)
    assert await site.found() == {(site.other, "stamp")}


async def test_a_stamp_for_another_content(site: Site) -> None:
    theirs = next(row for row in await site.rows(site.other) if row["event"] == "registered")
    actor = {"id": CLERK.id, "role": "clerk", "office": NORTH}
    said = json.dumps({"stamp": json.loads(theirs["fact"])["stamp"], "actor": actor})
    who = {"actor": CLERK.id, "role": "clerk", "office": NORTH}
    await write_as_worker(site, site.other, event="withdraw", to_status="withdrawn", stamp="C" * 22, fact=said, **who)
    assert await site.found() == {(site.other, "stamp")}


@pytest.mark.parametrize(
    ("generations", "versions", "found"),
    [(0, 0, set()), (1, -1, {"stamp"}), (0, 9, {"stamp"})],
    ids=["where it stands", "in another life", "where it never stood"],
)
async def test_a_stamp_that_nobody_used_for_another_life_of_the_case(
    site: Site, generations: int, versions: int, found: set[str]
) -> None:
    last = (await site.rows(site.other))[-1]
    place = Place(last["generation"] + generations, last["version"] + versions)
    fact = Withdraw(actor=CLERK.model_copy(update={"office": NORTH}))
    stamp = stamp_of(fact, site.other, Event.withdraw, actor=fact.actor, place=place)
    told = fact.model_copy(update={"stamp": stamp}).model_dump_json(exclude_defaults=True)
    who = {"actor": fact.actor.id, "role": fact.actor.role.value, "office": NORTH}
    await write_as_worker(
        site, site.other, event="withdraw", to_status="withdrawn", fact=told, stamp=stamp_id(stamp), **who
    )
    assert await site.found() == {(site.other, what) for what in found}


async def test_a_way_that_no_case_takes(site: Site) -> None:
    await write_as_worker(site, site.other, event="release", to_status="done", fact=None)
    assert await site.found() == {(site.other, "machine")}


async def test_a_decision_of_nobody(site: Site) -> None:
    """A told event without anybody who told it: what the constraint refuses, the owner may take away."""
    await site.owner.execute("ALTER TABLE transitions DROP CONSTRAINT transitions_told_with_a_stamp")
    await write_as_worker(site, site.other, event="withdraw", to_status="withdrawn", fact=None)
    assert await site.found() == {
        (site.other, "stamp"),
        ("constraint transitions_told_with_a_stamp on transitions", "schema"),
    }


async def test_a_state_that_no_decision_led_to(site: Site) -> None:
    await site.worker.execute(
        "UPDATE cases SET state = replace(state, 'in_review', 'verified') WHERE case_id = $1", site.other
    )
    assert await site.found() == {(site.other, "state")}


async def test_a_chain_that_begins_anew_in_an_older_format(site: Site) -> None:
    last = (await site.rows(site.other))[-1]
    assert last["format"] == 2
    await write_as_worker(
        site, site.other, event="reject", to_status="rejected", format=1, stamp="D" * 22, fact="{}", **INVENTED
    )
    assert {(site.other, "hash"), (site.other, "stamp")} <= await site.found()


# --- a case that goes on ---------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def registry(site: Site, cluster: Cluster) -> AsyncIterator[Registry]:
    name = await site.owner.fetchval("SELECT current_database()")
    pool = await create_pool(cluster.url("cardcase_worker", "worker_pgpass", name), size=2)
    yield Registry(pool, Sealer(KeyRing.sample()), STAMPS, Policies.load(), official_calendar)
    await pool.close()


@pytest_asyncio.fixture
async def waiting(site: Site, registry: Registry) -> Play:
    """Whoever goes on with the case that waits."""
    return Play(site.reader, registry, Sealer(KeyRing.sample()), at=await site.owner.fetchval("SELECT now()"))


async def withdraw(site: Site, waiting: Play) -> None:
    """The applicant of the case that waits takes it back."""
    now = await case_now(site.reader, site.other)
    assert now is not None
    result = await waiting.ask(now.state, Event.withdraw, Withdraw(actor=CLERK))
    assert result.refused is None
