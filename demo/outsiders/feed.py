"""How an outsider is told that lets nobody in: it reads the feed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from cardcase_client import AsyncClient, AsyncFeed
from cardcase_client.models import Entry

_AT_ONCE: Final = 1000


@asynccontextmanager
async def told_by_feed(client: AsyncClient, types: Sequence[str], take: Callable[[Entry], None]) -> AsyncIterator[None]:
    """Be told of such events for the length of a block, and of those that came before as well."""
    so_far = client.feed(types=types, at_once=_AT_ONCE, to_its_end=True)
    await _follow(so_far, take)
    async with asyncio.TaskGroup() as following:
        on = following.create_task(_follow(client.feed(so_far.place, types=types, at_once=_AT_ONCE), take))
        yield
        on.cancel()


async def _follow(feed: AsyncFeed, take: Callable[[Entry], None]) -> None:
    async for entry in feed:
        take(entry)
