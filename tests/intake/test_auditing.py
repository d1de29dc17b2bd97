"""The audit's commands on the real register."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cases.machines.machine import Status
from gate.stamp_keys import SigningKey
from tests.engine import Engine
from tests.intake.calling import Run
from tests.scenes import ID_CARD
from tests.workflows.roads import change


@pytest.fixture
def trusting(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line of somebody who has the public keys that the gate has had."""
    SigningKey.sample().write(tmp_path / "private", tmp_path / "public")
    monkeypatch.setenv("CARDCASE_STAMP_TRUST_FILE", str(tmp_path / "public"))
    return run


@pytest.fixture
def at_register(engine: Engine, trusting: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line of somebody who looks after the register."""
    monkeypatch.setenv("CARDCASE_DATABASE_URL", engine.database_url)
    return trusting


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
    assert said.err.endswith("核对 1 个案件、2 条记录，0 处不符。\n")
    assert "未与已公布的链头比对" in said.err
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
    assert said.json == [{"case_id": case, "generation": 1, "version": 1, "what": "hash", "detail": None}]


async def test_a_decision_that_no_gate_of_ours_has_signed_is_named(
    engine: Engine, at_register: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await case_of(engine)
    SigningKey.generate().write(tmp_path / "other", tmp_path / "another")
    monkeypatch.setenv("CARDCASE_STAMP_TRUST_FILE", str(tmp_path / "another"))
    said = await called(at_register, "audit", "verify", case, "-o", "json")
    assert said.exit == 1
    assert [(each["version"], each["what"]) for each in said.json] == [(0, "stamp")]
    monkeypatch.delenv("CARDCASE_STAMP_TRUST_FILE")
    assert (await called(at_register, "audit", "verify", case)).exit == 78


async def test_heads_are_published_and_hold_later(
    engine: Engine, at_register: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, file = await case_of(engine), tmp_path / "heads"
    assert (await called(at_register, "audit", "publish")).exit == 78
    monkeypatch.setenv("CARDCASE_HEADS_PLACE", str(file))
    first = await called(at_register, "audit", "publish", "-o", "json")
    assert (first.exit, first.json["number"]) == (0, 1)
    assert "chattr +a" in first.err
    second = await called(at_register, "audit", "publish", "-o", "json")
    assert (second.exit, second.json["number"]) == (0, 2)
    fits = await called(at_register, "audit", "verify", case, "--digest", second.json["sha256"], "--lang", "en")
    assert fits.exit == 0
    assert "Published up to number 2" in fits.err
    for wrong in ("0" * 64, first.json["sha256"], second.json["sha256"][:-1]):
        refused = await called(at_register, "audit", "verify", "--digest", wrong)
        assert (refused.exit, refused.out) == (65, "")
    file.write_text(file.read_text(encoding="utf-8").replace(case, case.replace("idc", "crc")), encoding="utf-8")
    broken = await called(at_register, "audit", "verify", case)
    assert (broken.exit, broken.out) == (65, "")
    assert "HEADS_BROKEN" in broken.err


async def test_heads_are_published_again_and_again_until_somebody_ends_it(
    at_register: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []

    async def slept(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 2:
            # As where another program publishes to the same place.
            (tmp_path / "heads").unlink()
        if len(rounds) > 2:
            (tmp_path / "heads").write_text("{}\n", encoding="utf-8")

    monkeypatch.setattr("intake.commands.auditing.asyncio", SimpleNamespace(sleep=slept))
    monkeypatch.setenv("CARDCASE_HEADS_PLACE", str(tmp_path / "heads"))
    said = await called(at_register, "audit", "publish", "--go-on", "-o", "jsonl")
    assert said.exit == 65
    assert [line["number"] for line in said.lines] == [1, 2, 1]
    assert rounds == [120.0] * 3


async def test_a_place_that_is_away_is_tried_again_and_then_said(
    at_register: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []

    async def slept(seconds: float) -> None:
        rounds.append(seconds)

    monkeypatch.setattr("intake.commands.auditing.asyncio", SimpleNamespace(sleep=slept))
    monkeypatch.setenv("CARDCASE_HEADS_PLACE", str(tmp_path / "absent" / "heads"))
    said = await called(at_register, "audit", "publish", "--go-on")
    assert (said.exit, len(rounds)) == (69, 3)
    assert said.err.count("HEADS_UNREACHABLE") == 4


async def test_a_head_that_is_not_in_the_audit_is_a_break(engine: Engine, at_register: Run, tmp_path: Path) -> None:
    case, file = await case_of(engine), tmp_path / "heads"
    file.write_text(f"{case} 1 1 {'0' * 64}\n", encoding="ascii")
    said = await called(at_register, "audit", "verify", case, "--published", file, "-o", "json")
    assert (said.exit, said.json[0]["what"]) == (1, "published")


def test_a_wrong_call_is_told_apart(trusting: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trusting
    assert run("audit", "verify", "no-case").exit == 65
    assert run("audit", "verify").exit == 78
    monkeypatch.setenv("CARDCASE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    assert run("audit", "verify", "--digest", "0" * 64).exit == 64
    assert run("audit", "verify", "--published", tmp_path / "absent").exit == 69
    assert run("audit", "verify", "--published", "http://127.0.0.1:1/heads").exit == 78
