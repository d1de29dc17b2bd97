"""What goes past on its way to somebody: requests to providers, and the command lines of running processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from stack.ports import LOOPBACK

_CHUNK = 64 * 1024
_LOOK_SECONDS = 0.05


@dataclass
class Recorder:
    """Hands connections on to a server, and keeps every byte that its clients sent."""

    upstream: int
    """The server's port."""
    port: int = 0
    """Where the recorder listens."""
    connections: list[bytearray] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        sent = bytearray()
        self.connections.append(sent)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(LOOPBACK, self.upstream)
        except OSError:
            writer.transport.abort()
            return
        ways = {
            asyncio.create_task(_hand_on(reader, upstream_writer, sent)),
            asyncio.create_task(_hand_on(upstream_reader, writer, None)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, upstream_writer):
                end.transport.abort()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None) -> None:
    while data := await reader.read(_CHUNK):
        if kept is not None:
            kept += data
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def recording(upstream: int) -> AsyncIterator[Recorder]:
    """A recorder before a server of this machine."""
    recorder = Recorder(upstream)
    server = await asyncio.start_server(recorder.serve, LOOPBACK, 0)
    recorder.port = server.sockets[0].getsockname()[1]
    async with server:
        yield recorder


@dataclass
class CommandLines:
    """The command lines of all processes that descend from this one, looked at again and again."""

    seen: set[tuple[str, ...]] = field(default_factory=set)
    looked: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self._look()
            async with self.looked:
                self.looked.notify_all()
            await asyncio.sleep(_LOOK_SECONDS)  # a process that begins tells nobody

    def _look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                self.seen.add(tuple(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                # It ended meanwhile.
                continue

    async def sees(self, part: str) -> None:
        """Wait until a command line with this argument was seen."""
        async with self.looked:
            await self.looked.wait_for(lambda: any(part in line for line in self.seen))


@asynccontextmanager
async def command_lines_watched() -> AsyncIterator[CommandLines]:
    """Watch command lines for the length of a block."""
    lines = CommandLines()
    watching = asyncio.create_task(lines.watch())
    try:
        yield lines
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
