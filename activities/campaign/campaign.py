"""The campaign's activities. Each walks the register in batches and goes on, when it is tried again, where it stopped.

Whatever they write is written once, however often they are asked: an invitation per person and rung, a release per
hold, a recomputation per case, version and calendar.
"""

import logging
from typing import TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.calendar import Calendars
from activities.campaign import ending, inviting, rechecking, unblocking
from activities.campaign.recomputing import Calendar, Fate, Told, recompute_amended, standings
from activities.occasions import check_scheduled, day_of_occasion
from activities.registry.clock import Clock
from activities.registry.errors import codes_only
from activities.registry.pool import Pool
from cases.errors import Code
from cases.occasions import BlocksEnded, CalendarChecked, EndsChecked, Invited, Occasion, Rechecked, Scheduled
from cases.policy import Policies
from cases.steps import Neighbour

log = logging.getLogger(__name__)

Begun = TypeVar("Begun", inviting.Progress, rechecking.Progress, ending.Progress, unblocking.Progress)


class Campaign:
    """Activities for all persons and cases. `calendars` makes the working calendar of an agency from its overrides."""

    def __init__(
        self,
        pool: Pool,
        client: Client,
        policies: Policies,
        calendars: Calendars,
        *,
        clock: Clock = Clock.register,
    ) -> None:
        self._pool = pool
        self._client = client
        self._policies = policies
        self._calendars = calendars
        self._clock = clock

    @activity.defn
    @codes_only
    async def invite(self, occasion: Occasion) -> Invited:
        """Write to everybody who still has a 15-digit number and no open case, where a blue rung is due for them."""
        check_scheduled(Scheduled.invitations)
        occasion = await day_of_occasion(occasion, self._pool, self._clock)
        walk = inviting.Inviting(self._policies, self._calendars, occasion.at)
        progress = await walk.walk(self._pool, _begun(inviting.Progress()), activity.heartbeat)
        if walk.unserved:
            log.error("nobody is invited in regions that no policy serves", extra={"regions": sorted(walk.unserved)})
        return Invited(day=occasion.day, written=progress.written, called_off=progress.called_off)

    @activity.defn
    @codes_only
    async def recheck_benefits(self, occasion: Occasion) -> Rechecked:
        """Lift every hold whose reason is gone, and queue what can be paid again."""
        check_scheduled(Scheduled.benefit_hold_check)
        now = await self._clock.now(self._pool, occasion.at)
        begun = _begun(rechecking.Progress())
        progress = await rechecking.recheck(self._pool, now, begun, activity.heartbeat)
        return Rechecked(held=progress.held, released=progress.released)

    @activity.defn
    @codes_only
    async def cases_with_lifted_holds(self, after: str) -> tuple[Neighbour, ...]:
        """Some of the open cases that still show benefits as held, which they are not any more: those after a case."""
        check_scheduled(Scheduled.benefit_hold_check)
        return await rechecking.cases_to_tell(self._pool, after)

    @activity.defn
    @codes_only
    async def release_to_the_ended(self, occasion: Occasion) -> EndsChecked:
        """Release what is held for persons who died or were transferred, to whom it is owed."""
        check_scheduled(Scheduled.ended_person_check)
        now = await self._clock.now(self._pool, occasion.at)
        progress = await ending.release(self._pool, self._policies, now, _begun(ending.Progress()), activity.heartbeat)
        return EndsChecked(released=progress.released)

    @activity.defn
    @codes_only
    async def cases_of_the_ended(self, after: str) -> tuple[Neighbour, ...]:
        """Some of the open cases whose person died or was transferred: those after a case."""
        check_scheduled(Scheduled.ended_person_check)
        return await ending.cases_to_tell(self._pool, after)

    @activity.defn
    @codes_only
    async def end_blocks(self, occasion: Occasion) -> BlocksEnded:
        """End every temporary loss report that has expired, where no case waits to do so itself."""
        check_scheduled(Scheduled.loss_report_check)
        now = await self._clock.now(self._pool, occasion.at)
        begun = _begun(unblocking.Progress())
        progress = await unblocking.end_blocks(
            self._pool, self._policies, self._calendars, now, begun, activity.heartbeat
        )
        return BlocksEnded(expired=progress.expired, ended=progress.ended)

    @activity.defn
    @codes_only
    async def cases_with_ended_blocks(self, after: str) -> tuple[Neighbour, ...]:
        """Some of the open cases that still show a loss report as running, which has expired: those after a case."""
        check_scheduled(Scheduled.loss_report_check)
        return await unblocking.cases_to_tell(self._pool, after)

    @activity.defn
    @codes_only
    async def check_calendar(self, _occasion: Occasion) -> CalendarChecked:
        """Tell the open cases whose dates rest on days that were amended since, off or worked, published or not.

        A case that refuses is logged and left as it is, and the next check tells it again.
        Raises ENGINE_UNAVAILABLE where nobody answers, so that it is tried again later.
        """
        check_scheduled(Scheduled.calendar_check)
        calendar = Calendar(self._policies, self._calendars)
        provisional = sum(standing.provisional for standing in await standings(self._pool, calendar))
        fates = dict.fromkeys(Fate, 0)
        async for told in recompute_amended(self._pool, self._client, calendar):
            fates[told.fate] += 1
            activity.heartbeat(fates[Fate.recomputed])
            _note(told)
        if fates[Fate.unanswered]:
            raise ApplicationError(Code.ENGINE_UNAVAILABLE.value, type=Code.ENGINE_UNAVAILABLE.value)
        return CalendarChecked(provisional=provisional, recomputed=fates[Fate.recomputed])


def _begun(nothing: Begun) -> Begun:
    """How far an earlier attempt of this activity came."""
    details = activity.info().heartbeat_details
    return type(nothing)(*details[0]) if details else nothing


def _note(told: Told) -> None:
    if told.fate in {Fate.refused, Fate.unanswered}:
        code = told.code.value if told.code is not None else None
        log.warning("the dates of a case were not recomputed", extra={"told": told.case.case_id, "code": code})
