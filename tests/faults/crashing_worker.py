"""`worker.py` with one armed crash point: there the process kills itself with SIGKILL, once.

    CRASHING_QUEUE=… CRASHING_ARMED=FILE python -m tests.faults.crashing_worker

FILE holds `STEP POINT`, such as `commit.4 after_commit`, and is removed by the process that dies of it: started again,
the same command lives. Everything is the worker of production but the crash, and the transactions, which are begun and
committed by statements of their own so that there is a moment before the commit.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest.mock import patch

from temporalio import activity

import worker
from activities.registry import Registry, registry
from activities.registry.pool import Connection, Pool, connection_of
from cases.steps import RegisterRequest, StepRequest, StepResult
from runtime.ending import end
from runtime.worker import cases_worker

QUEUE: Final = "CRASHING_QUEUE"
ARMED: Final = "CRASHING_ARMED"

Request = TypeVar("Request")


class Point(StrEnum):
    """Where in a step the process dies."""

    before_transaction = "before_transaction"
    before_commit = "before_commit"
    after_commit = "after_commit"
    after_return = "after_return"
    """Its answer was handed on: to Temporal, or to the step that follows from it at once."""


_writing: ContextVar[str | None] = ContextVar("writing", default=None)
"""The step whose transaction it is."""
_made: ContextVar[str | None] = ContextVar("made", default=None)
"""The newest step that the activity has made."""


def die_at(step: str | None, point: Point) -> None:
    """Die here, if this is the armed point of the armed step."""
    armed = Path(os.environ[ARMED])
    if armed.exists() and armed.read_text(encoding="ascii").split() == [step, point.value]:
        armed.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class CrashingRegistry(Registry):
    """The register's activities, in whose armed step the process dies."""

    @activity.defn
    async def register(self, request: RegisterRequest) -> StepResult:
        """Register, or die."""
        return await self._returned(super().register, request)

    @activity.defn
    async def advance(self, request: StepRequest) -> StepResult:
        """Advance, or die."""
        return await self._returned(super().advance, request)

    async def _returned(self, method: Callable[[Request], Awaitable[StepResult]], request: Request) -> StepResult:
        _made.set(None)
        result = await method(request)
        # By then the SDK has handed the answer to its core, and the workflow has not gone on yet.
        asyncio.get_running_loop().call_soon(die_at, _made.get(), Point.after_return)
        return result

    async def _call(self, function: str, asked: dict[str, Any]) -> dict[str, Any]:
        die_at(_made.get(), Point.after_return)
        step = asked["transition"]["step"]
        die_at(step, Point.before_transaction)
        writing = _writing.set(step)
        try:
            answer = await super()._call(function, asked)
        finally:
            _writing.reset(writing)
        die_at(step, Point.after_commit)
        _made.set(step)
        return answer


@asynccontextmanager
async def transaction_of(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for the length of a `with` block, which is one transaction."""
    async with connection_of(pool) as connection, connection.transaction():
        yield connection
        die_at(_writing.get(), Point.before_commit)


def main() -> int:
    """Run the worker, on a task queue of its own."""
    on_own_queue = partial(cases_worker, task_queue=os.environ[QUEUE])
    with (
        patch.object(worker, "Registry", CrashingRegistry),
        patch.object(worker, "cases_worker", on_own_queue),
        patch.object(registry, "connection_of", transaction_of),
    ):
        return worker.main()


if __name__ == "__main__":
    end(main())
