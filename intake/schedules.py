"""The schedules of this release, and the way to keep a Temporal namespace in step with them.

A schedule of ours is one whose ID begins with `cardcase-`: one that the release no longer knows is deleted, any other
is nobody's business here. What an operator decides, whether a schedule is paused and the note that says why, stays.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cases.errors import CaseError, Code
from cases.names import TASK_QUEUE_CASES
from cases.occasions import SCHEDULES_OF_OURS, Scheduled
from runtime.codec import key_of

TIME_ZONE: Final = "Asia/Shanghai"

_HALF_A_MINUTE: Final = timedelta(seconds=30)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_QUARTER: Final = timedelta(minutes=15)
_MONDAY: Final = 1


@dataclass(frozen=True)
class Definition:
    """One schedule as the release has it. A run that is still busy when the next is due lets that one pass."""

    workflow: Scheduled
    spec: ScheduleSpec
    catch_up: timedelta
    """How late a run may begin that was due while the server was away; later it is left out."""
    note: str
    """For the operators who see it in the Web UI."""

    @property
    def name(self) -> str:
        """What it is called on the command line, and the first part of its workflows' IDs."""
        return self.workflow.name.replace("_", "-")

    @property
    def id(self) -> str:
        """The schedule's ID."""
        return self.workflow.schedule

    def schedule(self, state: ScheduleState | None = None) -> Schedule:
        """What Temporal is told; `state` is kept where there is one."""
        return Schedule(
            action=ScheduleActionStartWorkflow(
                self.workflow.value, id=self.name, task_queue=TASK_QUEUE_CASES, static_summary=self.note
            ),
            spec=self.spec,
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=self.catch_up),
            state=state or ScheduleState(note=self.note),
        )


def _every(interval: timedelta) -> ScheduleSpec:
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=interval)], time_zone_name=TIME_ZONE)


def _at(hour: int, minute: int = 0, *, weekday: int | None = None) -> ScheduleSpec:
    """Every day at a civil time of Asia/Shanghai, or every week on one day (0 is Sunday)."""
    days = ScheduleRange(0, 6) if weekday is None else ScheduleRange(weekday)
    calendar = ScheduleCalendarSpec(hour=[ScheduleRange(hour)], minute=[ScheduleRange(minute)], day_of_week=[days])
    return ScheduleSpec(calendars=[calendar], time_zone_name=TIME_ZONE)


DEFINITIONS: Final = (
    Definition(
        Scheduled.notification_sweep,
        # What a worker that died had taken up waits for the end of its lease, and is to be gone within a minute.
        _every(_HALF_A_MINUTE),
        catch_up=_MINUTE,
        note="每30秒：投递遗漏的通知 · every 30 s: deliver notifications that nobody delivered",
    ),
    Definition(
        Scheduled.calendar_check,
        _at(6),
        catch_up=timedelta(hours=20),
        note="每日06:00：新公布的工作日历 · daily: dates that rested on an unpublished calendar year",
    ),
    Definition(
        Scheduled.benefit_hold_check,
        _at(7, weekday=_MONDAY),
        catch_up=timedelta(days=6),
        note="每周一07:00：复核暂停发放的待遇 · weekly: held benefits whose reason is gone",
    ),
    Definition(
        Scheduled.ended_person_check,
        _every(_HOUR),
        catch_up=_HOUR,
        note="每小时：终止死亡或转出人员的案件 · hourly: cases of persons who died or were transferred",
    ),
    Definition(
        Scheduled.loss_report_check,
        _every(_QUARTER),
        catch_up=_QUARTER,
        note="每15分钟：挂失期满 · every quarter of an hour: temporary loss reports that expired",
    ),
    Definition(
        Scheduled.reconciliation,
        # What has moved rests for a quarter of a minute before it is compared, and is to be in step within one.
        _every(_HALF_A_MINUTE),
        catch_up=_MINUTE,
        note="每30秒：核对刚变动的案件 · every 30 s: cases that moved, register against run",
    ),
    Definition(
        Scheduled.full_reconciliation,
        _at(2),
        catch_up=timedelta(hours=4),
        note="每日02:00：核对全部在办案件 · daily: all open cases, register against run",
    ),
    Definition(
        Scheduled.digests,
        _at(8, 30),
        catch_up=timedelta(hours=12),
        note="每日08:30（工作日）：分级督办简报 · working days: digests to municipality, province and ministry",
    ),
    Definition(
        Scheduled.invitations,
        # Before the slots of the day begin: each invitation waits for its own.
        _at(0, 30),
        catch_up=timedelta(hours=6),
        note="每日00:30：提醒仍持15位号码的人员 · daily: invitations to holders of 15-digit numbers",
    ),
)
"""The schedules of this release."""


