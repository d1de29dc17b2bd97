"""Whose call is next: of all that wait, whoever has the longest way to go."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

FIRST: Final = 1 << 20
"""Before everybody who is on the way."""


class Turns:
    """So many calls at the same time, no more.

    Whoever came first would be next by a semaphore, and then those with the longest way would be left over at the end,
    one waiting for the other while the machine has nothing to do.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._came = itertools.count()

    @asynccontextmanager
    async def of(self, way: int) -> AsyncIterator[None]:
        """Have a turn for the length of a block, with so many steps to go; in order among those who have as many."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(way)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, way: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-way, next(self._came), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
