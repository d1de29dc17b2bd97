"""What a worker is: which workflows and activities it runs, with which limits and time-outs.

A replayer is given the same, so that a history replays as it was made.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Replayer, Worker

from activities.campaign import Campaign
from activities.campaign.opening import Pages
from activities.notifications.notifications import Notifications
from activities.reconciliation import Reconciler
from activities.registry import Registry
from activities.supervision import Supervision
from cases.details import Presentation, present
from cases.names import TASK_QUEUE_CAMPAIGNS, TASK_QUEUE_CASES, TASK_QUEUE_NOTIFICATIONS
from cases.steps import Neighbour
from runtime.build import deployment
from runtime.codec import PayloadSealer
from runtime.plugin import in_common
from runtime.settings import Settings
from runtime.stories import every_story
from workflows.after_closing import AfterClosing
from workflows.campaign import Campaign as RunOfACampaign
from workflows.case import Case
from workflows.scheduled import SCHEDULED

Activity = Callable[..., Any]

_CAMPAIGNS = 10
"""Campaigns that a process has under way at the same time."""

log = logging.getLogger(__name__)


def hinting(client: Client) -> Callable[[Neighbour], Awaitable[None]]:
    """How a running case is given a hint that something may concern it; a case that does not run has nothing to learn.

    Where the server does not answer the hint is lost: whoever gives hints looks again.
    """

    async def hint(told: Neighbour) -> None:
        try:
            await client.get_workflow_handle(told.case_id).signal(Case.neighbour_moved, told)
        except RPCError as error:
            log.warning("a case was not told", extra={"told": told.case_id, "status": error.status.name})

    return hint


def every_workflow() -> tuple[type, ...]:
    """All workflows: those of cases, the short ones beside them, and that of campaigns, which has a queue of its own.

    Raises ValueError where a kind of case has none.
    """
    return (*_beside_cases(), RunOfACampaign)


def _beside_cases() -> tuple[type, ...]:
    return (*every_story(), AfterClosing, *SCHEDULED)


def cases_worker(
    client: Client,
    registry: Registry,
    settings: Settings,
    task_queue: str = TASK_QUEUE_CASES,
    *,
    scheduled: Sequence[Activity] = (),
) -> Worker:
    """The worker of the `cases` task queue: the workflows, the registry's activities, and those `scheduled`."""
    present(
        Presentation(
            settings.language,
            ui_url=(settings.ui_url or "").rstrip("/"),
            runbook_url=settings.runbook_url or "",
            desk_url=(settings.desk_url or "").rstrip("/"),
        )
    )
    return Worker(
        client,
        deployment_config=deployment(versioned=settings.versioned),
        task_queue=task_queue,
        workflows=_beside_cases(),
        activities=[registry.register, registry.advance, registry.tell_closed, *scheduled],
        max_cached_workflows=settings.max_cases_cached,
        max_concurrent_workflow_tasks=settings.max_workflow_tasks,
        max_concurrent_local_activities=settings.pool_size * 2,
        max_concurrent_activities=settings.pool_size,
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        # After a crash the server offers a case to its old worker first; so long waits a case at most.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
    )


def scheduled_activities(supervision: Supervision, campaign: Campaign, reconciler: Reconciler) -> tuple[Activity, ...]:
    """What scheduled workflows ask for on the `cases` task queue."""
    return (
        supervision.digests,
        campaign.invite,
        campaign.recheck_benefits,
        campaign.cases_with_lifted_holds,
        campaign.release_to_the_ended,
        campaign.cases_of_the_ended,
        campaign.check_calendar,
        campaign.end_blocks,
        campaign.cases_with_ended_blocks,
        reconciler.reconcile_moved,
        reconciler.reconcile_all,
    )


def notifications_worker(
    client: Client, notifications: Notifications, settings: Settings, task_queue: str = TASK_QUEUE_NOTIFICATIONS
) -> Worker:
    """The worker of the `notifications` task queue: it calls providers, and nothing that a case waits for."""
    return Worker(
        client,
        deployment_config=deployment(versioned=settings.versioned),
        task_queue=task_queue,
        activities=[notifications.deliver, notifications.sweep],
        # Each keeps a connection for moments only; providers are slow, the register is not.
        max_concurrent_activities=settings.pool_size * 2,
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
    )


def campaigns_worker(
    client: Client, pages: Pages, settings: Settings, task_queue: str = TASK_QUEUE_CAMPAIGNS
) -> Worker:
    """The worker of the `campaigns` task queue: what opens large registers takes no place of what cases wait for.

    A campaign stays with the release that began it: its next page may not be another release's.
    """
    return Worker(
        client,
        deployment_config=deployment(versioned=settings.versioned, pins=True),
        task_queue=task_queue,
        workflows=[RunOfACampaign],
        activities=[pages.open_page, pages.keep_pace, pages.cancel, pages.report],
        max_cached_workflows=_CAMPAIGNS,
        # Each holds a connection for the length of a statement, and has many cases under way.
        max_concurrent_activities=_CAMPAIGNS,
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
    )


def cases_replayer(
    workflows: Sequence[type] = (), payloads: PayloadSealer | None = None, namespace: str = "default"
) -> Replayer:
    """Replays histories, of all workflows where none are named, with what a worker runs them with.

    Histories from a server are sealed: they take `payloads` and the namespace in which they were made. Recorded ones
    are in clear.
    """
    return Replayer(workflows=workflows or every_workflow(), namespace=namespace, plugins=[in_common(payloads)])
