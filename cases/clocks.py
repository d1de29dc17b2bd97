"""Working-day arithmetic: when a time limit ends, and what a clock that stood still has used.

A period does not count its first day, ends at 24:00 of its last, and where that is a rest day at 24:00 of the next
working day (Civil Code art. 201 and 203, by analogy). All days are civil days of Asia/Shanghai.

A clock is used up by whole working days. While it stands still none is: the day on which it stops still counts, the day
on which it goes on does not, as a period that begins again does not count its first day. So a standstill moves whatever
depends on it by exactly the working days it lasted, and what is used and what is left always make up the budget.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The civil time of every deadline. A fixed offset is exact: the last summer time in China ended in 1991."""

_DAY: Final = timedelta(days=1)
_ASKED_AGAIN: Final = 4096
"""Days that are kept in mind: cases of one day and one policy ask for the same ones, each many times in its life."""
_UNTIL_NEW_YEAR: Final = timedelta(days=3)
_SATURDAY: Final = 5
_Stretch = tuple[date, date]
"""The day on which a standstill began, and that on which it ended: `date.max` while it lasts."""


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Which days are worked: the official days off and make-up days of the published years, and the agency's own.

    In a year that is not published every Monday to Friday counts as worked, and dates that rest on it are provisional.
    """

    published: frozenset[int]
    off: frozenset[date] = frozenset()
    """Days off that fall on Monday to Friday."""
    on: frozenset[date] = frozenset()
    """Saturdays and Sundays that are worked."""

    def is_working(self, day: date) -> bool:
        """Whether the agency works on this day."""
        if day.weekday() >= _SATURDAY:
            return day in self.on
        return day not in self.off

    def says(self, first: date, last: date) -> str:
        """A short name of what it says of the days between two, and of whether their years are published.

        The first days of January count with the last of December, as in `provisional`.
        """
        last += _UNTIL_NEW_YEAR
        days = sorted(str(day) for day in self.off | self.on if first <= day <= last)
        years = sorted(str(year) for year in self.published if first.year <= year <= last.year)
        return sha256(" ".join((*years, *days)).encode()).hexdigest()[:12]

    def next_working(self, day: date) -> date:
        """The day itself if it is worked, otherwise the next one that is."""
        while not self.is_working(day):
            day += _DAY
        return day

    def after(self, day: date, working_days: int) -> date:
        """The day that lies `working_days` working days after `day`, which is not counted itself."""
        return _after(self, day, working_days)

    def before(self, day: date, working_days: int) -> date:
        """The latest day that has `working_days` working days after it up to `day`, which is worked or a last day."""
        for _ in range(working_days):
            day -= _DAY
            while not self.is_working(day):
                day -= _DAY
        return day


@lru_cache(maxsize=_ASKED_AGAIN)
def _after(calendar: WorkingCalendar, day: date, working_days: int) -> date:
    for _ in range(working_days):
        day = calendar.next_working(day + _DAY)
    return day


class OfficeHours(NamedTuple):
    """When an office is open on a working day, in the civil time of Asia/Shanghai."""

    opens: time = time(9)
    closes: time = time(17)


class Standstill(NamedTuple):
    """A stretch in which a clock does not run; `until` is None while it lasts."""

    since: datetime
    until: datetime | None = None

    @property
    def days(self) -> Iterator[date]:
        """Its days, without the first. Endless while it lasts."""
        day = day_of(self.since)
        while self.until is None or day < day_of(self.until):
            day += _DAY
            yield day

    def worked(self, calendar: WorkingCalendar) -> int:
        """How many working days it lasted; what it moves everything by. Raises ValueError while it lasts."""
        if self.until is None:
            raise ValueError("still standing")
        return sum(map(calendar.is_working, self.days))


class Budget(NamedTuple):
    """How long a time limit is: so many days, working days or calendar days."""

    days: int
    working: bool = True


class Due(NamedTuple):
    """When a time limit ends, and whether the calendar of a year that this rests on is still to be published."""

    at: datetime
    provisional: bool


def due(
    start: datetime,
    budget: Budget,
    calendar: WorkingCalendar,
    standstills: Sequence[Standstill] = (),
    extended: int = 0,
) -> Due:
    """When a limit of `budget` that starts at the moment `start` ends: the 24:00 that closes its last day.

    `standstills`, which are over, use none of it. `extended` are working days that follow when the budget is used up.
    What stood still on its last day goes on to the end of the day on which it goes on.
    """
    first = day_of(start)
    last = _ends_on(first, budget, _stretches(standstills), extended, calendar)
    return Due(closes(last), provisional(first, last, calendar))


@lru_cache(maxsize=_ASKED_AGAIN)
def _ends_on(
    last: date, budget: Budget, stretches: tuple[_Stretch, ...], extended: int, calendar: WorkingCalendar
) -> date:
    """The last day of a limit that starts on a day."""
    for _ in range(budget.days):
        last = _next_used(last, stretches, calendar if budget.working else None)
    last = calendar.next_working(last) if not budget.working else last
    for _ in range(extended):
        last = _next_used(last, stretches, calendar)
    resumed = max((until for _, until in stretches if until != date.max), default=last)
    return calendar.next_working(resumed) if last < resumed else last


def _stretches(standstills: Iterable[Standstill]) -> tuple[_Stretch, ...]:
    return tuple((day_of(each.since), day_of(each.until) if each.until else date.max) for each in standstills)


def _is_used(day: date, stretches: Iterable[_Stretch]) -> bool:
    """Whether a clock uses a day. The day on which it stopped was used, that on which it goes on is not."""
    return not any(since < day <= until for since, until in stretches)


def _next_used(day: date, stretches: Iterable[_Stretch], calendar: WorkingCalendar | None) -> date:
    """The next day that a clock uses: of every day, or of working days where there is a calendar."""
    while True:
        day += _DAY
        if (calendar is None or calendar.is_working(day)) and _is_used(day, stretches):
            return day


def used(start: datetime, at: datetime, standstills: Iterable[Standstill], calendar: WorkingCalendar) -> int:
    """Working days that a clock which started at `start` has used by `at`: those that are over."""
    stretches = _stretches(standstills)
    last = day_of(at) - _DAY
    days, day = 0, day_of(start) + _DAY
    while day <= last:
        days += calendar.is_working(day) and _is_used(day, stretches)
        day += _DAY
    return days


def when_used(
    start: datetime, working_days: int, standstills: Sequence[Standstill], calendar: WorkingCalendar
) -> Due | None:
    """When a clock that started at `start` has used so many working days; None while it stands still before that.

    That is the 24:00 that closes the last of them, and `start` itself for none.
    """
    if working_days <= 0:
        return Due(start, provisional=False)
    first = day_of(start)
    last = _last_used(first, working_days, _stretches(standstills), calendar)
    return None if last is None else Due(closes(last), provisional(first, last, calendar))


@lru_cache(maxsize=_ASKED_AGAIN)
def _last_used(day: date, working_days: int, stretches: tuple[_Stretch, ...], calendar: WorkingCalendar) -> date | None:
    """The day on which a clock has used so many working days after `day`; None while it stands still before that."""
    endless = min((since for since, until in stretches if until == date.max), default=date.max)
    for _ in range(working_days):
        day += _DAY
        while not (calendar.is_working(day) and _is_used(day, stretches)):
            if day > endless:
                return None
            day += _DAY
    return day


def days_between(after: date, at: datetime, calendar: WorkingCalendar) -> int:
    """Working days that lie after a day, up to the last one of a period that ends at the moment `at`."""
    last = day_of(at - timedelta(microseconds=1))
    return sum(calendar.is_working(after + _DAY * ahead) for ahead in range(1, (last - after).days + 1))


def first_slot(at: datetime, offset: float, hours: OfficeHours, calendar: WorkingCalendar) -> datetime:
    """The first moment from `at` on that lies at `offset` (0 to 1) of the office hours of a working day.

    Reminders are spread over the day by their offsets, so that no herd sets out at one moment.
    """
    local = at.astimezone(SHANGHAI)
    day = calendar.next_working(local.date())
    slot = _at_offset(day, offset, hours)
    if slot >= local:
        return slot
    return _at_offset(calendar.next_working(day + _DAY), offset, hours)


def told_at(at: datetime, offset: float, hours: OfficeHours, calendar: WorkingCalendar) -> datetime:
    """When staff are told of what happened at a moment: at once in office hours, else at the next slot of `offset`."""
    local = at.astimezone(SHANGHAI)
    opens, closing = (datetime.combine(local.date(), moment, SHANGHAI) for moment in hours)
    if calendar.is_working(local.date()) and opens <= local < closing:
        return at
    return first_slot(at, offset, hours, calendar)


def _at_offset(day: date, offset: float, hours: OfficeHours) -> datetime:
    opens, closing = (datetime.combine(day, moment, SHANGHAI) for moment in hours)
    return opens + timedelta(seconds=int((closing - opens).total_seconds() * offset))


def next_day_of_month(start: datetime, day_of_month: int) -> datetime:
    """The 24:00 that closes the next `day_of_month` (1-28) at or after the day of `start`."""
    first = start.astimezone(SHANGHAI).date()
    run = first.replace(day=day_of_month)
    if run < first:
        run = (first.replace(day=1) + _DAY * 32).replace(day=day_of_month)
    return closes(run)


def day_of(moment: datetime) -> date:
    """The civil day of Asia/Shanghai in which a moment lies."""
    return moment.astimezone(SHANGHAI).date()


def closes(day: date) -> datetime:
    """The 24:00 that closes a day."""
    return datetime.combine(day + _DAY, time(), SHANGHAI)


def provisional(first: date, last: date, calendar: WorkingCalendar) -> bool:
    """Whether the working calendar of a year between two days is still to be published.

    The last days of December belong to the notice of the next year, which may make them days off or worked.
    """
    last += _UNTIL_NEW_YEAR
    return not set(range(first.year, last.year + 1)) <= set(calendar.published)
