"""`floor`: what Temporal itself asks for such a case: the two messages and four local activities that do nothing."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.contestants.on_temporal import Opening, Step, TwoMessages, connected, run_until_told, two_messages

QUEUE: Final = "floor"


@activity.defn
async def make_nothing(step: Step) -> None:
    """Do nothing."""


@workflow.defn
class FloorCase:
    """A case that does nothing."""

    @workflow.init
    def __init__(self, _opening: Opening) -> None:
        self._registered = False
        self._verified = False

    @workflow.run
    async def run(self, opening: Opening) -> str:
        """From the application to the end."""
        await self._make("opened", opening)
        self._registered = True
        await workflow.wait_condition(lambda: self._verified)
        for step in ("verified", "updated", "done"):
            await self._make(step, opening)
        return "done"

    async def _make(self, step: str, opening: Opening) -> None:
        await workflow.execute_local_activity(
            make_nothing,
            Step(step, opening.case, opening.person),
            start_to_close_timeout=timedelta(seconds=5),
        )

    @workflow.update
    async def receipt(self) -> None:
        """Answers after the first activity."""
        await workflow.wait_condition(lambda: self._registered)

    @workflow.update
    def verify(self, verifier: str) -> None:
        """The documents are verified."""
        self._verified = bool(verifier)


@asynccontextmanager
async def _worker() -> AsyncIterator[Worker]:
    async with Worker(
        await connected(),
        task_queue=QUEUE,
        workflows=[FloorCase],
        activities=[make_nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ) as worker:
        yield worker


def worker() -> None:
    """Run the worker."""
    run_until_told(_worker())


def client() -> AbstractAsyncContextManager[TwoMessages]:
    """The client."""
    return two_messages(FloorCase, QUEUE)
