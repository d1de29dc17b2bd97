"""Releases of the worker, as Temporal knows them: to which of them it gives work.

Workers that are versioned (`CARDCASE_VERSIONED`) poll as one version of the deployment `cardcase`, named after the code
that decides (`runtime.build`). Temporal gives tasks to the current version alone. A case goes over to it with its next
task, whichever began it: cases live for months, so none is pinned to a release. Until a version is made current its
workers wait; a release goes back by making the one before current again, as long as it has workers.
"""

import asyncio
from datetime import UTC, datetime
from typing import Final, NamedTuple

from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import RoutingConfigUpdateState, WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runtime.build import DEPLOYMENT, build_id

POLL_SECONDS: Final = 0.1

EVERYWHERE_WITHIN_SECONDS: Final = 60.0
"""So long task queues may take to hear which version is current; a second is usual."""

_NOT_YET: Final = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION})
"""What the server answers for a version of which no worker has asked for work."""

_STATES: Final = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE: "waiting",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CREATED: "waiting",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "former",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "former",
}


class Release(NamedTuple):
    """One version of the worker that Temporal has seen."""

    build: str
    state: str
    """`current` is given work; `waiting` never was, `former` was before; `ramping` is given a share, by other hands."""
    seen_at: datetime
    """When its first worker asked for work."""
    current_at: datetime | None
    """Since when it is current, or was last."""
    is_this: bool
    """Whether it is the code of whoever asks."""


class NotMadeCurrent(Exception):
    """A version is not, or not everywhere, the one that is given work."""


class ReleaseUnknown(NotMadeCurrent):
    """Temporal knows no workers of a version that is to be current; nothing was changed."""


class NotYetEverywhere(NotMadeCurrent):
    """Temporal has taken in which version is current, and some task queue has not heard of it for long."""


async def releases(client: Client) -> tuple[Release, ...]:
    """All versions that Temporal knows, the newest first; none where no versioned worker ever asked for work."""
    info = await _described(client)
    if info is None:
        return ()
    listed = [_release(each) for each in info.version_summaries]
    return tuple(sorted(listed, key=lambda each: each.seen_at, reverse=True))


async def make_current(client: Client, build: str, *, patience: float = 0.0) -> None:
    """Have Temporal give all work to one version; when this returns, every task queue does.

    Doing it again changes nothing. A version whose workers are just starting is waited for, `patience` seconds at most.
    Raises `ReleaseUnknown` where none of its workers has asked for work, `NotYetEverywhere`, and `RPCError`.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build, identity=client.identity
    )
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as error:
            if error.status not in _NOT_YET:
                raise
            if loop.time() >= until:
                raise ReleaseUnknown(build) from None
        else:
            break
        await asyncio.sleep(POLL_SECONDS)
    everywhere = loop.time() + EVERYWHERE_WITHIN_SECONDS
    while await _is_on_its_way(client):
        if loop.time() >= everywhere:
            raise NotYetEverywhere(build)
        await asyncio.sleep(POLL_SECONDS)


async def _is_on_its_way(client: Client) -> bool:
    """Whether some task queue has not heard yet which version is current."""
    info = await _described(client)
    state = RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS
    return info is not None and info.routing_config_update_state == state


async def _described(client: Client) -> WorkerDeploymentInfo | None:
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    try:
        found = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    return found.worker_deployment_info


def _release(summary: WorkerDeploymentInfo.WorkerDeploymentVersionSummary) -> Release:
    build = summary.deployment_version.build_id
    since = summary.current_since_time if summary.HasField("current_since_time") else summary.last_current_time
    was_current = summary.HasField("current_since_time") or summary.HasField("last_current_time")
    return Release(
        build,
        _STATES.get(summary.status, "waiting"),
        summary.create_time.ToDatetime(UTC),
        since.ToDatetime(UTC) if was_current else None,
        build == build_id(),
    )
