"""Seasons are played twenty-eight years later, because the server's time can be skipped forward only.

The Gregorian calendar repeats itself after 28 years as long as no skipped leap year lies between: every date keeps its
day of the week, its month, its day and its place among leap years. So the same season gives the same days, slots and
limits whatever day it is played on, and moving a date back is one subtraction. Policies and calendars are data; they
are moved, and the engine is the one of every day.
"""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

from activities.calendar import official_calendar
from cases.clocks import WorkingCalendar
from cases.policy import CalendarOverrides, Policy

YEARS: Final = 28
CYCLE: Final = timedelta(days=10227)
"""Twenty-eight years of the Gregorian calendar: 1461 whole weeks."""
LAST_YEAR: Final = 2099 - YEARS
"""The last year that can be played: 2100 is no leap year, and the cycle breaks."""

Day = TypeVar("Day", date, datetime)


def later(day: Day) -> Day:
    """When something of the season happens on the engine."""
    return day + CYCLE


def earlier(day: Day) -> Day:
    """When something that happened on the engine happens in the season."""
    return day - CYCLE


def policy_later(policy: Policy) -> Policy:
    """The same policy with every date of it moved."""
    return Policy.model_validate(_moved(policy.model_dump()))


@cache
def calendar_later(overrides: CalendarOverrides) -> WorkingCalendar:
    """The official calendar of a moved policy."""
    of_season = CalendarOverrides(
        closed=frozenset(map(earlier, overrides.closed)), open=frozenset(map(earlier, overrides.open))
    )
    calendar = official_calendar(of_season)
    return WorkingCalendar(
        published=frozenset(year + YEARS for year in calendar.published),
        off=frozenset(map(later, calendar.off)),
        on=frozenset(map(later, calendar.on)),
    )


def _moved(content: Any) -> Any:
    match content:
        case datetime() | date():
            return later(content)
        case dict():
            return {key: _moved(value) for key, value in content.items()}
        case tuple() | list() | set() | frozenset():
            return type(content)(map(_moved, content))
        case _:
            return content
