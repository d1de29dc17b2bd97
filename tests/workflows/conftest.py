"""A register that can be made to refuse, and the one test that looks back on all others."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.engine import Engine
from tests.workflows.refusals import Refusals


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def refusals(engine: Engine) -> AsyncIterator[Refusals]:
    """Lets the database refuse single steps of single cases."""
    yield await Refusals.installed(engine)
