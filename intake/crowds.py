"""Updates of one case by many callers at once.

A Temporal server takes few updates of one workflow at a time: ten, unless it is configured otherwise
(`history.maxInFlightUpdates`; the stacks of this project take a hundred). One that it refuses for that reason makes
it forget those it has begun: it drops them, together with the task they were to be decided in. Both answers mean "ask
again", and the ID of an update makes asking again safe. Temporal's client asks again for some of them, for ten seconds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from temporalio.service import RPCError, RPCStatusCode

_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.4

_FORGOTTEN: Final = "update was aborted"
_FULL: Final = "in-flight updates"
"""Words of the server: these two answers share their status with a server that is away or overloaded."""

Told = TypeVar("Told")


async def until_not_dropped(call: Callable[[], Awaitable[Told]]) -> Told:
    """The answer to an update with an ID, asked for again for as long as the server drops it.

    Has no limit of its own: the caller's `asyncio.timeout` is the limit. Any other error is raised as it is.
    """
    while True:
        try:
            return await call()
        except RPCError as error:
            if not _was_dropped(error):
                raise
            # At random: those who were refused together are not to come again together.
            await asyncio.sleep(random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE))  # noqa: S311 - a pause, not a secret


def _was_dropped(error: RPCError) -> bool:
    match error.status:
        case RPCStatusCode.ABORTED:
            return True
        case RPCStatusCode.UNAVAILABLE:
            return _FORGOTTEN in error.message
        case RPCStatusCode.RESOURCE_EXHAUSTED:
            return _FULL in error.message
        case _:
            return False
