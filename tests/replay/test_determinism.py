"""Workflow code passes the sandbox, does nothing that could differ in a replay, and lives when every task replays.

Cases run outside the sandbox, so this is what guards them (decision 0022).
"""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import RestrictedWorkflowAccessError
from temporalio.workflow import _Definition

import workflows
from runtime.converter import IN_CLEAR
from runtime.plugin import FAILING
from runtime.runner import RUNNER, SANDBOX
from runtime.worker import every_workflow
from tests.engine import Engine
from tests.replay.broken import RollsDice
from tests.replay.lives import LIVES
from tests.replay.recorded import Recorded, recorded

MODULES = sorted(Path(workflows.__path__[0]).glob("*.py"))

FORBIDDEN_MODULES = frozenset(
    {"os", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid", "httpx", "aiohttp", "asyncpg"}
)
AGAIN_AND_AGAIN = ast.For | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
PATCHED = ("workflow", "patched")
FORBIDDEN_METHODS = frozenset(
    {
        # clocks
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("datetime", "today"),
        ("date", "today"),
        # whatever happens to be done first
        ("asyncio", "wait"),
        ("asyncio", "as_completed"),
        ("asyncio", "to_thread"),
        ("asyncio", "run"),
        # remembered once for each ID, so it is wrong in whatever a case does again and again
        PATCHED,
    }
)
FORBIDDEN_FUNCTIONS = frozenset({"open", "print", "input", "hash", "id", "eval", "exec"})


def faults_of(source: str) -> Iterator[str]:
    """What a workflow's source does that could differ in a replay."""
    tree = ast.parse(source)
    asked_once = set(_asked_once(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute() if node in asked_once:
                continue
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name.split(".")[0] in FORBIDDEN_MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in FORBIDDEN_MODULES:
                yield module
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_FUNCTIONS:
                yield name
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in FORBIDDEN_METHODS:
                yield f"{owner}.{name}"
            case ast.For(iter=walked) | ast.AsyncFor(iter=walked) | ast.comprehension(iter=walked) if _is_a_set(walked):
                yield "a walk over a set"


def _asked_once(tree: ast.Module) -> Iterator[ast.AST]:
    """Where a workflow asks for a patch when it is made, and in no loop."""
    for made in ast.walk(tree):
        if not isinstance(made, ast.FunctionDef) or made.name != "__init__":
            continue
        loops = (each for each in ast.walk(made) if isinstance(each, AGAIN_AND_AGAIN))
        again = {each for loop in loops for each in ast.walk(loop)}
        for each in ast.walk(made):
            if isinstance(each, ast.Attribute) and ast.unparse(each) == ".".join(PATCHED) and each not in again:
                yield each


def _is_a_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case _:
            return False


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_workflow_module_does_nothing_that_could_differ_in_a_replay(module: Path) -> None:
    assert list(faults_of(module.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import random",
        "import os.path",
        "from time import sleep",
        "from uuid import uuid4",
        "now = datetime.now(UTC)",
        "done, _ = await asyncio.wait(tasks)",
        "for each in asyncio.as_completed(tasks): pass",
        "open('file')",
        "print('x')",
        "key = hash(name)",
        "for each in {a, b}: pass",
        "rows = [each for each in set(names)]",
        "if workflow.patched('x'): pass",
    ],
)
def test_what_is_looked_for_would_be_found(line: str) -> None:
    source = f"async def run():\n    {line}"
    assert len(list(faults_of(source))) == 1


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("self._is_new = workflow.patched('x')", []),
        ("for each in steps: self._is_new = workflow.patched('x')", ["workflow.patched"]),
        ("while True: self._is_new = workflow.patched('x')", ["workflow.patched"]),
        ("self._are_new = [workflow.patched(each) for each in steps]", ["workflow.patched"]),
    ],
)
def test_a_workflow_asks_for_a_patch_once_when_it_is_made(line: str, faults: list[str]) -> None:
    assert list(faults_of(f"class Story:\n    def __init__(self):\n        {line}")) == faults


@pytest.mark.parametrize("each", every_workflow(), ids=lambda each: each.__name__)
async def test_a_workflow_passes_the_sandbox_that_everything_shares(each: type) -> None:
    # A worker does the same before it takes its first task.
    RUNNER.prepare_workflow(_Definition.must_from_class(each))


async def test_the_sandbox_refuses_a_workflow_that_rolls_dice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("dice.py").write_text(DICE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    definition = _Definition.must_from_class(importlib.import_module("dice").Dice)
    with pytest.raises(RestrictedWorkflowAccessError, match=r"random\.random"):
        RUNNER.prepare_workflow(definition)


DICE = """
import random

from temporalio import workflow

SIDES = random.random()

@workflow.defn
class Dice:
    @workflow.run
    async def run(self) -> None: ...
"""


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
async def test_what_was_recorded_does_nothing_that_the_sandbox_forbids(one: Recorded) -> None:
    sandboxed = Replayer(
        workflows=every_workflow(),
        workflow_runner=SANDBOX,
        data_converter=IN_CLEAR,
        workflow_failure_exception_types=FAILING,
    )
    await sandboxed.replay_workflow(one.history)


async def test_the_sandbox_refuses_a_case_that_rolls_dice_on_its_way() -> None:
    one = next(one for one in recorded() if one.path.stem == "IdNumberChange.done.confirmed")
    sandboxed = Replayer(workflows=[RollsDice], workflow_runner=SANDBOX, data_converter=IN_CLEAR)
    with pytest.raises(RuntimeError, match="RestrictedWorkflowAccessError"):
        await sandboxed.replay_workflow(one.history)


CHANGEABLE = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MAKES_CHANGEABLE = frozenset({"dict", "list", "set", "defaultdict", "deque", "Counter"})


def shared_and_changeable(source: str) -> Iterator[str]:
    """What of a module and its classes all cases of a process would share, and could change."""
    tree = ast.parse(source)
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    for node in (*tree.body, *(node for each in classes for node in each.body)):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        value = node.value
        made = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else None
        if isinstance(value, CHANGEABLE) or made in MAKES_CHANGEABLE:
            yield ast.unparse(node)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_cases_of_a_process_share_nothing_that_one_of_them_could_change(module: Path) -> None:
    assert list(shared_and_changeable(module.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line", ["KNOWN = {}", "KNOWN: Final = [1]", "KNOWN = set()", "class Story:\n    seen = defaultdict(int)"]
)
def test_what_could_be_changed_would_be_found(line: str) -> None:
    assert len(list(shared_and_changeable(line))) == 1


REPLAYED_LIVES = (
    "IdNumberChange.done.confirmed",
    "IdNumberChange.done.approved",
    "CardReplacement.done.lost",
    "CardReplacement.unclaimed",
)


@pytest.mark.parametrize("name", REPLAYED_LIVES)
async def test_a_case_that_is_replayed_at_every_task_lives_as_others_do(engine: Engine, name: str) -> None:
    forgetful = replace(engine, task_queue=f"forgetful-{name}")
    async with forgetful.working(max_cases_cached=0):
        case = await LIVES[name](forgetful)
        assert (await case.ends()).status == name.split(".")[1]
