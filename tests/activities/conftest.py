"""An empty, migrated register for each test, on the server that all tests share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from activities.calendar import official_calendar
from activities.registry import Clock, Registry
from activities.registry.pool import Pool, connection_of, create_pool
from activities.sealing import KeyRing, Sealer
from cases.policy import Policies
from stack import LocalStack
from tests.activities.play import Play
from tests.engine import migrated_database
from tests.stamping import STAMPS


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
async def database_url(stack: LocalStack) -> str:
    """A migrated database that all tests here share; `pool` empties it for each."""
    return await migrated_database(stack, "register")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, size=8)
    yield pool
    await pool.close()


@pytest_asyncio.fixture
async def pool(shared_pool: Pool) -> Pool:
    """Connections to an empty register. One database for all costs a tenth of a new one for each."""
    async with connection_of(shared_pool) as connection, connection.transaction():
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'schema\\_%' "
            "AND tablename NOT IN ('role_events', 'kinds', 'feed_state')"
        )
        # Neither the audit's own triggers nor foreign keys stand in the way of emptying it.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("".join(f"DELETE FROM {table['tablename']};" for table in tables))  # noqa: S608 - from the catalogue
    return shared_pool


@pytest.fixture
def registry(pool: Pool, sealer: Sealer, policies: Policies) -> Registry:
    return Registry(pool, sealer, STAMPS, policies, official_calendar, clock=Clock.callers)


@pytest_asyncio.fixture
async def play(pool: Pool, registry: Registry, sealer: Sealer) -> AsyncIterator[Play]:
    """Cases walked through a register that is checked when the test is over."""
    play = Play(pool, registry, sealer)
    yield play
    await play.check()
