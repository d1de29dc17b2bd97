"""Working-day arithmetic: when a time limit ends.

A period does not count its first day, ends at 24:00 of its last, and where that is a rest day at 24:00 of the next
working day (Civil Code art. 201 and 203, by analogy). All days are civil days of Asia/Shanghai.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Final, NamedTuple

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The civil time of every deadline. A fixed offset is exact: the last summer time in China ended in 1991."""

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Which days are worked: the official days off and make-up days of the published years, and the agency's own.

    In a year that is not published every Monday to Friday counts as worked, and dates that rest on it are provisional.
    """

    published: AbstractSet[int]
    off: AbstractSet[date] = field(default_factory=frozenset)
    """Days off that fall on Monday to Friday."""
    on: AbstractSet[date] = field(default_factory=frozenset)
    """Saturdays and Sundays that are worked."""

    def is_working(self, day: date) -> bool:
        """Whether the agency works on this day."""
        if day.weekday() >= _SATURDAY:
            return day in self.on
        return day not in self.off

    def next_working(self, day: date) -> date:
        """The day itself if it is worked, otherwise the next one that is."""
        while not self.is_working(day):
            day += _DAY
        return day

    def after(self, day: date, working_days: int) -> date:
        """The day that lies `working_days` working days after `day`, which is not counted itself."""
        for _ in range(working_days):
            day = self.next_working(day + _DAY)
        return day


class Budget(NamedTuple):
    """How long a time limit is: so many days, working days or calendar days."""

    days: int
    working: bool = True


class Due(NamedTuple):
    """When a time limit ends, and whether the calendar of a year that this rests on is still to be published."""

    at: datetime
    provisional: bool


def due(start: datetime, budget: Budget, calendar: WorkingCalendar) -> Due:
    """When a limit of `budget` that starts at the moment `start` ends: the 24:00 that closes its last day."""
    first = start.astimezone(SHANGHAI).date()
    last = calendar.after(first, budget.days) if budget.working else calendar.next_working(first + _DAY * budget.days)
    return Due(_closes(last), _provisional(first, last, calendar))


def extended(current: datetime, working_days: int, calendar: WorkingCalendar) -> Due:
    """A limit that ends at `current`, moved by working days."""
    last = (current.astimezone(SHANGHAI) - _DAY).date()
    moved = calendar.after(last, working_days)
    return Due(_closes(moved), _provisional(last, moved, calendar))


def next_day_of_month(start: datetime, day_of_month: int) -> datetime:
    """The 24:00 that closes the next `day_of_month` (1-28) at or after the day of `start`."""
    first = start.astimezone(SHANGHAI).date()
    run = first.replace(day=day_of_month)
    if run < first:
        run = (first.replace(day=1) + _DAY * 32).replace(day=day_of_month)
    return _closes(run)


def _closes(day: date) -> datetime:
    return datetime.combine(day + _DAY, time(), SHANGHAI)


def _provisional(first: date, last: date, calendar: WorkingCalendar) -> bool:
    return not set(range(first.year, last.year + 1)) <= set(calendar.published)
