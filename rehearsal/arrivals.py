"""A client whose cases begin at a moment of the future: the server skips to it, for each case apart.

Every execution has a time of its own on Temporal's server; nothing but `go_to` moves it. The skipping of time is an
experimental part of the server and of its SDK.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import FastForwardConfig, TimeSkippingConfig, WorkflowExecution
from temporalio.api.enums.v1 import FastForwardPollingResult
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    PollWorkflowExecutionTimeSkippingRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowUpdateHandle,
)
from temporalio.service import RPCError, RPCStatusCode

_MOST_SKIPS: Final = 10_000
_FIRST_STEPS: Final = timedelta(minutes=1)
"""How far a new case goes on by itself: its first steps are over then, and it stands still until it is moved.

Far longer than they take on a busy machine: the server skips on, past all limits, where a skip ends amid a step.
"""

_arrives_at: ContextVar[datetime] = ContextVar("arrives_at")


@contextmanager
def arriving_at(moment: datetime) -> Iterator[None]:
    """Cases that are opened in this block are opened at this moment of the engine's time."""
    token = _arrives_at.set(moment)
    try:
        yield
    finally:
        _arrives_at.reset(token)


class VirtualTime:
    """The time of each case on one server."""

    def __init__(self, client: Client) -> None:
        self._service = client.workflow_service
        self._namespace = client.namespace
        config = client.config()
        config["interceptors"] = [*config["interceptors"], _Arrivals(self)]
        self.client: Final = Client(**config)
        """Opens cases at the moment that `arriving_at` says, and is the given client in all else."""

    async def now(self, case_id: str) -> datetime:
        """What time it is for a case, in UTC."""
        described = await self._service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(
                namespace=self._namespace, execution=WorkflowExecution(workflow_id=case_id)
            ),
            retry=True,
        )
        current = described.workflow_extended_info.time_skipping_info.current_time
        return current.ToDatetime(tzinfo=UTC)

    async def of(self, case_id: str) -> datetime:
        """What time it is for a case; for one that is being opened the time of day: it is asked for now."""
        if _arrives_at.get(None) is not None:
            return datetime.now(UTC)
        try:
            return await self.now(case_id)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return datetime.now(UTC)

    async def go_to(self, case_id: str, moment: datetime) -> bool:
        """Let time pass for a case up to a moment; whatever is due by then has happened.

        Answers False where the case ended before. A moment that has passed changes nothing.
        """
        left = moment - await self.now(case_id)
        if left <= timedelta():
            return True
        config = skipping(left)
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=self._namespace,
            workflow_execution=WorkflowExecution(workflow_id=case_id),
            workflow_execution_options=WorkflowExecutionOptions(time_skipping_config=config),
            update_mask=FieldMask(paths=["time_skipping_config"]),
        )
        try:
            await self._service.update_workflow_execution_options(request, retry=True)
        except RPCError as error:
            # So the server says that the case has ended.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return await self.stands_still(case_id, config.fast_forward_config.id)

    async def stands_still(self, case_id: str, skip: str) -> bool:
        """Wait until a skip has come to its end, or answer False where the case ended before."""
        request = PollWorkflowExecutionTimeSkippingRequest(
            namespace=self._namespace, workflow_execution=WorkflowExecution(workflow_id=case_id), fast_forward_id=skip
        )
        while True:
            polled = await self._service.poll_workflow_execution_time_skipping(request, retry=True)
            match polled.fast_forward_polling_result:
                case FastForwardPollingResult.FAST_FORWARD_POLLING_RESULT_FAST_FORWARD_COMPLETED:
                    return True
                case FastForwardPollingResult.FAST_FORWARD_POLLING_RESULT_FAST_FORWARD_FAILED:
                    return False
                case _:
                    # The server answers a long poll now and then to keep it alive.
                    continue


def skipping(span: timedelta) -> TimeSkippingConfig:
    """Skip whatever time nothing happens in, for so long."""
    config = TimeSkippingConfig(enabled=True, max_session_skip_count=_MOST_SKIPS)
    # A case has one skip at a time, so the span may name it; the same span again is the same wish.
    config.fast_forward_config.CopyFrom(FastForwardConfig(id=f"{span.total_seconds():.6f}"))
    config.fast_forward_config.duration.FromTimedelta(span)
    return config


class _Arrivals(Interceptor):
    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        return _Outbound(next, self._time)


class _Outbound(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, time: VirtualTime) -> None:
        super().__init__(following)
        self._time = time

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # noqa: A002 - the SDK's name
    ) -> WorkflowUpdateHandle[Any]:
        """The server delays no update-with-start: start the case at its moment, and then ask it for its answer."""
        start, update = input.start_workflow_input, input.update_workflow_input
        delay = _arrives_at.get() - datetime.now(UTC)
        shared: dict[str, Any] = {each.name: getattr(start, each.name) for each in fields(start)}
        config = skipping(delay + _FIRST_STEPS)
        await self.next.start_workflow(
            StartWorkflowInput(
                **shared
                | {
                    "start_delay": delay,
                    "time_skipping_config": config,
                    "start_signal": None,
                    "start_signal_args": (),
                    "request_eager_start": False,
                    "rpc_metadata": input.rpc_metadata,
                    "rpc_timeout": input.rpc_timeout,
                }
            )
        )
        await self._time.stands_still(start.id, config.fast_forward_config.id)
        return await self.next.start_workflow_update(
            StartWorkflowUpdateInput(
                id=start.id,
                run_id=None,
                first_execution_run_id=None,
                update_id=update.update_id,
                update=update.update,
                args=update.args,
                wait_for_stage=update.wait_for_stage,
                headers=update.headers,
                ret_type=update.ret_type,
                rpc_metadata=input.rpc_metadata,
                rpc_timeout=input.rpc_timeout,
            )
        )
