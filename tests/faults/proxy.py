"""A TCP proxy before PostgreSQL that cuts a connection at a chosen COMMIT, so that nobody knows what became of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from stack.ports import LOOPBACK

COMMIT: Final = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""A simple query of PostgreSQL's protocol: type, length, text."""

_CHUNK: Final = 64 * 1024


class Cut(StrEnum):
    """Both look alike to the client."""

    not_arrived = "not_arrived"
    """The server never sees the COMMIT and rolls back."""
    answer_lost = "answer_lost"
    """The server commits; its answer does not arrive."""


class CuttingProxy:
    """Forwards everything but for one COMMIT."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._armed: tuple[int, Cut] | None = None
        self.commits = 0
        """Commits since the proxy was armed."""
        self.cuts = 0
        """Connections that were cut since the proxy was armed."""

    def arm(self, commit: int, cut: Cut) -> None:
        """Cut the connection at the commit of this number, counted from 0 from now on."""
        self._armed, self.commits, self.cuts = (commit, cut), 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        losing = asyncio.Event()
        ways = {
            asyncio.create_task(self._forth(reader, upstream_writer, losing)),
            asyncio.create_task(self._back(upstream_reader, writer, losing)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
        for end in (writer, upstream_writer):
            end.transport.abort()

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        """From the client to the server. Whoever returns ends the connection."""
        while data := await reader.read(_CHUNK):
            cut = self._cut_at(data)
            if cut is Cut.not_arrived:
                return
            if cut is Cut.answer_lost:
                losing.set()
            writer.write(data)
            await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        """From the server to the client, up to the answer that is to be lost: by then the server has committed."""
        while (data := await reader.read(_CHUNK)) and not losing.is_set():
            writer.write(data)
            await writer.drain()

    def _cut_at(self, data: bytes) -> Cut | None:
        if COMMIT not in data or self._armed is None:
            return None
        commit, cut = self._armed
        self.commits += 1
        if self.commits - 1 != commit:
            return None
        self.cuts += 1
        return cut


@asynccontextmanager
async def cutting_proxy(url: str) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """A proxy before the server of a database URL, and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = CuttingProxy(parts.hostname, parts.port)
    server = await asyncio.start_server(proxy.serve, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    login = parts.netloc.rpartition("@")[0]
    async with server:
        yield proxy, urlunsplit(parts._replace(netloc=f"{login}@{LOOPBACK}:{port}"))
