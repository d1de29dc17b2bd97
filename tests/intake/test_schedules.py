"""Schedules on a real server: made once, mended where somebody changed them, and firing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from activities.calendar import official_calendar
from activities.campaign import Campaign
from activities.notifications.notifications import Notifications
from activities.reconciliation import Reconciler
from activities.registry import Clock, Registry
from activities.registry.pool import Pool, connection_of, create_pool
from activities.sealing import KeyRing, Sealer
from activities.supervision import Supervision
from activities.supervision.directory import replace_directory
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.models import Record
from cases.names import TASK_QUEUE_CASES
from cases.occasions import (
    SCHEDULES_OF_OURS,
    BlocksEnded,
    CalendarChecked,
    Digested,
    EndsChecked,
    Invited,
    Rechecked,
    Reconciled,
    Scheduled,
    Swept,
)
from cases.policy import Policies
from intake.schedules import DEFINITIONS, Applied, Deed, apply, list_schedules, pause, resume
from runtime.settings import Settings
from runtime.worker import cases_worker, notifications_worker, scheduled_activities
from stack import LocalStack
from tests.activities.late_cases import late
from tests.activities.offices import AGENCY, directory
from tests.engine import migrated_database
from tests.namespaces import new_namespace, schedules_of, until
from tests.nursery import forked_worker
from tests.stamping import STAMPS
from tests.worker_process import sample_key_file, sample_trust_file
from workflows.scheduled import SCHEDULED, Digests

NAMESPACE = "schedules"
_registers = count(1)
DIGESTS = next(each for each in DEFINITIONS if each.workflow is Scheduled.digests)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(stack: LocalStack) -> Client:
    """A namespace in which nobody else has schedules."""
    return await new_namespace(stack, NAMESPACE)


@pytest_asyncio.fixture(autouse=True)
async def none_left(client: Client) -> AsyncIterator[None]:
    yield
    for schedule in await schedules_of(client):
        await client.get_schedule_handle(schedule).delete()
    await until(lambda: lists(client, set()))


async def lists(client: Client, schedules: set[str]) -> bool:
    return await schedules_of(client) == schedules


def deeds(applied: tuple[Applied, ...]) -> dict[str, Deed]:
    return {each.schedule: each.deed for each in applied}


async def test_what_is_applied_twice_is_made_once(client: Client) -> None:
    assert set(deeds(await apply(client)).values()) == {Deed.created}
    assert set(deeds(await apply(client)).values()) == {Deed.unchanged}
    for definition in DEFINITIONS:
        found = await client.get_schedule_handle(definition.id).describe()
        assert found.info.last_updated_at is None
        assert found.schedule.spec.time_zone_name == "Asia/Shanghai"
    assert all(each.in_step and each.state == "running" for each in await list_schedules(client))


async def test_two_who_apply_at_once_make_it_once(client: Client) -> None:
    first, second = await asyncio.gather(apply(client), apply(client))
    for one, other in zip(first, second, strict=True):
        assert sorted([one.deed, other.deed]) == [Deed.created, Deed.unchanged]


async def test_schedules_fire_at_civil_times_of_shanghai(client: Client) -> None:
    await apply(client)
    times = {}
    for definition in DEFINITIONS:
        found = await client.get_schedule_handle(definition.id).describe()
        times[definition.workflow] = [at.astimezone(ZoneInfo("Asia/Shanghai")) for at in found.info.next_action_times]
    assert {f"{at:%H:%M}" for at in times[Scheduled.digests]} == {"08:30"}
    assert {f"{at:%H:%M}" for at in times[Scheduled.invitations]} == {"00:30"}
    assert {f"{at:%H:%M}" for at in times[Scheduled.calendar_check]} == {"06:00"}
    assert {f"{at:%A %H:%M}" for at in times[Scheduled.benefit_hold_check]} == {"Monday 07:00"}
    sweeps = times[Scheduled.notification_sweep]
    assert {later - earlier for earlier, later in pairwise(sweeps)} == {timedelta(seconds=30)}
    digests = times[Scheduled.digests]
    assert {later - earlier for earlier, later in pairwise(digests)} == {timedelta(days=1)}


def _other_times(schedule: Schedule) -> Schedule:
    return replace(schedule, spec=ScheduleSpec(cron_expressions=["0 9 * * *"], time_zone_name="Asia/Shanghai"))


def _other_zone(schedule: Schedule) -> Schedule:
    return replace(schedule, spec=replace(schedule.spec, time_zone_name="UTC"))


def _other_overlap(schedule: Schedule) -> Schedule:
    policy = replace(schedule.policy, overlap=ScheduleOverlapPolicy.BUFFER_ALL, catchup_window=timedelta(days=365))
    return replace(schedule, policy=policy)


def _other_workflow(schedule: Schedule) -> Schedule:
    action = ScheduleActionStartWorkflow("Other", "argument", id="other", task_queue="elsewhere")
    return replace(schedule, action=action)


def _limited(schedule: Schedule) -> Schedule:
    return replace(schedule, state=replace(schedule.state, limited_actions=True, remaining_actions=3))


@pytest.mark.parametrize(
    ("drift", "aspects"),
    [
        (_other_times, {"times"}),
        (_other_zone, {"time_zone"}),
        (_other_overlap, {"overlap", "catch_up"}),
        (_other_workflow, {"workflow", "workflow_id", "task_queue", "summary", "key", "added"}),
        (_limited, {"added"}),
    ],
)
async def test_what_somebody_changed_is_shown_and_mended(
    client: Client, drift: Callable[[Schedule], Schedule], aspects: set[str]
) -> None:
    await apply(client)
    handle = client.get_schedule_handle(DIGESTS.id)

    def drifted(current: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(drift(current.description.schedule))

    await handle.update(drifted)
    foreseen = await apply(client, dry_run=True)
    assert deeds(foreseen)[DIGESTS.id] is Deed.mended
    mended = await apply(client)
    assert mended == foreseen
    (change,) = [each for each in mended if each.deed is Deed.mended]
    assert {difference.aspect for difference in change.differences} == aspects
    assert set(deeds(await apply(client)).values()) == {Deed.unchanged}


async def test_a_dry_run_makes_nothing(client: Client) -> None:
    assert set(deeds(await apply(client, dry_run=True)).values()) == {Deed.created}
    assert await schedules_of(client) == set()
    assert {each.state for each in await list_schedules(client)} == {"absent"}


async def test_one_that_the_release_no_longer_knows_goes_and_one_of_others_stays(client: Client) -> None:
    once = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=9))])
    for schedule in ("nightly-backup", f"{SCHEDULES_OF_OURS}former"):
        action = ScheduleActionStartWorkflow("Something", id=schedule, task_queue="elsewhere")
        await client.create_schedule(schedule, Schedule(action, once, state=ScheduleState(paused=True)))
    ours = {definition.id for definition in DEFINITIONS}
    await until(lambda: lists(client, {"nightly-backup", f"{SCHEDULES_OF_OURS}former"}))
    assert deeds(await apply(client, dry_run=True))[f"{SCHEDULES_OF_OURS}former"] is Deed.removed
    assert deeds(await apply(client))[f"{SCHEDULES_OF_OURS}former"] is Deed.removed
    await until(lambda: lists(client, ours | {"nightly-backup"}))


async def test_one_that_rests_stays_so_when_it_is_mended(client: Client) -> None:
    await apply(client)
    await pause(client, "digests", "停机维护")

    def drifted(current: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(_other_zone(current.description.schedule))

    await client.get_schedule_handle(DIGESTS.id).update(drifted)
    await apply(client)
    (resting,) = [each for each in await list_schedules(client) if each.state == "paused"]
    assert (resting.name, resting.note, resting.in_step, resting.next) == ("digests", "停机维护", True, None)
    await resume(client, "digests")
    assert {each.state for each in await list_schedules(client)} == {"running"}


@pytest.mark.parametrize("name", ["nobody", "digests"])
async def test_a_schedule_that_is_not_there_cannot_rest(client: Client, name: str) -> None:
    with pytest.raises(CaseError) as refused:
        await pause(client, name)
    assert refused.value.code is Code.SCHEDULE_UNKNOWN


# --- firing -----------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def register(stack: LocalStack) -> AsyncIterator[Pool]:
    url = await migrated_database(stack, f"schedules_{next(_registers)}")
    pool = await create_pool(url, size=4)
    yield pool
    await pool.close()


@asynccontextmanager
async def working(client: Client, register: Pool, clock: Clock = Clock.register) -> AsyncIterator[None]:
    """Workers of both queues, as far as schedules need them."""
    sealer = Sealer(KeyRing.sample())
    supervision = Supervision(register, official_calendar, clock=clock)
    campaign = Campaign(register, client, Policies.load(), official_calendar, clock=clock)
    notifications = Notifications(register, sealer, {}, clock=clock)
    registry = Registry(register, sealer, STAMPS, Policies.load(), official_calendar)
    scheduled = scheduled_activities(supervision, campaign, Reconciler(register, client))
    async with (
        cases_worker(client, registry, Settings(), scheduled=scheduled),
        notifications_worker(client, notifications, Settings()),
    ):
        yield


async def answered(
    client: Client, schedule: str, fire: Callable[[ScheduleHandle], Awaitable[None]], answer: type[Record]
) -> tuple[str, Any]:
    """The workflow that a schedule started when it fired, and what came of it."""
    handle = client.get_schedule_handle(schedule)
    before = (await handle.describe()).info.num_actions
    await fire(handle)

    async def one_more() -> bool:
        return (await handle.describe()).info.num_actions > before

    await until(one_more)
    action = (await handle.describe()).info.recent_actions[-1].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    run = client.get_workflow_handle(action.workflow_id, run_id=action.first_execution_run_id, result_type=answer)
    return action.workflow_id, await run.result()


ANSWERS: dict[Scheduled, type[Record]] = {
    Scheduled.notification_sweep: Swept,
    Scheduled.digests: Digested,
    Scheduled.invitations: Invited,
    Scheduled.benefit_hold_check: Rechecked,
    Scheduled.calendar_check: CalendarChecked,
    Scheduled.ended_person_check: EndsChecked,
    Scheduled.loss_report_check: BlocksEnded,
    Scheduled.reconciliation: Reconciled,
    Scheduled.full_reconciliation: Reconciled,
}


def test_every_schedule_starts_a_workflow_of_the_release() -> None:
    assert {definition.workflow.value for definition in DEFINITIONS} == {workflow.__name__ for workflow in SCHEDULED}
    assert set(ANSWERS) == set(Scheduled) == {definition.workflow for definition in DEFINITIONS}


async def test_every_schedule_that_fires_is_answered(client: Client, register: Pool) -> None:
    await apply(client)
    async with working(client, register):
        for definition in DEFINITIONS:
            _, answer = await answered(client, definition.id, ScheduleHandle.trigger, ANSWERS[definition.workflow])
            assert isinstance(answer, ANSWERS[definition.workflow])


async def test_a_schedule_that_fires_leaves_its_digests_once_for_its_nominal_time(
    client: Client, register: Pool
) -> None:
    await replace_directory(register, directory())
    await late(register, AGENCY, 5)
    await apply(client, [DIGESTS])
    monday = datetime(2026, 8, 24, 1, tzinfo=SHANGHAI)

    async def fire(schedule: ScheduleHandle) -> None:
        # A morning that has passed: the moment of doing it is another.
        await schedule.backfill(ScheduleBackfill(start_at=monday, end_at=monday + timedelta(hours=23)))

    async with working(client, register, Clock.callers):
        first = await answered(client, DIGESTS.id, fire, Digested)
        again = await answered(client, DIGESTS.id, fire, Digested)
    assert [workflow for workflow, _ in (first, again)] == ["digests-2026-08-24T00:30:00Z"] * 2
    assert [answer for _, answer in (first, again)] == [
        Digested(day=monday.date(), working=True, written=3),
        Digested(day=monday.date(), working=True, written=0, known=3),
    ]
    async with connection_of(register) as connection:
        rows = await connection.fetch("SELECT event, not_before FROM notifications")
    nominal = datetime(2026, 8, 24, 0, 30, tzinfo=UTC)
    assert [tuple(row) for row in rows] == [("2026-08-24", nominal)] * 3


async def test_the_worker_program_does_what_schedules_ask_for(stack: LocalStack, tmp_path: Path) -> None:
    # A worker does not start on a register that its Temporal does not remember.
    client = await new_namespace(stack, "schedules-of-a-program")
    url = await migrated_database(stack, "schedules_of_a_program")
    settings = {
        "CARDCASE_DATABASE_URL": url,
        "CARDCASE_KEY_FILE": str(sample_key_file(tmp_path)),
        "CARDCASE_PROFILE": "local",
        "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(tmp_path)),
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": client.namespace,
    }
    await apply(client)
    # Else one is busy just then, and what is asked for meanwhile is left out.
    for definition in DEFINITIONS:
        await pause(client, definition.name)
    async with forked_worker(settings) as worker:
        await worker.says("ready")
        for definition in DEFINITIONS:
            await answered(client, definition.id, ScheduleHandle.trigger, ANSWERS[definition.workflow])
        worker.terminate()
        assert await worker.ends() == 0


async def test_what_somebody_starts_by_hand_is_done_for_now(client: Client, register: Pool) -> None:
    async with working(client, register):
        before = datetime.now(SHANGHAI).date()
        answer = await client.execute_workflow(Digests.run, id="digests-by-hand", task_queue=TASK_QUEUE_CASES)
    assert before <= answer.day <= datetime.now(SHANGHAI).date()
