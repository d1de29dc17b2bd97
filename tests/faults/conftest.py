"""A register of the faults' own, what a life looks like in which nothing happens, and which faults a run injects."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.faults.ledger import Ledger
from tests.faults.sagas import Saga, undisturbed
from tests.faults.sampling import (
    OF_THE_CAMPAIGN,
    OTHERS,
    RESULTS,
    SECONDS,
    SPARED,
    draw,
    minutes,
    run_seed,
    write_result,
)
from tests.faults.scenarios import Scenario

RESULTS_FILE = os.environ.get(RESULTS)
"""As the run was told: tests of commands take away what a command would take for a setting of its own."""
SAYS_ITSELF = "test_nothing_is_lost_doubled_or_left_behind_whatever_happens"
SOAKS = "test_faults_that_follow_each_other_for_hours_leave_nothing_behind"
"""Both write down more of a run than that it went well."""


def pytest_report_header() -> str:
    """By which seed faults are injected."""
    return f"faults: seed {run_seed()}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep of the long faults what there is time for, where a run is given a time."""
    within = minutes()
    if within is None:
        return
    long_ones = {item.nodeid: seconds_of(item) for item in items if item.get_closest_marker("faults") is not None}
    campaign = {name: seconds for name, seconds in long_ones.items() if SAYS_ITSELF in name}
    others = {name: seconds for name, seconds in long_ones.items() if name not in campaign}
    first = draw(campaign, within * 60 * OF_THE_CAMPAIGN, run_seed())
    kept = first.kept | draw(others, within * 60 - first.seconds / (1 - SPARED), run_seed()).kept
    left_out = [item for item in items if item.nodeid in long_ones.keys() - kept]
    items[:] = [item for item in items if item.nodeid not in long_ones.keys() - kept]
    config.hook.pytest_deselected(items=left_out)


def seconds_of(item: pytest.Item) -> int:
    """About how long a test takes."""
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        scenario = item.callspec.params.get("scenario")
        if isinstance(scenario, Scenario):
            return scenario.seconds
    name = getattr(item, "originalname", item.name)
    return SECONDS.get(name, OTHERS)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down how often each fault went well or did not, for the page on reliability."""
    name = report.nodeid.rpartition("::")[2].partition("[")[0]
    if RESULTS_FILE is None or report.when != "call" or "faults" not in report.keywords or name in {SAYS_ITSELF, SOAKS}:
        return
    if report.outcome != "skipped":
        fault = name.removeprefix("test_").replace("_", " ")
        write_result(Path(RESULTS_FILE), {"fault": fault, "findings": int(report.failed)})


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shaken(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine without a worker; the tests bring theirs."""
    async with engine_on(stack, "faults") as engine:
        yield engine


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def lives(shaken: Engine) -> dict[Saga, dict[int, Ledger]]:
    """The ledgers of a life in which nothing happens to anybody, by the version of the case."""
    return {saga: await undisturbed(shaken, saga) for saga in Saga}
