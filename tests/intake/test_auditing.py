"""The audit's commands on the real register."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cases.machines.machine import Status
from tests.engine import Engine
from tests.intake.calling import Run
from tests.scenes import ID_CARD
from tests.workflows.roads import change


@pytest.fixture
def at_register(engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line of somebody who looks after the register."""
    monkeypatch.setenv("CARDCASE_DATABASE_URL", engine.database_url)
    return run


async def case_of(engine: Engine) -> str:
    case = await change(engine, ID_CARD)
    await case.rests_in(Status.in_review)
    return case.case_id


async def called(run: Run, *arguments: Any) -> Any:
    """A command has an event loop of its own."""
    return await asyncio.to_thread(run, *arguments)


async def tampered(engine: Engine, sql: str, *arguments: Any) -> None:
    async with engine.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql, *arguments)


async def test_an_audit_that_holds_is_said_to_hold(engine: Engine, at_register: Run) -> None:
    case = await case_of(engine)
    said = await called(at_register, "audit", "verify", case, "-o", "json")
    assert (said.exit, said.json) == (0, [])
    assert said.err == "核对 1 个案件、2 条记录，0 处不符。\n"
    everything = await called(at_register, "audit", "verify", "--lang", "en")
    assert everything.exit == 0
    assert "0 do not hold" in everything.err


async def test_a_break_is_named_and_the_exit_code_says_so(engine: Engine, at_register: Run) -> None:
    case = await case_of(engine)
    outcome = await engine.pool.fetchval("SELECT outcome FROM transitions WHERE case_id = $1 AND version = 1", case)
    change_it = "UPDATE transitions SET outcome = $2 WHERE case_id = $1 AND version = 1"
    await tampered(engine, change_it, case, "{}")
    try:
        said = await called(at_register, "audit", "verify", "-o", "json")
    finally:
        await tampered(engine, change_it, case, outcome)
    assert said.exit == 1
    assert said.json == [{"case_id": case, "generation": 1, "version": 1, "what": "hash"}]


async def test_heads_are_written_once_and_hold_later(engine: Engine, at_register: Run, tmp_path: Path) -> None:
    case, file = await case_of(engine), tmp_path / "heads"
    written = await called(at_register, "audit", "heads", file, "-o", "json")
    assert written.exit == 0
    assert (await called(at_register, "audit", "heads", file)).exit == 65
    digest = written.json["sha256"]
    again = await called(at_register, "audit", "verify", case, "--published", file, "--digest", digest)
    assert again.exit == 0
    for wrong in ("0" * 64, digest[:-1]):
        refused = await called(at_register, "audit", "verify", "--published", file, "--digest", wrong)
        assert (refused.exit, refused.out) == (65, "")


async def test_a_head_that_is_not_in_the_audit_is_a_break(engine: Engine, at_register: Run, tmp_path: Path) -> None:
    case, file = await case_of(engine), tmp_path / "heads"
    file.write_text(f"{case} 1 1 {'0' * 64}\n", encoding="ascii")
    said = await called(at_register, "audit", "verify", case, "--published", file, "-o", "json")
    assert (said.exit, said.json[0]["what"]) == (1, "published")


def test_a_wrong_call_is_told_apart(run: Run, tmp_path: Path) -> None:
    assert run("audit", "verify", "--digest", "0" * 64).exit == 64
    assert run("audit", "verify", "no-case").exit == 65
    assert run("audit", "verify", "--published", tmp_path / "absent").exit == 65
    assert run("audit", "verify").exit == 78
