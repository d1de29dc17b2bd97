"""The commands about releases on a real server: which is there, which is given work, and to which it goes over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from intake.commands.saying import Exit
from runtime.build import build_id
from stack import LocalStack
from tests.engine import Engine
from tests.intake.calling import Run, Said, sample_keys
from tests.namespaces import new_namespace

Call = Callable[..., Awaitable[Said]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(stack: LocalStack) -> Client:
    """A namespace in which nobody else has workers."""
    return await new_namespace(stack, "releasing")


@pytest.fixture
def call(run: Run, stack: LocalStack, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line with an address and keys."""
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))
    monkeypatch.setattr("intake.commands.upkeep.configure_logging", lambda *_: None)
    monkeypatch.setattr("intake.commands.upkeep.core_runtime", lambda: None)
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", client.namespace)

    async def in_a_thread(*arguments: str) -> Said:
        return await asyncio.to_thread(run, "release", *arguments)

    return in_a_thread


async def test_a_release_is_made_current_once_its_workers_are_there(call: Call, engine: Engine, client: Client) -> None:
    nobody = await call("make-current")
    assert (nobody.exit, "No worker of this release" in nobody.err) == (Exit.refused, True)
    assert (await call("list", "-o", "json")).json == []
    async with replace(engine, client=client).working(versioned=True):
        current = (await call("make-current", "--wait", "20", "-o", "json")).json
        assert [(each["build"], each["state"], each["is_this"]) for each in current] == [(build_id(), "current", True)]
        assert (await call("make-current", "-o", "json")).json == current, "again changes nothing"
        assert (await call("list", "-o", "json")).json == current
        unknown = await call("make-current", "000000000000")
        assert unknown.exit == Exit.refused
        assert (await call("list", "-o", "json")).json == current
