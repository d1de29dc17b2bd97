"""One run of the campaign: a fault is injected where many cases live, and one checker asks all invariants."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.checker.evidence import Call, Said
from tests.faults.crowd import Crowd
from tests.faults.sampling import RESULTS, seed_of, write_result
from tests.faults.scenarios import Scenario
from tests.faults.site import Starting, local_stack, site_of

REPEATED: Final = 0.2
"""Of how many calls the answer is lost by whoever asked."""
MOVING_AGAIN_SECONDS: Final = 240.0
"""After the last fault everybody lives to their end within this time: sixteen at once, on two busy cores."""


async def injected(
    scenario: Scenario, time: int, folder: Path, servers: Starting = local_stack, *, where: str | None = None
) -> None:
    """Inject a fault, and see that nothing is lost, doubled or left behind; `where` is written down with the result."""
    seed = seed_of(f"{scenario.name} {time}")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with site_of(folder, scenario.name, seed, disk=scenario.disk, servers=servers) as site:
        lost = Random(seed + 1)  # noqa: S311 - drawn apart, so that the schedule does not depend on who repeats when
        site.engine.repeats = lambda: lost.random() < REPEATED
        crowd = await Crowd.prepared(site.engine, scenario.cases, site.chance)
        injecting = asyncio.create_task(scenario.inject(site))
        living = asyncio.create_task(crowd.live(lambda: not injecting.done() or crowd.lived < scenario.cases // 2))
        site.all_lived = living.done
        await injecting
        async with asyncio.timeout(MOVING_AGAIN_SECONDS):
            await living
        checked = await site.checked()
        figures = {
            "fault": scenario.name if where is None else f"{scenario.name}, {where}",
            "seed": seed,
            "injected": site.injected,
            "cases": crowd.lived,
            **figures_of(site.evidence.calls()),
            "findings": len(checked.findings),
            "seconds": round(loop.time() - begun),
        }
    print(json.dumps(figures))  # noqa: T201 - what the campaign measured
    if (results := os.environ.get(RESULTS)) is not None:
        write_result(Path(results), figures)
    assert checked.findings == [], f"seed {seed}\n{checked}"
    assert site.injected > 0


def figures_of(calls: Sequence[Call]) -> dict[str, int]:
    """What callers were answered."""
    return {
        "calls": len(calls),
        "acknowledged": sum(call.answer is Said.ok for call in calls),
        "unknown": sum(call.answer is Said.unknown for call in calls),
    }
