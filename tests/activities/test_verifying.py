"""The audit as a whole: one row that was touched is found among ten thousand; what no chain can show the heads do."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio

from activities.heads.publication import Head, Published
from activities.registry.audit import BEGINNING, hash_of, sha256_of
from activities.registry.pool import Connection, Pool, create_pool
from activities.registry.stored import digest_of_texts
from activities.registry.verifying import Broken, Verified, verify_audit
from cases.errors import CaseError, Code
from cases.names import person_token
from stack import LocalStack
from tests.activities.conftest import execute
from tests.activities.play import NOON
from tests.activities.publishing_heads import published
from tests.engine import migrated_database
from tests.scenes import KEY

CASES, LENGTH = 500, 20
"""Cases, and transitions of each: ten thousand rows."""

TEMPLATE = "ten_thousand"
COLUMNS: Final = (
    "format",
    "case_id",
    "generation",
    "version",
    "step",
    "event",
    "from_status",
    "to_status",
    "milestone",
    "actor",
    "role",
    "office",
    "stamp",
    "told_as",
    "state_before",
    "state_after",
    "salt",
    "fact",
    "fact_commitment",
    "outcome",
    "outcome_commitment",
    "neighbours",
    "at",
    "prev_hash",
    "hash",
)
"""All of a transition."""
_CHECKS: Final = """
    SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint
    WHERE conrelid = 'transitions'::regclass AND contype = 'c'
"""
_names = count(1)


class Chain(NamedTuple):
    """A case of one generation, its file and its transitions."""

    case: dict[str, Any]
    file: dict[str, Any]
    rows: list[dict[str, Any]]


def chain_of(place: int) -> Chain:
    """A chain; what it says of its case does not matter to it. Every tenth is older than commitments."""
    token, is_old = person_token(KEY, f"CHAIN{place}"), place % 10 == 0
    rows: list[dict[str, Any]] = []
    for version in range(LENGTH):
        salt = None if is_old else f"{place:016x}{version:016x}"
        fact = json.dumps({"note": f"{version}"}) if version else None
        outcome = json.dumps({"moved": True})
        row: dict[str, Any] = {
            "format": 1 if is_old else 2,
            "case_id": f"idc-{token}",
            "generation": 1,
            "version": version,
            "step": f"step.{version}",
            "event": "screened",
            "from_status": "in_review" if version else None,
            "to_status": "in_review",
            "milestone": None if is_old else "submitted",
            "actor": None,
            "role": None,
            "office": None,
            "stamp": None,
            "told_as": None,
            "state_before": digest_of_state(version - 1) if version else None,
            "state_after": digest_of_state(version),
            "salt": salt,
            "fact": fact,
            "fact_commitment": sha256_of(salt + fact) if salt and fact else None,
            "outcome": outcome,
            "outcome_commitment": sha256_of(salt + outcome) if salt else None,
            "neighbours": None if is_old else "[]",
            "at": NOON + timedelta(minutes=version),
            "prev_hash": rows[-1]["hash"] if rows else BEGINNING,
        }
        rows.append(row | {"hash": hash_of(row)})
    case = {
        "case_id": f"idc-{token}",
        "generation": 1,
        "kind": "IdNumberChange",
        "person": token,
        "region": "110105",
        "category": "general",
        "status": "in_review",
        "milestone": "submitted",
        "version": LENGTH - 1,
        "policy": "northern/1",
        "key": f"key-{place}",
        "fingerprint": token,
        "number_token": token,
        "channel": "counter",
        "submitter_kind": "staff",
        "submitter_named": False,
        "submitter": "clerk-1",
        "state": json.dumps(LENGTH - 1),
        "state_digest": digest_of_state(LENGTH - 1),
        "head": rows[-1]["hash"],
        "opened_at": NOON,
        "moved_at": NOON,
    }
    file = {"case_id": f"idc-{token}", "generation": 1, "opening": "{}", "screening": "null"}
    return Chain(case, file, rows)


def digest_of_state(version: int) -> str:
    return digest_of_texts("{}", "null", json.dumps(version))


async def copy(connection: Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    columns = tuple(rows[0])
    records = [tuple(row[column] for column in columns) for row in rows]
    await connection.copy_records_to_table(table, records=records, columns=columns)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def template(stack: LocalStack) -> str:
    """A register of ten thousand transitions; each test has a copy of it."""
    url = await migrated_database(stack, TEMPLATE)
    pool = await create_pool(url, size=2)
    chains = [chain_of(place) for place in range(CASES)]
    async with pool.acquire() as connection, connection.transaction():
        # Nor does a constraint hinder an administrator, who can drop it.
        for table, constraint in await connection.fetch(_CHECKS):
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        await connection.execute("SET LOCAL session_replication_role = replica")
        await copy(connection, "cases", [chain.case for chain in chains])
        await copy(connection, "case_files", [chain.file for chain in chains])
        await copy(connection, "transitions", [row for chain in chains for row in chain.rows])
    await pool.close()
    return TEMPLATE


@pytest_asyncio.fixture
async def register(stack: LocalStack, template: str) -> AsyncIterator[Pool]:
    name = f"{template}_{next(_names)}"
    await execute(stack, f"CREATE DATABASE {name} TEMPLATE {template}")
    pool = await create_pool(stack.postgres.endpoint.url_of(name), size=2)
    yield pool
    await pool.close()
    await execute(stack, f"DROP DATABASE {name}")


async def behind_its_back(pool: Pool, sql: str, *arguments: Any) -> None:
    """What an administrator of the database can do: no trigger and no foreign key hinders them."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql, *arguments)


