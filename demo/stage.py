"""What everybody of the demonstration acts on, as whoever plays a part knows it: addresses, tokens, and no key.

All of it runs under one program, `demo.surroundings`, which says on its standard output what was opened, that it is
ready and, later, what ended by itself.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from stack import StackError
from stack.directory import DataDirectory
from stack.process import ServerProcess

PROJECT: Final = Path(__file__).parents[1]
DATABASE_URL: Final = "CARDCASE_DATABASE_URL"
KEY_FILE: Final = "CARDCASE_KEY_FILE"
DATA_DIR: Final = "CARDCASE_DATA_DIR"

_START_SECONDS: Final = 600.0
"""Each server has a limit of its own; this one is for all of them together."""
_STOP_SECONDS: Final = 120.0
_SURROUNDINGS: Final = "surroundings"


class Opened(BaseModel):
    """Where people and systems find what they work with."""

    model_config = ConfigDict(frozen=True)

    intake_url: str
    token_url: str
    """Where systems get their access tokens."""
    codec_url: str
    """Where operators log in."""
    desk_url: str
    """Where people work with cases."""
    ui_url: str | None
    """Of the Web UI; None where the Temporal server is not ours."""
    namespace: str | None
    tray_url: str
    operators: tuple[str, ...]
    """Who may log in."""
    tokens: Path
    """Folder of access and identity tokens."""
    credentials: Path
    """Folder of the sample systems' secrets, by their client IDs."""
    worker_log: Path
    upkeep: Path
    """Settings of commands that go to the register or to Temporal, to be read into a shell."""


class Said(BaseModel):
    """A line of the surroundings."""

    opened: Opened | None = None
    ready: bool = False
    """Whether cases are worked on from now on."""
    ended: str | None = None
    """What could not be started, or ended by itself."""


class Stage:
    """The running surroundings."""

    def __init__(self, opened: Opened, process: ServerProcess, log_file: Path) -> None:
        self.opened = opened
        self._process = process
        self._log_file = log_file

    async def ready(self) -> None:
        """Wait until cases are worked on. Raises StackError with what could not be started."""
        said = await self._process.until(_line(self._process), _START_SECONDS)
        if not said.ready:
            raise StackError(said.ended)

    async def wait(self) -> str:
        """What ended first, by whatever cause."""
        line = await self._process.said.readline()
        if line and (ended := Said.model_validate_json(line).ended) is not None:
            return ended
        return f"the surroundings, see {self._log_file}, ended with status {await self._process.wait()}"


def data_dir(environment: Mapping[str, str]) -> Path:
    """Where the demonstration keeps its data: `.cardcase` in the project, unless `CARDCASE_DATA_DIR` says otherwise."""
    return Path(environment.get(DATA_DIR) or PROJECT / ".cardcase").absolute()


@asynccontextmanager
async def opened_stage(environment: Mapping[str, str], folder: Path, sinks: Sequence[str]) -> AsyncIterator[Stage]:
    """Everything for the length of a block; `sinks` are hosts where webhooks are received.

    It can be reached, and is worked on when it is ready (`Stage.ready`).

    Raises StackError with what could not be started.
    """
    directory = DataDirectory(folder / _SURROUNDINGS)
    await directory.claim()
    try:
        process = await ServerProcess.spawn(
            _SURROUNDINGS,
            [sys.executable, "-m", "demo.surroundings", *sinks],
            directory=directory,
            # What it has started is bound to its life in the same way.
            death_signal=signal.SIGKILL,
            environment=_environment(environment, folder),
            talks=True,
        )
        try:
            said = await process.until(_line(process), _START_SECONDS)
            if said.opened is None:
                raise StackError(said.ended)
            yield Stage(said.opened, process, directory.path / f"{_SURROUNDINGS}.log")
        finally:
            await process.stop(signal.SIGTERM, _STOP_SECONDS)
    finally:
        directory.release()


def _environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What the surroundings are told; they have another working directory."""
    told = {**environment, DATA_DIR: str(folder), "PYTHONPATH": str(PROJECT)}
    if key_file := environment.get(KEY_FILE):
        told[KEY_FILE] = str(Path(key_file).absolute())
    return told


async def _line(process: ServerProcess) -> Said:
    line = await process.said.readline()
    if not line:
        # It ends, and says why in its log.
        await asyncio.Event().wait()
    return Said.model_validate_json(line)
