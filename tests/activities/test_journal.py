"""The journal: written once, chained, append-only, by two people where two are needed; and the search by number."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from activities.registry import journal, reveals, searching
from activities.registry.journal import Entry, Kind, Limit, checked_reason, entries, first_broken, links, write
from activities.registry.pool import Pool
from activities.registry.searching import MOST_IN_AN_HOUR, search
from activities.registry.verifying import Broken, verify_audit
from cases.clocks import day_of
from cases.errors import CaseError, Code
from cases.models import Actor, Role
from tests.activities.play import BANK, BUREAU, CLERK, NOON, OPERATOR, SECOND, SOUTH, THIRD, Play, insured
from tests.activities.publishing_heads import published

PLAN = "bulk:0123456789abcdef"
REASON = "柜台查询"
SOUTHERN = Actor(id="operator-1", role=Role.operator, office=SOUTH)
APPEND = """
    SELECT append_to_journal(
        kind => 'reset', key => NULL, case_id => NULL, plan => NULL, actor => $1, role => $2, office => $3,
        seen_as => NULL, reason => NULL, facts => '{}', at => now(), at_most => NULL, since => NULL
    )
"""


def entry(kind: Kind = Kind.terminate, **more: Any) -> Entry:
    fields: dict[str, Any] = {"kind": kind, "at": NOON, "actor": OPERATOR, "reason": "工单一"}
    return Entry(**(fields | more))


async def behind_its_back(pool: Pool, sql: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql)


async def moved_to(pool: Pool, chain: str) -> None:
    """The only entry as a link of another chain, with a hash to fit."""
    hashed = """
        UPDATE journal SET chain = $1, hash = encode(sha256(convert_to(
            concat_ws(E'\\n', format, $1::text, number, prev_hash, content), 'UTF8'
        )), 'hex')
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(hashed, chain)


async def test_entries_are_numbered_without_gap_and_chained(pool: Pool) -> None:
    for place in range(3):
        assert await write(pool, entry(case_id=f"idc-{'a' * 26}", key=f"terminate:{place}"))
    rows = await links(pool)
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert first_broken(rows) is None
    assert [each.key for each in await entries(pool, f"idc-{'a' * 26}")] == [f"terminate:{place}" for place in range(3)]
    assert await entries(pool, f"idc-{'b' * 26}") == ()


async def test_a_hash_covers_exactly_the_bytes_that_are_stored(pool: Pool) -> None:
    await write(pool, entry(facts={"b": 1.50, "a": ["号", None], "c": {}}, key="terminate:run"))
    await write(pool, entry())
    before = "0" * 64
    for number, row in enumerate(await links(pool), start=1):
        stored = f"1\n{row['chain']}\n{number}\n{before}\n{row['content']}"
        assert (row["format"], row["prev_hash"]) == (1, before)
        assert row["hash"] == hashlib.sha256(stored.encode()).hexdigest()
        before = row["hash"]


LIMIT = Limit(3, timedelta(hours=1), Code.REVEALED_TOO_OFTEN)


async def test_many_at_once_do_no_more_than_a_limit_allows(pool: Pool) -> None:
    tried = await asyncio.gather(*(write(pool, entry(), LIMIT) for _ in range(12)), return_exceptions=True)
    assert tried.count(True) == LIMIT.most
    refused = [each for each in tried if isinstance(each, CaseError)]
    assert [each.code for each in refused] == [Code.REVEALED_TOO_OFTEN] * 9
    assert len(await entries(pool)) == LIMIT.most


async def test_what_is_limited_is_limited_by_the_database_whoever_asks_and_whatever_moment_they_name(
    pool: Pool,
) -> None:
    unlimited = """
        SELECT append_to_journal(
            kind => 'reveal', key => NULL, case_id => 'idc-a', plan => NULL, actor => 'officer-1', role => 'officer',
            office => '110105', seen_as => NULL, reason => 'x', facts => '{}', at => now() + $1 * interval '1 day',
            at_most => NULL, since => NULL
        )
    """
    became = [await pool.fetchval(unlimited, day) for day in range(25)]
    assert became == ["written"] * 20 + ["too_often"] * 5
    await behind_its_back(pool, "UPDATE journal SET written_at = written_at - interval '1 hour' WHERE number = 1")
    assert [await pool.fetchval(unlimited, day) for day in range(2)] == ["written", "too_often"]