def any_row() -> tuple[str, int]:
    """Some row that is neither the first nor the last of its chain."""
    place = random.randrange(CASES)  # noqa: S311 - any will do
    return chain_of(place).case["case_id"], random.randrange(2, LENGTH - 2)  # noqa: S311 - any will do


async def broken(pool: Pool, log: Published | None = None) -> tuple[Broken, ...]:
    verified = await verify_audit(pool, published=log)
    return verified.broken


async def test_an_untouched_audit_holds_and_all_of_it_was_looked_at(register: Pool, tmp_path: Path) -> None:
    log = await published(register, tmp_path)
    assert log.newest is not None
    assert len(log.newest.heads) == CASES
    assert await verify_audit(register, published=log) == Verified(CASES, CASES * LENGTH, ())


async def test_one_flipped_row_in_ten_thousand_is_found(register: Pool) -> None:
    case, version = any_row()
    flip = 'UPDATE transitions SET fact = \'{"note": "x"}\' WHERE case_id = $1 AND version = $2'
    await behind_its_back(register, flip, case, version)
    assert await broken(register) == (Broken(case, 1, version, "hash"),)


async def test_a_flip_of_any_column_is_found(register: Pool) -> None:
    flips = {
        "step": "'other'",
        "event": "'reject'",
        "from_status": "'on_hold'",
        "to_status": "'done'",
        "actor": "'clerk-9'",
        "role": "'officer'",
        "office": "'440106'",
        "fact": "NULL",
        "stamp": "'another'",
        "state_before": "repeat('0', 64)",
        "state_after": "repeat('0', 64)",
        "outcome": "'{}'",
        "at": "at + interval '1 microsecond'",
        "prev_hash": "repeat('1', 64)",
        "hash": "repeat('2', 64)",
        "format": "1",
        "milestone": "'number_updated'",
        "told_as": "'another'",
        "salt": "repeat('3', 32)",
        "fact_commitment": "repeat('4', 64)",
        "outcome_commitment": "repeat('5', 64)",
        "neighbours": "'[{}]'",
    }
    assert set(flips) == set(COLUMNS) - {"case_id", "generation", "version"}
    columns = await register.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'transitions'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    # By which transaction it was written is no part of what happened: it decides a place in the feed, and no more.
    assert {row["attname"] for row in columns} == set(COLUMNS) | {"written_in"}
    wanted = {}
    for place, (column, value) in enumerate(flips.items()):
        case = chain_of(10 * place + 1).case["case_id"]
        wanted[case] = "link" if column == "prev_hash" else "hash"
        flip = f"UPDATE transitions SET {column} = {value} WHERE case_id = $1 AND version = 7"  # noqa: S608 - from above
        await behind_its_back(register, flip, case)
    found = await broken(register)
    assert {(each.case_id, each.version, each.what) for each in found} == {
        (case, 7, what) for case, what in wanted.items()
    }


