"""A receiver of webhooks that does as it is told: accepts, fails, hangs up, or has ended; and keeps what it got."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from stack.ports import LOOPBACK

Answer = Callable[[dict[str, Any]], int]


@dataclass
class Call:
    """One message, as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


@dataclass
class Receiver:
    """Where messages go. `answer` decides the status by what was sent; 0 cuts the connection."""

    host: str = ""
    answer: Answer = lambda _said: 204
    echoes: bool = True
    calls: list[Call] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sink(self) -> str:
        return f"http://{self.host}/hook"

    async def hear(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call({name.lower(): value for name, value in request.headers.items()}, body)
        self.calls.append(call)
        self._heard.set()
        said = call.said
        if said["type"].startswith("cardcase.subscription_verify"):
            return web.json_response({"challenge": said["challenge"] if self.echoes else "planted"})
        status = self.answer(said)
        if status == 0:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if status < 300:
            self.accepted.append(said)
            self._heard.set()
        return web.Response(status=status)

    async def has(self, number: int) -> list[dict[str, Any]]:
        """What was accepted, once that is so many."""
        async with asyncio.timeout(20):
            while len(self.accepted) < number:
                self._heard.clear()
                await self._heard.wait()
        return self.accepted

    async def has_heard(self, number: int) -> None:
        """Wait until so many messages came, whatever was answered, the challenge included."""
        async with asyncio.timeout(20):
            while len(self.calls) < number:
                self._heard.clear()
                await self._heard.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver, application = Receiver(), web.Application()
    application.router.add_post("/hook", receiver.hear)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        receiver.host = f"{LOOPBACK}:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()
