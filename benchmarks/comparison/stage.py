"""What the comparison stands on: one PostgreSQL, one Temporal server, a receiver; on them one contestant at a time."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
from temporalio.client import Client

from activities.registry.loading import load_persons
from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from benchmarks.comparison.counting import SETTINGS
from benchmarks.comparison.programs import Program, module, processor_seconds, program
from benchmarks.comparison.restate import RestateServer, restate_running
from benchmarks.comparison.roster import Contestant, python_of, restate_server
from benchmarks.contestants import register
from benchmarks.contestants.cardcase import insured
from benchmarks.contestants.playing import Played
from cases.names import TASK_QUEUE_CASES
from cases.occasions import Scheduled
from deploy.migrations import migrate
from gate.stamp_keys import SigningKey
from stack import LocalStack
from stack.ports import LOOPBACK, pick_ports
from workflows.search_attributes import SEARCH_ATTRIBUTES

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Spent:
    """Processor seconds, each of a process and all that it forked."""

    client: float
    worker: float
    server: float
    """Temporal's, or Restate's; DBOS has none."""
    postgres: float

    @property
    def all(self) -> float:
        """Of all of them together."""
        return self.client + self.worker + self.server + self.postgres

    def of_each(self, cases: int) -> "Spent":
        """For one of so many cases."""
        return Spent(self.client / cases, self.worker / cases, self.server / cases, self.postgres / cases)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(
            self.client - other.client,
            self.worker - other.worker,
            self.server - other.server,
            self.postgres - other.postgres,
        )


@dataclass(frozen=True)
class Done:
    """What became of the cases that were played together."""

    seconds: float
    """In which all were opened, and in which all were finished."""
    cases: tuple[str, ...]
    open_ms: tuple[float, ...]
    done_ms: tuple[float, ...]
    """From telling of the verification to the end."""


@dataclass
class Turn:
    """A contestant that is running."""

    contestant: Contestant
    stage: "Stage"
    client: Program
    worker: Program
    server: int | None
    """Process ID of its durable server."""
    sweeps: int = 0
    """How often notifications were left to a sweep."""

    async def play(self, people: list[int], in_flight: int) -> Done:
        """Open a case for each of these, and finish them; comes back once every notification of them has arrived.

        A case is verified once the applicant has read of its opening: cardcase sends nothing that has been overtaken,
        so that a verification right behind it would leave it one message less than the others. Raises `ProgramEnded`,
        or TimeoutError.
        """
        at_opening = self.contestant.told_at_opening
        async with asyncio.timeout(PATIENCE_SECONDS):
            opened = await self._ask({"open": people, "in_flight": in_flight})
            await self._told(len(people) * at_opening)
            finished = await self._ask({"finish": opened.cases, "in_flight": in_flight})
            await self._told(len(people) * (NOTIFICATIONS - at_opening))
        return Done(opened.seconds + finished.seconds, tuple(finished.cases), tuple(opened.ms), tuple(finished.ms))

    async def _ask(self, asked: Mapping[str, Any]) -> Played:
        return Played(**await self._while_working(self.client.ask(asked)))

    async def _told(self, notifications: int) -> None:
        if self.contestant.writes and notifications:
            self.sweeps += await self._while_working(self.stage.told(self.contestant, notifications))

    async def people(self, number: int) -> list[int]:
        """So many people of its register who have no case yet."""
        return await self.stage.people(self.contestant, number)

    def spent(self) -> Spent:
        """Processor time so far."""
        return Spent(
            processor_seconds(self.client.pid),
            processor_seconds(self.worker.pid),
            processor_seconds(self.server) if self.server is not None else 0.0,
            processor_seconds(self.stage.servers.postgres.pid),
        )

    async def _while_working(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        working, ending = asyncio.create_task(work), asyncio.create_task(self.worker.ended())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ending.result()
            return working.result()
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)


NOTIFICATIONS: Final = 2
"""Of one case."""
PATIENCE_SECONDS: Final = 300.0
"""For what is played at once."""
SWEEP_AFTER_SECONDS: Final = 5.0


@dataclass
class Stage:
    """The servers, and who has a case by now."""

    folder: Path
    peers: Path
    servers: LocalStack
    receiver: Program
    sealer: Sealer
    settings: Mapping[str, str]
    """For all programs."""
    _people: dict[str, int] = field(default_factory=dict)
    _told: int = 0

    def database_of(self, contestant: Contestant) -> str:
        """The name of a contestant's database."""
        return f"of_{contestant.name}"

    def url_of(self, contestant: Contestant) -> str:
        """The URL of a contestant's database."""
        return self.servers.postgres.endpoint.url_of(self.database_of(contestant))

    async def temporal(self) -> Client:
        """A client that opens nothing."""
        return await Client.connect(self.servers.temporal_address, namespace=self.servers.namespace)

    @asynccontextmanager
    async def playing(self, contestant: Contestant, database_url: str | None = None) -> AsyncIterator[Turn]:
        """One contestant for the length of a block, with another way to its database if one is given."""
        await self.prepare(contestant)
        settings = {**self.settings, "BENCHMARK_DATABASE_URL": database_url or self.url_of(contestant)}
        settings["CARDCASE_DATABASE_URL"] = settings["BENCHMARK_DATABASE_URL"]
        logs = self.folder / "logs"
        async with AsyncExitStack() as running:
            (port,) = pick_ports(None)
            settings["BENCHMARK_SERVICE_PORT"] = str(port)
            server: RestateServer | None = None
            if contestant.name == "restate":
                server = await running.enter_async_context(self._restate(f"http://{LOOPBACK}:{port}", logs))
                settings |= server.settings
            python = python_of(contestant, self.peers)
            commands = {
                part: module("benchmarks.contestants", contestant.name, part, python=python)
                for part in ("worker", "client")
            }
            worker, client = [
                await running.enter_async_context(program(f"{contestant.name} {part}", command, logs, settings))
                for part, command in commands.items()
            ]
            if server is not None:
                await server.know()
            pid = self.servers.temporal.pid if contestant.on_temporal else None
            yield Turn(contestant, self, client, worker, pid if server is None else server.pid)

    async def people(self, contestant: Contestant, number: int) -> list[int]:
        """So many more people in a contestant's register."""
        first = self._people[contestant.name] + 1
        last = self._people[contestant.name] = first + number - 1
        if contestant.name == "cardcase":
            pool = await create_pool(self.url_of(contestant), size=2)
            try:
                loaded = await load_persons(pool, self.sealer, map(insured, range(first, last + 1)))
            finally:
                await pool.close()
            if loaded.loaded != number:
                raise RuntimeError("a person of the comparison could not be loaded")
        elif contestant.writes:
            connection = await asyncpg.connect(self.url_of(contestant))
            try:
                for statement in register.PEOPLE:
                    await connection.execute(statement, first, last)
            finally:
                await connection.close()
        return list(range(first, last + 1))

    async def told(self, contestant: Contestant, notifications: int) -> int:
        """Wait until so many more notifications have arrived; answers how many sweeps that took.

        What cardcase leaves to its sweep would be delivered within a minute; here the sweep comes sooner.
        """
        self._told += notifications
        sweeps = 0
        arriving = asyncio.create_task(self.receiver.ask({"told": self._told}))
        try:
            while not (await asyncio.wait({arriving}, timeout=SWEEP_AFTER_SECONDS))[0]:
                if contestant.name == "cardcase":
                    sweeps += 1
                    await self._sweep(sweeps)
            await arriving
        finally:
            arriving.cancel()
        return sweeps

    async def _sweep(self, number: int) -> None:
        client = await self.temporal()
        await client.start_workflow(
            Scheduled.notification_sweep.value, id=f"sweep-{self._told}-{number}", task_queue=TASK_QUEUE_CASES
        )

    def _restate(self, service_url: str, logs: Path) -> AbstractAsyncContextManager[RestateServer]:
        binary = restate_server(self.peers)
        if binary is None:
            raise RuntimeError("Restate's server is not installed")
        return restate_running(binary, service_url, self.folder / "restate", logs)

    async def prepare(self, contestant: Contestant) -> None:
        """Make the register of a contestant; what is there already is left alone."""
        if contestant.name in self._people:
            return
        self._people[contestant.name] = 0
        connection = await asyncpg.connect(self.servers.database_url)
        try:
            await connection.execute(f'CREATE DATABASE "{self.database_of(contestant)}"')
        finally:
            await connection.close()
        if contestant.name == "cardcase":
            await migrate(self.url_of(contestant))
            return
        connection = await asyncpg.connect(self.url_of(contestant))
        try:
            await connection.execute(register.TABLES)
        finally:
            await connection.close()


