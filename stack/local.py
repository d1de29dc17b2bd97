"""Both servers together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stack.ports import FREE_PORTS, Ports
from stack.postgres import PostgresServer
from stack.temporal import JsonValue, TemporalServer


class LocalStack:
    """PostgreSQL in `data_dir/postgres` and Temporal in `data_dir/temporal`, started and stopped together.

    The arguments are those of PostgresServer and TemporalServer; each of the two is there to be killed and started
    again by itself.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        search_attributes: Mapping[str, str],
        namespace: str = "default",
        ports: Ports = FREE_PORTS,
        durable: bool = True,
        time_skipping: bool = False,
        dynamic_config: Mapping[str, JsonValue] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.postgres: Final = PostgresServer(
            data_dir / "postgres", port=ports.postgres, durable=durable, settings=postgres_settings
        )
        self.temporal: Final = TemporalServer(
            data_dir / "temporal",
            search_attributes=search_attributes,
            namespace=namespace,
            port=ports.temporal,
            ui_port=ports.ui,
            time_skipping=time_skipping,
            dynamic_config=dynamic_config,
        )
        self._together = together(self.postgres, self.temporal)

    async def __aenter__(self) -> Self:
        await self._together.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._together.__aexit__(kind, error, trace)

    @property
    def database_url(self) -> str:
        """Of the database `cardcase`, password included: not for logs."""
        return self.postgres.endpoint.url

    @property
    def temporal_address(self) -> str:
        """Of Temporal's front end: `host:port`."""
        return self.temporal.endpoint.address

    @property
    def namespace(self) -> str:
        """The Temporal namespace that has the search attributes."""
        return self.temporal.endpoint.namespace

    @property
    def ui_url(self) -> str:
        """Of Temporal's Web UI."""
        return self.temporal.endpoint.ui_url

    @property
    def metrics_url(self) -> str:
        """Of the Temporal server's metrics, in Prometheus' format."""
        return self.temporal.endpoint.metrics_url


@asynccontextmanager
async def together(*servers: PostgresServer | TemporalServer) -> AsyncIterator[None]:
    """Servers that are started side by side and stopped side by side, for the length of a block.

    Raises what the first of them raises that cannot be started.
    """
    try:
        await _all(*(server.start() for server in servers))
        yield
    finally:
        await _all(*(server.stop() for server in servers))


async def _all(*steps: Coroutine[None, None, None]) -> None:
    """Run the steps side by side to their ends, and then raise the first error: no step is left half done."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if outcome is not None:
            raise outcome
