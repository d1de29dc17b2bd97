"""Where faults are injected: servers, workers that are started again whenever they end, receivers, and callers."""

import asyncio
import hashlib
import json
import os
import shutil
from base64 import b32encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

import asyncpg
from aiohttp import web
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from cases.models import Role
from cases.names import TASK_QUEUE_CASES, TASK_QUEUE_NOTIFICATIONS
from gate.stamp_keys import SigningKey
from intake import schedules
from runtime.start import NOTIFICATION_CONNECTIONS
from stack import LocalStack
from stack.receivers import Receivers
from stack.servers import Servers
from stack.tray import Fault, Script, Tray
from tests.activities.publishing.sinks import Sink, Time, listening
from tests.engine import engine_on
from tests.faults.calling import CallingEngine
from tests.faults.checker.evidence import LOGS, Evidence, Gauge, Received, Run, Trouble, now
from tests.faults.checker.invariants import LATEST, MESSAGES, Checked, check, until_emptied
from tests.faults.clocks import PRELOADED
from tests.faults.relay import Relay
from tests.nursery import forked_worker
from tests.scenes import OFFICE
from tests.worker_process import WorkerProcess, sample_key_file, sample_trust_file, worker_process
from workflows.search_attributes import SEARCH_ATTRIBUTES

WORKERS: Final = 2
POOL: Final = 4
"""Connections of a worker for cases."""
CALLERS_POOL: Final = 10
LINGERS_SECONDS: Final = 10.0
"""So long a dead worker's connections may be seen: the server notices at the end of a statement, or of its patience."""
RESTART_SECONDS: Final = 0.5
"""How long whoever watches over the workers takes to start one again."""
GAUGED_EVERY_SECONDS: Final = 1.0
SMALL: Final = "small"
WHOLE_DISK_MEGABYTES: Final = 320
"""For the whole of PostgreSQL's data, with the log that it writes ahead."""
LONG_TASK: Final = "TMPRL1104"
"""With which the SDK says that a task took longer than five seconds: two quick attempts at a step may."""
SMALL_DISK_MEGABYTES: Final = 96
SECRET: Final = "synthetic"  # noqa: S105 - of receivers that run for one test
SYSTEMS: Final = (Role.back_office, Role.medical_insurance, Role.pension, Role.bank, Role.card_bureau)


class Disk(Enum):
    """How much room PostgreSQL has."""

    ample = "ample"
    small_for_tables = "small_for_tables"
    small = "small"
    """For all that it writes, the log ahead of its tables included."""


_POSTGRES_ON: Final[Mapping[Disk, Mapping[str, str]]] = {
    Disk.ample: {},
    Disk.small_for_tables: {"default_tablespace": SMALL},
    Disk.small: {"max_wal_size": "48MB", "min_wal_size": "32MB"},
}


