"""What differs between the dev server and a cluster of services, measured the same way on either.

    python -m tests.cluster.measures

prints a line of figures for each of both.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DeleteWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from runtime.ending import end
from stack import LocalStack
from stack.cluster import Bed, built
from stack.servers import Servers
from tests.namespaces import until
from tests.worker_process import ROOT
from workflows.search_attributes import SEARCH_ATTRIBUTES, VERSION

QUEUE: Final = "measures"
SAMPLES: Final = 30
QUESTIONS: Final = 100
"""Of visibility, as fast as they go."""
AT_ONCE: Final = 150
"""Updates of one workflow."""
POLL_SECONDS: Final = 0.005


@workflow.defn
class Measured:
    """Stays open until it is told to end, shows a number, and waits with each update until it is told to go on."""

    def __init__(self) -> None:
        self._over = False
        self._goes_on = False

    @workflow.run
    async def run(self) -> None:
        """Wait for the end."""
        await workflow.wait_condition(lambda: self._over and workflow.all_handlers_finished())

    @workflow.update
    async def show(self, number: int) -> int:
        """Show a number in visibility."""
        workflow.upsert_search_attributes([VERSION.value_set(number)])
        return number

    @workflow.update
    async def wait(self) -> None:
        """Stay in flight."""
        await workflow.wait_condition(lambda: self._goes_on)

    @workflow.signal
    def end(self) -> None:
        """Let everybody go."""
        self._goes_on = self._over = True


@dataclass(frozen=True)
class Figures:
    """What was measured on one server; times are in milliseconds."""

    starts_ms: float
    """Start to acknowledgement."""
    updates_ms: float
    """Update to answer."""
    visible_ms: float
    """An acknowledged change to the first query that finds it."""
    visible_at_most_ms: float
    questions_refused: int
    """Of a hundred questions of visibility within a moment, by the limit of a namespace."""
    updates_taken: int
    """Of 150 in flight of one workflow at once; those that find no place make the server forget others."""
    eager_starts: int
    """Of 30 starts that asked for it, how many came with their first task."""
    deleted_ms: float
    """A closed run is deleted until nothing of it is found."""


async def measured(servers: Servers) -> Figures:
    """All figures of one server."""
    client = await Client.connect(servers.temporal_address, namespace=servers.namespace)
    async with Worker(client, task_queue=QUEUE, workflows=[Measured], workflow_runner=UnsandboxedWorkflowRunner()):
        started = [await _timed(lambda: _start(client)) for _ in range(SAMPLES)]
        handle = started[0][1]
        shown = [await _shown(client, handle.id, number) for number in range(1, SAMPLES + 1)]
        visible = sorted(each[1] for each in shown)
        eager = [await _start(client, eager=True) for _ in range(SAMPLES)]
        return Figures(
            starts_ms=_median([each[0] for each in started]),
            updates_ms=_median([each[0] for each in shown]),
            visible_ms=_median(visible),
            visible_at_most_ms=round(visible[-1], 1),
            questions_refused=await questions_refused(client),
            updates_taken=await _updates_taken(client),
            eager_starts=sum(getattr(each, "__temporal_eagerly_started", False) for each in eager),
            deleted_ms=round(await _deleted(client), 1),
        )


async def _start(client: Client, *, eager: bool = False) -> Any:
    return await client.start_workflow(
        Measured.run,
        id=f"measured-{uuid4()}",
        task_queue=QUEUE,
        request_eager_start=eager,
        search_attributes=TypedSearchAttributes([SearchAttributePair(VERSION, 0)]),
    )


async def _timed(deed: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    begun = time.perf_counter()
    came = await deed()
    return 1000 * (time.perf_counter() - begun), came


async def _shown(client: Client, workflow_id: str, number: int) -> tuple[float, float]:
    """How long an update takes that shows a number, and from its answer until a query finds it."""
    took, _ = await _timed(lambda: client.get_workflow_handle(workflow_id).execute_update(Measured.show, number))
    begun = time.perf_counter()
    query = f"WorkflowId = '{workflow_id}' AND CaseVersion = {number}"
    while (await client.count_workflows(query)).count == 0:  # noqa: ASYNC110 - visibility tells nobody
        await asyncio.sleep(POLL_SECONDS)
    return took, 1000 * (time.perf_counter() - begun)


async def questions_refused(client: Client) -> int:
    """How many of a hundred questions of visibility, asked at once, are refused by the limit of a namespace."""
    # Until the bucket of the questions before is full again.
    await asyncio.sleep(3)
    request = CountWorkflowExecutionsRequest(namespace=client.namespace, query="ExecutionStatus = 'Running'")
    answers = await asyncio.gather(
        *(client.workflow_service.count_workflow_executions(request) for _ in range(QUESTIONS)),
        return_exceptions=True,
    )
    return _refused(answers)


async def _updates_taken(client: Client) -> int:
    handle = await _start(client)
    request = UpdateWorkflowExecutionRequest(
        namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=handle.id)
    )
    request.wait_policy.lifecycle_stage = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
    request.request.input.name = "wait"
    requests = []
    for number in range(AT_ONCE):
        one = UpdateWorkflowExecutionRequest()
        one.CopyFrom(request)
        one.request.meta.update_id = f"wait-{number}"
        requests.append(one)
    answers = await asyncio.gather(
        *(client.workflow_service.update_workflow_execution(one) for one in requests), return_exceptions=True
    )
    await handle.signal(Measured.end)
    return sum(not isinstance(answer, RPCError) for answer in answers)


def _refused(answers: list[Any]) -> int:
    limited = [answer for answer in answers if isinstance(answer, RPCError)]
    assert {answer.status for answer in limited} <= {RPCStatusCode.RESOURCE_EXHAUSTED}
    return len(limited)


async def _deleted(client: Client) -> float:
    handle = await _start(client)
    await handle.signal(Measured.end)
    await handle.result()
    closed = f"WorkflowId = '{handle.id}' AND ExecutionStatus = 'Completed'"

    async def visible() -> bool:
        return (await client.count_workflows(closed)).count == 1

    await until(visible)
    begun = time.perf_counter()
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=handle.id)
        )
    )

    async def gone() -> bool:
        if (await client.count_workflows(f"WorkflowId = '{handle.id}'")).count:
            return False
        try:
            await handle.describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    await until(gone, seconds=60)
    return 1000 * (time.perf_counter() - begun)


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


async def main() -> None:
    """Measure both, one after the other."""
    programs = await built(ROOT / ".cardcase" / "cluster")
    with tempfile.TemporaryDirectory() as folder:
        async with LocalStack(Path(folder, "local"), search_attributes=SEARCH_ATTRIBUTES) as local:
            print(json.dumps({"where": "dev server", **asdict(await measured(local))}))  # noqa: T201 - its purpose
        async with Bed(Path(folder, "bed"), programs, search_attributes=SEARCH_ATTRIBUTES) as bed:
            print(json.dumps({"where": "cluster", **asdict(await measured(bed))}))  # noqa: T201 - its purpose


if __name__ == "__main__":
    asyncio.run(main())
    end(0)
