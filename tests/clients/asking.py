"""Both clients, asked in the same way: the one that waits is asked in a thread, as programs have it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from cardcase_client import AsyncClient, Client, Feed

SYNC: Final = "waits"
_END: Final = object()


class InThread:
    """A client, or a feed, that waits for answers, as one whose answers are awaited."""

    def __init__(self, waits: Client | Feed) -> None:
        self._waits = waits

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._waits, name)
        if name == "place":
            return found
        if name in {"cases", "job_rows"}:
            return lambda *told, **more: _each(found(*told, **more))
        if name == "feed":
            return lambda *told, **more: InThread(found(*told, **more))

        async def asked(*told: Any, **more: Any) -> Any:
            return await asyncio.to_thread(found, *told, **more)

        return asked

    def __aiter__(self) -> AsyncIterator[Any]:
        assert isinstance(self._waits, Feed)
        return _each(iter(self._waits))


async def _each(found: Any) -> AsyncIterator[Any]:
    while (each := await asyncio.to_thread(next, found, _END)) is not _END:
        yield each


class Run:
    """One of the two clients, with whatever it is made with."""

    def __init__(self, which: str) -> None:
        self._which = which

    @asynccontextmanager
    async def client(self, *told: Any, **more: Any) -> AsyncIterator[Any]:
        if self._which == SYNC:
            with Client(*told, **more) as client:
                yield InThread(client)
        else:
            async with AsyncClient(*told, **more) as client:
                yield client
