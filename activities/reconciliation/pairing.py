"""Whether this register and this Temporal belong together: found before a process works, from what both remember.

With each comparison of what moved the reconciliation counts one beat further, in the register first; Temporal has it as
soon as the run of the reconciliation is complete, for its answer names it. So the register's beat is that of Temporal
or one more, no matter what dies in between. Where one side was restored to an earlier moment, or was lost, that does
not hold. What the register counts in is the epoch of its feed, which ends where it is restored to a moment or copied.

A restore that put files back where they were, to a moment of the same minute, is not seen by this; the comparison of
all cases sees it.
"""

import logging
from enum import StrEnum
from typing import Final, NamedTuple

from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleDescription,
    WorkflowExecutionStatus,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.errors import CaseError
from cases.occasions import Mark, Reconciled, Scheduled

SQL: Final = load("pairing.sql", beside=__file__)

_LOOKED_AT: Final = 10
"""Newest answers of the reconciliation, of which the newest counts."""
_NOTHING: Final = "none"
_STARTED_BY: Final = "TemporalScheduledById"
"""Search attribute that the server gives to what a schedule starts."""

log = logging.getLogger(__name__)


class Misfit(StrEnum):
    """Why register and Temporal do not belong together; the value is what a person reads."""

    register_older = "the register stands before what Temporal remembers: it was restored to an earlier moment"
    temporal_older = "Temporal stands before what the register remembers: it was restored to an earlier moment"
    temporal_empty = "Temporal remembers nothing of this register: it was emptied, or is another one"
    elsewhere = (
        "the register was restored to a moment, copied, or is another one than Temporal remembers: the last that"
        " Temporal saw of it may be missing"
    )


class Remembered(NamedTuple):
    """What Temporal remembers of the register. Where its retention has passed over all of it, that is forgotten."""

    mark: Mark | None
    is_forgotten: bool = False


class Ours(NamedTuple):
    """What the register remembers."""

    epoch: str
    moved: bool
    beat: int
    told_over: str | None

    def is_told_over(self, mark: Mark | None) -> bool:
        """Whether somebody has said that the register holds over this very mark."""
        return self.told_over == _written(mark)


class Pairing(NamedTuple):
    """Both sides, and why they do not fit; None where they do."""

    remembered: Remembered
    ours: Ours
    misfit: Misfit | None

    @property
    def lacks_a_beat(self) -> bool:
        """Whether Temporal remembers a later beat than the register."""
        return self.remembered.mark is not None and self.remembered.mark.beat > self.ours.beat


async def paired(pool: Pool, client: Client) -> Pairing:
    """Look at both sides. Raises as every use of the pool, and `RPCError` where Temporal does not answer."""
    # Temporal first: what the register counts meanwhile is one more, never one less.
    remembered = await remembered_by(client)
    ours = await _ours(pool)
    return Pairing(remembered, ours, misfit_of(remembered, ours))


async def beat(pool: Pool, pairing: Pairing) -> Mark | None:
    """Count one beat further; where both do not fit, answer what Temporal has, so that it remembers that."""
    remembered, ours, misfit = pairing
    if misfit is not None:
        return remembered.mark
    mark = remembered.mark
    follows = mark is not None and mark.epoch == ours.epoch and 0 <= ours.beat - mark.beat <= 1
    beat = mark.beat + 1 if mark is not None and follows else ours.beat + 1
    async with connection_of(pool) as connection:
        await SQL["beat"].run(connection, {"beat": beat, "is_told": not follows})
    return Mark(epoch=ours.epoch, beat=beat)


async def hold(pool: Pool, pairing: Pairing) -> None:
    """Say that the register holds over what Temporal remembers; its next beat is taken over there."""
    anew = pairing.misfit in (Misfit.register_older, Misfit.elsewhere)
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["begin_epoch_here"].run(connection, {"anew": anew})
        await SQL["hold"].run(connection, {"over": _written(pairing.remembered.mark)})


async def remembered_by(client: Client) -> Remembered:
    """What the newest answer of the reconciliation says."""
    described = await _schedule(client)
    # The schedule knows its last runs at once; visibility, which knows older ones, lags behind.
    for action in reversed(() if described is None else described.info.recent_actions):
        started = action.action
        if isinstance(started, ScheduleActionExecutionStartWorkflow):
            answer = await _answer_of(client, started.workflow_id, started.first_execution_run_id)
            if answer is not None:
                return Remembered(answer.mark)
    of_ours = f"WorkflowType = '{Scheduled.reconciliation.value}'"
    complete = f"{of_ours} AND {_STARTED_BY} = '{Scheduled.reconciliation.schedule}' AND ExecutionStatus = 'Completed'"
    runs = [run async for run in client.list_workflows(complete, limit=_LOOKED_AT)]
    for run in sorted(runs, key=lambda each: each.close_time or each.start_time, reverse=True):
        answer = await _answer_of(client, run.id, run.run_id)
        if answer is not None:
            return Remembered(answer.mark)
    begun = 0 if described is None else described.info.num_actions
    kept = 0 if begun == 0 else (await client.count_workflows(of_ours)).count
    return Remembered(None, is_forgotten=begun > kept)


async def _answer_of(client: Client, workflow: str, run: str) -> Reconciled | None:
    """What a run answered; None where it has not, has failed, is gone, or answered what does not open."""
    handle = client.get_workflow_handle(workflow, run_id=run, result_type=Reconciled)
    try:
        if (await handle.describe()).status is not WorkflowExecutionStatus.COMPLETED:
            return None
        answer: Reconciled = await handle.result()
    except RPCError as gone:
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    except (CaseError, ApplicationError, ValueError):
        # Whoever can write to Temporal can answer anything.
        log.warning("an answer of the reconciliation does not open")
        return None
    return answer


async def _schedule(client: Client) -> ScheduleDescription | None:
    try:
        return await client.get_schedule_handle(Scheduled.reconciliation.schedule).describe()
    except RPCError as absent:
        if absent.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


@case_errors_only
async def _ours(pool: Pool) -> Ours:
    async with connection_of(pool) as connection:
        row = await SQL["ours"].first(connection, {})
    if row is None:
        raise AssertionError("a row on each side, since the schema was made")
    return Ours(row["epoch"], row["moved"], row["beat"], row["told_over"])


def misfit_of(remembered: Remembered, ours: Ours) -> Misfit | None:
    """Why both sides do not fit, None where they do."""
    mark = remembered.mark
    if ours.moved and (mark is not None or ours.beat > 0):
        return Misfit.elsewhere
    if ours.is_told_over(mark):
        return None
    if mark is None:
        return Misfit.temporal_empty if ours.beat > 0 and not remembered.is_forgotten else None
    if mark.epoch != ours.epoch:
        return Misfit.elsewhere
    if 0 <= ours.beat - mark.beat <= 1:
        return None
    return Misfit.register_older if ours.beat < mark.beat else Misfit.temporal_older


def _written(mark: Mark | None) -> str:
    return _NOTHING if mark is None else f"{mark.epoch}/{mark.beat}"
