"""`worker.py` with one armed crash point: there the process kills itself with SIGKILL, once.

    CRASHING_QUEUE=… CRASHING_ARMED=FILE python -m tests.faults.crashing_worker

FILE holds `STEP POINT`, such as `commit.4 after_commit`, and is removed by the process that dies of it: started again,
the same command lives. Everything but the crash is the worker of production.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest.mock import patch

from temporalio import activity

import worker
from activities.registry import Registry
from activities.registry.pool import Connection
from cases.steps import Registered, RegisterRequest, StepRequest, StepResult
from runtime.worker import cases_worker

QUEUE: Final = "CRASHING_QUEUE"
ARMED: Final = "CRASHING_ARMED"
REGISTRATION: Final = "registered.0"

Done = TypeVar("Done")


class Point(StrEnum):
    """Where in a step the process dies."""

    before_transaction = "before_transaction"
    before_commit = "before_commit"
    after_commit = "after_commit"
    after_return = "after_return"


class CrashingRegistry(Registry):
    """The register's activities, in whose armed step the process dies."""

    _step: ContextVar[str] = ContextVar("step")

    @activity.defn
    async def register(self, request: RegisterRequest) -> Registered:
        """Register, or die."""
        return await self._around(REGISTRATION, super().register, request)

    @activity.defn
    async def advance(self, request: StepRequest) -> StepResult:
        """Advance, or die."""
        return await self._around(request.step, super().advance, request)

    async def _around(self, step: str, method: Callable[[Any], Awaitable[Done]], request: Any) -> Done:
        self._step.set(step)
        self._die_at(Point.before_transaction)
        done = await method(request)
        # By then the SDK has handed the answer to its core, and the workflow has not gone on yet.
        asyncio.get_running_loop().call_soon(self._die_at, Point.after_return)
        return done

    async def _in_transaction(self, work: Callable[[Connection], Awaitable[Done]]) -> Done:
        async def until_commit(connection: Connection) -> Done:
            done = await work(connection)
            self._die_at(Point.before_commit)
            return done

        done = await super()._in_transaction(until_commit)
        self._die_at(Point.after_commit)
        return done

    def _die_at(self, point: Point) -> None:
        armed = Path(os.environ[ARMED])
        if armed.exists() and armed.read_text(encoding="ascii").split() == [self._step.get(), point.value]:
            armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Run the worker, on a task queue of its own."""
    on_own_queue = partial(cases_worker, task_queue=os.environ[QUEUE])
    with patch.object(worker, "Registry", CrashingRegistry), patch.object(worker, "cases_worker", on_own_queue):
        return worker.main()


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)
