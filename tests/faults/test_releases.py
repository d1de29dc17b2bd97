"""A release takes over from the one before, with cases open and the workers of both side by side."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities.reconciliation.comparing import Comparing, Kind
from activities.registry.schema import SCHEMA
from cases.events import Event
from cases.machines.machine import Status
from deploy.migrations import HERE, migrate
from runtime.releases import ReleaseUnknown, make_current, releases
from stack import LocalStack
from stack.servers import Servers
from tests.engine import Engine, engine_on
from tests.faults.judged import Judged
from tests.faults.releasing_worker import RELEASE, Release
from tests.namespaces import until
from tests.nursery import forked_worker
from tests.scenes import ID_CARD, SOUTH
from tests.worker_process import WorkerProcess, sample_key_file, sample_trust_file
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change, ordered, to_the_end
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

NEXT = f'''"""One more revision."""

from deploy.migrations.script import run_script

revision = "9999"
down_revision = "{SCHEMA}"


def upgrade() -> None:
    run_script(__file__)
'''

PATIENCE = 20.0
CASES = 5
PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
FLAGGED_WITHIN_SECONDS = 60.0
FAILED_BY_A_BAD_RELEASE = ("NON_DETERMINISTIC_ERROR",)
HEALS_WITHIN_SECONDS = 60.0


@dataclass
class Site:
    """Servers of its own, workers of whichever release, and callers that keep a log."""

    stack: Servers
    judged: Judged
    settings: dict[str, str]

    @classmethod
    def on(cls, stack: Servers, judged: Judged, folder: Path) -> Self:
        """A site on running servers; keys lie in the folder."""
        settings = {
            **judged.settings,
            "CARDCASE_DATABASE_URL": judged.engine.database_url,
            "CARDCASE_KEY_FILE": str(sample_key_file(folder)),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(folder)),
            "CARDCASE_VERSIONED": "true",
            "TEMPORAL_ADDRESS": stack.temporal_address,
            "TEMPORAL_NAMESPACE": stack.namespace,
        }
        return cls(stack, judged, settings)

    @property
    def engine(self) -> Engine:
        return self.judged.engine

    @property
    def client(self) -> Client:
        return self.engine.client

    def worker(self, release: Release) -> AbstractAsyncContextManager[WorkerProcess]:
        """A versioned worker of a release, which is given nothing before its release is current."""
        return self.judged.heard(
            forked_worker({**self.settings, RELEASE: release.value}, program="tests.faults.releasing_worker")
        )

    async def make_current(self, release: Release) -> None:
        await make_current(self.client, release.value, patience=PATIENCE)

    async def states(self) -> dict[str, str]:
        return {each.build: each.state for each in await releases(self.client)}

    async def history(self, case: Dossier) -> WorkflowHistory:
        return await self.engine.handle(case.case_id).fetch_history()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    tmp_path = tmp_path_factory.mktemp("releases")
    async with (
        LocalStack(
            tmp_path,
            search_attributes=SEARCH_ATTRIBUTES,
            durable=False,
            time_skipping=True,
            dynamic_config={"system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 2},
        ) as stack,
        engine_on(stack, "releases") as engine,
        Judged.of(engine, tmp_path, "releases") as judged,
    ):
        site = Site.on(stack, judged, tmp_path)
        async with judged.trouble("releases", fails_tasks=FAILED_BY_A_BAD_RELEASE):
            yield site
        # It can replay what either release has lived.
        async with site.worker(Release.next):
            await site.make_current(Release.next)
            checked = await judged.swept_and_checked()
        assert checked.findings == [], f"\n{checked}"


def builds_of(history: WorkflowHistory) -> list[str]:
    """The builds that moved a case, in the order in which they did."""
    told = [
        event.workflow_task_completed_event_attributes.worker_deployment_version
        or event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    return list(dict.fromkeys(told))


def is_patched(history: WorkflowHistory) -> bool:
    return any(event.marker_recorded_event_attributes.marker_name == "core_patch" for event in history.events)


def failed_tasks(history: WorkflowHistory) -> int:
    return [event.event_type for event in history.events].count(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)


async def all_end(cases: Iterable[Dossier], status: Status) -> None:
    for case in cases:
        assert (await case.ends()).status is status


async def test_a_release_without_workers_is_not_made_current(site: Site) -> None:
    with pytest.raises(ReleaseUnknown):
        await make_current(site.client, "nobody")
    assert await releases(site.client) == ()
    async with site.worker(Release.before):
        await site.make_current(Release.before)
        with pytest.raises(ReleaseUnknown):
            await make_current(site.client, "nobody")
        assert await site.states() == {"before": "current"}


async def test_open_cases_go_over_to_the_next_release_and_all_finish(site: Site) -> None:
    async with site.worker(Release.before) as before:
        await site.make_current(Release.before)
        open_cases = [await change(site.engine, ID_CARD, region=SOUTH) for _ in range(CASES)]
        in_production = await ordered(site.engine, region=SOUTH)
        async with site.worker(Release.next) as after:
            await after.says("ready")
            early = await change(site.engine, ID_CARD, region=SOUTH)
            assert builds_of(await site.history(early)) == ["before"], "what waits to be made current is given nothing"
            await site.make_current(Release.next)
            assert await site.states() == {"next": "current", "before": "former"}
            late = [await change(site.engine, ID_CARD, region=SOUTH) for _ in range(CASES)]
            for case in open_cases[:2]:
                await case.verify()
            before.terminate()
            assert await before.ends() == 0
            for case in (*open_cases[2:], early, *late):
                await case.verify()
            await to_the_end(in_production)
            begun_before = [*open_cases, early, in_production]
            await all_end([*begun_before, *late], Status.done)
            for case in begun_before:
                history = await site.history(case)
                assert (builds_of(history), failed_tasks(history)) == (["before", "next"], 0)
                assert not is_patched(history)
            for case in late:
                history = await site.history(case)
                assert (builds_of(history), failed_tasks(history)) == (["next"], 0)
                assert is_patched(history)
            after.terminate()
            assert await after.ends() == 0


async def test_workers_start_again_and_go_on_when_the_next_release_has_migrated(site: Site, tmp_path: Path) -> None:
    url = site.engine.database_url
    async with site.worker(Release.before) as running:
        await site.make_current(Release.before)
        cases = [await change(site.engine, ID_CARD, region=SOUTH) for _ in range(2)]
        assert await migrate(url, migrations_of_the_next_release(tmp_path)) == ["9999"]
        await cases[0].verify()
        running.terminate()
        assert await running.ends() == 0
    async with site.worker(Release.before) as again:
        await again.says("ready")
        await cases[1].verify()
        late = await change(site.engine, ID_CARD, region=SOUTH)
        await late.verify()
        await all_end([*cases, late], Status.done)
    assert await migrate(url) == [], "a release that goes back leaves the schema as it is"


def migrations_of_the_next_release(tmp_path: Path) -> Path:
    """Those of today and one more, which adds to tables that every case is written to."""
    folder = tmp_path / "migrations"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_more.py").write_text(NEXT)
    (folder / "versions" / "9999_more.sql").write_text(
        "ALTER TABLE cases ADD COLUMN more text;\nALTER TABLE transitions ADD COLUMN more text DEFAULT 'more';\n"
        "CREATE TABLE more (id int);"
    )
    return folder


async def test_a_bad_release_stalls_in_view_and_cases_go_on_when_it_goes_back(site: Site) -> None:
    async with site.worker(Release.before), site.worker(Release.bad) as bad:
        await site.make_current(Release.before)
        cases = [await change(site.engine, ID_CARD, region=SOUTH) for _ in range(CASES)]
        await site.make_current(Release.bad)
        told = [asyncio.create_task(verified(case)) for case in cases]
        for case in cases:
            await until(partial(has_problems, site, case), seconds=FLAGGED_WITHIN_SECONDS)
        ids = [case.case_id for case in cases]
        rows = await site.engine.pool.fetch("SELECT version, status FROM cases WHERE case_id = ANY ($1)", ids)
        assert await failing(site) == set(ids)
        assert {(row["version"], row["status"]) for row in rows} == {(1, "in_review")}, "nothing has moved"
        assert not any(each.done() for each in told)
        await site.make_current(Release.before)
        async with asyncio.timeout(HEALS_WITHIN_SECONDS):
            await asyncio.gather(*told)
        await all_end(cases, Status.done)
        assert await failing(site) == set()
        for case in cases:
            assert set(builds_of(await site.history(case))) == {"before"}
        bad.terminate()
        assert await bad.ends() == 0


async def failing(site: Site) -> set[str]:
    """The cases whose tasks the reconciliation finds to fail."""
    comparing = Comparing(site.engine.pool, site.client, only_look=True)
    async with aclosing(comparing.moved(datetime.now(UTC))) as batches:
        return {found.case_id async for batch in batches for found in batch.differences if found.kind is Kind.failing}


async def verified(case: Dossier) -> None:
    """Tell a case that its documents are verified, as a caller who repeats until there is an answer."""
    while True:
        try:
            await case.tell(Event.verify_documents, update_id="verify-1")
        except RPCError as error:
            # That a task has failed says nothing about the outcome.
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
        else:
            return


async def has_problems(site: Site, case: Dossier) -> bool:
    described = await site.engine.handle(case.case_id).describe()
    return described.typed_search_attributes.get(PROBLEMS) is not None


@pytest.mark.faults
async def test_what_a_bad_release_began_is_taken_up_again_where_the_register_stands(site: Site) -> None:
    async with site.worker(Release.before), site.worker(Release.bad):
        await site.make_current(Release.bad)
        case = await change(site.engine, ID_CARD, region=SOUTH)
        await site.make_current(Release.before)
        told = asyncio.create_task(verified(case))
        await until(partial(has_problems, site, case), seconds=FLAGGED_WITHIN_SECONDS)
        assert not told.done()
        told.cancel()
        await site.engine.handle(case.case_id).terminate()
        await Comparing(site.engine.pool, site.client).start(case.case_id)
        await verified(case)
        await all_end([case], Status.done)
        assert builds_of(await site.history(case)) == ["before"]
