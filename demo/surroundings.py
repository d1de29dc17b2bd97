"""What the demonstration stands on: a register, a Temporal server, a key ring, one worker, and their orderly end.

Servers of our own are used unless `CARDCASE_DATABASE_URL` or Temporal's own configuration names others.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from activities.notifications.listening import PATH as CALLBACKS
from activities.sealing import KeyRing
from demo.others import Outsiders
from gate.stamp_keys import SigningKey
from runtime.build import build_id
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.releases import ReleaseUnknown, make_current
from stack import STANDARD_PORTS, PostgresServer, StackError, TemporalServer
from stack.directory import DataDirectory
from stack.launch import Account
from stack.operators import Desk, desk_opened
from stack.ports import LOOPBACK, pick_ports
from stack.process import ServerProcess
from stack.receivers import Receivers
from workflows.search_attributes import SEARCH_ATTRIBUTES

PROJECT: Final = Path(__file__).parent.parent
DATABASE_URL: Final = "CARDCASE_DATABASE_URL"
KEY_FILE: Final = "CARDCASE_KEY_FILE"
STAMP_TRUST_FILE: Final = "CARDCASE_STAMP_TRUST_FILE"
STAMP_KEY_FILE: Final = "CARDCASE_STAMP_KEY_FILE"
TOKENS: Final = "tokens"
"""Folder of the sample operators' identity tokens, by their staff IDs."""
VERSIONED: Final = "CARDCASE_VERSIONED"
DATA_DIR: Final = "CARDCASE_DATA_DIR"

_WORKER_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 35.0
_POLL_SECONDS: Final = 0.05
_TRAY_PORT: Final = 8234

Answer = TypeVar("Answer")


def data_dir(environment: Mapping[str, str]) -> Path:
    """Where the demonstration keeps its data: `.cardcase` in the project, unless `CARDCASE_DATA_DIR` says otherwise."""
    return Path(environment.get(DATA_DIR) or PROJECT / ".cardcase").absolute()


@dataclass(slots=True)
class Servers:
    """Where the register and Temporal are. `ui_url` is None where the Temporal server is not ours."""

    database_url: str = field(repr=False)
    key_file: Path
    address: str | None = None
    """Of Temporal; None where its own configuration says it."""
    namespace: str | None = None
    ui_url: str | None = None
    temporal: TemporalServer | None = None
    desk: Desk | None = None
    """Where operators log in, what their Web UI asks, and where systems come in."""

    def settings(self) -> dict[str, str]:
        """For programs: where register, keys and Temporal are."""
        told = {DATABASE_URL: self.database_url, KEY_FILE: str(self.key_file)}
        if self.address is not None and self.namespace is not None:
            told |= {"TEMPORAL_ADDRESS": self.address, "TEMPORAL_NAMESPACE": self.namespace}
        return told

    def keys(self) -> KeyRing:
        """The key ring, made at the first start. Raises `CaseError` CONFIGURATION_INVALID."""
        if not self.key_file.exists():
            return KeyRing.generate(self.key_file)
        return KeyRing.load(self.key_file)

    @property
    def stamp_key_file(self) -> Path:
        """Where `stamp_key` is."""
        return self.key_file.with_name("gate.json")

    @property
    def stamp_trust_file(self) -> Path:
        """The public half of `stamp_key`, which the worker believes."""
        return self.key_file.with_name("gate-public.json")

    def stamp_key(self) -> SigningKey:
        """The gate's key, made at the first start. Raises `CaseError` CONFIGURATION_INVALID."""
        if not self.stamp_key_file.exists():
            SigningKey.generate().write(self.stamp_key_file, self.stamp_trust_file)
        return SigningKey.load(self.stamp_key_file)

    @property
    def webhook_files(self) -> tuple[Path, Path]:
        """The key by which the worker signs webhooks, and its public half."""
        return self.key_file.with_name("webhook.json"), self.key_file.with_name("webhook-public.json")

    def webhook_keys(self) -> None:
        """Make both files at the first start."""
        if not self.webhook_files[0].exists():
            SigningKey.generate().write(*self.webhook_files)

    @property
    def opened_desk(self) -> Desk:
        """The desk. Raises StackError before it was opened."""
        if self.desk is None:
            raise StackError("the desk has not been opened")
        return self.desk

    async def client(self) -> Client:
        """A client of the Temporal server."""
        return await connect(PayloadSealer(self.keys()), self.address, self.namespace)


