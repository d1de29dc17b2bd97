"""What operators of the local stack work with: somebody to log in at, the codec server, and a Web UI that asks it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from gate.service import LOGGED_IN
from runtime.settings import GATE_PORT
from stack.directory import DataDirectory
from stack.identity import SAMPLE_OPERATORS, IdentityProvider, Operator
from stack.ports import LOOPBACK, STANDARD_PORTS, pick_ports
from stack.process import ServerProcess
from stack.web_ui import CodecSettings, web_ui_served

PROJECT: Final = Path(__file__).parents[1]

_PROVIDER_PORT: Final = 8236
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Desk:
    """Where operators work, and who they may be."""

    ui_url: str
    codec_url: str
    provider: IdentityProvider
    process: ServerProcess
    """The codec server's."""
    log_file: Path

    async def wait(self) -> int:
        """The codec server's exit status, once it has ended by whatever cause."""
        return await self.process.wait()


@asynccontextmanager
async def desk_opened(
    folder: Path,
    settings: Mapping[str, str],
    web_ui: str,
    *,
    operators: Sequence[Operator] = SAMPLE_OPERATORS,
    standard_ports: bool = True,
) -> AsyncIterator[Desk]:
    """Everything for the length of a block.

    `settings` is the environment of the codec server, which says where register, keys and Temporal are; `web_ui` is the
    URL of the Web UI that is shown. Raises DataDirectoryInUse, or ServerNotStarted with the end of the codec server's
    log.
    """
    wishes = (STANDARD_PORTS.ui, GATE_PORT, _PROVIDER_PORT) if standard_ports else (None, None, None)
    ui_port, codec_port, provider_port, health_port = pick_ports(*wishes, None)
    codec_url, ui_url = f"http://{LOOPBACK}:{codec_port}", f"http://{LOOPBACK}:{ui_port}"
    codec = CodecSettings(codec_url, f"{codec_url}/login")
    redirect_uri = codec_url + LOGGED_IN
    async with (
        IdentityProvider([redirect_uri], operators, port=provider_port) as provider,
        web_ui_served(web_ui, codec, ui_port),
    ):
        told = {
            "CARDCASE_CODEC_PORT": str(codec_port),
            "CARDCASE_HEALTH_PORT": str(health_port),
            "CARDCASE_IDENTITY_AUDIENCE": provider.issuer.audience,
            "CARDCASE_IDENTITY_ISSUER": provider.issuer.url,
            "CARDCASE_IDENTITY_KEYS": provider.jwks_url,
            "CARDCASE_UI_ORIGINS": ui_url,
            "CARDCASE_UI_URL": ui_url,
            "PYTHONPATH": str(PROJECT),
        }
        directory = DataDirectory(folder / "gate")
        await directory.claim()
        try:
            process = await _started(directory, {**settings, **told}, health_port)
            try:
                yield Desk(ui_url, codec_url, provider, process, directory.path / "gate.log")
            finally:
                await process.stop(signal.SIGTERM, _STOP_SECONDS)
        finally:
            directory.release()


async def _started(directory: DataDirectory, environment: Mapping[str, str], health_port: int) -> ServerProcess:
    process = await ServerProcess.spawn(
        "gate",
        [sys.executable, "-m", "gate"],
        directory=directory,
        # It keeps nothing that it could lose.
        death_signal=signal.SIGKILL,
        environment=environment,
    )
    try:
        await process.until(_ready(f"http://{LOOPBACK}:{health_port}/ready"), _START_SECONDS)
    except BaseException:
        await process.kill()
        raise
    return process


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while not await _says_ready(session, url):  # noqa: ASYNC110 - a process of its own can only be asked
            await asyncio.sleep(_POLL_SECONDS)


async def _says_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False
