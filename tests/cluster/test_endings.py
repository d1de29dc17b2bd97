"""A case of every ending lives on a cluster of services, and its history replays."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from runtime.worker import cases_replayer
from stack.cluster import Bed
from tests.engine import Engine, engine_on
from tests.replay.lives import LIVES, RUNS, everything_working
from tests.replay.record import in_clear, lived

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300, func_only=True)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(bed: Bed) -> AsyncIterator[Engine]:
    async with engine_on(bed, "endings") as named:
        running = await in_clear(named, bed)
        async with everything_working(running):
            yield running


@pytest.mark.parametrize("name", LIVES)
async def test_a_life_ends_as_it_is_meant_to_and_its_history_replays(engine: Engine, name: str) -> None:
    await cases_replayer().replay_workflow(await lived(engine, name))


@pytest.mark.parametrize("name", RUNS)
async def test_a_run_beside_cases_ends_and_its_history_replays(engine: Engine, name: str) -> None:
    await cases_replayer().replay_workflow(await (await RUNS[name](engine)).fetch_history())