class Crew:
    """Workers, each of which is started again when it ends, as whoever runs them in production would."""

    def __init__(self, settings: Mapping[str, str], size: int, logs: Path, program: str, *, spared: int = 0) -> None:
        self.settings = dict(settings)
        self.own: dict[int, Mapping[str, str]] = {}
        """What the worker of a place is told beside that, or instead, from its next start on."""
        self._size = size
        self._spared = spared
        self._logs = logs
        self.program = program
        """The module that is run, from the next start of a worker on."""
        self._keeping: list[asyncio.Task[None]] = []
        self._closing = False
        self._died: list[float] = []
        self._changed = asyncio.Condition()
        self.workers: dict[int, WorkerProcess] = {}
        """By their place; whoever is being started is not there."""
        self.statuses: list[int] = []
        """With which workers have ended, in the order in which they did."""
        self.drained: list[float] = []
        """Seconds that workers took to stop which were told to."""

    async def start(self) -> None:
        """Start all, and wait until all are ready."""
        self._keeping = [asyncio.create_task(self._keep(place)) for place in range(self._size)]
        await asyncio.gather(*(self.ready(place) for place in range(self._size)))

    async def ready(self, place: int) -> None:
        """Wait until the worker of a place works."""
        worker = await self._there(place)
        while True:
            try:
                await worker.says("ready")
            except AssertionError:
                # It has ended before, and another one takes its place.
                worker = await self._there(place, other_than=worker)
            else:
                return

    async def _there(self, place: int, other_than: WorkerProcess | None = None) -> WorkerProcess:
        """The worker of a place, once there is one; another one than that which was there."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.workers.get(place) not in {None, other_than})
        return self.workers[place]

    async def stop(self) -> None:
        """Let all drain."""
        self._closing = True
        for worker in list(self.workers.values()):
            worker.terminate()
        await asyncio.gather(*self._keeping)

    def kill(self, place: int) -> None:
        """SIGKILL, if there is one."""
        if place in self.workers:
            self.workers[place].process.kill()

    async def roll(self, place: int) -> None:
        """SIGTERM, and wait until another one works in its place."""
        worker = self.workers[place]
        begun = asyncio.get_running_loop().time()
        worker.terminate()
        await worker.ends()
        self.drained.append(asyncio.get_running_loop().time() - begun)
        await self._there(place, other_than=worker)
        await self.ready(place)

    def __len__(self) -> int:
        """How many places there are to which something may happen: the last ones may be spared, to be measured."""
        return self._size - self._spared

    def write_logs(self) -> None:
        """Write down what those say that still run; what the others have said is written down."""
        for place, worker in self.workers.items():
            self._write_log(place, worker)

    def _write_log(self, place: int, worker: WorkerProcess) -> None:
        path = self._logs / f"worker-{place}-{worker.process.pid}.log"
        path.write_text(worker.output, encoding="utf-8")

    def processes(self) -> int:
        """Workers whose connections may be seen."""
        self._died = [at for at in self._died if asyncio.get_running_loop().time() - at < LINGERS_SECONDS]
        return self._size + len(self._died)

    async def _keep(self, place: int) -> None:
        while not self._closing:
            async with self._started(
                {**self.settings, "CARDCASE_POOL_SIZE": str(POOL), **self.own.get(place, {})}
            ) as worker:
                async with self._changed:
                    self.workers[place] = worker
                    self._changed.notify_all()
                try:
                    self.statuses.append(await worker.ends())
                finally:
                    del self.workers[place]
                    self._died.append(asyncio.get_running_loop().time())
                    self._write_log(place, worker)
            if not self._closing:
                await asyncio.sleep(RESTART_SECONDS)

    def _started(self, settings: Mapping[str, str]) -> AbstractAsyncContextManager[WorkerProcess]:
        if PRELOADED in settings:
            return worker_process(settings, program=("-m", self.program))
        return forked_worker(settings, program=self.program)


@dataclass(eq=False)
class Hearer(Sink):
    """A sink whose ledger is kept outside of the engine, and deduplicates nothing."""

    evidence: Evidence | None = None

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """See base class; every call is written down."""
        said: dict[str, Any] = await request.json()
        first = said.get("id") not in self.effects
        answer = await super().hear(request)
        if self.evidence is not None and "id" in said and not said["type"].startswith("cardcase.subscription_verify"):
            meant = {name: value for name, value in said.items() if name not in {"id", "time", "sequence"}}
            digest = hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:16]
            self.evidence.write(
                Received(
                    receiver=self.name,
                    at=now(),
                    id=said["id"],
                    effect=f"{said['type']} {said['subject']} {digest}",
                    accepted=said["id"] in self.effects,
                    first=first and said["id"] in self.effects,
                )
            )
        return answer


class Ledger(Tray):
    """What the providers of messages took, written down call by call: what is sent while others look is in it."""

    def __init__(self, evidence: Evidence, script: Script | None = None) -> None:
        super().__init__(script)
        self._evidence = evidence

    def take(self, channel: str, key: str, to: str, text: str, fault: Fault | None) -> bool:
        """See base class."""
        first = super().take(channel, key, to, text, fault)
        self._evidence.write(
            Received(
                receiver=f"{MESSAGES} {channel}",
                at=self.calls[-1].at,
                id=key,
                effect=hashlib.sha256(f"{to} {text}".encode()).hexdigest()[:16],
                accepted=key in self.accepted,
                first=first,
            )
        )
        return first


@dataclass
class Site:
    """Everything that runs, and what is written down of it."""

    stack: Servers
    engine: CallingEngine
    crew: Crew
    register: Relay
    """Before PostgreSQL, for workers."""
    temporal: Relay
    """Before Temporal, for workers."""
    receivers: Receivers
    """Of messages."""
    hearers: Sequence[Hearer]
    """Receivers of events."""
    chance: Random
    small_disk: Path | None = None
    """Under the register's tables or all of PostgreSQL's data, where these lie on a disk of their own."""
    injected: int = 0
    """How often a fault was."""
    all_lived: Callable[[], bool] = lambda: False
    """Whether nobody is left to whom a fault could happen."""

    @property
    def evidence(self) -> Evidence:
        return self.engine.evidence

    @asynccontextmanager
    async def trouble(
        self,
        fault: str,
        *,
        stops: bool = False,
        slows: bool = True,
        fails_tasks: Sequence[str] = (),
        fails_cases: Sequence[str] = (),
        clocks_off_by: Sequence[timedelta] = (),
    ) -> AsyncIterator[None]:
        """A fault for the length of a block, which is written down. Steps take longer because of it if it `slows`."""
        begun_at = now()
        self.injected += 1
        try:
            yield
        finally:
            self.evidence.write(
                Trouble(
                    fault=fault,
                    begun_at=begun_at,
                    ended_at=now(),
                    stops=stops,
                    says=(LONG_TASK,) if slows else (),
                    fails_tasks=tuple(fails_tasks),
                    fails_cases=tuple(fails_cases),
                    clocks_off_by=tuple(clocks_off_by),
                )
            )

    async def gauge(self) -> None:
        """Measure until cancelled; what does not answer at the moment is left out."""
        while True:
            limit = self.crew.processes() * (POOL + NOTIFICATION_CONNECTIONS) + CALLERS_POOL
            connections = await self._connections()
            if connections is not None:
                self.evidence.write(Gauge(what="connections", of="register", at=now(), value=connections, limit=limit))
            for place, worker in self.crew.workers.items():
                memory = _resident(worker.process.pid)
                if memory:
                    self.evidence.write(
                        Gauge(what="memory", of=f"worker {place} {worker.process.pid}", at=now(), value=memory)
                    )
            await asyncio.sleep(GAUGED_EVERY_SECONDS)

    async def _connections(self) -> int | None:
        try:
            connection = await asyncpg.connect(self.engine.database_url, timeout=1, command_timeout=1)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return None
        try:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'cardcase'"
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return None
        finally:
            connection.terminate()
        return found

    async def checked(self) -> Checked:
        """Wait until nothing is left to be sent, write down the rest, and ask all invariants."""
        async with own_connection(self) as register:
            await until_emptied(self.evidence, register)
            await self.write_down_the_rest()
            checked = await check(self.evidence, register, self.engine.client)
        (self.evidence.folder / "checked.txt").write_text(f"{checked}\n", encoding="utf-8")
        return checked

    async def write_down_the_rest(self) -> None:
        """What can be written down only in the end: logs, and who polls."""
        self.crew.write_logs()
        for queue, kind in (
            (TASK_QUEUE_CASES, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
            (TASK_QUEUE_CASES, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
            (TASK_QUEUE_NOTIFICATIONS, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
        ):
            of = f"{queue} {TaskQueueType.Name(kind).removeprefix('TASK_QUEUE_TYPE_').lower()}"
            self.evidence.write(Gauge(what="pollers", of=of, at=now(), value=await self._pollers(queue, kind)))

    async def _pollers(self, queue: str, kind: "TaskQueueType.ValueType") -> int:
        """Who polls. A server that was just started has heard of nobody: they have as long as everything else has."""
        request = DescribeTaskQueueRequest(
            namespace=self.engine.client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        until = self.evidence.quiet_since() + LATEST
        while True:
            described = await self.engine.client.workflow_service.describe_task_queue(request)
            if described.pollers or now() >= until:
                return len(described.pollers)
            # The server tells nobody that somebody has come.
            await asyncio.sleep(0.5)


def _resident(pid: int) -> float:
    """Bytes of a process that are in memory; 0 where it has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0.0


