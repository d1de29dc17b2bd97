"""Much work side by side: so many at a time as the other side bears, and no more a second than was allowed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from cases.campaigns import LEAST_IN_FLIGHT, MOST_IN_FLIGHT, Pace

BEAT: Final = 5.0
"""Seconds after which it is said that work goes on, whether or not any was done."""

Work = Callable[[], Awaitable[bool]]
"""Answers whether the other side did."""


SLOWER: Final = 2.0
"""An answer that takes so many times what the fastest took waited for others: no more is begun than is under way."""


class Flow:
    """How much is under way. What is not answered halves it; what is answered at once lets it grow, one at a time.

    Work that only waits in line is worth nothing to us, and others wait behind it: so what is answered slowly lets
    it shrink again, one at a time.
    """

    def __init__(self, pace: Pace) -> None:
        self.in_flight = pace.in_flight
        self._interval = 1 / pace.per_second
        self._answered = 0
        self._fastest = float("inf")

    async def through(self, work: Iterable[Work], beat: Callable[[], None]) -> None:
        """Do all of it. What fails otherwise than by no answer ends the others and is raised."""
        loop, left = asyncio.get_running_loop(), iter(work)
        under_way: set[asyncio.Future[tuple[bool, float]]] = set()
        following, turn = next(left, None), loop.time()
        try:
            # The last one takes its time as well: whatever comes next begins no sooner.
            while following is not None or under_way or turn > loop.time():
                while following is not None and len(under_way) < self.in_flight and turn <= loop.time():
                    under_way.add(asyncio.ensure_future(_timed(following)))
                    # What could not be begun in time is not made up for: the rate is a limit and no average.
                    turn, following = max(turn + self._interval, loop.time()), next(left, None)
                is_full = following is not None and len(under_way) >= self.in_flight
                pause = BEAT if is_full or turn <= loop.time() else min(BEAT, turn - loop.time())
                if under_way:
                    done, under_way = await asyncio.wait(under_way, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                    for each in done:
                        answered, seconds = each.result()
                        self._learn(seconds, answered=answered)
                else:
                    await asyncio.sleep(pause)
                beat()
        finally:
            for each in under_way:
                each.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _learn(self, seconds: float, *, answered: bool) -> None:
        if not answered:
            self.in_flight, self._answered = max(LEAST_IN_FLIGHT, self.in_flight // 2), 0
            return
        self._fastest = min(self._fastest, seconds)
        self._answered += 1 if seconds <= SLOWER * self._fastest else -1
        if self._answered >= self.in_flight and self.in_flight < MOST_IN_FLIGHT:
            self.in_flight, self._answered = self.in_flight + 1, 0
        elif self._answered <= -self.in_flight and self.in_flight > LEAST_IN_FLIGHT:
            self.in_flight, self._answered = self.in_flight - 1, 0
        self._answered = max(-self.in_flight, min(self.in_flight, self._answered))


async def _timed(work: Work) -> tuple[bool, float]:
    begun = asyncio.get_running_loop().time()
    return await work(), asyncio.get_running_loop().time() - begun
