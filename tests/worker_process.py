"""`python worker.py` as a process of its own, which a test may talk to, stop and kill."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from activities.sealing import KeyRing
from gate.stamp_keys import SigningKey
from stack.launch import Account
from stack.process import launch_command

ROOT: Final = Path(__file__).parents[1]
WORKER: Final = (str(ROOT / "worker.py"),)

_SETTINGS_OF_OTHERS: Final = ("CARDCASE_", "TEMPORAL_")


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_OF_OTHERS)}
    # No file of whoever runs the tests configures the client.
    return {**kept, "TEMPORAL_CONFIG_FILE": os.devnull, "PYTHONPATH": str(ROOT), **settings}


def sample_key_file(folder: Path) -> Path:
    """The published key ring as a file, made once."""
    path = folder / "sample-keys.toml"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(KeyRing.sample()._as_toml(), encoding="ascii")
    return path


def sample_trust_file(folder: Path) -> Path:
    """The public half of the published stamp key as a file, made once."""
    path = folder / "sample-stamp-keys.json"
    if not path.exists():
        SigningKey.sample().write(path.with_suffix(".private"), path)
    return path


class RunningProcess(Protocol):
    """What is asked of the process of a worker; `asyncio.subprocess.Process` is one."""

    stderr: asyncio.StreamReader | None

    @property
    def pid(self) -> int:
        """The process ID."""

    @property
    def returncode(self) -> int | None:
        """The exit status; negative for the signal that ended it, None while it runs."""

    async def wait(self) -> int:
        """The exit status, once there is one."""

    def send_signal(self, signal: int, /) -> None:
        """Send a signal."""

    def kill(self) -> None:
        """Send SIGKILL."""


class WorkerProcess:
    """A running worker, what it said so far, and its end."""

    def __init__(self, process: RunningProcess) -> None:
        self.process = process
        self.output = ""
        self._grew = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines so far."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    async def says(self, event: str) -> dict[str, Any]:
        """The first log line of this event, once it is there."""
        async with self._grew:
            await self._grew.wait_for(lambda: self._reading.done() or self._said(event) is not None)
        said = self._said(event)
        assert said is not None, f"ended without saying {event!r}:\n{self.output}"
        return said

    async def ends(self) -> int:
        """The exit status, once it has ended; negative for the signal that ended it."""
        await self._reading
        return await self.process.wait()

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    async def health(self, path: str) -> int:
        """The HTTP status of `/live` or `/ready`."""
        served = await self.says("health is served")
        address = f"http://{served['host']}:{served['port']}{path}"
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            return answer.status

    def _said(self, event: str) -> dict[str, Any] | None:
        return next((line for line in self.lines if line.get("event") == event), None)

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            async with self._grew:
                self.output += line.decode()
                self._grew.notify_all()
        async with self._grew:
            self._grew.notify_all()


@asynccontextmanager
async def worker_process(
    settings: Mapping[str, str], *arguments: str, program: tuple[str, ...] = WORKER
) -> AsyncIterator[WorkerProcess]:
    """A worker with these settings alone; killed at the end of the block if it has not ended by itself."""
    command = launch_command((sys.executable, *program, *arguments), account=Account.OWN, death_signal=signal.SIGKILL)
    process = await asyncio.create_subprocess_exec(
        *command, env=environment_with(settings), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    worker = WorkerProcess(process)
    try:
        yield worker
    finally:
        if process.returncode is None:
            process.kill()
        await worker.ends()
