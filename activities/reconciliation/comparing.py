"""Register and runs compared: whether each case stands where its run shows it, and who mends it where it does not.

Sets are compared by the search attribute `CaseVersion`: some cases that moved with one question, and at night all runs
as Temporal lists them, a page at a time. Only where both seem to differ is a case asked for itself, because what
visibility finds lags behind. A case that moves at the moment is left to the next comparison.

Where the register is ahead, or nothing runs, the case is brought into step: its run is told to look at the register, or
one is started that begins where the register stands. Nothing is decided by that, and only that it was so is written.
Where the register stands *before* its run it was restored to an earlier moment, or the run is of another register:
somebody has to say which holds, and until then the run does nothing (REGISTER_BEHIND).

Where both agree and the run's tasks fail nothing is wrong with the case, and it stands still all the same: the code is
to blame, or a key is missing. Such runs are counted and said each time, for as long as they fail.

Whoever can reach Temporal starts runs of any type, under any ID, on any task queue, with search attributes of their
choice. What cannot be a case is counted and no more; what stands in the place of a case and is none of the engine's is
ended. A start that nobody can read is no application, whoever sent it: it is deleted, so that no list of cases has it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from temporalio.api.common.v1 import WorkflowExecution as Run
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import RawValue, SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.registry.errors import code_of, report
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from activities.registry.reading import case_now
from activities.sealing import MENDABLE
from activities.starting import Start
from cases.errors import CaseError, Code
from cases.kinds import KINDS, every_case, is_case
from cases.names import LOOK_AT_REGISTER, TASK_QUEUE_CASES, SearchAttribute
from cases.names import Kind as CaseKind
from cases.occasions import Reconciled, Scheduled
from cases.text import legible

SQL: Final = load("comparing.sql", beside=__file__)

log = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Told = TypeVar("Told")

RESTED: Final = timedelta(seconds=15)
"""So long a case has not moved before it is compared: its run shows what the register answered a moment later."""

BATCH: Final = 300
"""Cases compared at once. To find them by their IDs SQLite reads all open runs, so more are cheaper; where all of them
differ they take a quarter of a minute, after which the activity is heard of again."""

AT_ONCE: Final = 16
"""Cases that differ and are asked for, and brought into step, at the same time."""

MOST_FAILING: Final = 200
"""Runs with failing tasks that are handed on; what is neither a case nor scheduled takes the place of none that is."""

MOST_SPOILT: Final = 200
"""Runs that a signal has spoilt and that are ended with one look; the others with the next."""

MOST_UNREAD: Final = 200
"""Starts that cannot be read and are deleted with one look at what moved; the others with the next, or in the night."""

UNREAD_FOR: Final = timedelta(hours=1)
"""So long a run is left that was begun and does not open: the key may be on its way to the workers."""

_LATELY: Final = timedelta(minutes=10)
"""So long ago runs failed that are looked at with what moved."""

JUST_BEFORE: Final = timedelta(minutes=1)
"""So long before the register's newest moment runs are looked for that ended and of which it knows nothing."""

ENGINES: Final = f"({every_case()} OR WorkflowType IN (" + ", ".join(f"'{each.value}'" for each in Scheduled) + "))"
"""Runs of cases and of what is scheduled."""

