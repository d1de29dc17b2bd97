"""What the tests of deploy/ share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from deploy.credentials import make
from deploy.migrations import migrate
from stack import PostgresServer
from tests.deploy.cluster import Cluster
from tests.deploy.image import Image


@pytest.fixture(scope="package")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image's files."""
    return Image.built(tmp_path_factory.mktemp("image") / "app")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Roles, databases and schema, made in the order of the compose file, the roles twice."""
    directory = tmp_path_factory.mktemp("roles")
    make(directory / "secrets")
    async with PostgresServer(directory / "postgres", durable=False) as server:
        fresh = Cluster(server, directory / "secrets")
        connection = await asyncpg.connect(server.endpoint.url_of("postgres"))
        await connection.execute(f"DROP DATABASE {server.endpoint.database}")
        await connection.close()
        await fresh.set_up()
        assert await migrate(fresh.url("cardcase_owner", "owner_pgpass"))
        await fresh.set_up()
        yield fresh
