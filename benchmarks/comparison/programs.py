"""Programs of the comparison: processes of their own, told what to do line by line; what processor time they take."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil

from stack.launch import Account
from stack.process import launch_command

ROOT: Final = Path(__file__).parents[2]
_TAIL: Final = 4000
_PATIENCE_SECONDS: Final = 10.0
_LINE_BYTES: Final = 1 << 22
_SETTINGS_OF_OTHERS: Final = ("CARDCASE_", "TEMPORAL_", "RESTATE_", "DBOS_")


class ProgramEnded(Exception):
    """A program ended by itself; the end of what it said."""


class Program:
    """A running program."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name = name
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._process.pid

    async def ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Send a line and wait for the one that answers it. Raises `ProgramEnded`."""
        if self._process.stdin is None:
            raise RuntimeError("nobody can be asked")
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        return await self.says()

    async def says(self) -> dict[str, Any]:
        """The next line that it says. Raises `ProgramEnded`."""
        if self._process.stdout is None:
            raise RuntimeError("nothing can be heard")
        line = await self._process.stdout.readline()
        if not line:
            raise await self.ended()
        said: dict[str, Any] = json.loads(line)
        return said

    async def ended(self) -> ProgramEnded:
        """What to raise, once it has ended."""
        status = await self._process.wait()
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _TAIL))
            tail = log.read().decode("utf-8", "replace")
        return ProgramEnded(f"{self._name} ended with status {status}:\n{tail}")

    async def stop(self) -> None:
        """End it, politely if it listens."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def program(
    name: str, command: Sequence[str | Path], folder: Path, settings: Mapping[str, str]
) -> AsyncIterator[Program]:
    """A program for the length of a block; it ends with this process, however that ends."""
    log = folder / f"{name.replace(' ', '-')}.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_OF_OTHERS)}
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *launch_command(command, account=Account.OWN, death_signal=signal.SIGKILL),
            cwd=ROOT,
            env={**kept, "TEMPORAL_CONFIG_FILE": os.devnull, **settings},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            limit=_LINE_BYTES,
        )
    running = Program(name, process, log)
    try:
        yield running
    finally:
        await running.stop()


def module(name: str, *arguments: str, python: Path | None = None) -> list[str | Path]:
    """The command line of a module of this project."""
    return [python or Path(sys.executable), "-m", name, *arguments]


def busy_seconds() -> float:
    """Processor time that anything on this machine has taken so far."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def processor_seconds(pid: int) -> float:
    """Processor time of a process and all that it forked, those that have ended included."""
    spent = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        # What has ended meanwhile its parent has collected.
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent
