"""The official working calendar of China, with an agency's own closures and working days over it."""

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Final

from chinese_calendar.constants import holidays, workdays

from cases.clocks import WorkingCalendar
from cases.policy import CalendarOverrides

_SATURDAY: Final = 5
_NATIONAL_DAY: Final = (10, 1)


_NONE: Final = CalendarOverrides()


@cache
def official_calendar(overrides: CalendarOverrides = _NONE) -> WorkingCalendar:
    """Days off and make-up days as the State Council publishes them each autumn for the next year.

    A year counts as published when its National Day is among its days off. `overrides` wins over the official calendar.
    """
    off = _on_weekdays(holidays) - overrides.open | _on_weekdays(overrides.closed)
    on = _on_weekends(workdays) - overrides.closed | _on_weekends(overrides.open)
    published = {day.year for day in holidays if (day.month, day.day) == _NATIONAL_DAY}
    return WorkingCalendar(published=frozenset(published), off=off, on=on)


def _on_weekdays(days: Iterable[date]) -> frozenset[date]:
    return frozenset(day for day in days if day.weekday() < _SATURDAY)


def _on_weekends(days: Iterable[date]) -> frozenset[date]:
    return frozenset(day for day in days if day.weekday() >= _SATURDAY)
