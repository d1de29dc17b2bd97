"""The programs of the image in the order of the compose file, with its roles and its password files."""

import asyncio
import sys

import pytest

from deploy.credentials import KEY_RING, PERSON_KEYS, STAMP_TRUST
from runtime.health import serve_health
from stack import LocalStack
from tests.deploy.cluster import Cluster
from tests.deploy.image import Image
from tests.namespaces import new_namespace

pytestmark = pytest.mark.servers


async def test_the_migrations_find_their_work_done(image: Image, cluster: Cluster) -> None:
    url = cluster.url("cardcase_owner", "owner_pgpass")
    done = await image.run_beside(image.entrypoint, "migrate", CARDCASE_DATABASE_URL=url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing to apply\n", "")


async def test_a_worker_becomes_ready_and_drains_when_told_to_stop(
    image: Image, cluster: Cluster, stack: LocalStack
) -> None:
    # A worker does not start beside open cases that its key ring does not open, and other tests have such.
    client = await new_namespace(stack, "image")
    async with serve_health("127.0.0.1", 0, lambda: False) as port:
        pass
    environment = {
        "CARDCASE_DATABASE_URL": cluster.url("cardcase_worker", "worker_pgpass"),
        "CARDCASE_KEY_FILE": str(cluster.secrets / KEY_RING),
        "CARDCASE_PERSON_KEYS": str(cluster.secrets / PERSON_KEYS),
        "CARDCASE_STAMP_TRUST_FILE": str(cluster.secrets / STAMP_TRUST),
        "CARDCASE_HEALTH_PORT": str(port),
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": client.namespace,
    }
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, image.entrypoint), cwd=image.app.parent, env=image.environment(**environment)
    )
    async with asyncio.timeout(40):
        while (await image.run_beside(image.entrypoint, "ready", **environment)).returncode != 0:
            assert worker.returncode is None
    worker.terminate()
    assert await asyncio.wait_for(worker.wait(), 35) == 0


async def test_a_worker_refuses_the_database_of_nobody(image: Image, cluster: Cluster, stack: LocalStack) -> None:
    done = await image.run_beside(
        *(image.entrypoint, "worker", "--check"),
        CARDCASE_DATABASE_URL=cluster.url("cardcase_worker", "no_such_file"),
        CARDCASE_KEY_FILE=str(cluster.secrets / KEY_RING),
        CARDCASE_PERSON_KEYS=str(cluster.secrets / PERSON_KEYS),
        CARDCASE_STAMP_TRUST_FILE=str(cluster.secrets / STAMP_TRUST),
        TEMPORAL_ADDRESS=stack.temporal_address,
    )
    assert done.returncode == 69
    assert "CARDCASE_DATABASE_URL" in done.stderr
    assert "cardcase_worker" not in done.stderr
