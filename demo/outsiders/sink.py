"""Where an outsider is told: a receiver of webhooks that believes signatures only."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from cardcase_client import AsyncClient
from cardcase_client.models import Entry, State
from cardcase_client.webhooks import Challenge, NotAuthentic, Webhooks

HOST: Final = "127.0.0.1"
_PATH: Final = "/outsider"
"""Only outsiders of the demonstration are told there."""
_KEYS_SECONDS: Final = 60.0
"""Not more often are the service's keys asked for, whatever comes."""
_POLL_SECONDS: Final = 0.1


class _Sink:
    def __init__(self, client: AsyncClient, take: Callable[[Entry], None]) -> None:
        self._client = client
        self._take = take
        self._webhooks = Webhooks(())
        self._keys_at = float("-inf")

    async def hear(self, request: web.Request) -> web.Response:
        try:
            said = await self._read(request, await request.read())
        except NotAuthentic:
            return web.Response(status=401)
        if isinstance(said, Challenge):
            return web.Response(body=said.answer(), content_type="application/json")
        self._take(said)
        return web.Response(status=204)

    async def _read(self, request: web.Request, body: bytes) -> Entry | Challenge:
        try:
            return self._webhooks.read(request.headers, body)
        except NotAuthentic:
            if time.monotonic() - self._keys_at < _KEYS_SECONDS:
                raise
        self._keys_at = time.monotonic()
        self._webhooks = Webhooks(await self._client.webhook_keys())
        return self._webhooks.read(request.headers, body)


@asynccontextmanager
async def told_by_webhook(
    client: AsyncClient, port: int, types: Sequence[str], take: Callable[[Entry], None]
) -> AsyncIterator[None]:
    """Be told of such events for the length of a block, each at least once, and of those that came before as well.

    What comes while nobody listens here waits at the service, and comes when somebody does again.
    """
    application = web.Application(client_max_size=64 * 1024)
    application.router.add_post(_PATH, _Sink(client, take).hear)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        await _subscribed(client, f"http://{HOST}:{port}{_PATH}", tuple(types))
        # Of what was told before this began the feed tells.
        async for entry in client.feed(types=types, at_once=1000, to_its_end=True):
            take(entry)
        yield
    finally:
        await runner.cleanup()


async def _subscribed(client: AsyncClient, sink: str, types: tuple[str, ...]) -> None:
    """Have one subscription, to this sink, and wait until it is in force.

    One of an earlier time, on another port, is ended; whatever else the same credential subscribed is left alone.
    """
    standing = [each for each in await client.list_subscriptions() if each.state != State.ended]
    own = [each for each in standing if urlsplit(each.sink).path == _PATH]
    kept = [each for each in own if (each.sink, each.types) == (sink, types) and each.state != State.paused][:1]
    for each in own:
        if each not in kept:
            await client.end_subscription(each.id)
    which = (kept or [await client.subscribe(sink, types=types)])[0].id
    while (await client.read_subscription(which)).state != State.active:  # noqa: ASYNC110 - it can only be asked
        await asyncio.sleep(_POLL_SECONDS)
