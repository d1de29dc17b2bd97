"""The outsiders of the demonstration as processes, and the cues that they are given.

Each has its own environment and nothing of this one: where the intake service and the token endpoint are, its own
credential, and the port on which it is told by webhook. What comes back are answers of the service.
"""

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from cardcase_client import Refused, Unreachable
from cardcase_client.models import Problem
from cases.answers import Answer, CaseView, Outcome, Receipt
from demo.facts import answer_of
from demo.outsiders.names import BACK_OFFICE, NAMES, READY, TOLD_BY_WEBHOOK
from demo.scripts import Tell
from demo.staff import body_of
from demo.stage import PROJECT, Opened
from intake.applications import Application
from stack import StackError
from stack.directory import DataDirectory
from stack.ports import LOOPBACK, pick_ports
from stack.process import ServerProcess

Came = TypeVar("Came", bound=BaseModel)

_FIRST_PORT: Final = 8241
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0


def sink_ports() -> dict[str, int]:
    """A port for each outsider that is told by webhook; the same ones as the last time where they are free."""
    wishes = range(_FIRST_PORT, _FIRST_PORT + len(TOLD_BY_WEBHOOK))
    return dict(zip(TOLD_BY_WEBHOOK, pick_ports(*wishes), strict=True))


def sinks(ports: Mapping[str, int]) -> list[str]:
    """The same as hosts that the service may be told to call."""
    return [f"{LOOPBACK}:{port}" for port in ports.values()]


class _Process:
    """One outsider, cued over its standard input."""

    def __init__(self, name: str, process: ServerProcess) -> None:
        self.name = name
        self.process = process
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        line = await self.process.said.readline()
        if not line or json.loads(line) != READY:
            raise StackError(f"{self.name} did not begin")
        self._reading = asyncio.create_task(self._read())

    async def asked(self, cue: Mapping[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        self.process.told.write(json.dumps({"id": number, **cue}).encode() + b"\n")
        return await answered

    async def _read(self) -> None:
        async for line in self.process.said:
            said: dict[str, Any] = json.loads(line)
            self._waiting.pop(said["id"]).set_result(said)

    async def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self.process.told.close()
        await self.process.stop(signal.SIGTERM, _STOP_SECONDS)


class Outsiders:
    """All of them."""

    def __init__(self, processes: Mapping[str, _Process], folder: Path) -> None:
        self._processes = processes
        self._folder = folder

    async def wait(self) -> str:
        """Which of them ended first, by whatever cause, and where it says why."""
        ends = {asyncio.create_task(each.process.wait()): name for name, each in self._processes.items()}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        end = next(iter(done))
        name = ends[end]
        return f"{name}, see {self._folder / name / name}.log, ended with status {end.result()}"

    async def open(self, application: Application) -> Receipt:
        """Have the back office open a case. Raises `ClientError`."""
        return await self._came(BACK_OFFICE, {"do": "open", "application": body_of(application)}, Receipt)

    async def outcome(self, case_id: str) -> Outcome:
        """How a case of the back office ended, as soon as it was told. Raises `ClientError`."""
        return await self._came(BACK_OFFICE, {"do": "outcome", "case": case_id}, Outcome)

    async def tell(self, case_id: str, view: CaseView, tell: Tell, requests: Sequence[str], key: str) -> Answer:
        """Have a system tell a case something; an answer waits until it was asked. Raises `ClientError`."""
        cue = {"case": case_id, "event": tell.event.value, "says": answer_of(tell, view, requests), "key": key}
        return await self._came(tell.by.value, cue, Answer)

    async def _came(self, name: str, cue: Mapping[str, Any], model: type[Came]) -> Came:
        said = await self._processes[name].asked(cue)
        if "answer" in said:
            return model.model_validate_json(json.dumps(said["answer"]))
        if "failed" in said:
            raise Unreachable(said["failed"])
        problem = said["refused"]["problem"]
        raise Refused(said["refused"]["status"], None if problem is None else Problem.model_validate(problem))


@asynccontextmanager
async def outsiders(folder: Path, opened: Opened, ports: Mapping[str, int]) -> AsyncIterator[Outsiders]:
    """All outsiders, each told and ready. The worker has to run: it asks each of them whether it wants to be told.

    Raises ServerNotStarted with the end of a log.
    """
    async with AsyncExitStack() as running:
        started = await asyncio.gather(*(_started(running, folder, opened, name, ports.get(name)) for name in NAMES))
        processes = {each.name: each for each in started}
        await asyncio.gather(*(each.process.until(each.ready(), _START_SECONDS) for each in started))
        yield Outsiders(processes, folder)


async def _started(running: AsyncExitStack, folder: Path, opened: Opened, name: str, port: int | None) -> _Process:
    directory = DataDirectory(folder / name)
    await directory.claim()
    running.callback(directory.release)
    client_id = client_of(name)
    process = await ServerProcess.spawn(
        name,
        [sys.executable, "-m", "demo.outsiders", name],
        directory=directory,
        death_signal=signal.SIGKILL,
        environment={
            "PYTHONPATH": f"{PROJECT}:{PROJECT / 'clients' / 'python'}",
            "INTAKE_URL": opened.intake_url,
            "TOKEN_URL": opened.token_url,
            "CLIENT_ID": client_id,
            "SECRET_FILE": str(opened.credentials / client_id),
            **({} if port is None else {"SINK_PORT": str(port)}),
        },
        talks=True,
    )
    outsider = _Process(name, process)
    running.push_async_callback(outsider.stop)
    return outsider


def client_of(name: str) -> str:
    """The client ID of an outsider at the local identity provider."""
    return f"sample-{name.replace('_', '-')}"