FAILING: Final = (
    "ExecutionStatus = 'Running'"
    " AND TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)
"""Runs whose tasks fail, again and again, by all categories that the server has: these its stores find by an index."""

TROUBLED: Final = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
"""Runs of which the server reports anything at all, as a later release may: its stores read every run for that."""

_NO_CASE_HAS: Final = 2**31
"""Versions, from which on; nor does any have one below zero."""
_WHY_ENDED: Final = "the case goes on in another run"
"""What Temporal is told, which keeps it in clear."""

_BEHAVIOR: Final = SearchAttributeKey.for_keyword("TemporalWorkflowVersioningBehavior")
_VERSION: Final = SearchAttributeKey.for_int(SearchAttribute.version.value)


class Kind(StrEnum):
    """How register and run differ."""

    ahead = "ahead"
    without_run = "without_run"
    behind = "behind"
    without_row = "without_row"
    impostor = "impostor"
    """Under the case's ID runs what is none of the engine's; written down as what it comes to, a case without a run."""
    spoilt = "spoilt"
    """A signal or a start that nobody can open fails the run's tasks. It is ended, and one begun without; the same."""
    unread = "unread"
    """A start that cannot be read. The register knows nothing of it; it is deleted, and not written down."""
    stranger = "stranger"
    """A run of a case's type is no case's, because of its ID. What it says of itself is not written down."""
    failing = "failing"
    """They do not differ, and the run's tasks fail; Temporal itself keeps that, so it is not written down."""


OF_ONE_RUN: Final = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT})
"""What Temporal answers because of the run that it is asked about, and not because of its own state."""
_SCHEDULED: Final = frozenset(each.value for each in Scheduled)
_KEPT_AS: Final = {Kind.impostor: Kind.without_run, Kind.spoilt: Kind.without_run}


class Row(NamedTuple):
    """A case, as the register has it."""

    case_id: str
    generation: int
    version: int
    is_open: bool
    moved_at: datetime


class Difference(NamedTuple):
    """A case in which both differ."""

    case_id: str
    """Of a stranger what can be shown of its workflow ID."""
    kind: Kind
    generation: int | None
    version: int | None
    run_id: str | None = None
    run_version: int | None = None


class Failing(NamedTuple):
    """What fails its tasks, as far as it is a case or scheduled, and which differences there are among it."""

    runs: tuple[WorkflowExecution, ...]
    differences: tuple[Difference, ...]


class Compared(NamedTuple):
    """How many cases were compared, which differed, and up to where of the feed."""

    cases: int
    differences: tuple[Difference, ...]
    place: int = 0
    failing: tuple[WorkflowExecution, ...] = ()
    """Runs whose tasks fail, for whoever else wants to know of them; of what moved, one of all has them."""


async def side_by_side(asked: Iterable[Asked], ask: Callable[[Asked], Awaitable[Told]], most: int) -> list[Told]:
    """What each is answered, in their order; so many are asked at the same time at most."""
    room = asyncio.Semaphore(most)

    async def one(each: Asked) -> Told:
        async with room:
            return await ask(each)

    return await asyncio.gather(*map(one, asked))


