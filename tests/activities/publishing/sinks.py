"""Receivers of webhooks that play a script, and keep a ledger of what came to them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any

from aiohttp import web

from stack.ports import LOOPBACK


class Does(StrEnum):
    """What a receiver does with one message."""

    takes = "takes"
    fails = "fails"
    sends_elsewhere = "sends_elsewhere"
    hangs = "hangs"
    is_slow = "is_slow"
    cuts = "cuts"
    takes_and_cuts = "takes_and_cuts"
    takes_and_hangs = "takes_and_hangs"
    is_gone = "is_gone"


_STATUS = {Does.fails: 500, Does.sends_elsewhere: 302, Does.is_gone: 410}
_TAKES = frozenset({Does.takes, Does.is_slow, Does.takes_and_cuts, Does.takes_and_hangs})
FAULTS = tuple(does for does in Does if does not in {Does.takes, Does.is_gone})
SLOW_SECONDS = 0.05

Script = Callable[[dict[str, Any]], Does]


class Time:
    """A clock that is put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def told(self) -> datetime:
        """The same, for whoever waits for it."""
        return self.now()

    def pass_(self, span: timedelta) -> None:
        self.ahead += span


@dataclass(eq=False)
class Sink:
    """One receiver. It has effect once by the stable ID, whatever comes again."""

    name: str
    time: Time
    script: Script = lambda _said: Does.takes
    effects: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What it took, by ID, in the order in which it came first."""
    came: Counter[str] = field(default_factory=Counter)
    did: Counter[Does] = field(default_factory=Counter)
    took_last_at: datetime | None = None

    @property
    def of_cases(self) -> dict[str, list[int]]:
        """The places of what it took, by case."""
        found: dict[str, list[int]] = {}
        for said in self.effects.values():
            found.setdefault(said["subject"], []).append(int(said["sequence"]))
        return found

    async def hear(self, request: web.Request) -> web.StreamResponse:
        said = await request.json()
        if said["type"].startswith("cardcase.subscription_verify"):
            return web.json_response({"challenge": said["challenge"]})
        assert request.headers["webhook-id"] == said["id"]
        does = self.script(said)
        self.came[said["id"]] += 1
        self.did[does] += 1
        if does in _TAKES:
            self.effects.setdefault(said["id"], said)
            self.took_last_at = self.time.now()
        if does is Does.is_slow:
            await asyncio.sleep(SLOW_SECONDS)
        elif does in {Does.hangs, Does.takes_and_hangs}:
            # Until whoever sends loses patience and hangs up.
            await asyncio.Event().wait()
        elif does in {Does.cuts, Does.takes_and_cuts} and request.transport is not None:
            request.transport.abort()
        return web.Response(status=_STATUS.get(does, 204))


def now_and_then(random: Random, part: float) -> Script:
    """Something goes wrong with a part of all messages, whatever it is."""
    return lambda _said: random.choice(FAULTS) if random.random() < part else Does.takes


@asynccontextmanager
async def listening(*sinks: Sink) -> AsyncIterator[str]:
    """Where the sinks are, each under its name."""
    application = web.Application()
    for sink in sinks:
        application.router.add_post(f"/{sink.name}", sink.hear)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
