"""Long polls: whoever waits for a case to move is answered when the register holds another version of it.

All who wait are asked for together, with one statement: a hundred waiting callers cost what one costs. The register
has no channel to be told by that would not hold up its own commits (PostgreSQL takes a lock on the whole database for
each notification), so it is asked four times a second, and only while somebody waits.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Final

from activities.publishing.feed import Place, ends_of
from activities.registry.pool import Pool
from activities.registry.reading import versions_of
from cases.errors import CaseError
from intake.jobs.store import ended_of

EVERY_SECONDS: Final = 0.25

Version = tuple[int, int]
"""Generation and version of a case."""


class Watch:
    """Knows who waits for which case."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: defaultdict[str, set[asyncio.Future[bool]]] = defaultdict(set)
        self._seen: dict[asyncio.Future[bool], Version] = {}
        self._anybody = asyncio.Event()
        self._for_feed: dict[asyncio.Future[bool], Place] = {}
        self._for_jobs: defaultdict[str, set[asyncio.Future[bool]]] = defaultdict(set)
        self._stopped = False

    async def published(self, seen: Place, seconds: float) -> bool:
        """Wait until the feed goes on beyond a place; False where it does not within so many seconds."""
        waiting = _waiting()
        self._for_feed[waiting] = seen
        try:
            return await self._told(waiting, seconds)
        finally:
            del self._for_feed[waiting]

    async def moved(self, case_id: str, seen: Version, seconds: float) -> bool:
        """Wait until a case has moved beyond what somebody has seen; False where it has not within so many seconds."""
        waiting = _waiting()
        self._waiting[case_id].add(waiting)
        self._seen[waiting] = seen
        try:
            return await self._told(waiting, seconds)
        finally:
            self._seen.pop(waiting, None)
            self._waiting[case_id].discard(waiting)
            if not self._waiting[case_id]:
                del self._waiting[case_id]

    async def ended(self, job: str, seconds: float) -> bool:
        """Wait until a job is over; False where it is not within so many seconds."""
        waiting = _waiting()
        self._for_jobs[job].add(waiting)
        try:
            return await self._told(waiting, seconds)
        finally:
            self._for_jobs[job].discard(waiting)
            if not self._for_jobs[job]:
                del self._for_jobs[job]

    def stop(self) -> None:
        """Have nobody wait any more: whoever does is answered now that nothing has happened, and asks elsewhere.

        Without it a service that is told to end would wait for the longest of them.
        """
        self._stopped = True
        for waiting in {*self._seen, *self._for_feed, *(each for ones in self._for_jobs.values() for each in ones)}:
            _tell(waiting, happened=False)

    async def _told(self, waiting: "asyncio.Future[bool]", seconds: float) -> bool:
        if self._stopped:
            return False
        self._anybody.set()
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            return False

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Look for the length of a block."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            if not self._waiting and not self._for_feed and not self._for_jobs:
                self._anybody.clear()
                await self._anybody.wait()
            # A register that is away for a moment is asked again; who waits is answered by the end of their time.
            with contextlib.suppress(CaseError):
                if self._waiting:
                    self._wake(await versions_of(self._pool, tuple(self._waiting)))
                if self._for_feed:
                    self._went_on((await ends_of(self._pool))[0])
                if self._for_jobs:
                    self._over(await ended_of(self._pool, tuple(self._for_jobs)))
            await asyncio.sleep(EVERY_SECONDS)

    def _went_on(self, end: Place) -> None:
        for waiting, seen in self._for_feed.items():
            if seen != end:
                _tell(waiting)

    def _over(self, jobs: frozenset[str]) -> None:
        for waiting in [each for job in jobs for each in self._for_jobs.get(job, ())]:
            _tell(waiting)

    def _wake(self, versions: Mapping[str, Version]) -> None:
        for case_id, version in versions.items():
            for waiting in self._waiting.get(case_id, ()):
                if self._seen[waiting] != version:
                    _tell(waiting)


def _waiting() -> "asyncio.Future[bool]":
    return asyncio.get_running_loop().create_future()


def _tell(waiting: "asyncio.Future[bool]", *, happened: bool = True) -> None:
    if not waiting.done():
        waiting.set_result(happened)
