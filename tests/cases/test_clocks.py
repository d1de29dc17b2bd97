"""Working days, rest days and year ends: when a time limit ends."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.clocks import SHANGHAI, Budget, WorkingCalendar, due, next_day_of_month

# The Spring Festival of 2026 as data: off from Monday 16 to Monday 23 February, worked on Saturdays 14 and 28.
FESTIVAL = WorkingCalendar(
    published=frozenset({2026}),
    off=frozenset(date(2026, 2, day) for day in (16, 17, 18, 19, 20, 23)) | {date(2026, 10, 1), date(2026, 1, 1)},
    on=frozenset({date(2026, 2, 14), date(2026, 2, 28)}),
)
PLAIN = WorkingCalendar(published=frozenset(range(1900, 2100)))
DAYS = st.dates(date(2000, 1, 1), date(2080, 12, 31))


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)


def midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 2, 13), True),
        (date(2026, 2, 14), True),  # a make-up Saturday
        (date(2026, 2, 15), False),
        (date(2026, 2, 16), False),  # a Monday off
        (date(2026, 2, 24), True),
        (date(2026, 2, 28), True),
        (date(2026, 3, 1), False),
    ],
)
def test_make_up_weekends_are_worked_and_holidays_are_not(day: date, *, worked: bool) -> None:
    assert FESTIVAL.is_working(day) is worked


@pytest.mark.parametrize(
    ("start", "working_days", "last"),
    [
        (date(2026, 2, 12), 1, date(2026, 2, 13)),
        (date(2026, 2, 12), 2, date(2026, 2, 14)),
        (date(2026, 2, 12), 3, date(2026, 2, 24)),
        (date(2026, 2, 17), 1, date(2026, 2, 24)),
        (date(2026, 2, 24), 4, date(2026, 2, 28)),
        (date(2026, 2, 24), 5, date(2026, 3, 2)),
    ],
)
def test_working_days_count_over_a_holiday_without_the_first_day(start: date, working_days: int, last: date) -> None:
    assert due(noon(start), Budget(working_days), FESTIVAL).at == midnight_after(last)


@pytest.mark.parametrize(
    ("start", "days", "last"),
    [
        (date(2026, 2, 10), 4, date(2026, 2, 14)),  # ends on a make-up Saturday, which is no rest day
        (date(2026, 2, 10), 5, date(2026, 2, 24)),  # a Sunday before the holiday
        (date(2026, 2, 10), 8, date(2026, 2, 24)),
        (date(2026, 8, 1), 30, date(2026, 8, 31)),  # 31 August 2026 is a Monday
        (date(2026, 8, 1), 28, date(2026, 8, 31)),
        (date(2026, 9, 21), 10, date(2026, 10, 2)),
    ],
)
def test_calendar_days_that_end_on_a_rest_day_end_on_the_next_day_worked(start: date, days: int, last: date) -> None:
    assert due(noon(start), Budget(days, working=False), FESTIVAL).at == midnight_after(last)


def test_a_limit_ends_at_24_00_where_the_case_is_handled_and_its_first_day_does_not_count() -> None:
    one_day = Budget(1)
    monday_evening = datetime(2026, 11, 2, 23, 59, 59, tzinfo=SHANGHAI)
    assert due(monday_evening, one_day, PLAIN).at == datetime(2026, 11, 3, 16, 0, tzinfo=UTC)
    assert due(monday_evening + timedelta(seconds=1), one_day, PLAIN).at == datetime(2026, 11, 4, 16, 0, tzinfo=UTC)


@given(day=DAYS, minutes=st.integers(0, 24 * 60 - 1), offset=st.integers(-12, 14))
def test_the_zone_in_which_a_moment_is_written_makes_no_difference(day: date, minutes: int, offset: int) -> None:
    moment = noon(day) - timedelta(hours=12) + timedelta(minutes=minutes)
    elsewhere = moment.astimezone(timezone(timedelta(hours=offset)))
    assert due(elsewhere, Budget(5), PLAIN) == due(noon(day), Budget(5), PLAIN)


@pytest.mark.parametrize("year", range(1986, 1992))
def test_years_in_which_shanghai_had_summer_time_do_not_shift_a_day(year: int) -> None:
    """Dates that old are data, not deadlines; arithmetic over them keeps whole days."""
    july = datetime(year, 7, 1, 23, 30, tzinfo=SHANGHAI)
    assert due(july, Budget(1, working=False), PLAIN).at == midnight_after(PLAIN.next_working(date(year, 7, 2)))
    assert SHANGHAI.utcoffset(july) == timedelta(hours=8)


@pytest.mark.parametrize(
    ("start", "budget", "last", "provisional"),
    [
        (date(2026, 12, 21), Budget(5), date(2026, 12, 28), False),
        (date(2026, 12, 24), Budget(5), date(2026, 12, 31), True),  # the next year's notice may make it a day off
        (date(2026, 12, 25), Budget(5), date(2027, 1, 1), True),  # nobody has published that this is a holiday
        (date(2026, 12, 31), Budget(1), date(2027, 1, 1), True),
        (date(2026, 12, 1), Budget(31, working=False), date(2027, 1, 1), True),
        (date(2025, 12, 31), Budget(1), date(2026, 1, 2), True),
        (date(2026, 1, 5), Budget(250), date(2026, 12, 28), False),
    ],
)
def test_a_limit_that_rests_on_an_unpublished_year_is_provisional(
    start: date, budget: Budget, last: date, *, provisional: bool
) -> None:
    ends = due(noon(start), budget, FESTIVAL)
    assert (ends.at, ends.provisional) == (midnight_after(last), provisional)


def test_a_limit_over_a_gap_of_unpublished_years_is_provisional() -> None:
    gap = WorkingCalendar(published=frozenset({2026, 2028}))
    assert due(noon(date(2026, 12, 1)), Budget(400, working=False), gap).provisional


@given(day=DAYS, first=st.integers(1, 60), more=st.integers(1, 60))
def test_a_limit_extended_by_working_days_is_one_that_was_that_much_longer(day: date, first: int, more: int) -> None:
    longer = due(noon(day), Budget(first), PLAIN, extended=more)
    assert longer == due(noon(day), Budget(first + more), PLAIN)
    assert due(noon(day).astimezone(UTC), Budget(first), PLAIN, extended=more) == longer


def test_an_extension_into_an_unpublished_year_is_provisional() -> None:
    ends = due(noon(date(2026, 12, 1)), Budget(15), FESTIVAL)
    assert not ends.provisional
    assert due(noon(date(2026, 12, 1)), Budget(15), FESTIVAL, extended=20).provisional


@given(day=DAYS, days=st.integers(1, 120))
def test_a_limit_ends_with_a_day_worked_after_its_start(day: date, days: int) -> None:
    for working in (True, False):
        ends = due(noon(day), Budget(days, working), PLAIN).at
        last = (ends - timedelta(days=1)).date()
        assert ends == midnight_after(last)
        assert PLAIN.is_working(last)
        assert last >= day + timedelta(days=days) if not working else last > day


@given(day=DAYS, days=st.integers(1, 60))
def test_exactly_the_budget_of_working_days_lies_between(day: date, days: int) -> None:
    last = (due(noon(day), Budget(days), PLAIN).at - timedelta(days=1)).date()
    between = [day + timedelta(days=step) for step in range(1, (last - day).days + 1)]
    assert sum(PLAIN.is_working(each) for each in between) == days


@pytest.mark.parametrize(
    ("start", "day_of_month", "run"),
    [
        (date(2026, 11, 2), 15, date(2026, 11, 15)),
        (date(2026, 11, 15), 15, date(2026, 11, 15)),
        (date(2026, 11, 16), 15, date(2026, 12, 15)),
        (date(2026, 12, 16), 15, date(2027, 1, 15)),
        (date(2026, 1, 31), 28, date(2026, 2, 28)),
        (date(2026, 1, 31), 1, date(2026, 2, 1)),
    ],
)
def test_the_pension_run_is_the_next_such_day_of_a_month(start: date, day_of_month: int, run: date) -> None:
    assert next_day_of_month(noon(start), day_of_month) == midnight_after(run)


def test_the_day_of_the_pension_run_is_a_day_in_shanghai() -> None:
    assert next_day_of_month(datetime(2026, 11, 15, 17, 0, tzinfo=UTC), 15) == midnight_after(date(2026, 12, 15))
