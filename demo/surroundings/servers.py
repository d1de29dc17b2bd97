"""The servers, what people and systems meet of them, one worker, and their orderly end.

Servers of our own are used unless `CARDCASE_DATABASE_URL` or Temporal's own configuration names others.
"""

import asyncio
import json
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from temporalio.envconfig import ClientConfig

from activities.notifications.listening import PATH as CALLBACKS
from demo.desks import STAFF, token_file
from demo.stage import DATABASE_URL, KEY_FILE, PROJECT
from demo.surroundings.keys import KeyFiles
from runtime.build import build_id
from runtime.client import connect
from runtime.releases import NotMadeCurrent, make_current
from stack import STANDARD_PORTS, PostgresServer, ServerNotStarted, StackError, TemporalServer, together
from stack.directory import DataDirectory
from stack.launch import Account
from stack.operators import Desk, desk_opened
from stack.ports import LOOPBACK, pick_ports
from stack.process import ServerProcess
from stack.receivers import Receivers, secrets_of_receipts
from workflows.search_attributes import SEARCH_ATTRIBUTES

STAMP_TRUST_FILE: Final = "CARDCASE_STAMP_TRUST_FILE"
PERSON_KEYS: Final = "CARDCASE_PERSON_KEYS"
STAMP_KEY_FILE: Final = "CARDCASE_STAMP_KEY_FILE"
TOKENS: Final = "tokens"
"""Folder of the sample operators' identity tokens, by their staff IDs."""
VERSIONED: Final = "CARDCASE_VERSIONED"

_UPKEEP_SECONDS: Final = 180.0
_WORKER_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 35.0
_POLL_SECONDS: Final = 0.05
_TRAY_PORT: Final = 8234


@dataclass(slots=True)
class Servers:
    """Where the register and Temporal are. `ui_url` is None where the Temporal server is not ours."""

    database_url: str = field(repr=False)
    keys: KeyFiles
    address: str | None = None
    """Of Temporal; None where its own configuration says it."""
    namespace: str | None = None
    ui_url: str | None = None
    temporal: TemporalServer | None = None
    desk: Desk | None = None
    """Where operators log in, what their Web UI asks, and where systems come in."""

    def settings(self) -> dict[str, str]:
        """For programs: where register, keys and Temporal are."""
        told = {
            DATABASE_URL: self.database_url,
            KEY_FILE: str(self.keys.ring),
            PERSON_KEYS: str(self.keys.persons),
            # For trying out, on this machine.
            "CARDCASE_PROFILE": "local",
        }
        if self.address is not None and self.namespace is not None:
            told |= {"TEMPORAL_ADDRESS": self.address, "TEMPORAL_NAMESPACE": self.namespace}
        return told

    @property
    def opened_desk(self) -> Desk:
        """The desk. Raises StackError before it was opened."""
        if self.desk is None:
            raise StackError("the desk has not been opened")
        return self.desk


@asynccontextmanager
async def servers(environment: Mapping[str, str], folder: Path) -> AsyncIterator[Servers]:
    """Both servers, started where nobody named others, stopped at the end."""
    keys = KeyFiles(_key_file(environment, folder))
    database_url = environment.get(DATABASE_URL) or ""
    postgres = None if database_url else PostgresServer(folder / "postgres", port=STANDARD_PORTS.postgres)
    temporal = None
    if not ClientConfig.load_client_connect_config().get("target_host"):
        temporal = TemporalServer(
            folder / "temporal",
            search_attributes=SEARCH_ATTRIBUTES,
            # The port that people know is that of the Web UI which asks the codec server (`desk`).
            port=STANDARD_PORTS.temporal,
        )
    async with together(*(each for each in (postgres, temporal) if each is not None)):
        url = database_url if postgres is None else postgres.endpoint.url
        if temporal is None:
            yield Servers(url, keys)
        else:
            at = temporal.endpoint
            yield Servers(url, keys, at.address, at.namespace, at.ui_url, temporal)


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
    receipts = secrets_of_receipts(folder / "receipts")
    async with Receivers(http_port=port, token=secret, callback_url=callback_url, secrets=receipts) as receivers:
        settings = {
            "SMS_URL": receivers.sms_url,
            "SMS_TOKEN_FILE": str(secret_file),
            "MAIL_URL": receivers.mail_url,
            "MAIL_SENDER": "cards@example.invalid",
            "CHAT_CHANNELS": "dingtalk,wecom,feishu",
            "CHAT_RELAY_URL": receivers.relay_url,
            "WEBHOOK_HOSTS": receivers.webhook_host,
            "CALLBACK_PORT": str(callback_port),
            "CALLBACK_SECRETS": str((folder / "receipts").absolute()),
        }
        yield Providers(receivers.tray_url, {f"CARDCASE_{name}": value for name, value in settings.items()})


def _secret(path: Path) -> tuple[Path, str]:
    """A secret that the worker and the providers share, made at the first start."""
    path = path.absolute()
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path, path.read_text(encoding="ascii")


