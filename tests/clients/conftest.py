"""One door for all tests of the client."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.engine import Engine
from tests.intake.service.door import Door, door_of


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door(engine: Engine) -> AsyncIterator[Door]:
    async with door_of(engine) as opened:
        yield opened
