"""A relay before a server, which can be slow, silent, cut, refuse, or keep an answer for itself, whatever the protocol.

What it loses are answers to transitions, which are one statement each (`tests.faults.proxy`): the server executes,
commits and answers, and whoever asked hears nothing until their own time is up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

from stack.ports import LOOPBACK
from tests.faults.proxy import TRANSITION

_CHUNK: Final = 64 * 1024


class Relay:
    """Hands on what comes, in both directions, as its state at the moment says."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: dict[asyncio.Task[None], asyncio.Event] = {}
        """Who serves each, and what ends it: a server's task that is cancelled is taken for a failure and logged."""
        self._speaks = asyncio.Event()
        self._speaks.set()
        self.delay = 0.0
        """Seconds by which everything comes later, each way."""
        self.losing = 0.0
        """The share of transitions whose answer is lost."""
        self.chance = Random(0)  # noqa: S311 - faults that can be repeated
        self.transitions = 0
        self.lost = 0

    @property
    def address(self) -> str:
        """Host and port to go to instead of the server."""
        return f"{LOOPBACK}:{self._port}"

    def url_of(self, url: str) -> str:
        """A URL of the server that leads through here."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@{self.address}"))

    @classmethod
    @asynccontextmanager
    async def before(cls, address: str) -> AsyncIterator[Self]:
        """A relay before a server, for the length of a block."""
        host, _, port = address.rpartition(":")
        relay = cls(host, int(port))
        await relay.listen()
        try:
            yield relay
        finally:
            await relay.refuse()
            await relay.cut()

    async def listen(self) -> None:
        """Take connections, at the same port each time."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Take no more connections; those that are there stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def cut(self) -> None:
        """Cut every connection."""
        serving = dict(self._connections)
        for cut in serving.values():
            cut.set()
        await asyncio.gather(*serving, return_exceptions=True)

    def fall_silent(self) -> None:
        """Keep everything that comes until `speak`; nobody is told that anything is wrong."""
        self._speaks.clear()

    def speak(self) -> None:
        """Hand on again, and first what was kept."""
        self._speaks.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        cut = self._connections[task] = asyncio.Event()
        upstream: asyncio.StreamWriter | None = None
        ways: list[asyncio.Task[None]] = []
        try:
            answers, upstream = await asyncio.open_connection(*self._upstream)
            deaf = asyncio.Event()
            ways = [
                asyncio.create_task(self._forth(reader, upstream, deaf)),
                asyncio.create_task(self._back(answers, writer, deaf)),
                asyncio.create_task(_until(cut)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            # The server itself is away: whoever asks finds out by the end of their connection.
            pass
        finally:
            del self._connections[task]
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, upstream):
                if end is not None:
                    end.transport.abort()

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
        while data := await reader.read(_CHUNK):
            if TRANSITION in data:
                self.transitions += 1
                if self.chance.random() < self.losing:
                    self.lost += 1
                    deaf.set()
            await self._hand_on(data, writer)

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
        while data := await reader.read(_CHUNK):
            if not deaf.is_set():
                await self._hand_on(data, writer)

    async def _hand_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._speaks.wait()
        writer.write(data)
        await writer.drain()


async def _until(happens: asyncio.Event) -> None:
    await happens.wait()