@asynccontextmanager
async def servers(environment: Mapping[str, str], folder: Path) -> AsyncIterator[Servers]:
    """Both servers, started where nobody named others, stopped at the end."""
    key_file = _key_file(environment, folder)
    async with AsyncExitStack() as running:
        database_url = environment.get(DATABASE_URL)
        if not database_url:
            postgres = PostgresServer(folder / "postgres", port=STANDARD_PORTS.postgres)
            await running.enter_async_context(postgres)
            database_url = postgres.endpoint.url
        if ClientConfig.load_client_connect_config().get("target_host"):
            yield Servers(database_url, key_file)
            return
        temporal = TemporalServer(
            folder / "temporal",
            search_attributes=SEARCH_ATTRIBUTES,
            # The port that people know is that of the Web UI which asks the codec server (`desk`).
            port=STANDARD_PORTS.temporal,
        )
        await running.enter_async_context(temporal)
        at = temporal.endpoint
        yield Servers(database_url, key_file, at.address, at.namespace, at.ui_url, temporal)


def _key_file(environment: Mapping[str, str], folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(environment.get(KEY_FILE) or folder / "keys.toml").absolute()


@dataclass(frozen=True)
class Providers:
    """Who takes messages to people: the local stack's own, whose tray one can look at."""

    tray_url: str
    settings: Mapping[str, str]
    """For the worker; what the environment says of a provider is stronger."""


@asynccontextmanager
async def providers(folder: Path) -> AsyncIterator[Providers]:
    """Providers on 127.0.0.1 for all channels, with receipts."""
    secret_file, secret = _secret(folder / "providers.secret")
    port, callback_port = pick_ports(_TRAY_PORT, None)
    callback_url = f"http://{LOOPBACK}:{callback_port}{CALLBACKS}"
    async with Receivers(http_port=port, token=secret, callback_url=callback_url, secret=secret.encode()) as receivers:
        settings = {
            "SMS_URL": receivers.sms_url,
            "SMS_TOKEN_FILE": str(secret_file),
            "MAIL_URL": receivers.mail_url,
            "MAIL_SENDER": "cards@example.invalid",
            "CHAT_CHANNELS": "dingtalk,wecom,feishu",
            "CHAT_RELAY_URL": receivers.relay_url,
            "WEBHOOK_HOSTS": receivers.webhook_host,
            "CALLBACK_PORT": str(callback_port),
            "CALLBACK_SECRET_FILE": str(secret_file),
        }
        yield Providers(receivers.tray_url, {f"CARDCASE_{name}": value for name, value in settings.items()})


def _secret(path: Path) -> tuple[Path, str]:
    """A secret that the worker and the providers share, made at the first start."""
    path = path.absolute()
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path, path.read_text(encoding="ascii")


@asynccontextmanager
async def desk(
    environment: Mapping[str, str], folder: Path, servers: Servers, sinks: Sequence[str] = ()
) -> AsyncIterator[Servers]:
    """The servers with what people and systems meet; three operators have an identity token in a file as well.

    `sinks` are hosts where webhooks are received.
    """
    servers.webhook_keys()
    settings = {
        **environment,
        **servers.settings(),
        STAMP_KEY_FILE: str(servers.stamp_key_file),
        "CARDCASE_WEBHOOK_TRUST_FILE": str(servers.webhook_files[1]),
    }
    async with desk_opened(folder, settings, servers.ui_url, sinks=sinks) as opened:
        opened.provider.write_tokens(folder / TOKENS)
        yield replace(servers, ui_url=opened.ui_url, desk=opened)


class Worker:
    """`python worker.py` as a process of its own, bound to the life of this one."""

    def __init__(self, folder: Path) -> None:
        self._directory = DataDirectory(folder / "worker")
        self._process: ServerProcess | None = None

    @property
    def log_file(self) -> Path:
        """What the worker says."""
        return self._directory.path / "worker.log"

    async def start(self, environment: Mapping[str, str], servers: Servers) -> None:
        """Start the worker, wait until it says that it is ready, and have Temporal give it work.

        Cases that an earlier release began go on with this one. Where the Temporal server is not ours, workers are not
        versioned, and what is current there is none of our business.

        Raises DataDirectoryInUse, ServerNotStarted with the end of its log, or StackError.
        """
        await self._directory.claim()
        (port,) = pick_ports(None)
        self._process = await ServerProcess.spawn(
            "worker",
            [sys.executable, PROJECT / "worker.py"],
            directory=self._directory,
            account=Account.OWN,
            # Killed at any moment it loses nothing; asked to drain, it would wait for servers that are gone as well.
            death_signal=signal.SIGKILL,
            environment=_environment(environment, servers, port),
        )
        await self._process.until(_ready(port), _WORKER_SECONDS)
        if servers.temporal is not None:
            try:
                await make_current(await servers.client(), build_id(), patience=_WORKER_SECONDS)
            except ReleaseUnknown:
                raise StackError("the worker is ready, and does not ask for work") from None

    async def wait(self) -> int:
        """The exit status, once it has ended by whatever cause."""
        if self._process is None:
            raise StackError("the worker has not been started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Let it finish what it has begun, and end it."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await process.stop(signal.SIGTERM, _DRAIN_SECONDS)
        finally:
            self._directory.release()


@asynccontextmanager
async def worker(environment: Mapping[str, str], folder: Path, servers: Servers) -> AsyncIterator[Worker]:
    """One running worker."""
    started = Worker(folder)
    try:
        await started.start(environment, servers)
        yield started
    finally:
        await started.stop()


async def while_all_run(work: Awaitable[Answer], servers: Servers, worker: Worker, outsiders: Outsiders) -> Answer:
    """What `work` answers; StackError as soon as anything that it needs has ended by itself."""
    working = asyncio.ensure_future(work)
    ends = [asyncio.create_task(_ended(worker.wait(), f"the worker, see {worker.log_file},"))]
    ends.append(asyncio.create_task(outsiders.wait()))
    if servers.temporal is not None:
        ends.append(asyncio.create_task(_ended(servers.temporal.wait(), "the Temporal server")))
    if servers.desk is not None:
        ends.append(asyncio.create_task(servers.desk.wait()))
    try:
        await asyncio.wait({working, *ends}, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            if end.done() and not working.done():
                raise StackError(end.result())
        return working.result()
    finally:
        for task in (working, *ends):
            task.cancel()
        await asyncio.gather(working, *ends, return_exceptions=True)


async def _ended(ending: Awaitable[int], who: str) -> str:
    return f"{who} ended with status {await ending}"


def _environment(environment: Mapping[str, str], servers: Servers, health_port: int) -> dict[str, str]:
    told = {STAMP_TRUST_FILE: str(servers.stamp_trust_file), "CARDCASE_HEALTH_PORT": str(health_port)}
    if servers.temporal is not None:
        told[VERSIONED] = "true"
    if servers.ui_url is not None:
        told["CARDCASE_UI_URL"] = servers.ui_url
    if servers.desk is not None:
        told["CARDCASE_WEBHOOK_KEY_FILE"] = str(servers.webhook_files[0])
    return {**environment, **servers.settings(), **told}


async def _ready(port: int) -> None:
    while not await _says_ready(port):  # noqa: ASYNC110 - a process of its own can only be asked
        await asyncio.sleep(_POLL_SECONDS)


async def _says_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def process_environment() -> dict[str, str]:
    """The environment of this process."""
    return dict(os.environ)
