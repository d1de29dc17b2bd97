"""What schedules start: whom its activities answer to, and which occasions there are.

Whoever can reach Temporal can start an activity, alone or from a workflow of their own, and name any date. So an
activity answers to the workflow that it belongs to. What time it is the register says; an occasion is heard only where
its day counts, and within bounds.
"""

from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.registry.clock import Clock
from activities.registry.pool import Pool
from cases.errors import CaseError, Code
from cases.names import CAMPAIGN, campaign_id
from cases.occasions import Occasion, Scheduled

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""So far Temporal's clock, by which schedules fire, may be ahead of the register's."""

LATEST: Final = timedelta(days=2)
"""So late what is done for a day may be done: a run may begin half a day late, and be tried for most of another."""


def check_scheduled(scheduled: Scheduled) -> None:
    """Raises `CaseError` CALLER_REFUSED where no workflow of the type asks, in the namespace of this worker."""
    if not activity.in_activity():
        return
    info = activity.info()
    if not info.in_workflow or info.workflow_type != scheduled.value or not _is_at_home(info):
        raise CaseError(Code.CALLER_REFUSED)


def check_campaign(job: str) -> None:
    """Raises `CaseError` CALLER_REFUSED where it is not the campaign of the job that asks."""
    if not activity.in_activity():
        return
    info = activity.info()
    if info.workflow_type != CAMPAIGN or info.workflow_id != campaign_id(job) or not _is_at_home(info):
        raise CaseError(Code.CALLER_REFUSED)


def check_alone() -> None:
    """Raises `CaseError` CALLER_REFUSED where a workflow asks for what a worker starts as an activity by itself."""
    if not activity.in_activity():
        return
    info = activity.info()
    if info.in_workflow or not _is_at_home(info):
        raise CaseError(Code.CALLER_REFUSED)


def check_patience(least: timedelta) -> None:
    """Raises `CaseError` CALLER_REFUSED where the caller's time-out would cut off what takes so long."""
    if not activity.in_activity():
        return
    limits = (activity.info().start_to_close_timeout, activity.info().schedule_to_close_timeout)
    if any(limit is not None and limit < least for limit in limits):
        raise CaseError(Code.CALLER_REFUSED)


async def day_of_occasion(occasion: Occasion, pool: Pool, clock: Clock) -> Occasion:
    """An occasion whose day counts: as it was named, but no later than now.

    Raises `CaseError`: OCCASION_TO_COME, which passes, and OCCASION_OVER.
    """
    now = await clock.now(pool, occasion.at)
    if occasion.at - now > CLOCKS_DIFFER:
        raise CaseError(Code.OCCASION_TO_COME)
    if now - occasion.at > LATEST:
        raise CaseError(Code.OCCASION_OVER)
    return Occasion(at=min(occasion.at, now))


def _is_at_home(info: activity.Info) -> bool:
    return info.namespace == activity.client().namespace
