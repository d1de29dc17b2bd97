"""Where cases stand, as the feed tells it: whoever waits for a case to move asks nobody meanwhile."""

import asyncio
from collections import defaultdict
from typing import Final

from cardcase_client import AsyncFeed
from cardcase_client.models import Awaits, Moved
from cases.machines.machine import Status


class News:
    """The newest move of each case."""

    def __init__(self) -> None:
        self._newest: Final[dict[str, Moved]] = {}
        self._came: Final[defaultdict[str, asyncio.Event]] = defaultdict(asyncio.Event)

    async def follow(self, feed: AsyncFeed) -> None:
        """Take in what a feed tells, for ever. Raises `ClientError`."""
        async for entry in feed:
            self.take(entry.data)

    def take(self, moved: Moved) -> None:
        """Take in one move."""
        self._newest[moved.case_id] = moved
        self._came[moved.case_id].set()

    async def moved(self, case_id: str, seen: int, to: Status | None = None) -> None:
        """Wait until a case has moved beyond a version: to a status, or to its ending; or, without one, anyhow."""
        while not self._has(case_id, seen, to):
            came = self._came[case_id]
            came.clear()
            await came.wait()

    async def ended(self, case_id: str) -> None:
        """Wait until nobody has to do anything more in a case."""
        while not self._is_over(case_id):
            came = self._came[case_id]
            came.clear()
            await came.wait()

    def _has(self, case_id: str, seen: int, to: Status | None) -> bool:
        newest = self._newest.get(case_id)
        if newest is None or newest.version <= seen:
            return False
        return to is None or newest.status == to or self._is_over(case_id)

    def _is_over(self, case_id: str) -> bool:
        newest = self._newest.get(case_id)
        return newest is not None and newest.awaits == Awaits.nobody
