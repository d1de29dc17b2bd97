"""Whether this register and this Temporal belong together: found before a process works, from what both remember.

With each comparison of what moved the reconciliation counts one beat further, in the register first; Temporal has it as
soon as the run of the reconciliation is complete, for its answer names it. So the register's beat is that of Temporal
or one more, no matter what dies in between. Where one side was restored to an earlier moment, or was lost, that does
not hold. What the register counts in is the epoch of its feed, which ends where it is restored to a moment or copied.

Whoever can reach Temporal can take the reconciliation's tasks and answer in its name, or start its schedule again and
again. So an answer is sealed by a key that never leaves the register, for the run that answers: the newest that is
sealed counts, and what somebody else said is passed over. Where none is sealed the newest counts, as another register
would have sealed it.

A restore that put files back where they were, to a moment of the same minute, is not seen by this; the comparison of
all cases sees it.
"""

import hashlib
import hmac
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
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

_LOOKED_AT: Final = 5000
"""Newest runs of the reconciliation that are looked at, until one was answered as the register answers: nearly always
the first or the second. Two days of them."""
_NOTHING: Final = "none"
_OF_OURS: Final = f"WorkflowType = '{Scheduled.reconciliation.value}'"
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

    @property
    def beat(self) -> int:
        """How far Temporal has counted; 0 before its first answer."""
        return 0 if self.mark is None else self.mark.beat


class Ours(NamedTuple):
    """What the register remembers."""

    epoch: str
    moved: bool
    beat: int
    told_over: str | None

    def is_told_over(self, mark: Mark | None) -> bool:
        """Whether somebody has said that the register holds over this very mark."""
        return self.told_over == _written(mark)


class Seal(NamedTuple):
    """What seals answers of the reconciliation, and knows them again; without a key it does neither."""

    key: bytes | None

    def of(self, mark: Mark | None, run_id: str) -> str | None:
        """The seal of a mark, or of there being none, in the answer of one run."""
        if self.key is None:
            return None
        return hmac.digest(self.key, f"{_written(mark)}\0{run_id}".encode(), hashlib.sha256).hex()

    def is_on(self, answer: Reconciled, run_id: str) -> bool:
        """Whether the register sealed what a run answered; without a key whatever was answered passes."""
        ours = self.of(answer.mark, run_id)
        return ours is None or hmac.compare_digest(ours.encode(), (answer.seal or "").encode())


class Pairing(NamedTuple):
    """Both sides, and why they do not fit; None where they do."""

    remembered: Remembered
    ours: Ours
    misfit: Misfit | None
    seal: Seal

    @property
    def lacks_a_beat(self) -> bool:
        """Whether Temporal remembers a later beat than the register."""
        return self.remembered.mark is not None and self.remembered.mark.beat > self.ours.beat


async def paired(pool: Pool, client: Client) -> Pairing:
    """Look at both sides. Raises as every use of the pool, and `RPCError` where Temporal does not answer."""
    seal = await _seal(pool)
    # Temporal before what the register counts: that is one more meanwhile, never one less.
    remembered = await remembered_by(client, seal)
    ours = await _ours(pool)
    return Pairing(remembered, ours, misfit_of(remembered, ours), seal)


async def beat(pool: Pool, pairing: Pairing) -> Mark | None:
    """Count one beat further; where both do not fit, answer what Temporal has, so that it remembers that."""
    remembered, ours, misfit, _ = pairing
    if misfit is not None:
        return remembered.mark
    follows = _follows(remembered, ours)
    beat = remembered.beat + 1 if follows else ours.beat + 1
    async with connection_of(pool) as connection:
        await SQL["beat"].run(connection, {"beat": beat, "is_told": not follows})
    return Mark(epoch=ours.epoch, beat=beat)


@case_errors_only
async def beat_ago(pool: Pool) -> float | None:
    """For how many seconds register and runs have not been compared, as far as both fit; None where they never were."""
    async with connection_of(pool) as connection:
        row = await SQL["beat_ago"].first(connection, {})
    return None if row is None else row["seconds"]


async def hold(pool: Pool, pairing: Pairing) -> None:
    """Say that the register holds over what Temporal remembers; its next beat is taken over there."""
    anew = pairing.misfit in (Misfit.register_older, Misfit.elsewhere)
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["begin_epoch_here"].run(connection, {"anew": anew})
        await SQL["hold"].run(connection, {"over": _written(pairing.remembered.mark)})


async def remembered_by(client: Client, seal: Seal) -> Remembered:
    """What the newest answer of the reconciliation says that the register sealed; where none is sealed, the newest."""
    described = await _schedule(client)
    newest: Reconciled | None = None
    async with aclosing(_runs(client, described)) as runs:
        async for workflow, run in runs:
            answer = await _answer_of(client, workflow, run)
            if answer is None:
                continue
            if seal.is_on(answer, run):
                return Remembered(answer.mark)
            newest = newest or answer
    if newest is not None:
        log.warning("no answer of the reconciliation is sealed by this register")
        return Remembered(newest.mark)
    begun = 0 if described is None else described.info.num_actions
    kept = 0 if begun == 0 else (await client.count_workflows(_OF_OURS)).count
    return Remembered(None, is_forgotten=begun > kept)


async def _runs(client: Client, described: ScheduleDescription | None) -> AsyncGenerator[tuple[str, str], None]:
    """Runs of the reconciliation that its schedule started, by workflow and run ID, the newest first."""
    seen = set()
    # The schedule knows its last runs at once; visibility, which knows older ones, lags behind.
    for action in reversed(() if described is None else described.info.recent_actions):
        started = action.action
        if isinstance(started, ScheduleActionExecutionStartWorkflow):
            seen.add(started.first_execution_run_id)
            yield started.workflow_id, started.first_execution_run_id
    complete = f"{_OF_OURS} AND {_STARTED_BY} = '{Scheduled.reconciliation.schedule}' AND ExecutionStatus = 'Completed'"
    async for run in client.list_workflows(complete, limit=_LOOKED_AT):
        if run.run_id not in seen:
            yield run.id, run.run_id


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
async def _seal(pool: Pool) -> Seal:
    async with connection_of(pool) as connection:
        row = await SQL["seal_key"].first(connection, {})
    key = None if row is None else row["key"]
    # As JSON has bytes: two signs, and then their digits.
    return Seal(None if key is None else bytes.fromhex(key[2:]))


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
    if remembered.is_forgotten or _follows(remembered, ours):
        return None
    if mark is None:
        return Misfit.temporal_empty
    if mark.epoch != ours.epoch:
        return Misfit.elsewhere
    return Misfit.register_older if ours.beat < mark.beat else Misfit.temporal_older


def _follows(remembered: Remembered, ours: Ours) -> bool:
    """Whether the register's beat is that of Temporal or one more, in the same epoch.

    Its first one is on its way as well, while Temporal has none.
    """
    if remembered.mark is not None and remembered.mark.epoch != ours.epoch:
        return False
    return not remembered.is_forgotten and 0 <= ours.beat - remembered.beat <= 1


def _written(mark: Mark | None) -> str:
    return _NOTHING if mark is None else f"{mark.epoch}/{mark.beat}"
