"""What people and systems of the local stack meet: an identity provider, gate, intake service, desk, and a Web UI."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from gate.sessions import LOGGED_IN
from runtime.settings import DESK_PORT, DOCUMENTS_PORT, GATE_PORT, INTAKE_PORT
from stack.directory import DataDirectory
from stack.identity import INTAKE_CLIENT, SAMPLE_OPERATORS, IdentityProvider, Operator, sample_systems
from stack.ports import LOOPBACK, STANDARD_PORTS, pick_ports
from stack.process import ServerProcess
from stack.web_ui import CodecSettings, web_ui_served

PROJECT: Final = Path(__file__).parents[1]

SECRETS: Final = "credentials"
"""Folder of the sample systems' secrets, by their client IDs."""
SINK: Final = f"{LOOPBACK}:8238"
"""Where webhooks may be received on this machine."""
PROVIDER_PORT: Final = 8236
DOCUMENTS: Final = "documents"
"""Folder of the documents that were handed in at the desk."""
_STAMP_KEY_FILE: Final = "CARDCASE_STAMP_KEY_FILE"
_WISHES: Final = (STANDARD_PORTS.ui, GATE_PORT, PROVIDER_PORT, INTAKE_PORT, DESK_PORT, DOCUMENTS_PORT)
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Desk:
    """Where operators work, and who they may be."""

    ui_url: str | None
    """None where there is no Web UI of ours."""
    codec_url: str
    intake_url: str
    """Where systems open cases and are told of them."""
    desk_url: str
    """Where people work with cases."""
    provider: IdentityProvider
    processes: Mapping[str, ServerProcess]
    folder: Path
    answers_at: Mapping[str, str]
    """Where each of the processes says that it is ready."""

    async def ready(self) -> None:
        """Return once all of it answers. Raises ServerNotStarted with the end of a log."""
        await asyncio.gather(
            *(process.until(_ready(self.answers_at[name]), _START_SECONDS) for name, process in self.processes.items())
        )

    async def wait(self) -> str:
        """Which of its processes ended first, by whatever cause, and where it says why."""
        ends = {asyncio.create_task(process.wait()): name for name, process in self.processes.items()}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        end = next(iter(done))
        name = ends[end]
        return f"{name}, see {self.folder / name / name}.log, ended with status {end.result()}"


@asynccontextmanager
async def desk_opened(
    folder: Path,
    settings: Mapping[str, str],
    web_ui: str | None,
    *,
    operators: Sequence[Operator] = SAMPLE_OPERATORS,
    standard_ports: bool = True,
    sinks: Sequence[str] = (),
) -> AsyncIterator[Desk]:
    """Everything for the length of a block; its addresses are known before it answers (`Desk.ready`).

    `settings` is the environment of gate, intake service and desk, which says where register, keys and Temporal are;
    `web_ui` is the URL of the Web UI that is shown, if any; `sinks` are hosts where webhooks are received, beside
    `SINK`. Raises DataDirectoryInUse.
    """
    wishes = _WISHES if standard_ports else (None,) * len(_WISHES)
    ui_port, codec_port, provider_port, intake_port, desk_port, documents_port, *health_ports = pick_ports(
        *wishes, None, None
    )
    codec_url, desk_url = f"http://{LOOPBACK}:{codec_port}", f"http://{LOOPBACK}:{desk_port}"
    documents_folder = folder / DOCUMENTS
    documents_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    codec = CodecSettings(codec_url, f"{codec_url}/login")
    redirect_uris = [codec_url + LOGGED_IN, desk_url + LOGGED_IN]
    secrets_folder = folder / SECRETS
    systems = sample_systems(lambda name: _secret_in(secrets_folder / name))
    async with (
        IdentityProvider(redirect_uris, operators, port=provider_port, systems=systems) as provider,
        AsyncExitStack() as running,
    ):
        ui_url = None
        if web_ui is not None:
            ui_url = await running.enter_async_context(web_ui_served(web_ui, codec, ui_port))
        of_all = {
            "CARDCASE_IDENTITY_AUDIENCE": provider.issuer.audience,
            "CARDCASE_IDENTITY_ISSUER": provider.issuer.url,
            "CARDCASE_IDENTITY_KEYS": provider.jwks_url,
            "PYTHONPATH": str(PROJECT),
        }
        told = {
            **of_all,
            "CARDCASE_CODEC_PORT": str(codec_port),
            "CARDCASE_HEALTH_PORT": str(health_ports[0]),
            # Its own, where nobody else's pages ask it.
            "CARDCASE_UI_ORIGINS": ui_url or codec_url,
        }
        of_intake = {
            **of_all,
            "CARDCASE_EXCHANGE_URL": provider.token_url,
            "CARDCASE_GATE_URL": codec_url,
            "CARDCASE_INTAKE_PORT": str(intake_port),
            "CARDCASE_INTAKE_SECRET_FILE": str(secrets_folder / INTAKE_CLIENT),
            "CARDCASE_SINK_HOSTS": ",".join([SINK, *sinks]),
        }
        of_desk = {
            **of_all,
            "CARDCASE_DESK_PORT": str(desk_port),
            "CARDCASE_DOCUMENTS_FOLDER": str(documents_folder),
            "CARDCASE_DOCUMENTS_PORT": str(documents_port),
            "CARDCASE_GATE_URL": codec_url,
            "CARDCASE_HEALTH_PORT": str(health_ports[1]),
        }
        if ui_url is not None:
            told["CARDCASE_UI_URL"] = of_desk["CARDCASE_UI_URL"] = ui_url
        intake_url = f"http://{LOOPBACK}:{intake_port}"
        programs = {"gate": {**settings, **told}, "intake": {**settings, **of_intake}}
        # The stamping key is the gate's alone: a desk that is given it does not start.
        programs["desk"] = {name: value for name, value in settings.items() if name != _STAMP_KEY_FILE} | of_desk
        processes = {name: await _running(running, folder, name, own) for name, own in programs.items()}
        answers_at = {
            "gate": f"http://{LOOPBACK}:{health_ports[0]}/ready",
            "intake": f"{intake_url}/ready",
            "desk": f"http://{LOOPBACK}:{health_ports[1]}/ready",
        }
        yield Desk(ui_url, codec_url, intake_url, desk_url, provider, processes, folder, answers_at)


def _secret_in(path: Path) -> str:
    """The secret in a file, made where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path.read_text(encoding="ascii")


async def _running(stack: AsyncExitStack, folder: Path, name: str, environment: Mapping[str, str]) -> ServerProcess:
    """`python -m NAME`, until the end of the block."""
    directory = DataDirectory(folder / name)
    await directory.claim()
    stack.callback(directory.release)
    process = await ServerProcess.spawn(
        name,
        [sys.executable, "-m", name],
        directory=directory,
        # It keeps nothing that it could lose.
        death_signal=signal.SIGKILL,
        environment=environment,
    )
    stack.push_async_callback(process.stop, signal.SIGTERM, _STOP_SECONDS)
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
