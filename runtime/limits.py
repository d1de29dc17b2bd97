"""How often one caller may ask: so many times a second, and so many at once after a pause (a token bucket)."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Self


class Limits:
    """A bucket for each caller; of `most` callers, those that were not seen for the longest time are forgotten."""

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic, most: int = 10_000
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._most = most
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    @classmethod
    def of_one(cls, processes: int, per_second: float, burst: int) -> Self:
        """What one of several processes allows a caller, who may ask any of them: together they allow no more."""
        return cls(per_second / processes, max(1, burst // processes))

    def take(self, caller: Hashable, count: int = 1) -> float:
        """Count that a caller asks, or asks for so many; what there is no room for is not counted.

        Returns 0, or the seconds after which there is room: asking for more than the whole bucket takes the whole one.
        """
        now = self._clock()
        left, wanted = self._left_to(caller, now), min(count, self._burst)
        taken = left >= wanted
        self._left[caller] = (left - wanted if taken else left, now)
        self._left.move_to_end(caller)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return 0.0 if taken else (wanted - left) / self._per_second

    def wait(self, caller: Hashable, count: int = 1) -> float:
        """The seconds after which there is room for so many; nothing is counted."""
        return max(0.0, (min(count, self._burst) - self._left_to(caller, self._clock())) / self._per_second)

    def _left_to(self, caller: Hashable, now: float) -> float:
        left, since = self._left.get(caller, (float(self._burst), now))
        return min(float(self._burst), left + (now - since) * self._per_second)
