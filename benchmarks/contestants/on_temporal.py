"""What the applications on Temporal share: how they connect, how their workers end, and what their clients say."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from benchmarks.contestants.register import Register, register_at
from benchmarks.contestants.telling import Gateway, gateway_at

CLERK: Final = "clerk-1"
VERIFIER: Final = "clerk-2"


@dataclass
class Opening:
    """What a case is opened with."""

    case: str
    person: int
    clerk: str = CLERK


@dataclass
class Step:
    """A step that is to be made."""

    name: str
    case: str
    person: int
    actor: str = "engine"


@dataclass
class Message:
    """What the applicant is told."""

    case: str
    what: str


@asynccontextmanager
async def surroundings() -> AsyncIterator[tuple[Register, Gateway]]:
    """What the activities of an application work with."""
    async with AsyncExitStack() as opened:
        register = await opened.enter_async_context(register_at(os.environ["BENCHMARK_DATABASE_URL"]))
        gateway = await opened.enter_async_context(gateway_at(os.environ["BENCHMARK_RECEIVER_URL"]))
        yield register, gateway


async def connected() -> Client:
    """A client of the server of the comparison."""
    return await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])


def run_until_told(worker: AbstractAsyncContextManager[Worker]) -> None:
    """Run a worker until SIGTERM."""

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with worker:
            await stop.wait()

    asyncio.run(run())


class TwoMessages:
    """A client that opens with one message (update with start), tells of the verification by another, and waits."""

    def __init__(self, client: Client, workflow: type, queue: str) -> None:
        self._client = client
        self._workflow = workflow.__name__
        self._queue = queue

    async def open(self, person: int) -> str:
        """See `Client`."""
        case = f"{self._queue}-{person}"
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            self._workflow,
            Opening(case, person),
            id=case,
            task_queue=self._queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        await self._client.execute_update_with_start_workflow("receipt", start_workflow_operation=start, id="receipt")
        return case

    async def finish(self, case: str) -> None:
        """See `Client`."""
        handle = self._client.get_workflow_handle(case)
        await handle.execute_update("verify", VERIFIER, id="verify")
        await handle.result()


@asynccontextmanager
async def two_messages(workflow: type, queue: str) -> AsyncIterator[TwoMessages]:
    """Such a client for the length of a block."""
    yield TwoMessages(await connected(), workflow, queue)