class Upkeep:
    """`python -m demo.surroundings.upkeep`: makes the keys, prepares the register and Temporal, and ends."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    async def keep_up(self, servers: Servers) -> None:
        """Have it done, now that the servers are there. Raises StackError with what it says to do."""
        process = self._process
        process.told.write(json.dumps(servers.settings()).encode())
        process.told.close()
        try:
            await process.complete(_UPKEEP_SECONDS)
        except ServerNotStarted:
            if process.running or not (said := await process.said.read()):
                raise
            raise StackError(said.decode().rstrip()) from None


@asynccontextmanager
async def upkeep(environment: Mapping[str, str], folder: Path) -> AsyncIterator[Upkeep]:
    """The program that opens the keys for a moment. It gets ready while the servers start, and is told where they are.

    Raises DataDirectoryInUse.
    """
    directory = DataDirectory(folder / "upkeep")
    await directory.claim()
    try:
        process = await ServerProcess.spawn(
            "upkeep",
            [sys.executable, "-m", "demo.surroundings.upkeep"],
            directory=directory,
            death_signal=signal.SIGKILL,
            environment={**environment, "PYTHONPATH": str(PROJECT)},
            talks=True,
        )
        try:
            yield Upkeep(process)
        finally:
            await process.kill()
    finally:
        directory.release()


@asynccontextmanager
async def desk(
    environment: Mapping[str, str], folder: Path, servers: Servers, sinks: Sequence[str] = ()
) -> AsyncIterator[Servers]:
    """The servers with what people and systems meet; all staff, and three operators, have a token in a file.

    `sinks` are hosts where webhooks are received.
    """
    settings = {
        **environment,
        **servers.settings(),
        STAMP_KEY_FILE: str(servers.keys.stamp),
        "CARDCASE_WEBHOOK_TRUST_FILE": str(servers.keys.webhooks_trust),
    }
    async with desk_opened(folder, settings, servers.ui_url, sinks=sinks) as opened:
        # While its programs get ready.
        tokens = folder / TOKENS
        opened.provider.write_tokens(tokens)
        for actor in STAFF:
            opened.provider.write_token(actor, token_file(tokens, actor))
        yield replace(servers, ui_url=opened.ui_url, desk=opened)


class Worker:
    """`python worker.py` as a process of its own, bound to the life of this one."""

    def __init__(self, folder: Path) -> None:
        self._directory = DataDirectory(folder / "worker")
        self._process: ServerProcess | None = None
        self._port = 0
        """Where it says that it is ready."""

    @property
    def log_file(self) -> Path:
        """What the worker says."""
        return self._directory.path / "worker.log"

    async def start(self, environment: Mapping[str, str], servers: Servers) -> None:
        """Start the worker. Raises DataDirectoryInUse."""
        await self._directory.claim()
        (self._port,) = pick_ports(None)
        self._process = await ServerProcess.spawn(
            "worker",
            [sys.executable, PROJECT / "worker.py"],
            directory=self._directory,
            account=Account.OWN,
            # Killed at any moment it loses nothing; asked to drain, it would wait for servers that are gone as well.
            death_signal=signal.SIGKILL,
            environment=_environment(environment, servers, self._port),
        )

    async def ready(self, servers: Servers) -> None:
        """Wait until the worker says that it is ready, and have Temporal give it work.

        Cases that an earlier release began go on with this one. Where the Temporal server is not ours, workers are not
        versioned, and what is current there is none of our business.

        Raises ServerNotStarted with the end of its log, or StackError.
        """
        await self._running.until(_ready(self._port), _WORKER_SECONDS)
        if servers.temporal is not None:
            try:
                # No payload travels this way, so that nothing has to be sealed.
                client = await connect(None, servers.address, servers.namespace)
                await make_current(client, build_id(), patience=_WORKER_SECONDS)
            except NotMadeCurrent:
                raise StackError("the worker is ready, and is given no work") from None

    async def wait(self) -> int:
        """The exit status, once it has ended by whatever cause."""
        return await self._running.wait()

    async def stop(self) -> None:
        """Let it finish what it has begun, and end it."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await process.stop(signal.SIGTERM, _DRAIN_SECONDS)
        finally:
            self._directory.release()

    @property
    def _running(self) -> ServerProcess:
        if self._process is None:
            raise StackError("the worker has not been started")
        return self._process


@asynccontextmanager
async def worker(environment: Mapping[str, str], folder: Path, servers: Servers) -> AsyncIterator[Worker]:
    """One running worker, which may still be getting ready."""
    started = Worker(folder)
    try:
        await started.start(environment, servers)
        yield started
    finally:
        await started.stop()


async def first_to_end(servers: Servers, worker: Worker) -> str:
    """What of all that has to run ended first, by whatever cause."""
    ends = [asyncio.create_task(_ended(worker.wait(), f"the worker, see {worker.log_file},"))]
    if servers.temporal is not None:
        ends.append(asyncio.create_task(_ended(servers.temporal.wait(), "the Temporal server")))
    if servers.desk is not None:
        ends.append(asyncio.create_task(servers.desk.wait()))
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _ended(ending: Awaitable[int], who: str) -> str:
    return f"{who} ended with status {await ending}"


def _environment(environment: Mapping[str, str], servers: Servers, health_port: int) -> dict[str, str]:
    told = {STAMP_TRUST_FILE: str(servers.keys.stamp_trust), "CARDCASE_HEALTH_PORT": str(health_port)}
    if servers.temporal is not None:
        told[VERSIONED] = "true"
    if servers.ui_url is not None:
        told["CARDCASE_UI_URL"] = servers.ui_url
    if servers.desk is not None:
        told["CARDCASE_DESK_URL"] = servers.desk.desk_url
        told["CARDCASE_WEBHOOK_KEY_FILE"] = str(servers.keys.webhooks)
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
