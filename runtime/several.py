"""Several processes of one program on a machine: started, watched, started again, ended together.

One Python process uses one processor. Each of several has connections, caches and a log of its own, and none knows of
another. Between whoever watches and each of them goes a pair of sockets: by it a process says whether it is ready, and
learns that whoever watches is gone.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from runtime.health import serve_health

READY, BUSY = b"1", b"0"
SOON: Final = 1.0
LATE: Final = 30.0
"""Between these many seconds lie the pauses before a process that died is started again."""
STEADY: Final = 60.0
"""A process that ran for so many seconds is started again as soon as the first time."""

log = structlog.get_logger("several")


class Watched:
    """The end of the pair that a process holds."""

    def __init__(self, number: int) -> None:
        self._pair = socket.socket(fileno=number)
        self._pair.settimeout(0)

    def until_alone(self, stop: Callable[[], None]) -> None:
        """Have `stop` called when whoever watches is gone."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            # Nobody sends anything: what can be read is the end.
            loop.remove_reader(self._pair)
            stop()

        loop.add_reader(self._pair, readable)

    def say(self, *, ready: bool) -> None:
        """Say whether the process is ready."""
        with contextlib.suppress(OSError):
            self._pair.send(READY if ready else BUSY)


@dataclass
class _One:
    number: int
    is_ready: bool = False
    process: asyncio.subprocess.Process | None = None
    pause: float = SOON
    pair: socket.socket | None = field(default=None, repr=False)


@dataclass
class Several:
    """Processes of one command, which is told `--watched FD`. What is `final` of exit statuses no restart mends."""

    command: Sequence[str]
    count: int
    final: frozenset[int]
    environment: Callable[[int], Mapping[str, str]]
    """All of it, of each process, by its number from 0."""
    _ones: list[_One] = field(default_factory=list)
    _status: int = 0

    async def run(self, host: str, port: int | None, unserved: Callable[[], Exception]) -> int:
        """Run them until a signal ends all, or one ends with a status that is final; answers the status.

        `port` serves `/live` and `/ready`, which is so where every process is. Raises `unserved` where it is taken.
        """
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._ones = [_One(number) for number in range(self.count)]
        async with contextlib.AsyncExitStack() as serving:
            if port is not None:
                try:
                    port = await serving.enter_async_context(serve_health(host, port, self._all_ready))
                except OSError:
                    raise unserved() from None
                log.info("health is served", host=host, port=port)
            async with asyncio.TaskGroup() as group:
                for one in self._ones:
                    group.create_task(self._keep(one, stop))
                await stop.wait()
                for one in self._ones:
                    _signal(one)
        return self._status

    def _all_ready(self) -> bool:
        return all(one.is_ready for one in self._ones)

    async def _keep(self, one: _One, stop: asyncio.Event) -> None:
        """Have a process run, started again whenever it dies."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            begun = loop.time()
            async with self._started(one):
                if stop.is_set():
                    _signal(one)
                status = await _ended(one)
            if stop.is_set():
                self._status = self._status or status
                return
            if status in self.final:
                self._status = status
                stop.set()
                return
            one.pause = SOON if loop.time() - begun > STEADY else min(LATE, one.pause * 2)
            log.warning("a process died and is started again", number=one.number, status=status, pause=one.pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(one.pause):
                    await stop.wait()

    @contextlib.asynccontextmanager
    async def _started(self, one: _One) -> AsyncIterator[None]:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        loop = asyncio.get_running_loop()
        with ours:
            with theirs:
                one.process = await asyncio.create_subprocess_exec(
                    *self.command,
                    "--watched",
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    env=self.environment(one.number),
                    # A terminal interrupts a whole group: each is told once, by whoever watches.
                    start_new_session=True,
                )
            log.info("a process is started", number=one.number, pid=one.process.pid)
            loop.add_reader(ours, self._hear, one, ours)
            try:
                yield
            finally:
                loop.remove_reader(ours)
                one.is_ready = False

    def _hear(self, one: _One, ours: socket.socket) -> None:
        said = ours.recv(64)
        one.is_ready = said.endswith(READY)
        if not said:
            asyncio.get_running_loop().remove_reader(ours)


async def _ended(one: _One) -> int:
    if one.process is None:
        raise AssertionError("it was started")
    return await one.process.wait()


def _signal(one: _One) -> None:
    if one.process is not None and one.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            one.process.send_signal(signal.SIGTERM)
