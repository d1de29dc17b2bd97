"""Fixtures of the intake's tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from cardcase_client import Patience
from cases.models import Actor
from tests.engine import Engine
from tests.intake.calling import Run, Said, runner, take_settings_away
from tests.intake.identity import log_in
from tests.intake.service.door import Door, door_of
from tests.scenes import VERIFIER


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door(engine: Engine) -> AsyncIterator[Door]:
    """The intake service, one for all tests."""
    async with door_of(engine) as opened:
        yield opened


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command line, with no settings but those a test makes; a clerk is logged in, and nobody answers them."""
    take_settings_away(monkeypatch)
    monkeypatch.setenv("CARDCASE_PROFILE", "local")
    monkeypatch.setenv("CARDCASE_TOKEN_FILE", str(log_in(tmp_path, VERIFIER)))
    monkeypatch.setenv("CARDCASE_GATE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CARDCASE_INTAKE_URL", "http://127.0.0.1:1")
    # Nobody waits for somebody who is not there.
    monkeypatch.setattr("intake.commands.door.PATIENCE", Patience(0))
    return runner(capsys, monkeypatch)


@pytest.fixture
def call_as(run: Run, door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Said]]:
    """The command line as its user has it: the service's address and a token, and nothing else."""
    monkeypatch.setenv("CARDCASE_INTAKE_URL", door.url)
    monkeypatch.delenv("CARDCASE_GATE_URL")

    async def in_a_thread(actor: Actor, *arguments: str | Path, stdin: bytes = b"") -> Said:
        (tmp_path / "token").write_text(door.token(actor), encoding="ascii")
        return await asyncio.to_thread(run, *arguments, stdin=stdin)

    return in_a_thread