async def test_a_flip_of_any_column_of_a_row_from_before_the_commitments_is_found(register: Pool) -> None:
    flips = {
        "step": "'other'",
        "event": "'reject'",
        "from_status": "'on_hold'",
        "to_status": "'done'",
        "actor": "'clerk-9'",
        "role": "'officer'",
        "office": "'440106'",
        "fact": "NULL",
        "stamp": "'another'",
        "state_before": "repeat('0', 64)",
        "state_after": "repeat('0', 64)",
        "outcome": "'{}'",
        "at": "at + interval '1 microsecond'",
        "hash": "repeat('2', 64)",
        "format": "2",
    }
    wanted = set()
    for place, (column, value) in enumerate(flips.items()):
        case = chain_of(10 * place).case["case_id"]
        wanted.add((case, 7, "hash"))
        flip = f"UPDATE transitions SET {column} = {value} WHERE case_id = $1 AND version = 7"  # noqa: S608 - from above
        await behind_its_back(register, flip, case)
    assert {(each.case_id, each.version, each.what) for each in await broken(register)} == wanted


async def test_a_content_that_is_gone_leaves_the_links_whole_and_is_missed_where_nobody_erased_it(
    register: Pool,
) -> None:
    forgotten, replaced, unsalted = (chain_of(place).case["case_id"] for place in (1, 2, 3))
    forget = "UPDATE transitions SET fact = NULL, outcome = NULL, salt = NULL WHERE case_id = $1"
    await behind_its_back(register, forget, forgotten)
    assert [(each.case_id, each.what) for each in await broken(register)] == [(forgotten, "erased")]
    replace = "UPDATE transitions SET fact = '{\"note\": \"x\"}', outcome = '{}' WHERE case_id = $1 AND version = 9"
    await behind_its_back(register, replace, replaced)
    await behind_its_back(register, replace.replace(" WHERE", ", salt = NULL WHERE"), unsalted)
    assert {(each.case_id, each.version, each.what) for each in await broken(register)} == {
        (forgotten, 0, "erased"),
        (replaced, 9, "hash"),
        (unsalted, 9, "hash"),
    }


async def test_a_case_that_is_not_what_its_newest_row_says_is_found(register: Pool) -> None:
    changes = {
        "UPDATE cases SET state = '18' WHERE case_id = $1",
        "UPDATE cases SET state_digest = repeat('0', 64) WHERE case_id = $1",
        'UPDATE case_files SET opening = \'{"key": "k"}\' WHERE case_id = $1',
        "UPDATE case_files SET screening = '{}' WHERE case_id = $1",
        "DELETE FROM case_files WHERE case_id = $1",
    }
    wanted = set()
    for place, change in enumerate(sorted(changes)):
        case = chain_of(10 * place + 1).case["case_id"]
        wanted.add(Broken(case, 1, LENGTH - 1, "state"))
        await behind_its_back(register, change, case)
    assert set(await broken(register)) == wanted


async def test_one_deleted_row_is_found(register: Pool) -> None:
    case, version = any_row()
    await behind_its_back(register, "DELETE FROM transitions WHERE case_id = $1 AND version = $2", case, version)
    assert await broken(register) == (Broken(case, 1, version + 1, "gap"),)


async def test_the_deleted_end_of_a_chain_is_found(register: Pool) -> None:
    case, _ = any_row()
    await behind_its_back(register, "DELETE FROM transitions WHERE case_id = $1 AND version = $2", case, LENGTH - 1)
    assert await broken(register) == (Broken(case, 1, LENGTH - 1, "head"),)


async def test_one_inserted_row_is_found_whatever_hash_it_has(register: Pool) -> None:
    case, _ = any_row()
    rows = next(chain.rows for chain in map(chain_of, range(CASES)) if chain.case["case_id"] == case)
    forged = rows[-1] | {"version": LENGTH, "step": "forged", "prev_hash": rows[-1]["hash"]}
    forged |= {"hash": hash_of(forged)}
    async with register.acquire() as connection:
        await copy(connection, "transitions", [forged])
    assert await broken(register) == (Broken(case, 1, LENGTH - 1, "head"),)


