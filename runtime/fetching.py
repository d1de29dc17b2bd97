"""What another server publishes about itself: read to its end with a cap, kept, and asked for seldom.

Whoever comes with a wrong token makes us look for its key, so that what strangers cost the other server has a bound of
its own: one question at a time, and at most one a minute.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

import aiohttp

from activities.bodies import body_of
from cases.errors import CaseError, Code

ASK_AGAIN_SECONDS: Final = 60.0
"""The other server is not asked more often, whatever it answered."""
REFRESH_SECONDS: Final = 600.0
"""It is asked again after so long although nobody misses anything: what it took back is not believed for longer."""
LONGEST_AWAY_SECONDS: Final = 24 * 3600.0
"""What it said is believed for so long while it is away."""

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)

Read = TypeVar("Read")

log = logging.getLogger(__name__)


class Published(Generic[Read]):
    """Something at a URL that `read` makes sense of: it raises `CaseError` or ValueError for what makes none."""

    def __init__(
        self, url: str, read: Callable[[bytes], Read], largest: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._read = read
        self._largest = largest
        self._clock = clock
        self._kept: Read | None = None
        self._kept_at = self._asked_at = -float("inf")
        self._asking: asyncio.Task[None] | None = None

    @property
    def known(self) -> Read | None:
        """What it said last; None where that is too long ago, or it has said nothing yet."""
        return self._kept if self._clock() - self._kept_at <= LONGEST_AWAY_SECONDS else None

    @property
    def is_away(self) -> bool:
        """Whether it did not answer when it was asked last."""
        return self._kept_at < self._asked_at

    async def news(self) -> Read | None:
        """What it says now, or said last: it is asked, unless it was within a minute.

        Everybody waits for the same answer. What goes wrong is logged by its code.
        """
        if self._asking is None and self._clock() - self._asked_at >= ASK_AGAIN_SECONDS:
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            # Whoever is cancelled meanwhile takes the answer from nobody else.
            await asyncio.shield(self._asking)
        return self.known

    @asynccontextmanager
    async def refreshed(self) -> AsyncIterator[None]:
        """Ask now and then for the length of a block, so that nobody waits for what is merely old."""
        refreshing = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            for task in (refreshing, self._asking):
                if task is not None:
                    task.cancel()
                    await asyncio.wait({task})

    async def _refresh(self) -> None:
        while True:
            await self.news()
            await asyncio.sleep(ASK_AGAIN_SECONDS if self.is_away else REFRESH_SECONDS)

    async def _ask(self) -> None:
        self._asked_at = self._clock()
        try:
            self._kept = self._read(await self._fetch())
            self._kept_at = self._clock()
        except (CaseError, ValueError, aiohttp.ClientError, TimeoutError) as failed:
            # Its text may quote what was sent.
            log.warning("what is published elsewhere cannot be had", extra={"error": type(failed).__name__})
        finally:
            self._asking = None

    async def _fetch(self) -> bytes:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(self._url, allow_redirects=False) as answer,
        ):
            answer.raise_for_status()
            body = await body_of(answer, self._largest)
        if answer.status != _FINE or body is None:
            raise CaseError(Code.GATE_UNAVAILABLE)
        return body


_FINE: Final = 200