async def test_the_database_has_the_limits_of_the_code(pool: Pool) -> None:
    limits = {Kind.search: searching.LIMIT, Kind.reveal: reveals.LIMIT, Kind.lookup: journal.LOOKUPS}
    for kind in Kind:
        row = await pool.fetchrow("SELECT most, span FROM limit_of($1)", kind.value)
        assert row is not None
        limit = limits.get(kind)
        assert tuple(row) == ((None, None) if limit is None else (limit.most, limit.span))


async def test_a_limit_counts_one_actor_one_kind_and_one_span(pool: Pool) -> None:
    for _ in range(LIMIT.most):
        await write(pool, entry(key=None), LIMIT)
    assert await write(pool, entry(actor=THIRD), LIMIT)
    assert await write(pool, entry(Kind.reset), LIMIT)
    assert await write(pool, entry(at=NOON + LIMIT.span), LIMIT)
    assert await write(pool, entry())
    with pytest.raises(CaseError):
        await write(pool, entry(), LIMIT)


async def write_in_the_first_format(pool: Pool, number: int, before: str) -> None:
    """An entry as it was written before the bytes were kept, its hash as it was computed then."""
    old: dict[str, Any] = {
        "number": number,
        "kind": "search",
        "key": None,
        "case_id": None,
        "plan": None,
        "actor": CLERK.id,
        "role": CLERK.role.value,
        "office": CLERK.office,
        "seen_as": None,
        "reason": REASON,
        "facts": {"token": "a" * 26},
        "at": NOON,
        "prev_hash": before,
    }
    covered = [each.isoformat(timespec="microseconds") if each is NOON else each for each in old.values()]
    said = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    row = old | {"hash": hashlib.sha256(said.encode()).hexdigest(), "facts": json.dumps(old["facts"])}
    async with pool.acquire() as connection:
        columns = (*row, "format", "chain")
        await connection.copy_records_to_table("journal", columns=columns, records=[(*row.values(), 0, "journal")])


async def test_an_entry_of_the_first_format_is_verified_as_it_was_written_and_the_next_one_follows_it(
    pool: Pool,
) -> None:
    await write_in_the_first_format(pool, 1, "0" * 64)
    assert await write(pool, entry())
    assert [each["format"] for each in await links(pool)] == [0, 1]
    assert (await verify_audit(pool)).broken == ()
    await behind_its_back(pool, "UPDATE journal SET reason = '另一事由' WHERE chain = 'journal'")
    assert (await verify_audit(pool)).broken == (Broken("journal", 1, 1, "hash"),)


async def test_nothing_of_the_first_format_follows_what_is_of_the_next(pool: Pool) -> None:
    await write(pool, entry())
    await moved_to(pool, "journal")
    await write_in_the_first_format(pool, 2, (await links(pool))[0]["hash"])
    assert (await verify_audit(pool)).broken == (Broken("journal", 1, 2, "hash"),)


