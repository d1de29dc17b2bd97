"""The audit: append-only, chained, and what it says of who did what. All persons are synthetic."""

import json
from typing import Any

import asyncpg
import pytest

from activities.registry.audit import hash_of
from activities.registry.reading import Break, transitions_of, verify_chain
from cases.events import Event
from cases.facts import VerifyDocuments, Withdraw
from cases.ladder import Dates
from cases.state import CaseState
from tests.activities.play import CERTIFIED, CLERK, SECOND, SOUTH, THIRD, Play, eighteen, insured


async def two_generations(play: Play) -> CaseState:
    person = insured(region=SOUTH)
    await play.load(person)
    await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK, note="另行申请"))
    number = eighteen("11010519491231004")
    return await play.committed(play.change(person, number, documents=CERTIFIED, reopen=True))


async def behind_its_back(play: Play, sql: str, *arguments: Any) -> None:
    """What an administrator of the database can do."""
    play.tampered = True
    async with play.pool.acquire() as connection, connection.transaction():
        # Neither triggers nor foreign keys stand in the way of who owns the server.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql, *arguments)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE transitions SET actor = 'clerk-9'",
        "DELETE FROM transitions",
        "TRUNCATE transitions",
        "TRUNCATE cases CASCADE",
    ],
)
async def test_nobody_changes_removes_or_empties_it(play: Play, sql: str) -> None:
    await two_generations(play)
    before = await play.contents()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await play.write(sql)
    assert await play.contents() == before


async def test_it_says_who_did_what_in_which_capacity_when_and_why(play: Play) -> None:
    state = await two_generations(play)
    rows = await transitions_of(play.pool, state.case_id)
    withdrawal = next(row for row in rows if row.event == "withdraw")
    assert (withdrawal.actor, withdrawal.role, withdrawal.office) == (CLERK.id, CLERK.role, SOUTH)
    assert withdrawal.at == play.at
    assert (withdrawal.fact or {})["note"] == "另行申请"
    assert [row.actor for row in rows if row.event in {"verify_documents", "approve"}] == [SECOND.id, THIRD.id]
    assert {row.actor for row in rows if row.event in {"screened", "apply", "commit"}} == {None}


async def test_each_row_carries_the_digest_of_the_state_before_and_after(play: Play) -> None:
    await two_generations(play)
    rows = await play.rows("SELECT state_before, state_after FROM transitions WHERE generation = 2 ORDER BY version")
    assert [row["state_before"] for row in rows] == [None, *(row["state_after"] for row in rows[:-1])]


async def test_each_transition_names_the_dates_that_hold_also_where_the_case_is_not_told_them_again(
    play: Play,
) -> None:
    person = insured()
    await play.load(person)
    state = await play.reviewed(play.change(person))
    copies = tuple(document.sha256 for document in state.documents)
    verified = VerifyDocuments(actor=SECOND, original_seen=True, copies=copies)
    result = await play.ask(state, Event.verify_documents, verified)
    assert [made.event for made in result.moves] == [Event.verify_documents]
    after = result.applied_to(state)
    assert after.ladder.dates == state.ladder.dates
    rows = await play.rows(
        "SELECT outcome::jsonb -> 'dates' AS dates FROM transitions WHERE version > 0 ORDER BY version"
    )
    assert [Dates.model_validate_json(row["dates"]) for row in rows] == [state.ladder.dates] * 2


