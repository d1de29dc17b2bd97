"""Registers for lives: one for each process, empty, with a ledger of the database's own beside it."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
import pytest_asyncio

from activities.registry.pool import Pool, create_pool
from activities.sealing import KeyRing, Sealer
from cases.policy import PACKS, Policies, load
from stack import LocalStack
from tests.engine import engine_on, migrated_database, quiet_policies, versions_of
from tests.lives.lives import Lives, LivesThroughTemporal
from tests.lives.on_temporal import RegisterOfLives
from tests.lives.rules import LEDGER

LIVES: Final = "CARDCASE_TEST_LIVES"
"""How many lives are lived beside the register."""
ONE_IN: Final = 25
"""Of so many lives one is lived through Temporal as well."""
FIRST: Final = "CARDCASE_TEST_LIVES_SEED"
"""The seed of the first one; each has the next. Without one it is the day's."""
PARTS: Final = 20
"""Tests over which the lives are spread, so that processes share them."""


@pytest.fixture(scope="session")
def first_seed() -> int:
    """The seed of the first life."""
    return int(os.environ.get(FIRST) or datetime.now(UTC).date().toordinal() * 10_000)


@pytest.fixture(scope="session")
def lives_asked() -> int:
    """How many lives are to be lived, a multiple of the parts."""
    return max(PARTS, int(os.environ.get(LIVES) or 5_000) // PARTS * PARTS)


@pytest.fixture(scope="session")
def policies() -> Policies:
    """The packs of this release, and two versions of one that asks for less and for more."""
    packs = [load(path) for path in sorted(PACKS.glob("*.toml"))]
    (northern,) = (pack for pack in packs if pack.name == "northern")
    return Policies([*packs, *versions_of(northern)])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def register_url(stack: LocalStack) -> str:
    """An empty register."""
    return await migrated_database(stack, "lives")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lives(register_url: str, policies: Policies) -> AsyncIterator[Lives]:
    """Lives on the register, without Temporal."""
    pool: Pool = await create_pool(register_url, size=8)
    await pool.execute(LEDGER)
    yield Lives(pool, register_url, Sealer(KeyRing.sample()), policies)
    await pool.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lives_through_temporal(stack: LocalStack) -> AsyncIterator[LivesThroughTemporal]:
    """Lives on an engine whose register goes by the time of each."""
    policies = quiet_policies()
    async with engine_on(stack, "lives_through_temporal", policies=policies) as made:
        await made.pool.execute(LEDGER)
        register = RegisterOfLives(made.pool, made.sealer, policies)
        engine = replace(made, registry=register, task_queue="lives")
        async with engine.working():
            yield LivesThroughTemporal(engine, register, policies)
