"""The heaviest faults, and those of single services, on a cluster: nothing is lost, doubled or left behind."""

from pathlib import Path

import pytest

from stack.cluster import Programs
from tests.cluster.conftest import on_a_cluster
from tests.cluster.scenarios import SCENARIOS as OF_SERVICES
from tests.faults.campaign import injected
from tests.faults.sampling import times
from tests.faults.scenarios import SCENARIOS as OF_ANY_SERVER
from tests.faults.scenarios import Scenario

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200, func_only=True)]

HEAVIEST = [scenario for scenario in (*OF_SERVICES, *OF_ANY_SERVER) if scenario.heavy]


@pytest.mark.parametrize("time", range(times()), ids=lambda time: f"{time + 1}")
@pytest.mark.parametrize("scenario", HEAVIEST, ids=lambda scenario: scenario.name)
async def test_nothing_is_lost_doubled_or_left_behind_on_a_cluster(
    programs: Programs, scenario: Scenario, time: int, tmp_path: Path
) -> None:
    await injected(scenario, time, tmp_path, on_a_cluster(programs), where="cluster")