async def test_the_chain_holds_over_generations_and_is_nobodys_invention(play: Play) -> None:
    state = await two_generations(play)
    assert await verify_chain(play.pool, state.case_id) is None
    assert await verify_chain(play.pool, state.case_id.replace("idc", "crc")) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "clerk-9"),
        ("role", "supervisor"),
        ("office", "110105"),
        ("event", "reject"),
        ("step", "reject.2"),
        ("to_status", "rejected"),
        ("from_status", "on_hold"),
        ("state_after", "0" * 64),
        ("fact", json.dumps({"note": "另一理由"})),
        ("outcome", json.dumps({"moved": True})),
        ("milestone", "number_updated"),
        ("stamp", "another"),
        ("told_as", "another"),
        ("state_before", "0" * 64),
        ("neighbours", json.dumps([{"case_id": "idc-" + "a" * 26, "event": "turn_free"}])),
        ("salt", "0" * 32),
        ("fact_commitment", "0" * 64),
        ("outcome_commitment", "0" * 64),
    ],
)
async def test_a_changed_row_is_found(play: Play, column: str, value: str) -> None:
    state = await two_generations(play)
    await behind_its_back(
        play,
        f"UPDATE transitions SET {column} = $1 WHERE generation = 1 AND version = 2",  # noqa: S608 - from the table above
        value,
    )
    assert await verify_chain(play.pool, state.case_id) == Break(1, 2, "hash")


async def test_a_row_whose_moment_was_changed_is_found(play: Play) -> None:
    state = await two_generations(play)
    await behind_its_back(
        play, "UPDATE transitions SET at = at + interval '1 microsecond' WHERE generation = 2 AND version = 3"
    )
    assert await verify_chain(play.pool, state.case_id) == Break(2, 3, "hash")


async def test_a_changed_row_with_a_hash_made_to_fit_is_found_in_the_next(play: Play) -> None:
    state = await two_generations(play)
    (row,) = await play.rows("SELECT * FROM transitions WHERE generation = 1 AND version = 1")
    forged = dict(row) | {"event": "checked"}
    await behind_its_back(
        play,
        "UPDATE transitions SET event = 'checked', hash = $1 WHERE generation = 1 AND version = 1",
        hash_of(forged),
    )
    assert await verify_chain(play.pool, state.case_id) == Break(1, 2, "link")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("generation = 1 AND version = 1", Break(1, 2, "gap")),
        ("generation = 1", Break(2, 0, "link")),
        ("generation = 2 AND version = 5", Break(2, 5, "head")),
        ("generation = 2", Break(2, 5, "head")),
    ],
)
async def test_a_removed_row_is_found(play: Play, where: str, found: Break) -> None:
    state = await two_generations(play)
    assert state.version == 5
    await behind_its_back(play, f"DELETE FROM transitions WHERE {where}")  # noqa: S608 - from the table above
    assert await verify_chain(play.pool, state.case_id) == found


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("state = replace(state, '\"clerk-2\"', '\"clerk-9\"')", "state"),
        ("head = repeat('0', 64)", "head"),
        ("version = version + 1", "head"),
    ],
)
async def test_a_changed_case_is_found(play: Play, change: str, what: str) -> None:
    state = await two_generations(play)
    play.tampered = True
    before = await play.contents()
    await play.write(f"UPDATE cases SET {change} WHERE generation = 2")  # noqa: S608 - from the table above
    assert await play.contents() != before
    found = await verify_chain(play.pool, state.case_id)
    assert found is not None
    assert (found.generation, found.what) == (2, what)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE case_files SET opening = replace(opening, '\"clerk-1\"', '\"clerk-9\"') WHERE generation = 2",
        "UPDATE case_files SET screening = replace(screening, '\"reissued\"', '\"conflict\"') WHERE generation = 2",
        "UPDATE case_files SET screening = screening || ' ' WHERE generation = 2",
        "DELETE FROM case_files WHERE generation = 2",
    ],
)
async def test_a_changed_file_of_a_case_is_found(play: Play, change: str) -> None:
    state = await two_generations(play)
    before = await play.contents()
    await behind_its_back(play, change)
    assert await play.contents() != before
    assert await verify_chain(play.pool, state.case_id) == Break(2, state.version, "state")


