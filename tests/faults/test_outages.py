"""The register is away, or a worker is told to stop: cases wait in view, go on by themselves, and lose nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.service import RPCError, RPCStatusCode

from cases.events import Event
from cases.kinds import case_id
from cases.machines.machine import Status
from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.faults.judged import BY_DAY, Judged
from tests.nursery import forked_worker
from tests.scenes import ID_CARD, SOUTH
from tests.worker_process import WorkerProcess, sample_key_file, sample_trust_file
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from worker import BEYOND_DRAIN_SECONDS
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = pytest.mark.servers

DRAIN_SECONDS = 5
AWAY_SECONDS = 2.0

Found = TypeVar("Found")


@dataclass
class Site:
    """Servers of its own, `python worker.py` with its settings, and callers that keep a log."""

    stack: LocalStack
    judged: Judged
    settings: dict[str, str]

    @property
    def engine(self) -> Engine:
        return self.judged.engine

    def worker(self, **told: str) -> AbstractAsyncContextManager[WorkerProcess]:
        """A worker, told some settings more. What it writes by night would be sent when nobody judges any more."""
        return self.judged.heard(forked_worker({**self.settings, **told}, program=BY_DAY))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    async with (
        LocalStack(folder, search_attributes=SEARCH_ATTRIBUTES, durable=False) as stack,
        engine_on(stack, "outages") as engine,
        Judged.of(engine, folder, "outages") as judged,
    ):
        settings = {
            "CARDCASE_DATABASE_URL": engine.database_url,
            "CARDCASE_KEY_FILE": str(sample_key_file(folder)),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(folder)),
            "CARDCASE_HEALTH_PORT": "0",
            "CARDCASE_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "TEMPORAL_ADDRESS": stack.temporal_address,
            "TEMPORAL_NAMESPACE": stack.namespace,
        }
        site = Site(stack, judged, {**settings, **judged.settings})
        async with judged.trouble("outages", stops=True):
            yield site
        async with site.worker():
            checked = await judged.swept_and_checked()
        assert checked.findings == [], f"\n{checked}"


async def until(condition: Callable[[], Awaitable[Found | None]]) -> Found:
    """What the condition finds, once it finds something."""
    async with asyncio.timeout(20):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.05)


async def pending_step(engine: Engine, case: str) -> PendingActivityInfo:
    """The step with which a case is seen waiting for the register."""

    async def waiting() -> PendingActivityInfo | None:
        try:
            described = await engine.handle(case).describe()
        except RPCError as not_started:
            assert not_started.status is RPCStatusCode.NOT_FOUND  # noqa: PT017 - it is waited for, not expected
            return None
        return next(iter(described.raw_description.pending_activities), None)

    return await until(waiting)


async def lock_is_waited_for(engine: Engine) -> None:
    """Returns when a step waits for a row that somebody holds."""

    async def waiting() -> bool | None:
        found: bool = await engine.pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return found

    await until(waiting)


async def test_a_step_waits_in_view_while_the_register_is_away_and_goes_on_when_it_is_back(site: Site) -> None:
    engine, postgres = site.engine, site.stack.postgres
    async with site.worker() as worker:
        case = await change(engine, ID_CARD, region=SOUTH)
        await postgres.kill()
        told = asyncio.create_task(case.tell(Event.verify_documents))
        pending = await pending_step(engine, case.case_id)
        await asyncio.sleep(AWAY_SECONDS)
        pending = await pending_step(engine, case.case_id)
        assert pending.activity_type.name == "advance"
        assert pending.last_failure.application_failure_info.type == "DATABASE_UNAVAILABLE"
        assert (await engine.view(case.case_id)).status is Status.in_review
        assert await worker.health("/live") == await worker.health("/ready") == 200
        assert not told.done()
        await postgres.start()
        assert (await told).status is Status.verified
        assert (await case.ends()).status is Status.done
    assert case.person.name not in worker.output
    assert case.person.new not in worker.output


async def test_an_application_waits_for_a_register_that_is_away_and_is_answered_when_it_is_back(site: Site) -> None:
    engine, postgres = site.engine, site.stack.postgres
    async with site.worker() as worker:
        await worker.says("ready")
        person = await engine.insured(region=SOUTH)
        opening = engine.number_change(person, ID_CARD, region=SOUTH)
        await postgres.kill()
        opened = asyncio.create_task(Dossier.open(engine, person, opening))
        pending = await pending_step(engine, case_id(opening.kind, opening.person))
        assert pending.activity_type.name == "register"
        await postgres.start()
        case = await opened
        assert case.receipt.status is Status.in_review
        await case.agrees()


async def test_a_worker_that_is_told_to_stop_finishes_the_step_at_hand_and_leaves_nothing_to_repeat(
    site: Site,
) -> None:
    engine = site.engine
    async with site.worker() as worker:
        case = await change(engine, ID_CARD, region=SOUTH)
        async with engine.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT FROM cases WHERE case_id = $1 FOR UPDATE", case.case_id)
            told = asyncio.create_task(case.tell(Event.verify_documents))
            await lock_is_waited_for(engine)
            worker.terminate()
            await worker.says("draining")
            assert await worker.health("/ready") == 503
            assert not told.done()
        began = time.monotonic()
        assert await worker.ends() == 0
        assert time.monotonic() - began < DRAIN_SECONDS + BEYOND_DRAIN_SECONDS
    async with site.worker():
        assert (await told).status is Status.verified
        assert (await case.ends()).status is Status.done
    happened = {event.event_type for event in (await engine.handle(case.case_id).fetch_history()).events}
    assert not happened & {
        EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    }


async def test_a_worker_whose_step_does_not_end_stops_within_its_time_and_another_makes_the_step(site: Site) -> None:
    engine = site.engine
    async with site.worker(CARDCASE_DRAIN_SECONDS="1") as worker:
        case = await change(engine, ID_CARD, region=SOUTH)
        async with engine.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT FROM cases WHERE case_id = $1 FOR UPDATE", case.case_id)
            told = asyncio.create_task(case.tell(Event.verify_documents))
            await lock_is_waited_for(engine)
            began = time.monotonic()
            worker.terminate()
            status = await worker.ends()
            assert time.monotonic() - began < 1 + BEYOND_DRAIN_SECONDS + 2
    assert status == 70
    async with site.worker():
        assert (await told).status is Status.verified
        assert (await case.ends()).status is Status.done
