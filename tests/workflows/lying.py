"""Somebody who takes the tasks of a case from their queue, and says in its name that all is well."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cases.answers import Answer, Receipt
from cases.events import Event
from cases.machines.machine import Milestone, Status
from cases.names import RECEIPT, Kind
from tests.engine import Engine

_queues = count(1)


@workflow.defn(dynamic=True, sandboxed=False)
class Liar:
    """A workflow in the place of a case, of whichever kind; it says that all is well."""

    @workflow.run
    async def run(self, _given: Sequence[RawValue]) -> None:
        """Never end by itself."""
        await workflow.wait_condition(lambda: False)

    @workflow.update(dynamic=True)
    async def heard(self, name: str, _given: Sequence[RawValue]) -> Any:
        """What a caller would like to hear; a withdrawal is refused although nobody was asked."""
        case = workflow.info().workflow_id
        if name == Event.withdraw:
            raise ApplicationError("EVENT_NOT_ALLOWED", type="EVENT_NOT_ALLOWED", non_retryable=True)
        if name == RECEIPT:
            return Receipt(case_id=case, generation=1, status=Status.done, milestone=Milestone.benefits_unblocked)
        return Answer(case_id=case, status=Status.done, milestone=Milestone.benefits_unblocked, version=9)


@asynccontextmanager
async def lying(engine: Engine, case: str, kind: Kind) -> AsyncIterator[None]:
    """Somebody else has the tasks of a case."""
    queue = f"liars-{next(_queues)}"
    if await is_running(engine, case):
        await engine.handle(case).terminate()
    async with Worker(engine.client, task_queue=queue, workflows=[Liar], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await engine.client.start_workflow(kind.value, id=case, task_queue=queue)
        yield
        await handle.terminate()


async def is_running(engine: Engine, case: str) -> bool:
    try:
        return (await engine.handle(case).describe()).status is WorkflowExecutionStatus.RUNNING
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
