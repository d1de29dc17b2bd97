"""The event loop of the processes that serve: libuv's, which takes an eighth off what a worker does for a case."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

Answer = TypeVar("Answer")


def run(serving: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a process to its end, and return what it answers."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serving)


def begin_to_serve() -> None:
    """Say that all is there that stays: looking through it for garbage again and again takes a fiftieth of the time."""
    gc.collect()
    gc.freeze()
