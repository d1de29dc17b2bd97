"""The campaign of faults: each is injected into a site on which many cases live, and one checker asks all invariants.

`make faults` runs a sample that is drawn by a seed, `make faults-long` all of it; each run prints its seed, and
CARDCASE_TEST_FAULTS_SEED repeats it.
"""

import asyncio
import json
import os
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.faults.checker.evidence import Said
from tests.faults.checker.invariants import check, until_emptied
from tests.faults.crowd import Crowd
from tests.faults.sampling import RESULTS, seed_of, times, write_result
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.site import may_mount, own_connection, site_of

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]

REPEATED: Final = 0.2
"""Of how many calls the answer is lost by whoever asked."""
MOVING_AGAIN_SECONDS: Final = 240.0
"""After the last fault everybody lives to their end within this time: sixteen at once, on two busy cores."""


@pytest.mark.parametrize("time", range(times()), ids=lambda time: f"{time + 1}")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_nothing_is_lost_doubled_or_left_behind_whatever_happens(
    scenario: Scenario, time: int, tmp_path: Path
) -> None:
    if scenario.small_disk and not may_mount():
        pytest.skip("a small disk needs an account that may mount one")
    seed = seed_of(f"{scenario.name} {time}")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with site_of(tmp_path, scenario.name, seed, small_disk=scenario.small_disk) as site:
        lost = Random(seed + 1)  # noqa: S311 - drawn apart, so that the schedule does not depend on who repeats when
        site.engine.repeats = lambda: lost.random() < REPEATED
        crowd = await Crowd.prepared(site.engine, scenario.cases, site.chance)
        injecting = asyncio.create_task(scenario.inject(site))
        living = asyncio.create_task(crowd.live(lambda: not injecting.done() or crowd.lived < scenario.cases // 2))
        site.all_lived = living.done
        await injecting
        async with asyncio.timeout(MOVING_AGAIN_SECONDS):
            await living
        async with own_connection(site) as register:
            await until_emptied(site.evidence, register)
            await site.write_down_the_rest()
            checked = await check(site.evidence, register, site.engine.client)
        calls = site.evidence.calls()
        figures = {
            "fault": scenario.name,
            "seed": seed,
            "injected": site.injected,
            "cases": crowd.lived,
            "calls": len(calls),
            "acknowledged": sum(call.answer is Said.ok for call in calls),
            "unknown": sum(call.answer is Said.unknown for call in calls),
            "findings": len(checked.findings),
            "seconds": round(loop.time() - begun),
        }
    (site.evidence.folder / "checked.txt").write_text(f"{checked}\n", encoding="utf-8")
    print(json.dumps(figures))  # noqa: T201 - what the campaign measured
    if (results := os.environ.get(RESULTS)) is not None:
        write_result(Path(results), figures)
    assert checked.findings == [], f"seed {seed}\n{checked}"
    assert site.injected > 0
