"""The calendar is amended while a season is played, and each case asks by a time of its own."""

from datetime import date

import pytest

from activities.calendar import official_calendar
from cases.policy import CalendarOverrides
from rehearsal.amendments import AmendedCalendars, amendments, asked_at, known_at
from rehearsal.later import later
from tests.rehearsal.ledgers import at

FIRST, LAST = date(2026, 6, 1), date(2026, 9, 30)


def test_a_season_has_an_announcement_that_closes_days_and_one_that_opens_some_of_them_again() -> None:
    closing, opening = amendments(FIRST, LAST, official_calendar())
    assert FIRST < closing.announced.date() < opening.announced.date() < LAST
    assert set(closing.worked.values()) == {False}
    assert set(opening.worked.values()) == {True}
    reopened = closing.worked.keys() & opening.worked.keys()
    assert len(reopened) == 1
    assert all(day > opening.announced.date() for day in (*reopened, *opening.worked))
    assert all(official_calendar().is_working(day) for day in closing.worked)


def test_a_season_of_a_few_weeks_has_none() -> None:
    assert amendments(FIRST, date(2026, 6, 20), official_calendar()) == ()


def test_a_calendar_is_the_one_that_was_known_when_somebody_asks_and_the_agencys_own_days_win() -> None:
    announced = amendments(FIRST, LAST, official_calendar())
    closing = announced[0]
    calendars = AmendedCalendars(announced)
    own = CalendarOverrides(open=frozenset({later(min(closing.worked))}))
    for amendment in announced:
        for day, worked in amendment.worked.items():
            with asked_at(later(amendment.announced)):
                assert calendars(CalendarOverrides()).is_working(later(day)) is worked
    day = min(closing.worked)
    with asked_at(later(at(6, 2))):
        assert calendars(CalendarOverrides()).is_working(later(day))
    with asked_at(later(at(9, 1))):
        assert not calendars(CalendarOverrides()).is_working(later(day))
        assert calendars(own).is_working(later(day))
    assert known_at(announced, at(6, 2)) == {}


def test_whoever_does_not_say_when_they_ask_is_given_no_calendar() -> None:
    with pytest.raises(LookupError):
        AmendedCalendars(())(CalendarOverrides())