class Deed(StrEnum):
    """What was done to a schedule, or would be."""

    created = "created"
    mended = "mended"
    removed = "removed"
    unchanged = "unchanged"


class Difference(NamedTuple):
    """One aspect in which a schedule is not as the release has it."""

    aspect: str
    found: str
    wanted: str


class Applied(NamedTuple):
    """What became of one schedule."""

    schedule: str
    deed: Deed
    differences: tuple[Difference, ...] = ()


async def apply(
    client: Client, definitions: Iterable[Definition] = DEFINITIONS, *, dry_run: bool = False
) -> tuple[Applied, ...]:
    """Bring a namespace in step with the definitions; applied twice, the second time changes nothing.

    With `dry_run` nothing is changed and what would be done is answered.
    """
    wanted = {definition.id: definition for definition in definitions}
    applied = [await _apply(client, definition, dry_run=dry_run) for definition in wanted.values()]
    async for schedule in _ours(client):
        if schedule not in wanted:
            if not dry_run:
                await _remove(client.get_schedule_handle(schedule))
            applied.append(Applied(schedule, Deed.removed))
    return tuple(applied)


async def _apply(client: Client, definition: Definition, *, dry_run: bool) -> Applied:
    handle = client.get_schedule_handle(definition.id)
    found = await _describe(handle)
    if found is None:
        if not dry_run:
            try:
                await client.create_schedule(definition.id, definition.schedule())
            except ScheduleAlreadyRunningError:
                # Somebody else applies as well.
                return await _apply(client, definition, dry_run=dry_run)
        return Applied(definition.id, Deed.created)
    differences = await _differences(client, found.schedule, definition)
    if not differences:
        return Applied(definition.id, Deed.unchanged)
    if not dry_run:

        def mend(current: ScheduleUpdateInput) -> ScheduleUpdate:
            state = current.description.schedule.state
            kept = ScheduleState(note=state.note, paused=state.paused)
            return ScheduleUpdate(definition.schedule(kept))

        await handle.update(mend)
    return Applied(definition.id, Deed.mended, differences)


class Listed(NamedTuple):
    """One schedule of the release as it stands in a namespace; `state` is absent, running, or paused."""

    name: str
    state: str
    note: str
    in_step: bool
    last: str | None
    next: str | None


async def list_schedules(client: Client, definitions: Iterable[Definition] = DEFINITIONS) -> tuple[Listed, ...]:
    """The schedules of the release: whether they are there and in step, when they fired last and will fire next."""
    return tuple([await _list(client, definition) for definition in definitions])


async def _list(client: Client, definition: Definition) -> Listed:
    found = await _describe(client.get_schedule_handle(definition.id))
    if found is None:
        return Listed(definition.name, "absent", definition.note, in_step=False, last=None, next=None)
    state, info = found.schedule.state, found.info
    return Listed(
        definition.name,
        "paused" if state.paused else "running",
        state.note or "",
        in_step=not await _differences(client, found.schedule, definition),
        last=info.recent_actions[-1].scheduled_at.isoformat() if info.recent_actions else None,
        next=info.next_action_times[0].isoformat() if info.next_action_times and not state.paused else None,
    )


async def pause(client: Client, name: str, note: str | None = None) -> None:
    """Let a schedule rest; the note says why. Raises `CaseError` SCHEDULE_UNKNOWN."""
    definition, handle = await _present(client, name)
    await handle.pause(note=note or definition.note)


async def resume(client: Client, name: str) -> None:
    """Let a schedule that rests go on. Raises `CaseError` SCHEDULE_UNKNOWN."""
    definition, handle = await _present(client, name)
    await handle.unpause(note=definition.note)


async def _present(client: Client, name: str) -> tuple[Definition, ScheduleHandle]:
    for definition in DEFINITIONS:
        handle = client.get_schedule_handle(definition.id)
        if name == definition.name and await _describe(handle) is not None:
            return definition, handle
    raise CaseError(Code.SCHEDULE_UNKNOWN, "name")


