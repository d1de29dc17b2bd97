from datetime import UTC, date, datetime, timedelta

from activities.calendar import official_calendar
from cases.policy import CalendarOverrides, Policies
from rehearsal.later import YEARS, calendar_later, earlier, later, policy_later

DAY = timedelta(days=1)


def test_every_day_keeps_its_place_in_week_month_and_year_and_whether_it_is_worked() -> None:
    closure, opening = date(2026, 7, 15), date(2026, 7, 18)
    overrides = CalendarOverrides(closed=frozenset({closure}), open=frozenset({opening}))
    moved = CalendarOverrides(closed=frozenset({later(closure)}), open=frozenset({later(opening)}))
    of_season, of_engine = official_calendar(overrides), calendar_later(moved)
    assert (of_season.is_working(closure), of_season.is_working(opening)) == (False, True)
    day = date(2004, 1, 1)
    while day < date(2027, 1, 1):
        there = later(day)
        assert (there.year, there.month, there.day, there.weekday()) == (
            day.year + YEARS,
            day.month,
            day.day,
            day.weekday(),
        )
        assert of_engine.is_working(there) is of_season.is_working(day)
        assert (there.year in of_engine.published) is (day.year in of_season.published)
        day += DAY


def test_what_is_moved_there_is_moved_back() -> None:
    moment = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    assert earlier(later(moment)) == moment


def test_a_moved_policy_differs_in_its_dates_alone() -> None:
    for policy in (Policies.load().of_region("110105"), Policies.load().of_region("440103")):
        moved = policy_later(policy)
        assert moved.campaign.ends == later(policy.campaign.ends)
        assert moved.model_copy(update={"campaign": policy.campaign, "calendar": policy.calendar}) == policy