async def test_what_has_a_key_is_written_once(pool: Pool) -> None:
    assert await write(pool, entry(key="terminate:run"))
    assert not await write(pool, entry(key="terminate:run", actor=THIRD))
    assert len(await entries(pool)) == 1


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        ("UPDATE journal SET reason = 'x' WHERE number = 2", 2),
        ("UPDATE journal SET written_at = written_at - interval '1 microsecond' WHERE number = 2", 2),
        ("UPDATE journal SET content = replace(content, '工单一', '工单二') WHERE number = 2", 2),
        ("UPDATE journal SET content = content || ' ' WHERE number = 3", 3),
        ("UPDATE journal SET actor = 'officer-9' WHERE number = 1", 1),
        ("UPDATE journal SET at = at + interval '1 microsecond' WHERE number = 3", 3),
        ("DELETE FROM journal WHERE number = 2", 3),
        ("DELETE FROM journal WHERE number = 1", 2),
    ],
)
async def test_a_changed_or_removed_entry_is_found(pool: Pool, tamper: str, found: int) -> None:
    for _ in range(3):
        await write(pool, entry())
    chain = (await links(pool))[0]["chain"]
    await behind_its_back(pool, tamper)
    assert first_broken(await links(pool)) == found
    verified = await verify_audit(pool)
    assert verified.broken == (Broken(chain, 1, found, "hash"),)


async def test_an_entry_in_the_chain_of_another_day_or_office_is_found(pool: Pool) -> None:
    await write(pool, entry())
    for chain in ("journal:110105:2026-11-30", f"journal:{SOUTH}:{day_of(datetime.now(UTC)):%Y-%m-%d}"):
        await moved_to(pool, chain)
        assert (await verify_audit(pool)).broken == (Broken(chain, 1, 1, "hash"),)


async def test_a_cut_end_is_found_by_the_heads_that_were_published(pool: Pool, tmp_path: Path) -> None:
    for _ in range(3):
        await write(pool, entry())
    log = await published(pool, tmp_path)
    chain = (await links(pool))[0]["chain"]
    await behind_its_back(pool, "DELETE FROM journal WHERE number = 3")
    assert (await verify_audit(pool)).broken == ()
    assert (await verify_audit(pool, published=log)).broken == (Broken(chain, 1, 3, "published"),)


async def test_a_whole_day_that_was_taken_out_is_found_by_the_heads_that_were_published(
    pool: Pool, tmp_path: Path
) -> None:
    await write(pool, entry())
    await write(pool, entry(actor=SOUTHERN))
    log = await published(pool, tmp_path)
    await behind_its_back(pool, "DELETE FROM journal WHERE office = '440106'")
    assert (await verify_audit(pool)).broken == ()
    found = (await verify_audit(pool, published=log)).broken
    assert [(each.version, each.what) for each in found] == [(1, "published")]
    assert found[0].case_id.startswith(f"journal:{SOUTHERN.office}:")


async def test_each_office_has_a_chain_of_its_own_and_nobodys_has_one(pool: Pool) -> None:
    await write(pool, entry())
    await write(pool, entry(actor=SOUTHERN))
    await write(pool, entry(actor=None, seen_as="history-service"))
    await write(pool, entry())
    rows = await links(pool)
    day = f"{day_of(rows[0]['written_at']):%Y-%m-%d}"
    assert {(row["chain"], row["number"]) for row in rows} == {
        (f"journal:{OPERATOR.office}:{day}", 1),
        (f"journal:{OPERATOR.office}:{day}", 2),
        (f"journal:{SOUTHERN.office}:{day}", 1),
        (f"journal:none:{day}", 1),
    }
    assert (await verify_audit(pool)).broken == ()


