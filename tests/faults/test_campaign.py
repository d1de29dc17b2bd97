"""The campaign of faults: each is injected into a site on which many cases live, and one checker asks all invariants.

`make faults` runs a sample that is drawn by a seed, `make faults-long` all of it; each run prints its seed, and
CARDCASE_TEST_FAULTS_SEED repeats it.
"""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Final

import pytest

from tests.faults.checker.evidence import Said
from tests.faults.checker.invariants import check, until_emptied
from tests.faults.crowd import Crowd
from tests.faults.sampling import RESULTS, seed_of, write_result
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.site import may_mount, own_connection, site_of

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]

MOVING_AGAIN_SECONDS: Final = 240.0
"""After the last fault everybody lives to their end within this time: sixteen at once, on two busy cores."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_nothing_is_lost_doubled_or_left_behind_whatever_happens(scenario: Scenario, tmp_path: Path) -> None:
    if scenario.small_disk and not may_mount():
        pytest.skip("a small disk needs an account that may mount one")
    seed = seed_of(scenario.name)
    begun = time.monotonic()
    async with site_of(
        tmp_path, scenario.name, seed, postgres_settings=scenario.postgres, small_disk=scenario.small_disk
    ) as site:
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
            "seconds": round(time.monotonic() - begun),
        }
    (site.evidence.folder / "checked.txt").write_text(f"{checked}\n", encoding="utf-8")
    print(json.dumps(figures))  # noqa: T201 - what the campaign measured
    if (results := os.environ.get(RESULTS)) is not None:
        write_result(Path(results), figures)
    assert checked.findings == [], f"seed {seed}\n{checked}"
    assert site.injected > 0