class TestForgetting:
    """What was told and what followed can go one day; that it was told, by whom and when, cannot."""

    FORGOTTEN = "UPDATE transitions SET fact = NULL, outcome = NULL, salt = NULL"

    async def test_of_every_content_that_nobody_had_erased_is_found_as_that(self, play: Play) -> None:
        state = await two_generations(play)
        await behind_its_back(play, self.FORGOTTEN)
        assert await play.value("SELECT count(*) FROM transitions WHERE fact_commitment IS NOT NULL") > 0
        # The chain itself holds: what was erased as it should be verifies.
        assert await verify_chain(play.pool, state.case_id) == Break(1, 0, "erased")

    async def test_of_one_of_both_is_none(self, play: Play) -> None:
        state = await two_generations(play)
        await behind_its_back(play, "UPDATE transitions SET fact = NULL WHERE generation = 1 AND version = 2")
        assert await verify_chain(play.pool, state.case_id) == Break(1, 2, "hash")

    @pytest.mark.parametrize("column", ["fact_commitment", "outcome_commitment", "actor"])
    async def test_does_not_cover_what_is_changed_besides(self, play: Play, column: str) -> None:
        state = await two_generations(play)
        value = "'clerk-9'" if column == "actor" else "repeat('0', 64)"
        await behind_its_back(
            play,
            f"{self.FORGOTTEN}, {column} = {value} WHERE generation = 1 AND version = 2",
        )
        assert await verify_chain(play.pool, state.case_id) == Break(1, 2, "hash")

    @pytest.mark.parametrize("column", ["fact", "outcome"])
    async def test_does_not_let_other_content_stand_without_its_salt(self, play: Play, column: str) -> None:
        state = await two_generations(play)
        await behind_its_back(play, "ALTER TABLE transitions DROP CONSTRAINT transitions_content_or_none")
        try:
            await behind_its_back(
                play,
                f"UPDATE transitions SET {column} = $1, salt = NULL WHERE generation = 1 AND version = 2",  # noqa: S608 - from above
                json.dumps({"note": "另一理由"}),
            )
            assert await verify_chain(play.pool, state.case_id) == Break(1, 2, "hash")
        finally:
            await behind_its_back(
                play,
                "ALTER TABLE transitions ADD CONSTRAINT transitions_content_or_none CHECK (format = 1 OR "
                "((salt IS NULL) = (outcome IS NULL) AND (salt IS NOT NULL OR fact IS NULL))) NOT VALID",
            )

    @pytest.mark.parametrize("columns", ["fact = '{}', outcome = NULL, salt = NULL", "salt = NULL", "outcome = NULL"])
    async def test_of_a_part_is_refused_by_the_database(self, play: Play, columns: str) -> None:
        await two_generations(play)
        with pytest.raises(asyncpg.CheckViolationError) as violation:
            await behind_its_back(play, f"UPDATE transitions SET {columns}")  # noqa: S608 - from the table above
        assert violation.value.constraint_name == "transitions_content_or_none"


async def test_equal_contents_are_committed_to_differently(play: Play) -> None:
    await two_generations(play)
    salts = await play.rows("SELECT salt, outcome_commitment FROM transitions")
    assert len({row["salt"] for row in salts}) == len({row["outcome_commitment"] for row in salts}) == len(salts)
    assert {len(row["salt"]) for row in salts} == {32}


async def test_a_second_row_after_the_same_one_is_refused(play: Play) -> None:
    await two_generations(play)
    with pytest.raises(asyncpg.UniqueViolationError) as violation:
        await play.write(
            "INSERT INTO transitions (case_id, generation, version, step, event, from_status, to_status, milestone, "
            "state_after, salt, outcome, outcome_commitment, neighbours, at, prev_hash, hash) "
            "SELECT case_id, generation, 9, 'x.9', 'screened', from_status, to_status, milestone, state_after, salt, "
            "outcome, outcome_commitment, neighbours, at, prev_hash, hash FROM transitions "
            "WHERE generation = 1 AND version = 2"
        )
    assert violation.value.constraint_name == "transitions_no_fork"
