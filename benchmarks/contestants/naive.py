"""`naive`: the same case as a first Temporal application: four regular activities, every default of the SDK.

A step tells the applicant when it has committed, within the same activity. The case is started by one call and asked
for its receipt by another.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from benchmarks.contestants.on_temporal import VERIFIER, Opening, Step, connected, run_until_told, surroundings
    from benchmarks.contestants.register import Register
    from benchmarks.contestants.telling import Gateway

QUEUE: Final = "naive"


class Activities:
    """What the case does."""

    def __init__(self, register: Register, gateway: Gateway) -> None:
        self._register = register
        self._gateway = gateway

    @activity.defn
    async def open_case(self, step: Step) -> None:
        """Register the case."""
        await self._make(step)

    @activity.defn
    async def verify_case(self, step: Step) -> None:
        """Note who verified it, and tell the applicant."""
        await self._make(step)
        await self._gateway.tell(step.case, step.name)

    @activity.defn
    async def change_number(self, step: Step) -> None:
        """Change the number."""
        await self._make(step)

    @activity.defn
    async def release_benefits(self, step: Step) -> None:
        """Release the benefits, and tell the applicant."""
        await self._make(step)
        await self._gateway.tell(step.case, step.name)

    async def _make(self, step: Step) -> None:
        await self._register.make(step.name, step.case, step.person, step.actor)


@workflow.defn
class NaiveCase:
    """A case."""

    def __init__(self) -> None:
        self._registered = False
        self._verifier: str | None = None

    @workflow.run
    async def run(self, opening: Opening) -> str:
        """From the application to the end."""
        await self._do(Activities.open_case, Step("opened", opening.case, opening.person, opening.clerk))
        self._registered = True
        await workflow.wait_condition(lambda: self._verifier is not None)
        await self._do(Activities.verify_case, Step("verified", opening.case, opening.person, self._verifier or ""))
        await self._do(Activities.change_number, Step("updated", opening.case, opening.person))
        await self._do(Activities.release_benefits, Step("done", opening.case, opening.person))
        return "done"

    async def _do(self, what: Any, step: Step) -> None:
        await workflow.execute_activity_method(what, step, start_to_close_timeout=timedelta(seconds=10))

    @workflow.update
    async def receipt(self) -> None:
        """Answers once the case is registered."""
        await workflow.wait_condition(lambda: self._registered)

    @workflow.update
    def verify(self, verifier: str) -> None:
        """The documents are verified."""
        self._verifier = verifier


class NaiveClient:
    """Starts, asks for the receipt, tells, waits."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def open(self, person: int) -> str:
        """See `Client`."""
        case = f"{QUEUE}-{person}"
        handle = await self._client.start_workflow(NaiveCase.run, Opening(case, person), id=case, task_queue=QUEUE)
        await handle.execute_update(NaiveCase.receipt)
        return case

    async def finish(self, case: str) -> None:
        """See `Client`."""
        handle = self._client.get_workflow_handle_for(NaiveCase.run, case)
        await handle.execute_update(NaiveCase.verify, VERIFIER)
        await handle.result()


@asynccontextmanager
async def _worker() -> AsyncIterator[Worker]:
    async with surroundings() as (register, gateway):
        activities = Activities(register, gateway)
        async with Worker(
            await connected(),
            task_queue=QUEUE,
            workflows=[NaiveCase],
            activities=[
                activities.open_case,
                activities.verify_case,
                activities.change_number,
                activities.release_benefits,
            ],
        ) as worker:
            yield worker


def worker() -> None:
    """Run the worker."""
    run_until_told(_worker())


@asynccontextmanager
async def _client() -> AsyncIterator[NaiveClient]:
    yield NaiveClient(await connected())


def client() -> AbstractAsyncContextManager[NaiveClient]:
    """The client."""
    return _client()
