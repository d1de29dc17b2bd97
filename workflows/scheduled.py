"""What schedules start: each asks for one thing, at the nominal time of its schedule.

The same nominal time asked twice has effect once, so that an operator may start any of them again. What fails is seen
as a failed workflow, and the next one does not depend on it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from activities.campaign import Campaign
    from activities.notifications.notifications import Notifications
    from activities.options import CAMPAIGN, RECONCILIATION, SUPERVISION, SWEEP
    from activities.reconciliation import Reconciler
    from activities.supervision import Supervision
    from cases.occasions import (
        BlocksEnded,
        CalendarChecked,
        Digested,
        EndsChecked,
        Invited,
        Occasion,
        Rechecked,
        Reconciled,
        Scheduled,
        Swept,
    )
    from cases.steps import Neighbour
    from workflows.case import tell_neighbours

Activities = TypeVar("Activities")
Answer = TypeVar("Answer")

_NOMINAL: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
"""Set by the server on what a schedule starts."""


async def at_occasion(
    activity: Callable[[Activities, Occasion], Awaitable[Answer]], patience: workflow.ActivityConfig, summary: str
) -> Answer:
    """What an activity answers to the nominal time of the schedule; to now, where somebody started it by hand."""
    nominal: datetime | None = workflow.info().typed_search_attributes.get(_NOMINAL)
    seen_as: workflow.ActivityConfig = {**patience, "summary": summary}
    return await workflow.execute_activity_method(activity, Occasion(at=nominal or workflow.now()), **seen_as)


async def tell_page_by_page(
    cases_after: Callable[[Campaign, str], Awaitable[tuple[Neighbour, ...]]], summary: str
) -> int:
    """Tell cases of what the register knows; the next check tells those that one run has no room for."""
    told, after = 0, ""
    seen_as: workflow.ActivityConfig = {**CAMPAIGN, "summary": summary}
    while not workflow.info().is_continue_as_new_suggested():
        cases = await workflow.execute_activity_method(cases_after, after, **seen_as)
        if not cases:
            break
        await tell_neighbours(cases)
        told, after = told + len(cases), cases[-1].case_id
    return told


@workflow.defn(name=Scheduled.digests.value)
class Digests:
    """Tells municipalities, provinces and the ministry of late cases on the morning of each working day."""

    @workflow.run
    async def run(self) -> Digested:
        """Write the digests; the sweep delivers them."""
        return await at_occasion(Supervision.digests, SUPERVISION, "分级督办简报 · digests")


@workflow.defn(name=Scheduled.notification_sweep.value)
class NotificationSweep:
    """Delivers, every half minute, what nobody has delivered yet."""

    @workflow.run
    async def run(self) -> Swept:
        """Take up whatever is due."""
        return await at_occasion(Notifications.sweep, SWEEP, "投递遗漏的通知 · notifications nobody delivered")


@workflow.defn(name=Scheduled.invitations.value)
class Invitations:
    """Writes to everybody who still has a 15-digit number and has no case, where a blue rung is due for them."""

    @workflow.run
    async def run(self) -> Invited:
        """Write the invitations; the sweep delivers them."""
        return await at_occasion(Campaign.invite, CAMPAIGN, "提醒仍持15位号码的人员 · invitations")


@workflow.defn(name=Scheduled.benefit_hold_check.value)
class BenefitHoldCheck:
    """Looks at held benefits again every week; what is held without a reason is released."""

    @workflow.run
    async def run(self) -> Rechecked:
        """Release what has no reason any more, and tell the open cases that still show it as held."""
        rechecked = await at_occasion(Campaign.recheck_benefits, CAMPAIGN, "复核暂停发放的待遇 · held benefits")
        told = await tell_page_by_page(Campaign.cases_with_lifted_holds, "通知相关案件 · cases that show a lifted hold")
        return rechecked.model_copy(update={"told": told})


@workflow.defn(name=Scheduled.ended_person_check.value)
class EndedPersonCheck:
    """Ends, every hour, the open cases of persons who died or were transferred, and releases what is owed to them."""

    @workflow.run
    async def run(self) -> EndsChecked:
        """Release what is held, and tell the open cases."""
        checked = await at_occasion(Campaign.release_to_the_ended, CAMPAIGN, "死亡或转出人员的待遇 · owed to the ended")
        told = await tell_page_by_page(Campaign.cases_of_the_ended, "通知相关案件 · open cases of the ended")
        return checked.model_copy(update={"told": told})


@workflow.defn(name=Scheduled.loss_report_check.value)
class LossReportCheck:
    """Ends, every quarter of an hour, temporary loss reports that have expired and that no case will end itself."""

    @workflow.run
    async def run(self) -> BlocksEnded:
        """End what has expired, and tell the open cases that still show the card as blocked."""
        ended = await at_occasion(Campaign.end_blocks, CAMPAIGN, "挂失期满 · loss reports that expired")
        told = await tell_page_by_page(
            Campaign.cases_with_ended_blocks, "通知相关案件 · cases that show an ended block"
        )
        return ended.model_copy(update={"told": told})


@workflow.defn(name=Scheduled.reconciliation.value)
class Reconciliation:
    """Compares, every half minute, the cases that have moved with their runs, and brings them into step."""

    @workflow.run
    async def run(self) -> Reconciled:
        """Compare what has moved since the last time."""
        return await at_occasion(Reconciler.reconcile_moved, RECONCILIATION, "核对刚变动的案件 · cases that moved")


@workflow.defn(name=Scheduled.full_reconciliation.value)
class FullReconciliation:
    """Compares, every night, all open cases and all runs, and brings them into step."""

    @workflow.run
    async def run(self) -> Reconciled:
        """Compare everything."""
        return await at_occasion(Reconciler.reconcile_all, RECONCILIATION, "核对全部在办案件 · all open cases")


@workflow.defn(name=Scheduled.calendar_check.value)
class CalendarCheck:
    """Recomputes dates that rested on a calendar year which is published by now."""

    @workflow.run
    async def run(self) -> CalendarChecked:
        """Tell the cases whose dates are provisional."""
        return await at_occasion(Campaign.check_calendar, CAMPAIGN, "核对工作日历 · provisional dates")


SCHEDULED: Final[tuple[type, ...]] = (
    Digests,
    NotificationSweep,
    Invitations,
    BenefitHoldCheck,
    CalendarCheck,
    EndedPersonCheck,
    LossReportCheck,
    Reconciliation,
    FullReconciliation,
)
"""The scheduled workflows, for the worker."""
