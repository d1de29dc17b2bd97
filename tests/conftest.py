"""Fixtures for all tests: the servers that they share, and one engine on them."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Final

import hypothesis
import pytest
import pytest_asyncio

from cases.names import SEARCH_ATTRIBUTES
from runtime.stack import LocalStack
from tests.engine import Engine, engine_on

TESTS: Final = Path(__file__).parent
TOGETHER: Final = ("workflows", "demo", "faults", "intake", "replay", "runtime")
"""Folders whose tests share one process, the longest first: they share a register, or servers that start slowly."""

# How long an example takes is the machine's affair; each test has a time limit of its own.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Say which tests stay in one process, and begin with those that take longest."""
    folders = [item.path.relative_to(TESTS).parts[0] for item in items]
    for item, folder in zip(items, folders, strict=True):
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else item.path.stem))
    place = {folder: at for at, folder in enumerate(TOGETHER)}
    order = sorted(range(len(items)), key=lambda at: place.get(folders[at], len(TOGETHER)))
    items[:] = [items[at] for at in order]
    return (yield)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """One PostgreSQL and one Temporal server for the whole run, with time skipping, on free ports."""
    data_dir: Path = tmp_path_factory.mktemp("stack")
    async with LocalStack(data_dir, search_attributes=SEARCH_ATTRIBUTES, durable=False, time_skipping=True) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(stack: LocalStack) -> AsyncIterator[Engine]:
    """One engine with a worker, shared by all tests: each brings people of its own."""
    async with engine_on(stack, "engine") as running, running.working():
        yield running