Starting: TypeAlias = Callable[[Path, Mapping[str, str]], AbstractAsyncContextManager[Servers]]
"""Starts servers on a data directory, with settings for PostgreSQL."""


def local_stack(data_dir: Path, postgres_settings: Mapping[str, str]) -> LocalStack:
    """The servers of the local stack."""
    return LocalStack(data_dir, search_attributes=SEARCH_ATTRIBUTES, postgres_settings=postgres_settings)


@asynccontextmanager
async def site_of(
    folder: Path,
    scenario: str,
    seed: int,
    *,
    workers: int = WORKERS,
    spared: int = 0,
    disk: Disk = Disk.ample,
    servers: Starting = local_stack,
) -> AsyncIterator[Site]:
    """A site of its own, with everything running; to `spared` workers beside the others nothing happens.

    When the block ends well all has been written down.
    """
    evidence = Evidence(folder / "evidence")
    logs = evidence.folder / LOGS
    webhook_keys, secret = folder / "webhooks.json", folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET, encoding="ascii")
    SigningKey.generate().write(webhook_keys, folder / "webhooks-public.json")
    async with AsyncExitStack() as running:
        enter = running.enter_async_context
        data = folder / "servers"
        small = await enter(_mounted(data / "postgres", WHOLE_DISK_MEGABYTES)) if disk is Disk.small else None
        stack = await enter(servers(data, _POSTGRES_ON[disk]))
        if disk is Disk.small_for_tables:
            small = await enter(_tables_apart(folder, stack))
        engine = CallingEngine.of(await enter(engine_on(stack, "faults")), evidence)
        evidence.write_run(
            Run(
                scenario=scenario,
                seed=seed,
                database_url=engine.database_url,
                temporal_address=stack.temporal_address,
                namespace=stack.namespace,
                begun_at=now(),
            )
        )
        endpoint = stack.postgres.endpoint
        register = await enter(Relay.before(f"{endpoint.host}:{endpoint.port}"))
        temporal = await enter(Relay.before(stack.temporal_address))
        receivers = await enter(Receivers(Ledger(evidence), token=SECRET))
        hearers = [Hearer(role.value.replace("_", "-"), Time(), evidence=evidence) for role in SYSTEMS]
        address = await enter(listening(*hearers))
        for hearer, role in zip(hearers, SYSTEMS, strict=True):
            await _subscribe(engine, hearer, role, address)
        settings = {
            "CARDCASE_DATABASE_URL": register.url_of(engine.database_url),
            "CARDCASE_KEY_FILE": str(sample_key_file(folder)),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(folder)),
            "CARDCASE_WEBHOOK_KEY_FILE": str(webhook_keys),
            "CARDCASE_SMS_URL": receivers.sms_url,
            "CARDCASE_SMS_TOKEN_FILE": str(secret),
            "CARDCASE_SMS_PER_SECOND": "500",
            "CARDCASE_HEALTH_PORT": "0",
            "CARDCASE_DRAIN_SECONDS": "30",
            "TEMPORAL_ADDRESS": temporal.address,
            "TEMPORAL_NAMESPACE": stack.namespace,
        }
        crew = Crew(settings, workers + spared, logs, "tests.faults.worker_by_day", spared=spared)
        chance = Random(seed)  # noqa: S311 - a schedule is repeated by its seed
        site = Site(stack, engine, crew, register, temporal, receivers, hearers, chance, small)
        await crew.start()
        running.push_async_callback(crew.stop)
        await schedules.apply(engine.client)
        gauging = asyncio.create_task(site.gauge())
        try:
            yield site
        finally:
            gauging.cancel()
            await asyncio.gather(gauging, return_exceptions=True)


