"""What the campaign stands on: real servers and real processes, and everything that they say kept for the search."""

import asyncio
import json
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from temporalio.client import Client

from activities.notifications.listening import PATH as CALLBACKS
from activities.person_keys import DirectoryKeys
from cases.models import Actor, Role
from gate.stamp_keys import SigningKey
from intake import schedules
from intake.client import CaseClient
from runtime.keys import sealer_of
from stack import LocalStack
from stack.directory import DataDirectory
from stack.identity import INTAKE_CLIENT, SERVICE_AUDIENCE, IdentityProvider, System
from stack.issuer import Issuer
from stack.launch import Account
from stack.ports import LOOPBACK, pick_ports
from stack.process import ServerProcess
from stack.receivers import Receivers, secrets_of_receipts
from tests.canary.people import People, PlantedEngine
from tests.canary.recording import CommandLines, Recorder, command_lines_watched, recording
from tests.canary.worker_by_day import METRICS
from tests.engine import engine_on
from tests.intake.service.receiver import Receiver, receiving
from tests.worker_process import ROOT, environment_with, sample_key_file
from workflows.search_attributes import SEARCH_ATTRIBUTES

UI: Final = "http://ui.example.invalid:8080"
"""Origin of a Web UI."""
MINISTRY: Final = "100000"
BACK_OFFICE: Final = Actor(id="canary-system", role=Role.back_office, office=MINISTRY)
_SECRET: Final = "synthetic-secret-of-a-campaign"  # noqa: S105 - of receivers that run for one campaign
_SYSTEMS: Final = {
    INTAKE_CLIENT: System(Actor(id="intake", role=Role.operator, office=MINISTRY), _SECRET, may_exchange=True)
}
_START_SECONDS: Final = 60.0
_STARTERS: Final = 2
"""Command lines at the same time."""


@dataclass(frozen=True)
class Said:
    """What a program ended with."""

    exit: int
    out: str = field(repr=False)
    err: str = field(repr=False)

    @property
    def codes(self) -> set[str]:
        """Words in capitals of all it said: codes are among them."""
        words = (self.out + self.err).replace('"', " ").replace("(", " ").replace(")", " ").replace(":", " ").split()
        return {word.strip(",.;") for word in words if word.isupper()}


