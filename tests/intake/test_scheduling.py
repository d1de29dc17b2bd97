"""The commands about schedules on a real server: shown before they are done, done once, each of them put to rest."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from intake.commands.saying import Exit
from intake.schedules import DEFINITIONS
from stack import LocalStack
from tests.intake.calling import Run, Said, sample_keys
from tests.namespaces import new_namespace

Call = Callable[..., Awaitable[Said]]

NAMES = [definition.name for definition in DEFINITIONS]


NAMESPACE = "scheduling"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(stack: LocalStack) -> Client:
    """A namespace in which nobody else has schedules."""
    return await new_namespace(stack, NAMESPACE)


@pytest.fixture
def call(run: Run, stack: LocalStack, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line with an address and keys."""
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))
    monkeypatch.setattr("intake.commands.upkeep.configure_logging", lambda *_: None)
    monkeypatch.setattr("intake.commands.upkeep.core_runtime", lambda: None)
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", client.namespace)

    async def in_a_thread(*arguments: str) -> Said:
        return await asyncio.to_thread(run, "schedules", *arguments)

    return in_a_thread


async def test_schedules_are_foreseen_made_once_put_to_rest_and_resumed(call: Call) -> None:
    foreseen = (await call("apply", "--dry-run", "-o", "json")).json
    assert [(each["schedule"], each["deed"]) for each in foreseen] == [
        (f"cardcase-{name}", "created") for name in NAMES
    ]
    assert {each["state"] for each in (await call("list", "-o", "json")).json} == {"absent"}
    made = await call("apply", "-o", "jsonl")
    for name in NAMES:
        assert (await call("pause", name, "--note", "测试")).exit == Exit.fine
    assert [each["deed"] for each in made.lines] == ["created"] * len(NAMES)
    assert [each["deed"] for each in (await call("apply", "-o", "jsonl")).lines] == ["unchanged"] * len(NAMES)
    resting = (await call("list", "-o", "jsonl")).lines
    assert [(each["name"], each["state"], each["note"], each["in_step"]) for each in resting] == [
        (name, "paused", "测试", True) for name in NAMES
    ]
    resumed = await call("resume", "benefit-hold-check")
    assert (resumed.exit, resumed.out.count("running"), resumed.out.count("paused")) == (Exit.fine, 1, len(NAMES) - 1)


async def test_a_schedule_that_nobody_knows_is_refused_by_code(call: Call) -> None:
    refused = await call("pause", "nightly")
    assert refused.exit == Exit.data
    assert "SCHEDULE_UNKNOWN" in refused.err


async def test_an_engine_that_is_away_is_told_apart_from_a_wrong_command(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await call()).exit == Exit.usage
    assert (await call("aply")).exit == Exit.usage
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    assert (await call("list")).exit == Exit.unavailable
