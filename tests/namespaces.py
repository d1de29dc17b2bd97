"""Namespaces of their own for tests whose schedules and workflows nobody else should meet."""

import asyncio
from collections.abc import Awaitable, Callable

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runtime.client import connect
from stack import LocalStack
from tests.engine import SEALED

_RETENTION = Duration(seconds=86_400)


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
    """Wait for what can only be asked."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


async def schedules_of(client: Client) -> set[str]:
    """IDs of all schedules of a namespace; the list lags behind by a moment."""
    return {schedule.id async for schedule in await client.list_schedules()}


async def new_namespace(stack: LocalStack, name: str) -> Client:
    """A client of a new namespace, once the server's caches know it."""
    client = await connect(SEALED, stack.temporal_address, name)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=_RETENTION)
    )

    async def known() -> bool:
        try:
            await schedules_of(client)
        except RPCError as unknown:
            if unknown.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    await until(known)
    return client
