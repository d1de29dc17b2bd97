"""What a system was asked: an order of a card, or a number that has to be taken over."""

import asyncio
from typing import Final

from cardcase_client.models import Entry

_LONGEST_SECONDS: Final = 600.0


class NotAsked(Exception):
    """Nobody asked within the time."""


class Asked:
    """Keeps the identities of all requests. The same message may come twice, and from two sides."""

    def __init__(self) -> None:
        self._requests: set[str] = set()
        self._news = asyncio.Event()

    def take(self, entry: Entry) -> None:
        """Keep what an event asks."""
        if entry.data.request is not None:
            self._requests.add(entry.data.request)
            self._news.set()

    async def for_(self, request: str) -> None:
        """Wait until a request has come. Raises `NotAsked`."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                while request not in self._requests:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NotAsked(request) from None
