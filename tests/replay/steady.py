"""Days that are all alike: on whatever day lives are lived, their limits and rungs come in the same order."""

from datetime import date, datetime, timedelta
from typing import Final

from activities.calendar import Calendars
from cases.clocks import SHANGHAI, WorkingCalendar
from cases.policy import CalendarOverrides, Policies
from tests.engine import quiet_packs

_YEARS: Final = 6
_PENSION_RUN: Final = timedelta(days=10)
_LAST_DAY_OF_A_RUN: Final = 28


def steady_calendars() -> Calendars:
    """A calendar, the same for every agency, in which every day is worked and every year published."""
    first = datetime.now(SHANGHAI).year - 1
    days = (date(first, 1, 1) + timedelta(days=each) for each in range(_YEARS * 366))
    weekends = frozenset(day for day in days if day.weekday() >= 5)
    calendar = WorkingCalendar(published=frozenset(range(first, first + _YEARS)), on=weekends)

    def calendars(_: CalendarOverrides) -> WorkingCalendar:
        return calendar

    return calendars


def steady_policies() -> Policies:
    """The policies of tests, with the pension run in ten days or a little later, whatever day of the month it is."""
    day = (datetime.now(SHANGHAI) + _PENSION_RUN).day
    run = day if day <= _LAST_DAY_OF_A_RUN else 1
    steady = []
    for pack in quiet_packs():
        card = pack.replacement
        if card.pension_run_day is not None:
            card = card.model_copy(update={"pension_run_day": run})
        steady.append(pack.model_copy(update={"replacement": card}))
    return Policies(steady)
