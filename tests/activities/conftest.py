"""A migrated database for each test: a clone of one template, on the server that all tests share."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Final

import asyncpg
import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from activities.registry import Registry
from activities.registry.pool import Pool, create_pool
from activities.sealing import KeyRing, Sealer
from cases.policy import Policies
from deploy.migrations import migrate
from runtime.stack import LocalStack
from tests.activities.play import Play

TEMPLATE: Final = "register_template"
_numbers = count()


@pytest.fixture(scope="session")
def sealer() -> Sealer:
    return Sealer(KeyRing.sample())


@pytest.fixture(scope="session")
def policies() -> Policies:
    return Policies.load()


async def execute(stack: LocalStack, statement: str) -> None:
    connection = await asyncpg.connect(stack.postgres.endpoint.url_of("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(stack: LocalStack) -> str:
    await execute(stack, f"CREATE DATABASE {TEMPLATE}")
    await migrate(stack.postgres.endpoint.url_of(TEMPLATE))
    return TEMPLATE


@pytest_asyncio.fixture
async def database_url(stack: LocalStack, template: str) -> AsyncIterator[str]:
    """A migrated, empty database of the test's own."""
    name = f"register_{next(_numbers)}"
    await execute(stack, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield stack.postgres.endpoint.url_of(name)
    await execute(stack, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, size=8)
    yield pool
    await pool.close()


@pytest.fixture
def registry(pool: Pool, sealer: Sealer, policies: Policies) -> Registry:
    return Registry(pool, sealer, policies, official_calendar)


@pytest_asyncio.fixture
async def play(pool: Pool, registry: Registry, sealer: Sealer) -> AsyncIterator[Play]:
    """Cases walked through a register that is checked when the test is over."""
    play = Play(pool, registry, sealer)
    yield play
    await play.check()
