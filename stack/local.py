"""Both servers together."""

import asyncio
from collections.abc import Coroutine, Mapping
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

    async def __aenter__(self) -> Self:
        try:
            await _both(self.postgres.start(), self.temporal.start())
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

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

    async def _stop(self) -> None:
        await _both(self.postgres.stop(), self.temporal.stop())


async def _both(*steps: Coroutine[None, None, None]) -> None:
    """Run the steps side by side to their ends, and then raise the first error: neither step is left half done."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if outcome is not None:
            raise outcome
