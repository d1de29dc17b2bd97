"""Fixtures for all tests: the servers that they share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.stack import LocalStack


@pytest.fixture(scope="session")
def search_attributes() -> dict[str, str]:
    """Search attributes that the shared Temporal server registers: name to type in Temporal's spelling."""
    return {}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, search_attributes: dict[str, str]
) -> AsyncIterator[LocalStack]:
    """One PostgreSQL and one Temporal server for the whole run, with time skipping, on free ports."""
    data_dir: Path = tmp_path_factory.mktemp("stack")
    async with LocalStack(data_dir, search_attributes=search_attributes, durable=False, time_skipping=True) as running:
        yield running
