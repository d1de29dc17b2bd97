"""What a system was asked, case by case: an order of a card, or a number that has to be taken over."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from cardcase_client.models import Entry

_LONGEST_SECONDS: Final = 600.0


class NotAsked(Exception):
    """Nobody asked within the time."""


class Asked:
    """Keeps the identities of all requests, in the order in which they were made."""

    def __init__(self) -> None:
        self._requests: defaultdict[str, dict[int, str]] = defaultdict(dict)
        """Of each case, by their places in the feed: the same message may come twice, and from two sides."""
        self._news = asyncio.Event()

    def take(self, entry: Entry) -> None:
        """Keep what an event asks."""
        if entry.data.request is not None:
            self._requests[entry.data.case_id][int(entry.sequence)] = entry.data.request
            self._news.set()

    async def request(self, case_id: str, choose: Callable[[list[str]], str | None]) -> str:
        """The request of a case that is chosen, once it has come. Raises `NotAsked`."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                while (found := choose(self._of(case_id))) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NotAsked(case_id) from None
        return found

    def _of(self, case_id: str) -> list[str]:
        return list(dict.fromkeys(request for _, request in sorted(self._requests[case_id].items())))
