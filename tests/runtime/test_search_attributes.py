"""Search attributes: added where they are missing, refused where they are of another type."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from runtime.client import connect
from runtime.search_attributes import SearchAttributesWrong, ensure_search_attributes
from stack import TemporalServer
from tests.engine import SEALED
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = pytest.mark.servers

WRONG = "CaseRung"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """A server whose first namespace has one search attribute, of a type that is not ours."""
    async with TemporalServer(tmp_path_factory.mktemp("temporal"), search_attributes={WRONG: "Keyword"}) as running:
        yield running


async def bare_namespace(server: TemporalServer, name: str) -> Client:
    client = await connect(SEALED, server.endpoint.address, name)
    retention = Duration(seconds=24 * 60 * 60)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    return client


async def names_in(client: Client) -> set[str]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    return set((await client.operator_service.list_search_attributes(request)).custom_attributes)


async def test_what_is_missing_is_added_and_visible_when_the_call_returns(server: TemporalServer) -> None:
    client = await bare_namespace(server, "bare")
    assert not set(SEARCH_ATTRIBUTES) & await names_in(client)
    await ensure_search_attributes(client)
    assert set(SEARCH_ATTRIBUTES) <= await names_in(client)
    assert [case async for case in client.list_workflows("CaseStatus = 'done' AND CaseRung > 1")] == []


async def test_workers_that_start_together_do_not_get_in_each_others_way(server: TemporalServer) -> None:
    client = await bare_namespace(server, "together")
    await asyncio.gather(*(ensure_search_attributes(client) for _ in range(5)))
    assert set(SEARCH_ATTRIBUTES) <= await names_in(client)


async def test_one_of_another_type_is_refused_with_the_command_that_removes_it(server: TemporalServer) -> None:
    client = await connect(SEALED, server.endpoint.address, server.endpoint.namespace)
    with pytest.raises(SearchAttributesWrong) as refused:
        await ensure_search_attributes(client)
    assert refused.value.what == f"of another type: {WRONG} is no Int"
    assert f"search-attribute remove --name {WRONG}" in refused.value.mend
    assert not set(SEARCH_ATTRIBUTES) - {WRONG} & await names_in(client)