@dataclass
class Stage:
    """Everything that runs, and everything that was said."""

    folder: Path
    stack: LocalStack
    engine: PlantedEngine
    people: People
    clear: Client
    """A client that opens and seals nothing: it sees what Temporal keeps."""
    issuer: Issuer
    exchange_url: str
    """Where the intake service exchanges its callers' tokens for the gate's."""
    receivers: Receivers
    hooks: Receiver
    """Of webhooks."""
    hooked: Recorder
    """What it was sent."""
    recorders: list[Recorder]
    command_lines: CommandLines
    session: aiohttp.ClientSession
    settings: dict[str, str]
    ports: Mapping[str, int]
    refusals: list[str] = field(default_factory=list)
    """What programs were told of what went wrong, with its chain of exceptions."""
    answers: list[bytes] = field(default_factory=list)
    """What the codec server answered."""
    taken_in: list[bytes] = field(default_factory=list)
    """What the intake service answered."""
    counted: list[bytes] = field(default_factory=list)
    """Metrics of workers that died."""
    said: int = 0
    _running: dict[str, ServerProcess] = field(default_factory=dict)
    _directories: dict[str, DataDirectory] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STARTERS))

    @property
    def outputs(self) -> Path:
        """Where everything stands that processes said."""
        return self.folder / "outputs"

    @property
    def errors(self) -> Path:
        """Where imports write their error files."""
        return self.folder / "errors"

    @property
    def inputs(self) -> Path:
        """Files that are handed in: the only ones that hold people in clear."""
        return self.folder / "inputs"

    @property
    def metrics(self) -> Mapping[str, str]:
        """Where metrics are served."""
        return {
            "server": self.stack.metrics_url,
            "worker": f"http://{LOOPBACK}:{self.ports['metrics']}/metrics",
            "intake": f"http://{LOOPBACK}:{self.ports['intake health']}/metrics",
        }

    @property
    def client(self) -> CaseClient:
        """The client of programs, in whose name everybody acts."""
        return CaseClient(self.engine.client, self.engine.sealer, stamping=self.engine.everybody)

    # --- programs that end by themselves ----------------------------------------------------------------------------

    async def run(
        self, *command: str | Path, stdin: bytes = b"", settings: Mapping[str, str] | None = None, name: str = "python"
    ) -> Said:
        """Run a program of this interpreter to its end, and keep what it said."""
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *map(str, command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment_with(self.settings if settings is None else settings),
                cwd=ROOT,
            )
            try:
                out, err = await process.communicate(stdin)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        self.said += 1
        for stream, content in (("out", out), ("err", err)):
            (self.outputs / f"{self.said:03}-{name}.{stream}").write_bytes(content)
        return Said(process.returncode or 0, out.decode(), err.decode())

    async def starter(
        self,
        *arguments: str | Path,
        by: Actor | None = BACK_OFFICE,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Said:
        """`python starter.py`, called by somebody with a token."""
        told = dict(self.settings if settings is None else settings)
        if token is not None:
            told["CARDCASE_TOKEN_FILE"] = str(self._written(f"token-{self.said}-{id(told)}", token))
        elif by is not None:
            told["CARDCASE_TOKEN_FILE"] = str(self.token_file(by))
        return await self.run("starter.py", *arguments, stdin=stdin, settings=told, name="starter")

    def token_file(self, actor: Actor) -> Path:
        """A file with somebody's token, made out to the intake service and the gate."""
        path = self.folder / f"token-of-{actor.id}-{actor.role}-{actor.office}"
        if not path.exists():
            everywhere = [self.issuer.audience, SERVICE_AUDIENCE]
            self._written(path.name, self.issuer.token(actor, aud=everywhere, azp=self.issuer.audience))
        return path

    def _written(self, name: str, token: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(token, encoding="ascii")
        return path

    async def refused(self, work: Awaitable[object]) -> BaseException:
        """The exception with which some work ends, kept as a program would write it down."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
            self.refusals.append("".join(traceback.format_exception(error)) + repr(error))
            return error
        raise AssertionError("it was not refused")

    # --- programs that stay -----------------------------------------------------------------------------------------

    async def start(self, name: str, module: str, more: Mapping[str, str]) -> None:
        """Start the worker or the codec server, and wait until it says that it is ready."""
        directory = self._directories.setdefault(name, DataDirectory(self.outputs / name))
        await directory.claim()
        process = await ServerProcess.spawn(
            name,
            [sys.executable, "-m", module],
            directory=directory,
            account=Account.OWN,
            death_signal=signal.SIGKILL,
            environment=environment_with({**self.settings, **more}),
        )
        self._running[name] = process
        await process.until(self._ready(self.ports[f"{name} health"]), _START_SECONDS)

    async def stop(self, name: str) -> None:
        """Ask it to stop, and wait until it has."""
        await self._running.pop(name).stop(signal.SIGTERM, _START_SECONDS)
        self._directories[name].release()

    async def crash_worker(self) -> None:
        """Kill the worker; what it had counted is kept."""
        async with self.session.get(self.metrics["worker"]) as answer:
            self.counted.append(await answer.read())
        await self._running.pop("worker").kill()
        self._directories["worker"].release()

    async def start_worker(self) -> None:
        """The worker, as it runs by day."""
        more = {
            "CARDCASE_HEALTH_PORT": str(self.ports["worker health"]),
            "CARDCASE_CALLBACK_PORT": str(self.ports["callbacks"]),
            METRICS: f"{LOOPBACK}:{self.ports['metrics']}",
            "CARDCASE_WEBHOOK_KEY_FILE": str(self.folder / "webhooks.json"),
        }
        await self.start("worker", "tests.canary.worker_by_day", more)

    async def start_codec_server(self) -> None:
        """The codec server, which is the gate as well."""
        more = {
            "CARDCASE_HEALTH_PORT": str(self.ports["codec health"]),
            "CARDCASE_CODEC_PORT": str(self.ports["codec"]),
            "CARDCASE_UI_ORIGINS": UI,
        }
        await self.start("codec", "gate", more)

    async def start_intake(self) -> None:
        """The intake service; it answers whether it is ready where it serves."""
        more = {
            "CARDCASE_INTAKE_PORT": str(self.ports["intake health"]),
            "CARDCASE_INTAKE_SECRET_FILE": str(self.folder / "providers.secret"),
            "CARDCASE_EXCHANGE_URL": self.exchange_url,
            "CARDCASE_SINK_HOSTS": self.hooks.host,
            "CARDCASE_WEBHOOK_TRUST_FILE": str(self.folder / "webhooks-public.json"),
        }
        await self.start("intake", "intake", more)

    async def close(self) -> None:
        """End what still runs."""
        for name in list(self._running):
            await self.stop(name)

    async def _ready(self, port: int) -> None:
        while True:
            try:
                async with self.session.get(f"http://{LOOPBACK}:{port}/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)  # a process of its own can only be asked

    # --- the codec server's clients ---------------------------------------------------------------------------------

    async def ask_codec(
        self,
        path: str,
        body: bytes | dict[str, Any],
        *,
        token: str | None,
        origin: str = UI,
        namespace: str = "default",
    ) -> tuple[int, dict[str, Any]]:
        """Ask as the Web UI does, and keep the answer."""
        headers = {"Content-Type": "application/json", "X-Namespace": namespace, "Origin": origin}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"http://{LOOPBACK}:{self.ports['codec']}{path}"
        async with self.session.post(url, data=data, headers=headers) as answer:
            content = await answer.read()
            self.answers.append(repr(answer.headers).encode() + content)
            try:
                told: dict[str, Any] = json.loads(content)
            except ValueError:
                told = {}
            return answer.status, told

    # --- the intake service's clients -------------------------------------------------------------------------------

    @property
    def intake_url(self) -> str:
        """Where the intake service is."""
        return f"http://{LOOPBACK}:{self.ports['intake health']}"

    async def ask_intake(
        self, method: str, path: str, body: Any, *, by: Actor | None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask as a system or a clerk does, and keep the answer."""
        said = {"Content-Type": "application/json", **(headers or {})}
        if by is not None:
            said["Authorization"] = f"Bearer {self.issuer.token(by, aud=SERVICE_AUDIENCE)}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        url = self.intake_url + path
        async with self.session.request(method, url, data=data, headers=said) as answer:
            content = await answer.read()
            self.taken_in.append(repr(answer.headers).encode() + content)
            told: dict[str, Any] = json.loads(content)
            return answer.status, told


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A stage with its servers, a worker and a codec server, for the length of a block."""
    people = People()
    for name in ("outputs", "errors", "inputs"):
        (folder / name).mkdir()
    key_file, secret_file = sample_key_file(folder), folder / "providers.secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(_SECRET, encoding="ascii")
    SigningKey.sample().write(folder / "gate.json", folder / "gate-public.json")
    SigningKey.generate().write(folder / "webhooks.json", folder / "webhooks-public.json")
    names = ("worker health", "codec health", "codec", "callbacks", "metrics", "intake health")
    ports = dict(zip(names, pick_ports(*[None] * len(names)), strict=True))
    async with AsyncExitStack() as running:
        enter = running.enter_async_context
        stack = LocalStack(folder / "servers", search_attributes=SEARCH_ATTRIBUTES, durable=False, time_skipping=True)
        await enter(stack)
        receivers = Receivers(
            token=_SECRET,
            callback_url=f"http://{LOOPBACK}:{ports['callbacks']}{CALLBACKS}",
            secrets=secrets_of_receipts(folder / "receipts"),
        )
        await enter(receivers)
        web = await enter(recording(urlsplit(receivers.tray_url).port or 0))
        provider = await enter(IdentityProvider([], systems=_SYSTEMS))
        hooks = await enter(receiving())
        hooked = await enter(recording(int(hooks.host.rpartition(":")[2])))
        hooks.host = f"{LOOPBACK}:{hooked.port}"
        issuer = provider.issuer
        mail = await enter(recording(urlsplit(receivers.mail_url).port or 0))
        DirectoryKeys.begin(folder / "persons")
        sealer = sealer_of(key_file, folder / "persons")
        engine = PlantedEngine.of(await enter(engine_on(stack, "canary", sealer)), people)
        stage = Stage(
            folder=folder,
            stack=stack,
            engine=engine,
            people=people,
            clear=await Client.connect(stack.temporal_address, namespace=stack.namespace),
            issuer=issuer,
            exchange_url=provider.token_url,
            receivers=receivers,
            hooks=hooks,
            hooked=hooked,
            recorders=[web, mail],
            command_lines=await enter(command_lines_watched()),
            session=await enter(aiohttp.ClientSession()),
            settings={
                "TEMPORAL_ADDRESS": stack.temporal_address,
                "TEMPORAL_NAMESPACE": stack.namespace,
                "CARDCASE_DATABASE_URL": engine.database_url,
                "CARDCASE_KEY_FILE": str(key_file),
                "CARDCASE_PROFILE": "local",
                "CARDCASE_PERSON_KEYS": str(folder / "persons"),
                "CARDCASE_STAMP_TRUST_FILE": str(folder / "gate-public.json"),
                "CARDCASE_STAMP_KEY_FILE": str(folder / "gate.json"),
                "CARDCASE_IDENTITY_ISSUER": issuer.url,
                "CARDCASE_IDENTITY_KEYS": str(issuer.write_keys(folder / "issuer.json")),
                "CARDCASE_GATE_URL": f"http://{LOOPBACK}:{ports['codec']}",
                "CARDCASE_INTAKE_URL": f"http://{LOOPBACK}:{ports['intake health']}",
                "CARDCASE_SMS_URL": f"http://{LOOPBACK}:{web.port}/sms",
                "CARDCASE_SMS_TOKEN_FILE": str(secret_file),
                "CARDCASE_SMS_PER_SECOND": "500",
                "CARDCASE_MAIL_URL": f"smtp://{LOOPBACK}:{mail.port}",
                "CARDCASE_MAIL_SENDER": "cards@example.invalid",
                "CARDCASE_MAIL_PER_SECOND": "500",
                "CARDCASE_CHAT_CHANNELS": "dingtalk,wecom,feishu",
                "CARDCASE_CHAT_RELAY_URL": f"http://{LOOPBACK}:{web.port}/relay",
                "CARDCASE_CHAT_PER_SECOND": "500",
                "CARDCASE_WEBHOOK_HOSTS": f"{LOOPBACK}:{web.port}",
                "CARDCASE_CALLBACK_SECRETS": str(folder / "receipts"),
            },
            ports=ports,
        )
        running.push_async_callback(stage.close)
        running.enter_context(people.invented())
        await asyncio.gather(stage.start_worker(), stage.start_codec_server(), stage.start_intake())
        await schedules.apply(engine.client)
        yield stage
