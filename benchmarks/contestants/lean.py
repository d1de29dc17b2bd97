"""`lean`: as cheap as this case can well be on Temporal, by people who know it.

Opened by one message (update with start); every step and both notifications are local activities, all of one stretch
inside one workflow task; a step that does not come off at once becomes a regular activity, which retries for as long as
it takes; workflows run without the sandbox.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.contestants.on_temporal import (
    Message,
    Opening,
    Step,
    TwoMessages,
    connected,
    run_until_told,
    surroundings,
    two_messages,
)
from benchmarks.contestants.register import Register
from benchmarks.contestants.telling import Gateway

QUEUE: Final = "lean"
QUICKLY: Final = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=2)


class Activities:
    """What the case does."""

    def __init__(self, register: Register, gateway: Gateway) -> None:
        self._register = register
        self._gateway = gateway

    @activity.defn
    async def make(self, step: Step) -> None:
        """Make a step."""
        await self._register.make(step.name, step.case, step.person, step.actor)

    @activity.defn
    async def tell(self, message: Message) -> None:
        """Tell the applicant."""
        await self._gateway.tell(message.case, message.what)


async def surely(what: Callable[..., Any], asked: Step | Message) -> None:
    """Do something as a local activity, and as a regular one if that does not come off."""
    try:
        await workflow.execute_local_activity_method(
            what, asked, start_to_close_timeout=timedelta(seconds=5), retry_policy=QUICKLY
        )
    except ActivityError:
        await workflow.execute_activity_method(what, asked, start_to_close_timeout=timedelta(seconds=30))


@workflow.defn
class LeanCase:
    """A case."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._registered = False
        self._verifier: str | None = None

    @workflow.run
    async def run(self, opening: Opening) -> str:
        """From the application to the end."""
        await self._make("opened", opening.clerk)
        self._registered = True
        await workflow.wait_condition(lambda: self._verifier is not None)
        await self._make("verified", self._verifier or "")
        await surely(Activities.tell, Message(opening.case, "verified"))
        await self._make("updated")
        await self._make("done")
        await surely(Activities.tell, Message(opening.case, "done"))
        return "done"

    async def _make(self, step: str, actor: str = "engine") -> None:
        await surely(Activities.make, Step(step, self._opening.case, self._opening.person, actor))

    @workflow.update
    async def receipt(self) -> str:
        """Answers once the case is registered."""
        await workflow.wait_condition(lambda: self._registered)
        return self._opening.case

    @workflow.update
    def verify(self, verifier: str) -> None:
        """The documents are verified."""
        self._verifier = verifier

    @verify.validator
    def _check_verifier(self, verifier: str) -> None:
        if verifier == self._opening.clerk:
            raise ValueError("the verifier is another person")


@asynccontextmanager
async def _worker() -> AsyncIterator[Worker]:
    async with surroundings() as (register, gateway):
        activities = Activities(register, gateway)
        async with Worker(
            await connected(),
            task_queue=QUEUE,
            workflows=[LeanCase],
            activities=[activities.make, activities.tell],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ) as worker:
            yield worker


def worker() -> None:
    """Run the worker."""
    run_until_told(_worker())


def client() -> AbstractAsyncContextManager[TwoMessages]:
    """The client."""
    return two_messages(LeanCase, QUEUE)
