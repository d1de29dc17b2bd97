"""Temporal's services, one process each."""

import asyncio
import json
import signal
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg

from stack.cluster.programs import Programs
from stack.directory import DataDirectory
from stack.errors import StackError
from stack.ports import LOOPBACK, pick_ports
from stack.postgres import MAINTENANCE_DATABASE, PostgresServer
from stack.process import ServerProcess
from stack.temporal import JsonValue, answers, command_line, listening

SHARDS: Final = 64
"""Fixed when the databases are made: Temporal cannot change it later."""
DATABASES: Final = ("temporal", "temporal_visibility")
DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "temporal"
"""The scripts and the configuration with which Temporal is run elsewhere."""

_START_SECONDS: Final = 180.0
_STOP_SECONDS: Final = 60.0
_JOB_SECONDS: Final = 180.0
_SHELL: Final = "/bin/sh"


class Place(StrEnum):
    """A process of the cluster."""

    frontend = "frontend"
    history_1 = "history-1"
    history_2 = "history-2"
    matching = "matching"
    worker = "worker"
    """Temporal's own workflows; not to be taken for a worker of ours."""

    @property
    def service(self) -> str:
        """What the process is one of."""
        return self.value.partition("-")[0]


class TemporalServices:
    """Every service of a Temporal cluster, on databases of its own in a PostgreSQL server that runs already.

    Started and stopped together, or one by one by its place. Each has a folder of its own in the data directory, with
    its log. Which services are to run is remembered: what was killed by itself is not started by anybody else.
    """

    def __init__(
        self,
        data_dir: Path,
        programs: Programs,
        postgres: PostgresServer,
        *,
        search_attributes: Mapping[str, str],
        namespace: str = "default",
        retention: timedelta = timedelta(days=30),
        dynamic_config: Mapping[str, JsonValue] | None = None,
    ) -> None:
        self._folder = data_dir.absolute()
        self._programs = programs
        self._postgres = postgres
        self._search_attributes = dict(search_attributes)
        self._namespace = namespace
        self._retention = retention
        self._dynamic_config = dict(dynamic_config or {})
        self._ports: dict[str, int] = {}
        self._directories = {place: DataDirectory(self._folder / place) for place in Place}
        self._processes: dict[Place, ServerProcess] = {}

    @property
    def address(self) -> str:
        """Of the front end, `host:port`; the same after every restart. Raises StackError before the first start."""
        return self._address_of(Place.frontend)

    @property
    def namespace(self) -> str:
        """The namespace that has the search attributes."""
        return self._namespace

    async def start(self) -> None:
        """Start all services, and wait until the namespace exists and its search attributes can be queried.

        Makes databases, schema and namespace where they are missing. Raises DataDirectoryInUse, or ServerNotStarted
        with the end of a log.
        """
        try:
            if not self._ports:
                self._ports = _picked()
                await self._make_databases()
            self._write_dynamic_config()
            # On an empty store the first one writes down which cluster it is, and whoever does so beside it ends.
            await self.start_one(Place.history_1)
            await asyncio.gather(*(self.start_one(place) for place in Place if place is not Place.history_1))
            await self._job("namespace", DEPLOY / "namespace.sh", self._of_the_namespace())
            ready = answers(self.address, self._namespace, self._search_attributes)
            await self._running(Place.frontend).until(ready, _START_SECONDS)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Shut all down in order: whoever waits for the front end does not end without it."""
        await self.stop_one(Place.worker)
        await _all(self.stop_one(place) for place in Place)

    async def kill(self) -> None:
        """End all of them at once, as the loss of the machine would."""
        await _all(self.kill_one(place) for place in Place)

    async def start_one(self, place: Place) -> None:
        """Start the service of one place, and wait until it listens."""
        if place in self._processes:
            raise StackError(f"{place} is running already")
        directory = self._directories[place]
        await directory.claim()
        try:
            process = await ServerProcess.spawn(
                place,
                [self._programs.server, "start"],
                directory=directory,
                # What it has acknowledged is in PostgreSQL.
                death_signal=signal.SIGKILL,
                environment=self._environment(place),
            )
        except BaseException:
            directory.release()
            raise
        self._processes[place] = process
        await process.until(listening(self._address_of(place)), _START_SECONDS)

    async def stop_one(self, place: Place) -> None:
        """SIGTERM, and wait until it has ended; harmless where it does not run."""
        process = self._processes.pop(place, None)
        try:
            if process is not None:
                await process.stop(signal.SIGTERM, _STOP_SECONDS)
        finally:
            self._directories[place].release()

    async def kill_one(self, place: Place) -> None:
        """SIGKILL; harmless where it does not run."""
        process = self._processes.pop(place, None)
        try:
            if process is not None:
                await process.kill()
        finally:
            self._directories[place].release()

    def _running(self, place: Place) -> ServerProcess:
        if place not in self._processes:
            raise StackError(f"{place} is not running")
        return self._processes[place]

    async def _make_databases(self) -> None:
        connection = await asyncpg.connect(self._postgres.endpoint.url_of(MAINTENANCE_DATABASE))
        try:
            there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        finally:
            await connection.close()
        tool = self._of_the_sql_tool()
        known = tool | {"SQL_PASSWORD": self._postgres.endpoint.password}
        for database in DATABASES:
            if database not in there:
                command = f"temporal-sql-tool --database {database} create-database --defaultdb {MAINTENANCE_DATABASE}"
                await self._job(f"create-{database}", command, known)
        await self._job("schema", DEPLOY / "schema.sh", tool)

    async def _job(self, name: str, script: Path | str, environment: Mapping[str, str]) -> None:
        """Run a script of deploy/, or a line of shell, with the programs on its path."""
        directory = DataDirectory(self._folder / "jobs" / name)
        async with AsyncExitStack() as claimed:
            await directory.claim()
            claimed.callback(directory.release)
            process = await ServerProcess.spawn(
                name,
                [_SHELL, script] if isinstance(script, Path) else [_SHELL, "-euc", script],
                directory=directory,
                death_signal=signal.SIGKILL,
                environment={
                    **self._home(directory.path),
                    "PATH": f"{self._programs.folder}:{command_line().parent}:/usr/bin:/bin",
                    **environment,
                },
            )
            claimed.push_async_callback(process.kill)
            await process.complete(_JOB_SECONDS)

    def _of_the_sql_tool(self) -> dict[str, str]:
        at = self._postgres.endpoint
        secrets = self._folder / "secrets"
        secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = secrets / "temporal_password"
        password.touch(mode=0o600)
        password.write_text(at.password, encoding="ascii")
        return {
            "SECRETS": str(secrets),
            "SQL_PLUGIN": "postgres12",
            "SQL_HOST": at.host,
            "SQL_PORT": str(at.port),
            "SQL_USER": at.user,
        }

    def _of_the_namespace(self) -> dict[str, str]:
        return {
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": self._namespace,
            "RETENTION": f"{int(self._retention.total_seconds())}s",
        }

    def _environment(self, place: Place) -> dict[str, str]:
        """As the compose file has it, and what tells this process from the others."""
        at = self._postgres.endpoint
        service = place.service.upper()
        return {
            **self._home(self._folder / place),
            "DB": "postgres12",
            "POSTGRES_SEEDS": at.host,
            "DB_PORT": str(at.port),
            "POSTGRES_USER": at.user,
            "POSTGRES_PWD": at.password,
            "BIND_ON_IP": LOOPBACK,
            "TEMPORAL_BROADCAST_ADDRESS": LOOPBACK,
            "NUM_HISTORY_SHARDS": str(SHARDS),
            "DYNAMIC_CONFIG_FILE_PATH": str(self._dynamic_config_file),
            # All listen on 127.0.0.1 only.
            "TEMPORAL_ALLOW_NO_AUTH": "true",
            "TEMPORAL_SERVICES": place.service,
            "LOG_LEVEL": "warn",
            # By this address the worker service finds the front end.
            "FRONTEND_GRPC_PORT": str(self._ports["frontend grpc"]),
            "FRONTEND_HTTP_PORT": str(self._ports["frontend http"]),
            f"{service}_GRPC_PORT": str(self._ports[f"{place} grpc"]),
            f"{service}_MEMBERSHIP_PORT": str(self._ports[f"{place} membership"]),
        }

    @property
    def _dynamic_config_file(self) -> Path:
        return self._folder / "dynamicconfig.yaml"

    def _write_dynamic_config(self) -> None:
        """The file of deploy/, and below it what this cluster has besides."""
        text = (DEPLOY / self._dynamic_config_file.name).read_text(encoding="utf-8")
        own = (f"{name}: {json.dumps([{'value': value}])}\n" for name, value in self._dynamic_config.items())
        self._dynamic_config_file.write_text(text + "".join(own), encoding="utf-8")

    def _address_of(self, place: Place) -> str:
        if not self._ports:
            raise StackError("Temporal's services have not been started")
        return f"{LOOPBACK}:{self._ports[f'{place} grpc']}"

    @staticmethod
    def _home(folder: Path) -> dict[str, str]:
        # Without a user's name programs fail under a user ID without an entry in the passwd file.
        return {"HOME": str(folder), "USER": "cardcase", "LC_ALL": "C", "TZ": "UTC"}


def _picked() -> dict[str, int]:
    """A port for everything that listens, by what it is for."""
    wanted = [f"{place} {use}" for place in Place for use in ("grpc", "membership")]
    wanted.append("frontend http")
    return dict(zip(wanted, pick_ports(*[None] * len(wanted)), strict=True))


async def _all(steps: Iterable[Coroutine[None, None, None]]) -> None:
    """Take the steps side by side to their ends, and then raise the first error."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if outcome is not None:
            raise outcome
