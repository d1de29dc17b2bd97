"""The official calendar against the State Council's notices, a second library, and a count by other means."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.calendar import Day, DayKind, days_of, edition_of, official_calendar
from cases.clocks import SHANGHAI, Budget, due
from cases.policy import CalendarOverrides

# The notices of the General Office of the State Council on the days off of a year: first and last day off, and the
# Saturdays and Sundays that are worked for it.
NOTICES: Final = {
    2024: (  # Guobanfamingdian (2023) No. 7
        ("元旦", "01-01", "01-01", ()),
        ("春节", "02-10", "02-17", ("02-04", "02-18")),
        ("清明", "04-04", "04-06", ("04-07",)),
        ("劳动节", "05-01", "05-05", ("04-28", "05-11")),
        ("端午", "06-10", "06-10", ()),
        ("中秋", "09-15", "09-17", ("09-14",)),
        ("国庆节", "10-01", "10-07", ("09-29", "10-12")),
    ),
    2025: (  # Guobanfamingdian (2024) No. 12
        ("元旦", "01-01", "01-01", ()),
        ("春节", "01-28", "02-04", ("01-26", "02-08")),
        ("清明", "04-04", "04-06", ()),
        ("劳动节", "05-01", "05-05", ("04-27",)),
        ("端午", "05-31", "06-02", ()),
        ("国庆节、中秋", "10-01", "10-08", ("09-28", "10-11")),
    ),
    2026: (  # Guobanfamingdian (2025) No. 7
        ("元旦", "01-01", "01-03", ("01-04",)),
        ("春节", "02-15", "02-23", ("02-14", "02-28")),
        ("清明", "04-04", "04-06", ()),
        ("劳动节", "05-01", "05-05", ("05-09",)),
        ("端午", "06-19", "06-21", ()),
        ("中秋", "09-25", "09-27", ()),
        ("国庆节", "10-01", "10-07", ("09-20", "10-10")),
    ),
}
WORKED_IN: Final = {2024: 251, 2025: 248, 2026: 248}
"""Working days of the years, as calendars print them."""


def on(year: int, month_and_day: str) -> date:
    return date.fromisoformat(f"{year}-{month_and_day}")


def stretch(first: date, last: date) -> list[date]:
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


def worked_by_notice(year: int) -> list[date]:
    """Working days of a year, from nothing but the notice."""
    off = {day for _, first, last, _ in NOTICES[year] for day in stretch(on(year, first), on(year, last))}
    made_up = {on(year, day) for *_, days in NOTICES[year] for day in days}
    return [
        day
        for day in stretch(date(year, 1, 1), date(year, 12, 31))
        if day in made_up or (day.isoweekday() <= 5 and day not in off)
    ]


class TestOfficialDays:
    @pytest.mark.parametrize("year", NOTICES)
    def test_reproduce_the_notice_of_the_year_make_up_weekends_included(self, year: int) -> None:
        calendar = official_calendar()
        worked = [day for day in stretch(date(year, 1, 1), date(year, 12, 31)) if calendar.is_working(day)]
        assert worked == worked_by_notice(year)
        assert len(worked) == WORKED_IN[year]

    @pytest.mark.parametrize("year", NOTICES)
    def test_say_for_which_holiday_a_day_is_off_or_worked(self, year: int) -> None:
        known = {day.day: day for day in days_of(year)}
        for name, first, last, made_up in NOTICES[year]:
            for day in stretch(on(year, first), on(year, last)):
                assert known[day].kind is DayKind.day_off
                assert (known[day].holiday or "") in name
            for each in made_up:
                assert known[on(year, each)].kind is DayKind.make_up
                assert known[on(year, each)].holiday is not None

    @pytest.mark.parametrize("year", NOTICES)
    def test_know_every_day_of_the_year_once(self, year: int) -> None:
        assert [day.day for day in days_of(year)] == stretch(date(year, 1, 1), date(year, 12, 31))
        assert sum(day.kind.is_worked for day in days_of(year)) == WORKED_IN[year]

    def test_differ_from_a_second_library_in_one_day_that_is_explained(self) -> None:
        """31 December 2005, a Saturday, was worked by the notice for 2006, which the first library begins with 2006."""
        calendar = official_calendar()
        differences = []
        for year in sorted(calendar.published):
            second = holidays.country_holidays("CN", years=year)
            differences += [
                day
                for day in stretch(date(year, 1, 1), date(year, 12, 31))
                if calendar.is_working(day) is not second.is_working_day(day)
            ]
        assert differences == [date(2005, 12, 31)]

    @pytest.mark.parametrize(
        ("day", "worked"),
        [
            (date(2006, 12, 30), True),  # a Saturday, for New Year 2007
            (date(2007, 12, 31), False),  # a Monday, for New Year 2008
            (date(2011, 12, 31), True),
            (date(2018, 12, 29), True),
            (date(2018, 12, 31), False),
            (date(2026, 8, 31), True),  # the campaign's last day
            (date(2025, 8, 31), False),  # a Sunday
        ],
    )
    def test_of_late_december_are_decided_by_the_notice_of_the_next_year(self, day: date, *, worked: bool) -> None:
        assert official_calendar().is_working(day) is worked


class TestPublishedYears:
    def test_reach_up_to_the_last_known_national_day(self) -> None:
        published = official_calendar().published
        assert {2024, 2025, 2026} <= set(published)
        assert 2099 not in published

    def test_grow_by_a_late_notice_that_stands_whole_in_the_override_table(self) -> None:
        notice = CalendarOverrides(
            closed=frozenset({*stretch(date(2099, 10, 1), date(2099, 10, 7)), date(2099, 1, 1)}),
            open=frozenset({date(2099, 9, 27)}),
        )
        calendar = official_calendar(notice)
        assert 2099 in calendar.published
        assert not calendar.is_working(date(2099, 10, 7))
        assert calendar.is_working(date(2099, 9, 27))

    def test_do_not_grow_by_a_closure_of_another_day(self) -> None:
        assert 2099 not in official_calendar(CalendarOverrides(closed=frozenset({date(2099, 10, 2)}))).published

    @pytest.mark.parametrize(
        ("start", "working_days", "provisional"),
        [
            (date(2026, 12, 21), 5, False),
            (date(2026, 12, 24), 5, True),
            (date(2025, 12, 31), 1, False),
            (date(2099, 6, 1), 1, True),
        ],
    )
    def test_alone_give_dates_that_are_not_provisional(
        self, start: date, working_days: int, *, provisional: bool
    ) -> None:
        moment = datetime(start.year, start.month, start.day, 12, tzinfo=SHANGHAI)
        overrides = CalendarOverrides()
        # The years that come are taken out, so that this holds when they are published as well.
        calendar = official_calendar(overrides)
        known = type(calendar)(published=frozenset(range(2004, 2027)), off=calendar.off, on=calendar.on)
        assert due(moment, Budget(working_days), known).provisional is provisional


class TestOverrides:
    OWN: Final = CalendarOverrides(
        closed=frozenset({date(2026, 3, 2), date(2026, 10, 10), date(2026, 3, 8)}),
        open=frozenset({date(2026, 10, 1), date(2026, 3, 7), date(2026, 3, 3)}),
    )

    @pytest.mark.parametrize(
        ("day", "kind", "holiday"),
        [
            (date(2026, 3, 2), DayKind.closed, None),
            (date(2026, 10, 10), DayKind.closed, "国庆节"),  # the notice has it worked
            (date(2026, 3, 8), DayKind.closed, None),  # a Sunday
            (date(2026, 10, 1), DayKind.open, "国庆节"),
            (date(2026, 3, 7), DayKind.open, None),
            (date(2026, 3, 3), DayKind.open, None),
            (date(2026, 3, 4), DayKind.working, None),
            (date(2026, 3, 14), DayKind.weekend, None),
            (date(2026, 10, 2), DayKind.day_off, "国庆节"),
            (date(2026, 9, 20), DayKind.make_up, "国庆节"),
        ],
    )
    def test_win_over_the_official_calendar(self, day: date, kind: DayKind, holiday: str | None) -> None:
        assert Day(day, kind, holiday) in set(days_of(2026, self.OWN))
        assert official_calendar(self.OWN).is_working(day) is kind.is_worked

    def test_leave_the_official_calendar_as_it_is(self) -> None:
        official_calendar(self.OWN)
        assert official_calendar().is_working(date(2026, 3, 2))

    def test_of_one_agency_are_asked_for_once(self) -> None:
        assert official_calendar(CalendarOverrides()) is official_calendar(CalendarOverrides())

    def test_make_another_edition_of_the_calendar_and_the_same_ones_the_same(self) -> None:
        assert edition_of(official_calendar()) == edition_of(official_calendar(CalendarOverrides()))
        assert edition_of(official_calendar()) != edition_of(official_calendar(self.OWN))
        closure_on_a_day_off = CalendarOverrides(closed=frozenset({date(2026, 10, 2)}))
        assert edition_of(official_calendar()) == edition_of(official_calendar(closure_on_a_day_off))


ALL_WORKED: Final = [day for year in NOTICES for day in worked_by_notice(year)]
OFFICIAL: Final = official_calendar()


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)


def midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)


class TestCountedByOtherMeans:
    """The same limits read off a plain list of the working days of three years."""

    @given(start=st.dates(date(2024, 1, 1), date(2026, 6, 30)), working_days=st.integers(1, 100))
    def test_a_limit_ends_on_the_nth_working_day_of_the_list(self, start: date, working_days: int) -> None:
        nth = ALL_WORKED[bisect_right(ALL_WORKED, start) + working_days - 1]
        assert due(noon(start), Budget(working_days), OFFICIAL).at == midnight_after(nth)

    @given(start=st.dates(date(2024, 1, 1), date(2026, 6, 30)), days=st.integers(1, 120))
    def test_calendar_days_end_on_the_first_working_day_of_the_list_from_their_last_on(
        self, start: date, days: int
    ) -> None:
        last = start + timedelta(days=days)
        rolled = next(day for day in ALL_WORKED if day >= last)
        assert due(noon(start), Budget(days, working=False), OFFICIAL).at == midnight_after(rolled)

    @given(start=st.dates(date(2024, 1, 1), date(2026, 3, 31)), first=st.integers(1, 60), more=st.integers(1, 60))
    def test_an_extension_goes_on_in_the_list(self, start: date, first: int, more: int) -> None:
        ends = due(noon(start), Budget(first), OFFICIAL, extended=more)
        nth = ALL_WORKED[bisect_right(ALL_WORKED, start) + first + more - 1]
        assert ends.at == midnight_after(nth)

    @pytest.mark.parametrize(
        ("start", "working_days", "last"),
        [
            (date(2024, 12, 30), 1, date(2024, 12, 31)),
            (date(2024, 12, 31), 1, date(2025, 1, 2)),
            (date(2025, 12, 31), 1, date(2026, 1, 4)),  # a Sunday that is worked for New Year
            (date(2025, 12, 29), 3, date(2026, 1, 4)),
            (date(2025, 12, 29), 4, date(2026, 1, 5)),
            (date(2025, 1, 24), 2, date(2025, 1, 27)),  # over the make-up Sunday before Spring Festival
            (date(2025, 1, 27), 1, date(2025, 2, 5)),
            (date(2026, 2, 14), 1, date(2026, 2, 24)),
            (date(2024, 2, 28), 2, date(2024, 3, 1)),  # over 29 February
        ],
    )
    def test_year_ends_and_festivals_are_as_a_desk_calendar_has_them(
        self, start: date, working_days: int, last: date
    ) -> None:
        assert due(noon(start), Budget(working_days), OFFICIAL).at == midnight_after(last)


class TestSummerTime:
    """Shanghai had summer time from 1986 to 1991; deadlines are civil days of UTC+8, which hold for good since then."""

    CHANGES: Final = (
        (date(1986, 5, 4), date(1986, 9, 14)),
        (date(1987, 4, 12), date(1987, 9, 13)),
        (date(1988, 4, 17), date(1988, 9, 11)),
        (date(1989, 4, 16), date(1989, 9, 17)),
        (date(1990, 4, 15), date(1990, 9, 16)),
        (date(1991, 4, 14), date(1991, 9, 15)),
    )

    @pytest.mark.parametrize(("begins", "ends"), CHANGES)
    def test_makes_no_day_of_a_limit_shorter_or_longer(self, begins: date, ends: date) -> None:
        wall = ZoneInfo("Asia/Shanghai")
        inside = datetime(begins.year, 7, 1, 12, tzinfo=wall)
        assert (inside.dst(), (noon(ends) + timedelta(days=1)).astimezone(wall).dst()) == (
            timedelta(hours=1),
            timedelta(),
        )
        for change in (begins, ends):
            over = due(noon(change - timedelta(days=1)), Budget(7, working=False), OFFICIAL)
            last = change + timedelta(days=6)
            while last.isoweekday() > 5:
                last += timedelta(days=1)
            assert over == (midnight_after(last), True)

    @given(
        moment=st.datetimes(datetime(1991, 9, 16), datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
    )
    def test_is_over_so_that_a_fixed_offset_is_exact(self, moment: datetime) -> None:
        wall = moment.astimezone(ZoneInfo("Asia/Shanghai"))
        assert wall.replace(tzinfo=None) == moment.astimezone(SHANGHAI).replace(tzinfo=None)
