"""How all contestants but cardcase tell people: one POST under a stable key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Gateway:
    """A gateway for text messages."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def tell(self, case: str, what: str) -> None:
        """Tell the applicant of a case what happened."""
        content = {"to": "+10000000000", "text": what, "key": f"{case}:{what}"}
        headers = {"Idempotency-Key": content["key"]}
        async with self._session.post(self._url, json=content, headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()


@asynccontextmanager
async def gateway_at(url: str) -> AsyncIterator[Gateway]:
    """The gateway for the length of a block."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        yield Gateway(session, url)
