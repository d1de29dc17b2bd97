"""PostgreSQL and Temporal's services on it, together."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stack.cluster.programs import Programs
from stack.cluster.services import TemporalServices
from stack.postgres import PostgresServer
from stack.temporal import TIME_SKIPPING, JsonValue

CONNECTIONS: Final = 300
"""Each service keeps two pools of its own, and the register's clients come on top."""


class Bed:
    """PostgreSQL in `data_dir/postgres`, with Temporal's databases beside the register, and its services.

    As the compose file has it: one PostgreSQL for both. Each can be killed and started again by itself. The arguments
    are those of PostgresServer and TemporalServices.
    """

    def __init__(
        self,
        data_dir: Path,
        programs: Programs,
        *,
        search_attributes: Mapping[str, str],
        namespace: str = "default",
        retention: timedelta = timedelta(days=30),
        time_skipping: bool = False,
        dynamic_config: Mapping[str, JsonValue] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.postgres: Final = PostgresServer(
            data_dir / "postgres", settings={"max_connections": str(CONNECTIONS), **(postgres_settings or {})}
        )
        self.temporal: Final = TemporalServices(
            data_dir / "temporal",
            programs,
            self.postgres,
            search_attributes=search_attributes,
            namespace=namespace,
            retention=retention,
            dynamic_config={**(TIME_SKIPPING if time_skipping else {}), **(dynamic_config or {})},
        )

    async def __aenter__(self) -> Self:
        try:
            await self.postgres.start()
            await self.temporal.start()
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
        return self.temporal.address

    @property
    def namespace(self) -> str:
        """The Temporal namespace that has the search attributes."""
        return self.temporal.namespace

    async def _stop(self) -> None:
        try:
            await self.temporal.stop()
        finally:
            await self.postgres.stop()
