"""Versioned workers on a cluster, where a service of its own keeps track of releases."""

from pathlib import Path

import pytest

from cases.machines.machine import Status
from stack.cluster import Bed, Place
from tests.engine import engine_on
from tests.faults.judged import Judged
from tests.faults.releasing_worker import Release
from tests.faults.test_releases import Site, all_end, builds_of, failed_tasks
from tests.scenes import ID_CARD, SOUTH
from tests.workflows.roads import change

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300, func_only=True)]

CASES = 3


async def test_open_cases_go_over_to_the_next_release_though_that_service_is_killed(bed: Bed, tmp_path: Path) -> None:
    async with engine_on(bed, "releases") as engine, Judged.of(engine, tmp_path, "releases") as judged:
        site = Site.on(bed, judged, tmp_path)
        async with site.worker(Release.before) as before:
            await before.says("ready")
            await site.make_current(Release.before)
            cases = [await change(judged.engine, ID_CARD, region=SOUTH) for _ in range(CASES)]
            async with site.worker(Release.next) as after:
                await after.says("ready")
                await bed.temporal.kill_one(Place.worker)
                await bed.temporal.start_one(Place.worker)
                await site.make_current(Release.next)
                assert await site.states() == {"next": "current", "before": "former"}
                for case in cases:
                    await case.verify()
                await all_end(cases, Status.done)
                for case in cases:
                    history = await site.history(case)
                    assert (builds_of(history), failed_tasks(history)) == (["before", "next"], 0)
                checked = await judged.swept_and_checked()
    assert checked.findings == [], f"\n{checked}"
