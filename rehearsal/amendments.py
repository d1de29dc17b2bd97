"""The official calendar is amended in mid-season: days off that nobody expected, and days that are worked after all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Final

from cases.clocks import SHANGHAI, WorkingCalendar
from cases.events import Event
from cases.policy import CalendarOverrides
from rehearsal.later import calendar_later, earlier, later
from rehearsal.lives import Act, Part

_DAY: Final = timedelta(days=1)
_ANNOUNCED: Final = time(8)
_SATURDAY: Final = 5

_asked_at: ContextVar[datetime] = ContextVar("asked_at")


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an announcement says of days: whether they are worked."""

    announced: datetime
    worked: Mapping[date, bool]

    @property
    def act(self) -> Act:
        """What an operator tells every open case in the morning of the announcement."""
        return Act(self.announced, Event.recompute, Part.operator)


def amendments(first: date, last: date, calendar: WorkingCalendar) -> tuple[Amendment, ...]:
    """Those of a season: one that moves dates later, and one that moves them back; none for a season that is short.

    The first closes two days soon and one late; the second opens the late one again, and a Saturday.
    """
    days = (last - first).days
    announced = calendar.next_working(first + _DAY * (days // 3))
    again = calendar.next_working(first + _DAY * (days * 3 // 5))
    soon = calendar.after(announced, 5)
    late = calendar.after(again, 6)
    saturday = next(day for day in _from(again + 2 * _DAY) if day.weekday() == _SATURDAY)
    if late > last or not again > soon + 7 * _DAY:
        return ()
    return (
        Amendment(_morning(announced), {soon: False, calendar.after(soon, 1): False, late: False}),
        Amendment(_morning(again), {late: True, saturday: True}),
    )


def _from(day: date) -> Iterator[date]:
    while True:
        yield day
        day += _DAY


def _morning(day: date) -> datetime:
    return datetime.combine(day, _ANNOUNCED, SHANGHAI)


def known_at(announcements: Iterable[Amendment], moment: datetime) -> Mapping[date, bool]:
    """What had been announced by a moment of the season; the later word counts."""
    return {
        day: worked
        for amendment in announcements
        if amendment.announced <= moment
        for day, worked in amendment.worked.items()
    }


@contextmanager
def asked_at(moment: datetime) -> Iterator[None]:
    """What is computed in this block is computed at a moment of the engine's time."""
    token = _asked_at.set(moment)
    try:
        yield
    finally:
        _asked_at.reset(token)


class AmendedCalendars:
    """Makes the calendar of an agency as it is known at the moment at which somebody asks (`asked_at`)."""

    def __init__(self, announcements: Sequence[Amendment]) -> None:
        self._announcements = announcements

    def __call__(self, overrides: CalendarOverrides) -> WorkingCalendar:
        """The calendar of a moved policy. What the agency itself says of a day wins."""
        known = known_at(self._announcements, earlier(_asked_at.get()))
        return _amended(overrides, frozenset(known.items()))


@cache
def _amended(overrides: CalendarOverrides, known: frozenset[tuple[date, bool]]) -> WorkingCalendar:
    closed = {later(day) for day, worked in known if not worked}
    opened = {later(day) for day, worked in known if worked}
    return calendar_later(
        CalendarOverrides(
            closed=frozenset(closed - overrides.open) | overrides.closed,
            open=frozenset(opened - overrides.closed) | overrides.open,
        )
    )