@asynccontextmanager
async def _mounted(disk: Path, megabytes: int) -> AsyncIterator[Path]:
    """A file system of its own, in memory."""
    await asyncio.to_thread(disk.mkdir, parents=True)
    await _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "none", str(disk))
    try:
        yield disk
    finally:
        await _run("umount", "--lazy", str(disk))


@asynccontextmanager
async def _tables_apart(folder: Path, stack: Servers) -> AsyncIterator[Path]:
    """A small disk on which the tables lie that are made from now on."""
    async with _mounted(folder / "disk", SMALL_DISK_MEGABYTES) as disk:
        tables = disk / "tables"
        tables.mkdir()
        owner = (folder / "servers" / "postgres" / "cluster").stat()
        os.chown(tables, owner.st_uid, owner.st_gid)
        tables.chmod(0o700)
        connection = await asyncpg.connect(stack.database_url)
        try:
            await connection.execute(f"CREATE TABLESPACE {SMALL} LOCATION '{tables}'")
        finally:
            await connection.close()
        yield disk
        await stack.postgres.stop()


def lacks_mounting() -> str | None:
    """Why no small disk can be had here; None where one can."""
    if os.geteuid() == 0 and shutil.which("mount") is not None:
        return None
    return "a small disk needs an account that may mount one"


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, f"{command[0]} failed"


@asynccontextmanager
async def own_connection(site: Site, database: str = "faults") -> AsyncIterator[asyncpg.Connection]:
    """A connection of whoever injects faults, past the relay and with no limits on its patience."""
    connection = await asyncpg.connect(site.stack.postgres.endpoint.url_of(database))
    try:
        yield connection
    finally:
        connection.terminate()


async def _subscribe(engine: CallingEngine, hearer: Hearer, role: Role, address: str) -> None:
    which = "sub-" + b32encode(hearer.name.ljust(17, "-").encode())[:26].decode().lower()
    await engine.pool.execute(
        "INSERT INTO subscriptions (id, client, role, office, sink, of_kinds, state, challenge, next_attempt_at, "
        "created_at) VALUES ($1, $2, $3, $4, $5, '{IdNumberChange,CardReplacement}', 'unverified', 'c', now(), now())",
        *(which, hearer.name, role.value, OFFICE, f"{address}/{hearer.name}"),
    )