def _settings_of_cardcase(folder: Path, receiver_url: str) -> dict[str, str]:
    """What a deployment would configure: keys of its own, and a gateway for text messages."""
    keys, token = folder / "keys.toml", folder / "gateway-token"
    KeyRing.generate(keys)
    SigningKey.generate().write(folder / "gate.json", folder / "gate-public.json")
    token.touch(mode=0o600)
    token.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return {
        "CARDCASE_KEY_FILE": str(keys),
        "CARDCASE_PROFILE": "local",
        "CARDCASE_STAMP_KEY_FILE": str(folder / "gate.json"),
        "CARDCASE_STAMP_TRUST_FILE": str(folder / "gate-public.json"),
        "CARDCASE_SMS_URL": receiver_url,
        "CARDCASE_SMS_TOKEN_FILE": str(token),
        "CARDCASE_SMS_PER_SECOND": "1000",
    }


@asynccontextmanager
async def stage_in(folder: Path, peers: Path) -> AsyncIterator[Stage]:
    """The servers in a folder of their own, durable both, for the length of a block."""
    async with AsyncExitStack() as running:
        logs = folder / "logs"
        await asyncio.to_thread(logs.mkdir)
        servers = LocalStack(folder, search_attributes=SEARCH_ATTRIBUTES, postgres_settings=SETTINGS)
        await running.enter_async_context(servers)
        receiver = await running.enter_async_context(
            program("receiver", module("benchmarks.contestants.receiver"), logs, {})
        )
        port = (await receiver.says())["port"]
        receiver_url = f"http://{LOOPBACK}:{port}/sms"
        settings = {
            "TEMPORAL_ADDRESS": servers.temporal_address,
            "TEMPORAL_NAMESPACE": servers.namespace,
            "BENCHMARK_RECEIVER_URL": receiver_url,
            **_settings_of_cardcase(folder, receiver_url),
        }
        sealer = Sealer(KeyRing.load(folder / "keys.toml"))
        yield Stage(folder, peers, servers, receiver, sealer, settings)
