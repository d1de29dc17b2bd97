"""A steady load on a cluster of services: cases arrive at a rate for minutes, and all of them live to their ends."""

import json
import os
from pathlib import Path
from typing import Final

import pytest

from stack.cluster import Bed, Programs
from tests.cluster.conftest import on_a_cluster
from tests.faults.campaign import figures_of
from tests.faults.checker.evidence import Call, Said
from tests.faults.crowd import Crowd
from tests.faults.sampling import run_seed
from tests.faults.site import site_of

MINUTES: Final = "CARDCASE_TEST_CLUSTER_MINUTES"
"""How long cases arrive; three minutes unless it is said."""
PER_SECOND: Final = "CARDCASE_TEST_CLUSTER_RATE"
"""How many cases begin in a second; one unless it is said."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3 * 3600, func_only=True)]


async def test_a_steady_load_for_minutes_is_lived_to_its_end(programs: Programs, tmp_path: Path) -> None:
    minutes, rate = float(os.environ.get(MINUTES) or 3), float(os.environ.get(PER_SECOND) or 1)
    seed = run_seed()
    async with site_of(tmp_path, "steady-load", seed, servers=on_a_cluster(programs)) as site:
        assert isinstance(site.stack, Bed)
        crowd = await Crowd.prepared(site.engine, round(minutes * 60 * rate), site.chance)
        # Nothing is disturbed; what is left to be sent is due a minute after the last call.
        async with site.trouble("steady load", slows=False):
            await crowd.arrive(1 / rate)
        checked = await site.checked()
        figures = {
            "load": f"{rate:g} cases a second for {minutes:g} minutes",
            "seed": seed,
            "cases": crowd.lived,
            **figures_of(site.evidence.calls()),
            **waits_of(site.evidence.calls()),
            "findings": len(checked.findings),
        }
    print(json.dumps(figures))  # noqa: T201 - what was measured
    assert checked.findings == [], f"seed {seed}\n{checked}"
    assert crowd.lived == len(crowd.members)


def waits_of(calls: list[Call]) -> dict[str, int]:
    """Milliseconds in which acknowledged calls were answered."""
    waited = sorted((call.ended_at - call.begun_at).total_seconds() for call in calls if call.answer is Said.ok)
    return {f"p{part}_ms": round(1000 * waited[len(waited) * part // 100]) for part in (50, 95, 99)}
