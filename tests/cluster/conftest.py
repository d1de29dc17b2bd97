"""A Temporal cluster of services, where its programs can be built; elsewhere its tests are skipped, and say why."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from stack.cluster import Bed, Programs, ProgramsAbsent, built
from tests.faults.site import Starting
from tests.worker_process import ROOT
from workflows.search_attributes import SEARCH_ATTRIBUTES


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def programs() -> Programs:
    """Temporal's server and its SQL tool; the first time their making takes many minutes of processor time."""
    try:
        return await built(ROOT / ".cardcase" / "cluster")
    except ProgramsAbsent as absent:
        pytest.skip(f"no cluster: {absent}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bed(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bed]:
    """PostgreSQL and every service of Temporal, for the tests of one file; time of cases may be skipped."""
    async with Bed(
        tmp_path_factory.mktemp("bed"), programs, search_attributes=SEARCH_ATTRIBUTES, time_skipping=True
    ) as running:
        yield running


def on_a_cluster(programs: Programs) -> Starting:
    """Starts a cluster for a site."""

    def started(data_dir: Path, postgres_settings: Mapping[str, str]) -> Bed:
        return Bed(data_dir, programs, search_attributes=SEARCH_ATTRIBUTES, postgres_settings=postgres_settings)

    return started