async def _describe(handle: ScheduleHandle) -> ScheduleDescription | None:
    try:
        return await handle.describe()
    except RPCError as failed:
        if failed.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _ours(client: Client) -> AsyncIterator[str]:
    # The list lags behind by a moment: what was just created or deleted may be wrong in it.
    async for schedule in await client.list_schedules():
        if schedule.id.startswith(SCHEDULES_OF_OURS):
            yield schedule.id


async def _remove(handle: ScheduleHandle) -> None:
    try:
        await handle.delete()
    except RPCError as failed:
        if failed.status is not RPCStatusCode.NOT_FOUND:
            raise


# --- what is compared -------------------------------------------------------------------------------------------------


async def _differences(client: Client, found: Schedule, definition: Definition) -> tuple[Difference, ...]:
    has, wants = await _aspects(client, found), await _aspects(client, definition.schedule())
    return tuple(Difference(aspect, has[aspect], wants[aspect]) for aspect in wants if has[aspect] != wants[aspect])


async def _aspects(client: Client, schedule: Schedule) -> dict[str, str]:
    """What is compared of a schedule, as text. The server gives times back in a form of its own."""
    action, spec, policy, state = schedule.action, schedule.spec, schedule.policy, schedule.state
    if not isinstance(action, ScheduleActionStartWorkflow):
        raise TypeError("a schedule starts a workflow")
    summary, key = await _summary_of(client, action)
    return {
        "workflow": action.workflow,
        "workflow_id": action.id,
        "task_queue": action.task_queue,
        "summary": summary,
        "key": key,
        "times": "; ".join([*map(_calendar, spec.calendars), *map(_interval, spec.intervals), *spec.cron_expressions]),
        "time_zone": spec.time_zone_name or "",
        "overlap": policy.overlap.name.lower(),
        "catch_up": str(policy.catchup_window),
        "added": ", ".join(_added_by_hand(action, spec, policy, state)),
    }


def _added_by_hand(
    action: ScheduleActionStartWorkflow, spec: ScheduleSpec, policy: SchedulePolicy, state: ScheduleState
) -> Iterable[str]:
    """What no schedule of ours has."""
    present: Mapping[str, Any] = {
        "args": action.args,
        "memo": action.memo,
        "headers": action.headers,
        "details": _is_said(action.static_details),
        "search_attributes": len(action.typed_search_attributes) or action.untyped_search_attributes,
        "timeouts": action.execution_timeout or action.run_timeout or action.task_timeout,
        "retry_policy": action.retry_policy,
        "priority": action.priority != Priority.default,
        "skip": spec.skip,
        "start_at": spec.start_at,
        "end_at": spec.end_at,
        "jitter": spec.jitter,
        "pause_on_failure": policy.pause_on_failure,
        "limited_actions": state.limited_actions,
    }
    return [name for name, value in present.items() if value]


def _is_said(text: str | Payload | None) -> bool:
    # What was never said comes back as an empty payload.
    return bool(text.ByteSize() if isinstance(text, Payload) else text)


async def _summary_of(client: Client, action: ScheduleActionStartWorkflow) -> tuple[str, str]:
    """The summary of a schedule's workflows, and the ID of the key that it is sealed with, or would be."""
    summary = action.static_summary
    if not _is_said(summary):
        return "", ""
    converter = client.data_converter.with_context(WorkflowSerializationContext(client.namespace, action.id))
    if not isinstance(summary, Payload):
        (summary,) = await converter.encode([summary])
    try:
        (text,) = await converter.decode([summary], [str])
    except (CaseError, ApplicationError):
        # Its key has gone, or somebody else wrote it: it is written again.
        text = ""
    return str(text), key_of(summary)


def _calendar(calendar: ScheduleCalendarSpec) -> str:
    """As cron would say it: second, minute, hour, day of month, month, day of week, and the year where one is named."""
    fields = (
        calendar.second,
        calendar.minute,
        calendar.hour,
        calendar.day_of_month,
        calendar.month,
        calendar.day_of_week,
        calendar.year,
    )
    return " ".join(",".join(map(_range, field)) for field in fields).strip()


def _range(values: ScheduleRange) -> str:
    last, step = max(values.start, values.end), max(values.step, 1)
    return f"{values.start}" + (f"-{last}" if last > values.start else "") + (f"/{step}" if step > 1 else "")


def _interval(interval: ScheduleIntervalSpec) -> str:
    offset = interval.offset or timedelta()
    return f"every {interval.every}" + (f" + {offset}" if offset else "")
