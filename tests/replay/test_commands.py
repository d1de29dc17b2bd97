"""What workflows ask for is what their fingerprints say: whoever changes it shows it in a review."""

import difflib
from collections.abc import AsyncIterator
from dataclasses import replace
from unittest.mock import patch

import pytest
import pytest_asyncio
from temporalio import workflow

from cases.names import Kind
from runtime.stories import STORIES
from runtime.worker import every_workflow
from stack import LocalStack
from tests.engine import Engine
from tests.faults.releasing_worker import Next
from tests.replay.commands import FINGERPRINTS, commands_of, fingerprint_of
from tests.replay.lives import LIVES, RUNS
from tests.replay.record import lived_undisturbed, steady
from tests.replay.recorded import Recorded, recorded

ANEW = "If this is meant, write the fingerprints anew (make fingerprints) and show them in the review."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(stack: LocalStack) -> AsyncIterator[Engine]:
    async with steady(stack) as running:
        yield running


@pytest.mark.parametrize("name", [*LIVES, *RUNS])
async def test_a_life_has_the_commands_of_its_fingerprint(engine: Engine, name: str) -> None:
    before = fingerprint_of(name).read_text(encoding="utf-8")
    now = await lived_undisturbed(engine, name)
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "as reviewed", "as it is now", lineterm="")
    assert before == now, "\n".join([f"{name} does something else.", *lines, ANEW])


async def test_a_workflow_that_asks_for_more_has_another_fingerprint(engine: Engine) -> None:
    name = "IdNumberChange.not_needed"
    changed = replace(engine, task_queue="changed")
    with patch.dict(STORIES, {Kind.id_number_change: Next}):
        async with changed.working():
            now = await lived_undisturbed(changed, name)
    before = fingerprint_of(name).read_text(encoding="utf-8")
    changes = [line for line in difflib.ndiff(before.splitlines(), now.splitlines()) if not line.startswith(" ")]
    assert changes == ["+ patch a-moment", "+ show TemporalChangeVersion", "+ start timer without a name"]


def test_every_workflow_has_a_fingerprint_and_no_other_lies_there() -> None:
    names = {path.stem for path in FINGERPRINTS.iterdir()}
    assert names == {*LIVES, *RUNS}
    types = {workflow._Definition.must_from_class(each).name for each in every_workflow()}
    assert {name.partition(".")[0] for name in names} == types


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_the_commands_of_a_recorded_history_can_be_told(one: Recorded) -> None:
    commands = list(commands_of(one.history))
    endings = {"continued": "continued as new", "failed": "failed"}
    assert commands[-1] == f"workflow execution {endings.get(one.ending, 'completed')}"
    assert not [line for line in commands if line.startswith("marker ")]