async def test_two_rows_that_changed_places_are_found(register: Pool) -> None:
    case, version = any_row()
    move = "UPDATE transitions SET version = $3 WHERE case_id = $1 AND version = $2"
    for there, here in ((version, -1), (version + 1, version), (-1, version + 1)):
        await behind_its_back(register, move, case, there, here)
    assert await broken(register) == (Broken(case, 1, version, "link"),)


async def test_a_row_that_was_moved_to_another_case_is_found_in_both(register: Pool) -> None:
    one, other = chain_of(1).case["case_id"], chain_of(2).case["case_id"]
    await behind_its_back(register, "DELETE FROM transitions WHERE case_id = $1 AND version = 5", other)
    move = "UPDATE transitions SET case_id = $2 WHERE case_id = $1 AND version = 5"
    await behind_its_back(register, move, one, other)
    found = {(each.case_id, each.version, each.what) for each in await broken(register)}
    assert found == {(one, 6, "gap"), (other, 5, "link")}


async def test_a_case_without_audit_and_an_audit_without_case_are_found(register: Pool) -> None:
    one, other = sorted(chain_of(place).case["case_id"] for place in (1, 2))
    await behind_its_back(register, "DELETE FROM transitions WHERE case_id = $1", one)
    await behind_its_back(register, "DELETE FROM cases WHERE case_id = $1", other)
    assert await broken(register) == (Broken(one, 1, LENGTH - 1, "head"), Broken(other, 1, 0, "orphan"))


async def test_what_fits_its_chain_but_not_what_was_published_is_found(register: Pool, tmp_path: Path) -> None:
    log = await published(register, tmp_path)
    gone, cut, rewritten = (chain_of(place).case["case_id"] for place in (3, 4, 5))
    for table in ("transitions", "cases"):
        await behind_its_back(register, f"DELETE FROM {table} WHERE case_id = $1", gone)  # noqa: S608 - one of the two
    shorter = "UPDATE cases SET version = $2, head = $3, state = $4, state_digest = $5 WHERE case_id = $1"
    before_last = chain_of(4).rows[-2]
    await behind_its_back(register, "DELETE FROM transitions WHERE case_id = $1 AND version = $2", cut, LENGTH - 1)
    state = json.dumps(LENGTH - 2)
    await behind_its_back(register, shorter, cut, LENGTH - 2, before_last["hash"], state, digest_of_state(LENGTH - 2))
    last = chain_of(5).rows[-1] | {"actor": "clerk-9"}
    rewrite = "UPDATE transitions SET actor = 'clerk-9', hash = $2 WHERE case_id = $1 AND version = $3"
    await behind_its_back(register, rewrite, rewritten, hash_of(last), LENGTH - 1)
    await behind_its_back(register, "UPDATE cases SET head = $2 WHERE case_id = $1", rewritten, hash_of(last))
    assert await broken(register) == ()
    found = {(each.case_id, each.version, each.what) for each in await broken(register, log)}
    assert found == {(case, LENGTH - 1, "published") for case in (gone, cut, rewritten)}


async def test_one_case_can_be_looked_at_alone(register: Pool) -> None:
    case, other = chain_of(6).case["case_id"], chain_of(7).case["case_id"]
    await behind_its_back(register, "UPDATE transitions SET event = 'x' WHERE case_id = $1 AND version = 3", case)
    assert await verify_audit(register, case) == Verified(1, LENGTH, (Broken(case, 1, 3, "hash"),))
    assert await verify_audit(register, other) == Verified(1, LENGTH, ())


async def test_heads_alone_as_they_were_published_once_still_count(register: Pool) -> None:
    lines = [
        str(Head(chain_of(place).case["case_id"], 1, LENGTH - 1, chain_of(place).rows[-1]["hash"]))
        for place in range(3)
    ]
    assert await broken(register, Published.read(lines)) == ()
    wrong = str(Head(chain_of(0).case["case_id"], 1, LENGTH - 1, "0" * 64))
    assert await broken(register, Published.read([wrong, *lines])) == (Broken(*Head.read(wrong)[:3], "published"),)


@pytest.mark.parametrize("line", ["", "idc-short 1 1 " + "0" * 64, f"{Head(chain_of(1).case['case_id'], 1, 1, 'x')}"])
def test_a_line_that_holds_anything_else_is_refused(line: str) -> None:
    with pytest.raises(CaseError) as refused:
        Published.read([line])
    assert refused.value.code is Code.HEADS_BROKEN
