"""Fixtures for all tests: the servers that they share, and one engine on them."""

import gc
import logging
import os
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import hypothesis
import pytest
import pytest_asyncio
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from runtime.logs import LineHandler
from stack import LocalStack
from stack.temporal import JsonValue
from tests.engine import Engine, engine_on
from workflows.search_attributes import SEARCH_ATTRIBUTES

TESTS: Final = Path(__file__).parent
TOGETHER: Final = (
    "workflows",
    "intake/service",
    "demo",
    "browser",
    "faults",
    "intake",
    "clients",
    "replay",
    "runtime",
    "gate",
)
"""Folders whose tests share one process: they share a register, what all of them did, or servers that start slowly."""
LONGEST: Final = ("workflows", "intake/service", "demo", "faults", "intake", "cases")
"""Folders that a run begins with, so that no process is left alone with one of them at its end."""

FAILING_IS_SAID_SOON: Final[Mapping[str, JsonValue]] = {
    # By default the fifth: a failed task is repeated when its time is over, so that takes a minute.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 3
}
"""After how many failures of a task the server says so."""
ALONE: Final = (
    "workflows/test_forged_runs.py",
    "workflows/test_reconciling.py",
    "workflows/test_watching.py",
    "intake/service/test_anything.py",
)
"""Files of such folders that share nothing with the others there, and take long: whichever process is free has them."""

# Tests are for this machine alone, as whatever they start in their own environment.
os.environ["CARDCASE_PROFILE"] = "local"

# How long an example takes is the machine's affair; each test has a time limit of its own.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")


class FolderByFolder(LoadScopeScheduling):
    """Gives each process whole folders, or the files that need not stay together."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return _first_of((*ALONE, *TOGETHER), Path(path).relative_to(TESTS.name)) or path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FolderByFolder:
    """Say which tests stay in one process."""
    return FolderByFolder(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Collect without looking for garbage: thousands of tests that all stay would be looked at again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest."""

    @cache
    def place(path: Path) -> int:
        folder = _first_of(LONGEST, path.relative_to(TESTS))
        return len(LONGEST) if folder is None else LONGEST.index(folder)

    items.sort(key=lambda item: place(item.path))


def _first_of(folders: Sequence[str], path: Path) -> str | None:
    """The first of some folders in which a file lies."""
    return next((folder for folder in folders if path.is_relative_to(folder)), None)


@pytest.fixture(autouse=True)
def logs_of_one_test() -> Iterator[None]:
    """Takes away the log handler of a program that a test ran in this process: its stream closes with the test."""
    yield
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, LineHandler)]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """One PostgreSQL and one Temporal server for the whole run, with time skipping, on free ports."""
    data_dir: Path = tmp_path_factory.mktemp("stack")
    async with LocalStack(
        data_dir,
        search_attributes=SEARCH_ATTRIBUTES,
        durable=False,
        time_skipping=True,
        dynamic_config=FAILING_IS_SAID_SOON,
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(stack: LocalStack) -> AsyncIterator[Engine]:
    """One engine with a worker, shared by all tests: each brings people of its own."""
    async with engine_on(stack, "engine") as running, running.working():
        yield running
