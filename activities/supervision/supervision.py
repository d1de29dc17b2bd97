"""What is done for supervision at an occasion: digests to municipality, province and ministry."""

import logging
from collections.abc import Callable
from typing import Final

from temporalio import activity

from activities.occasions import check_scheduled, day_of_occasion
from activities.registry.clock import Clock
from activities.registry.errors import codes_only
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.clocks import WorkingCalendar
from cases.occasions import Digested, Occasion, Scheduled
from cases.offices import MINISTRY

SQL: Final = load("digests.sql", beside=__file__)

LISTED: Final = 20
"""Case numbers in a digest for each agency, or for each municipality in that of a province; the rest is a figure."""

log = logging.getLogger(__name__)


class Supervision:
    """Supervision above the agency."""

    def __init__(self, pool: Pool, calendar: Callable[[], WorkingCalendar], *, clock: Clock = Clock.register) -> None:
        self._pool = pool
        self._calendar = calendar
        self._clock = clock

    @activity.defn
    @codes_only
    async def digests(self, occasion: Occasion) -> Digested:
        """Write the digests of a working day as notifications, in one transaction, each once.

        Asked again for the same day it writes those that are still missing and leaves the others as they are.
        """
        check_scheduled(Scheduled.digests)
        occasion = await day_of_occasion(occasion, self._pool, self._clock)
        if not self._calendar().is_working(occasion.day):
            return Digested(day=occasion.day, working=False, written=0)
        values = {"at": occasion.at, "day": occasion.day.isoformat(), "listed": LISTED, "ministry": MINISTRY}
        async with connection_of(self._pool) as connection, connection.transaction():
            digests = await SQL["write_digests"].all(connection, values)
            unlisted = await SQL["late_without_office"].all(connection, values)
        for row in unlisted:
            log.error(
                "nobody above is told of late cases: their agency is not in the directory",
                extra={"region": row["region"], "cases": row["cases"]},
            )
        (counted,) = digests
        return Digested(
            day=occasion.day,
            working=True,
            written=counted["written"],
            known=counted["due"] - counted["written"],
            unlisted=sum(row["cases"] for row in unlisted),
        )
