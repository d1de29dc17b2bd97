"""Fixtures for all tests: the servers that they share, and one engine on them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cases.names import SEARCH_ATTRIBUTES
from runtime.stack import LocalStack
from tests.engine import Engine, engine_on


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
