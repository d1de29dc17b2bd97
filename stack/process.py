"""One server process that cannot outlive this one."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import psutil

from stack import launch
from stack.directory import DataDirectory
from stack.errors import ServerNotStarted, StackError
from stack.launch import Account

_Ready = TypeVar("_Ready")

_TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 16_384
_NOTICE_SECONDS: Final = 1.0
_END_SECONDS: Final = 15.0
_LONGEST_LINE: Final = 1 << 20


def launch_command(program: Sequence[str | Path], *, account: Account, death_signal: signal.Signals) -> list[str]:
    """The command line that runs a program bound to the life of the calling thread.

    The kernel sends the death signal when the *thread* that starts the command ends, so start servers on a thread that
    lives as long as they shall.
    """
    launcher = [sys.executable, "-I", "-S", launch.__file__, "--parent", str(os.getpid())]
    binding = ["--account", account.value, "--death-signal", death_signal.name.removeprefix("SIG")]
    return [*launcher, *binding, "--", *map(str, program)]


@dataclass(frozen=True, slots=True)
class LogFile:
    """The log of a server, read from where the present start began."""

    path: Path
    start: int

    @classmethod
    def open(cls, path: Path) -> tuple[Self, int]:
        """The log file and a descriptor to append to it; the caller closes the descriptor."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return cls(path, os.fstat(descriptor).st_size), descriptor

    def tail(self) -> str:
        """The last lines since the start, for an error message."""
        with self.path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self.start, size - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:]) or "(its log is empty)"


class ServerProcess:
    """A running server in a session of its own, so that Ctrl-C in a terminal reaches its owner and not the server."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, directory: DataDirectory, log: LogFile) -> None:
        self._name = name
        self._process = process
        self._directory = directory
        self._log = log

    @classmethod
    async def spawn(
        cls,
        name: str,
        program: Sequence[str | Path],
        *,
        directory: DataDirectory,
        account: Account = Account.OWN,
        death_signal: signal.Signals,
        environment: Mapping[str, str],
        talks: bool = False,
    ) -> Self:
        """Start a program that logs to `<name>.log` in the directory and holds the directory's server lock.

        Nothing of this process' environment is passed on but what is named. One that `talks` is told things on its
        standard input, and says things on its standard output.
        """
        lock = directory.server_lock()
        try:
            log, output = LogFile.open(directory.path / f"{name}.log")
            try:
                process = await asyncio.create_subprocess_exec(
                    *launch_command(program, account=account, death_signal=death_signal),
                    stdin=asyncio.subprocess.PIPE if talks else asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE if talks else output,
                    stderr=output,
                    limit=_LONGEST_LINE,
                    env=dict(environment),
                    cwd=directory.path,
                    umask=0o077,
                    start_new_session=True,
                    pass_fds=(lock,),
                )
            finally:
                os.close(output)
        finally:
            os.close(lock)
        return cls(name, process, directory, log)

    @property
    def pid(self) -> int:
        """Process ID; names a live process only until `wait` has answered."""
        return self._process.pid

    @property
    def told(self) -> asyncio.StreamWriter:
        """Its standard input. Raises `StackError` for a program that does not talk."""
        if self._process.stdin is None:
            raise StackError(f"{self._name} does not talk")
        return self._process.stdin

    @property
    def said(self) -> asyncio.StreamReader:
        """Its standard output. Raises `StackError` for a program that does not talk."""
        if self._process.stdout is None:
            raise StackError(f"{self._name} does not talk")
        return self._process.stdout

    @property
    def running(self) -> bool:
        """Whether the process has not ended, as far as this process has been told."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """The exit status, once the process has ended; minus the signal's number if a signal ended it."""
        return await self._process.wait()

    async def until(self, ready: Awaitable[_Ready], seconds: float) -> _Ready:
        """What `ready` answers, unless the server ends or the time is up before.

        Raises ServerNotStarted in both of these cases, with the end of the server's log.
        """
        readiness = asyncio.ensure_future(ready)
        end = asyncio.create_task(self.wait())
        try:
            await asyncio.wait({readiness, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if readiness.done():
                return readiness.result()
            raise self._failure(end.result() if end.done() else None, seconds)
        finally:
            for task in (readiness, end):
                task.cancel()
            await asyncio.gather(readiness, end, return_exceptions=True)

    async def complete(self, seconds: float) -> None:
        """Wait for a program that ends by itself.

        Raises ServerNotStarted, with the end of its log, when it fails or takes longer than so many seconds.
        """
        try:
            async with asyncio.timeout(seconds):
                status = await self.wait()
        except TimeoutError:
            raise self._failure(None, seconds) from None
        if status != 0:
            raise self._failure(status, seconds)

    def _failure(self, status: int | None, seconds: float) -> ServerNotStarted:
        happened = f"was not ready after {seconds:g} s" if status is None else f"ended with status {status}"
        return ServerNotStarted(f"{self._name} {happened}; the end of {self._log.path}:\n{self._log.tail()}")

    async def stop(self, polite: signal.Signals, patience: float) -> None:
        """Ask the server to stop, and kill it if it has not done so after so many seconds; also when cancelled."""
        try:
            if self.running:
                with suppress(ProcessLookupError):
                    self._process.send_signal(polite)
                async with asyncio.timeout(patience):
                    await self.wait()
        except TimeoutError:
            pass
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End the server with SIGKILL and wait until all that it forked is gone as well."""
        children = self._children()
        if self.running:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()
        if await self._directory.vacated(_NOTICE_SECONDS):
            return
        # A busy backend of PostgreSQL does not notice the death of its postmaster.
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        if not await self._directory.vacated(_END_SECONDS):
            raise StackError(f"{self._name} left a process behind that cannot be killed")

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True) if self.running else []
        except psutil.NoSuchProcess:
            return []
