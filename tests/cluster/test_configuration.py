"""What `deploy/temporal/` says is understood by the services, and does what it is there for."""

import asyncio

import pytest
from temporalio.client import Client

from stack.cluster import Bed, Programs
from stack.cluster.services import DEPLOY
from tests.cluster.measures import questions_refused

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300, func_only=True)]


async def test_every_setting_is_known_to_the_server(programs: Programs) -> None:
    checking = await asyncio.create_subprocess_exec(
        *(programs.server, "validate-dynamic-config", str(DEPLOY / "dynamicconfig.yaml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await checking.communicate()
    assert checking.returncode == 0
    assert b"error:" not in said, said.decode()
    assert b"warning:" not in said, said.decode()


async def test_visibility_answers_many_who_ask_at_once(bed: Bed) -> None:
    client = await Client.connect(bed.temporal_address, namespace=bed.namespace)
    assert await questions_refused(client) == 0
