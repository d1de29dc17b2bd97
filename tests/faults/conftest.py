"""A register of the faults' own, and what a life looks like in which nothing happens."""

from collections.abc import AsyncIterator

import pytest_asyncio

from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.faults.ledger import Ledger
from tests.faults.sagas import Saga, undisturbed


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shaken(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine without a worker; the tests bring theirs."""
    async with engine_on(stack, "faults") as engine:
        yield engine


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def lives(shaken: Engine) -> dict[Saga, dict[int, Ledger]]:
    """The ledgers of a life in which nothing happens to anybody, by the version of the case."""
    return {saga: await undisturbed(shaken, saga) for saga in Saga}
