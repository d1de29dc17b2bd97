"""The campaign of faults: each is injected into a site on which many cases live, and one checker asks all invariants.

`make faults` runs a sample that is drawn by a seed, `make faults-long` all of it; each run prints its seed, and
CARDCASE_TEST_FAULTS_SEED repeats it.
"""

from pathlib import Path

import pytest

from tests.faults.campaign import injected
from tests.faults.sampling import times
from tests.faults.scenarios import SCENARIOS, Scenario

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.mark.parametrize("time", range(times()), ids=lambda time: f"{time + 1}")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_nothing_is_lost_doubled_or_left_behind_whatever_happens(
    scenario: Scenario, time: int, tmp_path: Path
) -> None:
    if (why := scenario.lacks()) is not None:
        pytest.skip(why)
    await injected(scenario, time, tmp_path)
