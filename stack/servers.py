"""What is asked of the two servers, wherever Temporal runs: in one process, or in several."""

from typing import Protocol

from stack.postgres import PostgresServer


class Temporal(Protocol):
    """A Temporal server that a test may kill and start again."""

    async def start(self) -> None:
        """Start it and wait until the namespace exists and its search attributes can be queried."""

    async def stop(self) -> None:
        """Shut down in order."""

    async def kill(self) -> None:
        """End it as a crash would; what it acknowledged is there again after `start`."""


class Servers(Protocol):
    """A register's PostgreSQL, and Temporal."""

    @property
    def postgres(self) -> PostgresServer:
        """Where registers are."""

    @property
    def temporal(self) -> Temporal:
        """Where cases live."""

    @property
    def database_url(self) -> str:
        """Of the database `cardcase`, password included: not for logs."""

    @property
    def temporal_address(self) -> str:
        """Of Temporal's front end: `host:port`."""

    @property
    def namespace(self) -> str:
        """The Temporal namespace that has the search attributes."""