async def test_whoever_writes_to_one_chain_waits_for_nobody_who_writes_to_another(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        assert await connection.fetchval(APPEND, OPERATOR.id, OPERATOR.role.value, OPERATOR.office) == "written"
        # A lock that it waited for would end it.
        assert await write(pool, entry(actor=SOUTHERN))


@pytest.mark.parametrize("statement", ["UPDATE journal SET reason = 'x'", "DELETE FROM journal", "TRUNCATE journal"])
async def test_nobody_changes_removes_or_empties_it(pool: Pool, statement: str) -> None:
    await write(pool, entry())
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_a_plan_for_many_is_not_run_by_whoever_made_it(pool: Pool) -> None:
    await write(pool, entry(Kind.bulk_planned, key=PLAN, facts={"second_person": True}, actor=THIRD))
    with pytest.raises(CaseError) as refused:
        await write(pool, entry(Kind.bulk_run, plan=PLAN, actor=THIRD))
    assert refused.value.code is Code.SAME_PERSON
    assert await write(pool, entry(Kind.bulk_run, plan=PLAN, actor=OPERATOR))


async def test_a_plan_for_few_may_be(pool: Pool) -> None:
    await write(pool, entry(Kind.bulk_planned, key=PLAN, facts={"second_person": False}))
    assert await write(pool, entry(Kind.bulk_run, plan=PLAN))
    assert (await journal.plan_of(pool, PLAN)).actor == OPERATOR.id


async def test_a_plan_that_nobody_made_is_unknown(pool: Pool) -> None:
    with pytest.raises(CaseError) as unknown:
        await journal.plan_of(pool, PLAN)
    assert unknown.value.code is Code.PLAN_UNKNOWN
    with pytest.raises(CaseError):
        await write(pool, entry(Kind.bulk_run, plan=PLAN))


@pytest.mark.parametrize(
    ("reason", "code"),
    [("", Code.FIELD_MISSING), ("好 ", Code.FIELD_MISSING), ("11010519491231002X 查询", Code.PII_IN_TEXT)],
)
def test_a_reason_is_words_without_personal_data(reason: str, code: Code) -> None:
    with pytest.raises(CaseError) as refused:
        checked_reason(reason)
    assert refused.value.code is code


# --- search by number -------------------------------------------------------------------------------------------------


async def test_a_number_leads_to_the_cases_of_whoever_has_it_or_asks_for_it(play: Play) -> None:
    person = insured()
    await play.load(person)
    case = await play.reviewed(play.change(person))
    numbers = [number for number in (person.number, person.cards[0].card_number) if number is not None]
    for token in (*map(play.sealer.number_token, numbers), case.opening.number_token):
        found = await search(play.pool, CLERK, token, REASON, NOON)
        assert [each.case_id for each in found] == [case.case_id]
        assert found[0].status is case.status


async def test_another_regions_number_and_nobodys_give_the_same_answer_and_both_are_written_down(play: Play) -> None:
    person = insured(region=SOUTH)
    await play.load(person)
    await play.reviewed(play.change(person))
    tokens = [play.sealer.number_token(number or "") for number in (person.number, "no number at all")]
    assert [await search(play.pool, CLERK, token, REASON, NOON) for token in tokens] == [(), ()]
    written = await entries(play.pool)
    assert [each.facts for each in written] == [{"token": token} for token in tokens]
    assert {(each.kind, each.actor, each.reason) for each in written} == {(Kind.search, CLERK.id, REASON)}
    ministry = Actor(id="officer-9", role=Role.officer, office="100000")
    assert len(await search(play.pool, ministry, tokens[0], REASON, NOON)) == 1


@pytest.mark.parametrize("actor", [OPERATOR, BUREAU, BANK])
async def test_a_role_to_which_nobody_comes_with_a_number_may_not_search(pool: Pool, actor: Actor) -> None:
    with pytest.raises(CaseError) as refused:
        await search(pool, actor, "a" * 26, REASON, NOON)
    assert refused.value.code is Code.ROLE_NOT_ALLOWED
    assert await entries(pool) == ()


async def test_whoever_tries_numbers_is_stopped_for_a_while(pool: Pool) -> None:
    for _ in range(MOST_IN_AN_HOUR):
        await search(pool, CLERK, "a" * 26, REASON, NOON)
    with pytest.raises(CaseError) as refused:
        await search(pool, CLERK, "a" * 26, REASON, NOON)
    assert refused.value.code is Code.SEARCHED_TOO_OFTEN
    assert await search(pool, SECOND, "a" * 26, REASON, NOON) == ()
    later = NOON + timedelta(hours=1)
    with pytest.raises(CaseError):
        await search(pool, CLERK, "a" * 26, REASON, later)
    await behind_its_back(pool, "UPDATE journal SET written_at = written_at - interval '1 hour'")
    assert await search(pool, CLERK, "a" * 26, REASON, later) == ()
