"""Callers who are given up on while the server refuses them: nothing is left that the loop complains of."""

import asyncio
import gc
from typing import Any, cast

import pytest
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.service import RPCError, RPCStatusCode

from activities.sealing import KeyRing, Sealer
from cases.machines.machine import Status
from cases.names import Kind
from intake.client import CaseClient
from tests.scenes import in_status


class Busy:
    """A server that refuses, in the very moment in which the caller is given up on."""

    async def execute_update_with_start_workflow(
        self, *_: object, start_workflow_operation: WithStartWorkflowOperation[Any, Any], **__: object
    ) -> None:
        """As Temporal's client: the failure is the operation's as well."""
        refused = RPCError("Workflow is busy.", RPCStatusCode.RESOURCE_EXHAUSTED, b"")
        start_workflow_operation._workflow_handle.set_exception(refused)
        caller = asyncio.current_task()
        assert caller is not None
        caller.cancel()
        raise refused


async def test_a_caller_who_is_given_up_on_while_it_is_refused_leaves_no_failure_behind() -> None:
    """Among a thousand equal applications one left a failure that nobody looked at in the service's log."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    try:
        client = CaseClient(cast(Client, Busy()), Sealer(KeyRing.sample()))
        opening = in_status(Kind.id_number_change, Status.screening).opening
        asking = asyncio.create_task(client._start_and_ask(opening, "receipt", whatever_ended=False))
        with pytest.raises(asyncio.CancelledError):
            await asking
        del asking
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(before)
    assert [context["message"] for context in complaints] == []
