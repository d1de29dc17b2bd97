"""The official working calendar of China, with an agency's own closures and working days over it."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

from chinese_calendar.constants import Holiday, holidays, workdays

from cases.clocks import WorkingCalendar
from cases.policy import CalendarOverrides

Calendars = Callable[[CalendarOverrides], WorkingCalendar]
"""Makes the working calendar of an agency from its overrides."""

_SATURDAY: Final = 5
_NATIONAL_DAY: Final = (10, 1)
_NONE: Final = CalendarOverrides()


@cache
def official_calendar(overrides: CalendarOverrides = _NONE) -> WorkingCalendar:
    """Days off and make-up days as the State Council publishes them each autumn for the next year.

    A year counts as published when its National Day is among its days off. `overrides` wins over the official calendar;
    a notice that came too late for the installed calendar stands there whole, and publishes its year in the same way.
    """
    off = _on_weekdays(holidays) - overrides.open | _on_weekdays(overrides.closed)
    on = _on_weekends(workdays) - overrides.closed | _on_weekends(overrides.open)
    published = {day.year for day in {*holidays, *overrides.closed} if (day.month, day.day) == _NATIONAL_DAY}
    return WorkingCalendar(published=frozenset(published), off=off, on=on)


def edition_of(calendar: WorkingCalendar) -> str:
    """A short name of what a calendar says: two calendars that say the same of every day have the same."""
    parts = (sorted(map(str, calendar.published)), *(sorted(map(str, days)) for days in (calendar.off, calendar.on)))
    return sha256(repr(parts).encode()).hexdigest()[:12]


class DayKind(StrEnum):
    """Why a day is worked, or is not."""

    working = "working"
    weekend = "weekend"
    day_off = "day_off"
    """By the State Council's notice."""
    make_up = "make_up"
    """A Saturday or Sunday that is worked by the State Council's notice."""
    closed = "closed"
    """The agency's own closure."""
    open = "open"
    """A working day of the agency's own."""

    @property
    def is_worked(self) -> bool:
        """Whether people work on such a day."""
        return self in {DayKind.working, DayKind.make_up, DayKind.open}


class Day(NamedTuple):
    """One day of the calendar; `holiday` is the Chinese name of the holiday for which it is off or worked."""

    day: date
    kind: DayKind
    holiday: str | None = None


def days_of(year: int, overrides: CalendarOverrides = _NONE) -> Iterator[Day]:
    """Every day of a year; of an unpublished one only weekends and overrides are known."""
    calendar = official_calendar(overrides)
    day = date(year, 1, 1)
    while day.year == year:
        yield Day(day, _kind_of(day, overrides, worked=calendar.is_working(day)), _holiday_of(day))
        day += timedelta(days=1)


def _kind_of(day: date, overrides: CalendarOverrides, *, worked: bool) -> DayKind:
    if day in overrides.open and worked:
        return DayKind.open
    if day in overrides.closed and not worked:
        return DayKind.closed
    if day.weekday() >= _SATURDAY:
        if worked:
            return DayKind.make_up
        return DayKind.day_off if day in holidays else DayKind.weekend
    return DayKind.working if worked else DayKind.day_off


def _holiday_of(day: date) -> str | None:
    name = holidays.get(day) or workdays.get(day)
    return Holiday(name).chinese if name is not None else None


def _on_weekdays(days: Iterable[date]) -> frozenset[date]:
    return frozenset(day for day in days if day.weekday() < _SATURDAY)


def _on_weekends(days: Iterable[date]) -> frozenset[date]:
    return frozenset(day for day in days if day.weekday() >= _SATURDAY)
