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
    from activities.options import SUPERVISION
    from activities.supervision import Supervision
    from cases.occasions import Digested, Occasion, Scheduled

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


@workflow.defn(name=Scheduled.digests.value)
class Digests:
    """Tells municipalities, provinces and the ministry of late cases on the morning of each working day."""

    @workflow.run
    async def run(self) -> Digested:
        """Write the digests; the sweep delivers them."""
        return await at_occasion(Supervision.digests, SUPERVISION, "分级督办简报 · digests")


SCHEDULED: Final[tuple[type, ...]] = (Digests,)
"""The scheduled workflows, for the worker."""
