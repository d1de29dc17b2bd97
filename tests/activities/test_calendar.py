from datetime import date

import pytest

from activities.calendar import official_calendar
from cases.policy import CalendarOverrides


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 8, 31), True),  # the campaign's last day
        (date(2026, 10, 1), False),  # National Day, a Thursday
        (date(2026, 10, 10), True),  # a Saturday that is worked for it
        (date(2026, 10, 11), False),
        (date(2025, 8, 31), False),  # a Sunday
        (date(2026, 2, 16), False),  # Spring Festival, a Monday
        (date(2026, 2, 28), True),  # a Saturday that is worked for it
    ],
)
def test_days_are_worked_as_published(day: date, working: bool) -> None:  # noqa: FBT001 - a column of the table
    assert official_calendar().is_working(day) is working


def test_years_are_published_up_to_the_last_known_national_day() -> None:
    published = official_calendar().published
    assert {2025, 2026} <= set(published)
    assert 2099 not in published


def test_an_agency_closes_and_opens_over_the_official_calendar() -> None:
    overrides = CalendarOverrides(
        closed=frozenset({date(2026, 3, 2), date(2026, 10, 10)}), open=frozenset({date(2026, 10, 1), date(2026, 3, 7)})
    )
    calendar = official_calendar(overrides)
    assert not calendar.is_working(date(2026, 3, 2))
    assert not calendar.is_working(date(2026, 10, 10))
    assert calendar.is_working(date(2026, 10, 1))
    assert calendar.is_working(date(2026, 3, 7))
    assert official_calendar().is_working(date(2026, 3, 2))


def test_one_calendar_serves_all_who_ask_alike() -> None:
    assert official_calendar(CalendarOverrides()) is official_calendar(CalendarOverrides())