class Comparing:
    """Compares, and brings into step unless it only looks.

    Cases that moved within `rested` are left to the next comparison; zero is for when nobody works.
    """

    def __init__(
        self,
        pool: Pool,
        client: Client,
        *,
        only_look: bool = False,
        task_queue: str = TASK_QUEUE_CASES,
        rested: timedelta = RESTED,
    ) -> None:
        self._pool = pool
        self._rested = rested
        self._task_queue = task_queue
        self._client = client
        self._only_look = only_look

    async def moved(self, now: datetime) -> AsyncGenerator[Compared, None]:
        """Compare what has moved since the last time, some cases at a time."""
        place = await self._reached()
        while True:
            values = {"after": place, "before": now - self._rested, "limit": BATCH}
            async with connection_of(self._pool) as connection:
                rows = await SQL["moved"].all(connection, values)
            if not rows:
                break
            place = max(row["place"] for row in rows)
            cases = [Row(*(row[name] for name in Row._fields)) for row in rows]
            yield Compared(len(cases), await self._compare(cases, now), place)
            if not self._only_look:
                async with connection_of(self._pool) as connection:
                    await SQL["has_reached"].run(connection, {"sequence": place})
        failing = await self._failing(FAILING, now)
        yield Compared(0, failing.differences, place, failing.runs)
        since = f" AND CloseTime >= '{(now - _LATELY).isoformat()}'"
        yield Compared(0, await self._failed(now, since, MOST_UNREAD), place)

    async def all(self, now: datetime) -> AsyncGenerator[Compared, None]:
        """Compare every run with its case, and then every open case that none of them is; begins from the beginning.

        Runs that ended count as well where that was at the register's newest moment or later: what it may have lost.
        Of what runs no more is kept than the IDs of cases, some ten megabytes for a hundred thousand.
        """
        running: set[str] = set()
        async for runs in _in_batches(self._client.list_workflows(f"{every_case()} AND ExecutionStatus = 'Running'")):
            # The newest are listed first.
            by_id = {run.id: run for run in reversed(runs) if is_case(run.id, run.workflow_type)}
            rows = await self._rows_of(by_id)
            running |= rows.keys()
            rested = [row for row in rows.values() if row.moved_at <= now - self._rested]
            seem = [row.case_id for row in rested if self._differ(row, by_id[row.case_id]) is not None]
            differ = await self._looked_at(seem, now)
            yield Compared(sum(row.is_open for row in rested), differ + await self._without_row(runs, rows, now))
        after = ""
        while cases := await self._open_after(after, now):
            after = cases[-1].case_id
            # Not listed, or taken up anew meanwhile.
            others = [case.case_id for case in cases if case.case_id not in running]
            yield Compared(len(others), await self._looked_at(others, now))
        ended = f"{every_case()} AND ExecutionStatus = 'Completed'{await self._lately()}"
        async for runs in _in_batches(self._client.list_workflows(ended)):
            rows = await self._rows_of(run.id for run in runs if is_case(run.id, run.workflow_type))
            yield Compared(0, await self._without_row(runs, rows, now))
        yield Compared(0, (await self._failing(TROUBLED, now)).differences)
        yield Compared(0, await self._failed(now))

    async def _open_after(self, after: str, now: datetime) -> list[Row]:
        """Some open cases, in the order of their IDs."""
        values = {"after": after, "before": now - self._rested, "limit": BATCH}
        async with connection_of(self._pool) as connection:
            return [Row(**row) for row in await SQL["standing"].all(connection, values)]

    async def _rows_of(self, case_ids: Iterable[str]) -> dict[str, Row]:
        """The newest generation of some cases, as far as the register knows them."""
        async with connection_of(self._pool) as connection:
            rows = await SQL["newest_of"].all(connection, {"case_ids": list(case_ids)})
        return {row["case_id"]: Row(**row) for row in rows}

    async def _reached(self) -> int:
        async with connection_of(self._pool) as connection:
            row = await SQL["reached"].first(connection, {})
        return 0 if row is None else int(row["sequence"])

    async def _compare(self, cases: Sequence[Row], now: datetime) -> tuple[Difference, ...]:
        runs = await self._runs_of([case.case_id for case in cases])
        seem = [case.case_id for case in cases if self._differ(case, runs.get(case.case_id)) is not None]
        return await self._looked_at(seem, now)

    async def _looked_at(self, case_ids: Iterable[str], now: datetime) -> tuple[Difference, ...]:
        """Which of some cases do differ, asked one by one, and brought into step."""

        async def look(case_id: str) -> Difference | None:
            difference = await self._look_again(case_id, now)
            if difference is not None:
                await self.mend(difference)
            return difference

        found = await side_by_side(case_ids, look, AT_ONCE)
        return tuple(difference for difference in found if difference is not None)

    async def _runs_of(self, case_ids: Sequence[str]) -> dict[str, WorkflowExecution]:
        """The newest run of each case, as far as visibility knows."""
        runs: dict[str, WorkflowExecution] = {}
        named = ", ".join(f"'{case_id}'" for case_id in case_ids)
        async for run in self._client.list_workflows(f"WorkflowId IN ({named})"):
            known = runs.get(run.id)
            if known is None or run.start_time > known.start_time:
                runs[run.id] = run
        return runs

    async def _look_again(self, case_id: str, now: datetime) -> Difference | None:
        """The case itself and the row as it stands by now; None where they agree, or the case moves at the moment."""
        run = await self._describe(case_id)
        async with connection_of(self._pool) as connection:
            row = await SQL["newest"].first(connection, {"case_id": case_id})
        if row is None or row["moved_at"] > now - self._rested:
            return None
        case = Row(**row)
        kind = self._differ(case, run)
        if kind is None:
            return None
        shown = run is not None and run.status is WorkflowExecutionStatus.RUNNING
        return Difference(
            case_id,
            kind,
            case.generation,
            case.version,
            run.run_id if run is not None and shown else None,
            _version_of(run) if shown else None,
        )

    async def _describe(self, case_id: str) -> WorkflowExecutionDescription | None:
        try:
            return await self._client.get_workflow_handle(case_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def _lately(self) -> str:
        """The term that finds what has ended at the register's newest moment or later."""
        async with connection_of(self._pool) as connection:
            row = await SQL["newest_moment"].first(connection, {})
        newest: datetime | None = None if row is None else row["moved_at"]
        return "" if newest is None else f" AND CloseTime >= '{(newest - JUST_BEFORE).isoformat()}'"

    async def _without_row(
        self, runs: Iterable[WorkflowExecution], rows: Mapping[str, Row], now: datetime
    ) -> tuple[Difference, ...]:
        """Those of some runs of which the register knows nothing; what can be no case counts while it runs."""
        unknown: list[WorkflowExecution] = []
        strangers: list[WorkflowExecution] = []
        for run in runs:
            # An application that has just arrived has no row yet, whoever works.
            if run.id in rows or run.start_time > now - self._rested:
                continue
            if is_case(run.id, run.workflow_type):
                unknown.append(run)
            elif run.status is WorkflowExecutionStatus.RUNNING:
                strangers.append(run)
        if strangers:
            log.warning(
                "runs of a case's type are no case's", extra={"runs": len(strangers), "run": strangers[0].run_id}
            )
        unread = await self._unread([*strangers, *unknown], now)
        gone = {difference.run_id for difference in unread}
        without_row = [
            Difference(each.id, Kind.without_row, None, None, each.run_id, _version_of(each))
            for each in unknown
            if each.run_id not in gone
        ]
        for difference in without_row:
            await self.mend(difference)
        shown = (
            Difference(legible(each.id), Kind.stranger, None, None, each.run_id)
            for each in strangers
            if each.run_id not in gone
        )
        return (*shown, *unread, *without_row)

    async def _failing(self, which: str, now: datetime) -> Failing:
        """Runs whose tasks fail, again and again: of cases that the register knows, and of what nobody can read."""
        runs: list[WorkflowExecution] = []
        found, ended = [], 0
        unknown: list[WorkflowExecution] = []
        async for run in self._client.list_workflows(f"{ENGINES} AND {which}"):
            is_scheduled, row = run.workflow_type in _SCHEDULED, None
            if (is_scheduled or is_case(run.id, run.workflow_type)) and len(runs) < MOST_FAILING:
                runs.append(run)
            if is_scheduled:
                continue
            if is_case(run.id, run.workflow_type):
                async with connection_of(self._pool) as connection:
                    row = await SQL["newest"].first(connection, {"case_id": run.id})
            if row is None:
                if len(unknown) < MOST_UNREAD:
                    unknown.append(run)
                continue
            case = Row(**row)
            is_unread = ended < MOST_SPOILT and await self._is_unread(run, now)
            is_spoilt = is_unread or (ended < MOST_SPOILT and await self._is_spoilt(run))
            kind = Kind.spoilt if is_spoilt else Kind.failing
            version = _version_of(run)
            found.append(Difference(case.case_id, kind, case.generation, case.version, run.run_id, version))
            if is_spoilt:
                ended += 1
                await self.mend(found[-1])
            if is_unread:
                await self._delete(run)
        if found:
            log.error("tasks of cases fail", extra={"cases": len(found), "case_id": found[0].case_id})
        return Failing(tuple(runs), (*found, *await self._unread(unknown, now)))

    async def _failed(self, now: datetime, since: str = "", limit: int | None = None) -> tuple[Difference, ...]:
        """Runs that have failed because nobody can read how they were begun."""
        failed = f"{every_case()} AND ExecutionStatus = 'Failed'{since}"
        runs = [run async for run in self._client.list_workflows(failed, limit=limit)]
        rested = [run for run in runs if run.close_time is not None and run.close_time <= now - self._rested]
        return await self._unread(rested, now)

    async def _unread(self, runs: Iterable[WorkflowExecution], now: datetime) -> tuple[Difference, ...]:
        """Which of some runs cannot be read, asked one by one; they are deleted."""

        async def look(run: WorkflowExecution) -> Difference | None:
            if not await self._is_unread(run, now):
                return None
            await self._delete(run)
            return Difference(legible(run.id), Kind.unread, None, None, run.run_id)

        found = [each for each in await side_by_side(runs, look, AT_ONCE) if each is not None]
        if found:
            log.warning("starts cannot be read", extra={"runs": len(found), "run": found[0].run_id})
        return tuple(found)

    async def _is_unread(self, run: WorkflowExecution, now: datetime) -> bool:
        """Whether what a run was begun with is no application to a case of its type.

        A key that the workers are given may yet make it one, so of a run that waits for it this is said after a while;
        and one that failed could be read, or nobody ever will: a key may be gone since.
        """
        runs = run.status is WorkflowExecutionStatus.RUNNING
        if runs and run.start_time > now - UNREAD_FOR:
            return False
        place = WorkflowSerializationContext(self._client.namespace, run.id)
        converter = self._client.data_converter.with_context(place)
        events = self._client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events(page_size=1)
        try:
            begun = await anext(events)
            sent = begun.workflow_execution_started_event_attributes.input.payloads
            await converter.decode(sent, [KINDS[CaseKind(run.workflow_type)].opening] * len(sent))
        except ApplicationError as refused:
            return runs or refused.type not in MENDABLE
        except RPCError as gone:
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return len(sent) != 1

    async def _delete(self, run: WorkflowExecution) -> None:
        """Delete a run, that very one, which ends it where it still runs; unless this only looks."""
        if self._only_look:
            return
        which = Run(workflow_id=run.id, run_id=run.run_id)
        request = DeleteWorkflowExecutionRequest(namespace=self._client.namespace, workflow_execution=which)
        try:
            await self._client.workflow_service.delete_workflow_execution(request)
        except RPCError as gone:
            # Somebody else was faster.
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _is_spoilt(self, run: WorkflowExecution) -> bool:
        """Whether a run was sent a signal that does not open, as anybody can who reaches Temporal, without any key.

        A signal says no more than that there may be something to ask the register, which a new run asks at once.
        """
        place = WorkflowSerializationContext(self._client.namespace, run.id)
        converter = self._client.data_converter.with_context(place)
        events = self._client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events()
        try:
            async for event in events:
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                    sent = event.workflow_execution_signaled_event_attributes.input.payloads
                    try:
                        await converter.decode(sent, [RawValue] * len(sent))
                    except ApplicationError as refused:
                        if refused.type in MENDABLE:
                            return True
        except RPCError as gone:
            # It has ended since it was listed.
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise
        return False

    async def mend(self, difference: Difference) -> None:
        """Write a difference down, and bring the case into step where nobody has to decide; not where it only looks."""
        if self._only_look:
            return
        kept = difference._asdict() | {"kind": _KEPT_AS.get(difference.kind, difference.kind)}
        async with connection_of(self._pool) as connection:
            is_new = await SQL["write_down"].first(connection, kept) is not None
        if is_new:
            grave = difference.kind in (Kind.behind, Kind.without_row, Kind.impostor)
            log.log(
                logging.ERROR if grave else logging.WARNING,
                "register and run differ",
                extra={"case_id": difference.case_id, "kind": difference.kind.value, "version": difference.version},
            )
        if difference.kind in (Kind.impostor, Kind.spoilt):
            await self._end(difference)
        if difference.kind in (Kind.without_run, Kind.impostor, Kind.spoilt):
            try:
                await self.start(difference.case_id)
            except (CaseError, ValueError) as unreadable:
                # Nothing that one case holds keeps the others from being compared; it is found again the next night.
                report(unreadable, code_of(unreadable))
        else:
            # A run that stands behind learns by this that it does, and stops.
            await self._tell(difference.case_id)

    async def _tell(self, case_id: str) -> None:
        try:
            await self._client.get_workflow_handle(case_id).signal(LOOK_AT_REGISTER)
        except RPCError as error:
            if error.status not in OF_ONE_RUN:
                raise
            # It has ended in the meantime, or takes no more signals, as one that somebody has sent thousands. It is
            # found again when it moves or in the night, and keeps the others from being compared by no means.
            log.info("a run could not be told", extra={"case_id": case_id, "status": error.status.name})

    async def _end(self, difference: Difference) -> None:
        """End a run with which the case cannot go on, that very one."""
        handle = self._client.get_workflow_handle(difference.case_id, run_id=difference.run_id)
        try:
            await handle.terminate(reason=_WHY_ENDED)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def start(self, case_id: str) -> None:
        """Start a run for an open case that has none; it begins where the register stands.

        A case that is closed by now needs none. Raises `CaseError`.
        """
        held = await case_now(self._pool, case_id)
        if held is None:
            raise CaseError(Code.CASE_UNKNOWN)
        if not held.state.is_open:
            return
        start = Start.of(held.state.opening)
        try:
            await self._client.start_workflow(
                start.workflow,
                held.state.opening,
                id=start.id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=start.search_attributes,
                static_summary=start.summary,
                priority=start.priority,
            )
        except WorkflowAlreadyStartedError:
            log.info("somebody has taken the case up", extra={"case_id": case_id})

    def _differ(self, case: Row, run: WorkflowExecution | None) -> Kind | None:
        """How a case and its newest run differ, None where they do not."""
        if run is None or run.status is not WorkflowExecutionStatus.RUNNING:
            return Kind.without_run if case.is_open else None
        if not self._is_ours(run):
            return Kind.impostor
        if not case.is_open:
            return Kind.ahead
        version = _version_of(run) or 0
        if version == case.version:
            return None
        return Kind.ahead if version < case.version else Kind.behind

    def _is_ours(self, run: WorkflowExecution) -> bool:
        """Whether our workers are given the tasks of a run: of its case's type, on our queue, pinned to no release."""
        return is_case(run.id, run.workflow_type) and run.task_queue == self._task_queue and not _is_pinned(run)


def _is_pinned(run: WorkflowExecution) -> bool:
    """Whether somebody pinned a run to one release: a list shows it as an attribute, the run itself as an override."""
    is_shown = run.typed_search_attributes.get(_BEHAVIOR) == "Pinned"
    return is_shown or run.raw_info.versioning_info.HasField("versioning_override")


async def newest_differences(pool: Pool, limit: int) -> list[dict[str, Any]]:
    """The newest differences that are written down, the newest first."""
    async with connection_of(pool) as connection:
        rows = await SQL["written_down"].all(connection, {"limit": limit})
    return [dict(row) for row in rows]


def total(so_far: Reconciled, compared: Compared) -> Reconciled:
    """Add up."""
    counted = {kind.value: sum(each.kind is kind for each in compared.differences) for kind in Kind}
    return Reconciled(
        compared=so_far.compared + compared.cases,
        **{name: getattr(so_far, name) + count for name, count in counted.items()},
    )


async def _in_batches(runs: AsyncIterable[WorkflowExecution]) -> AsyncGenerator[list[WorkflowExecution], None]:
    """Some at a time."""
    some: list[WorkflowExecution] = []
    async for run in runs:
        some.append(run)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some


def _version_of(run: WorkflowExecution | None) -> int | None:
    """The version that a run shows; None where it shows none, or one that no case has."""
    version = None if run is None else run.typed_search_attributes.get(_VERSION)
    return version if version is not None and 0 <= version < _NO_CASE_HAS else None
