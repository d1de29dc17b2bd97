"""A soak: cases arrive at a steady rate while one fault follows the other, for as long as somebody says.

What only hours show is asked in the end, of a worker to which nothing happened: connections within the pools, memory
flat, pollers alive (I13); and everything else that has to hold.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Final

import pytest

from tests.faults.campaign import figures_of
from tests.faults.crowd import Crowd
from tests.faults.sampling import RESULTS, run_seed, write_result
from tests.faults.scenarios import SCENARIOS
from tests.faults.site import site_of

MINUTES: Final = "CARDCASE_TEST_SOAK_MINUTES"
"""How long cases arrive; an hour unless it is said."""
PER_SECOND: Final = "CARDCASE_TEST_SOAK_RATE"
"""How many cases begin in a second; one in two seconds unless it is said."""
AT_PEACE_SECONDS: Final = (5.0, 20.0)
"""Between two faults."""
SOAKED: Final = [scenario for scenario in SCENARIOS if scenario.soaked]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]


async def test_faults_that_follow_each_other_for_hours_leave_nothing_behind(tmp_path: Path) -> None:
    minutes, rate = float(os.environ.get(MINUTES) or 60), float(os.environ.get(PER_SECOND) or 0.5)
    seed, came = run_seed(), list[str]()
    async with site_of(tmp_path, "soak", seed, spared=1) as site:
        crowd = await Crowd.prepared(site.engine, round(minutes * 60 * rate), site.chance)
        arriving = asyncio.create_task(crowd.arrive(1 / rate))
        while not arriving.done():
            fault = site.chance.choice(SOAKED)
            came.append(fault.name)
            await fault.inject(site)
            await asyncio.wait({arriving}, timeout=site.chance.uniform(*AT_PEACE_SECONDS))
        await arriving
        checked = await site.checked()
        figures = {
            "fault": "soak",
            "seed": seed,
            "minutes": minutes,
            "injected": site.injected,
            "faults": came,
            "cases": crowd.lived,
            **figures_of(site.evidence.calls()),
            "findings": len(checked.findings),
        }
    print(json.dumps(figures))  # noqa: T201 - what was measured
    if (results := os.environ.get(RESULTS)) is not None:
        write_result(Path(results), figures)
    assert checked.findings == [], f"seed {seed}\n{checked}"
    assert crowd.lived == len(crowd.members)
