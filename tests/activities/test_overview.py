"""The figures of an office are those of the register. All persons, names and numbers are synthetic."""

from datetime import date, timedelta

import pytest

from activities.calendar import official_calendar
from activities.registry.overview import PACE_DAYS, campaign_ends, campaign_of, overview, within
from cases.events import Event
from cases.facts import Withdraw
from cases.machines.machine import Status
from cases.models import Category
from cases.names import Kind
from cases.openings import ReplacementReason
from cases.policy import Policies
from tests.activities.play import CLERK, NOON, NORTH, SOUTH, Play, eighteen, insured

NUMBER = eighteen("11010519491231004")
TODAY = date(2026, 8, 3)


class TestFigures:
    async def test_are_those_of_the_office_and_all_below_it(self, play: Play) -> None:
        north, refund, south = insured(), insured(category=Category.refund), insured(region=SOUTH)
        carded, closed = insured(number=NUMBER), insured()
        await play.load(north, refund, south, carded, closed)
        reviewed = await play.reviewed(play.change(refund))
        await play.reviewed(play.change(south))
        await play.received(play.replacement(carded, ReplacementReason.expired))
        ended = await play.move(await play.reviewed(play.change(closed)), Event.withdraw, Withdraw(actor=CLERK))

        found = await overview(play.pool, NORTH, NOON + timedelta(hours=1), days=2)
        assert {(each.kind, each.status): each.cases for each in found.open} == {
            (Kind.id_number_change, reviewed.status): 1,
            (Kind.card_replacement, Status.checking): 1,
        }
        assert not found.late
        assert [day.day for day in found.days] == [NOON.date() - timedelta(days=1), NOON.date()]
        assert (found.days[-1].opened, found.days[-1].closed) == (3, 1)
        assert ended.status is Status.withdrawn
        # Nothing is changed by what was withdrawn, and whoever holds 18 digits is none of those that remain.
        assert {(each.category, each.persons, each.with_case) for each in found.remaining} == {
            (Category.general, 2, 0),
            (Category.refund, 1, 1),
        }
        assert {each.region for each in found.open} | {each.region for each in found.remaining} == {NORTH}

        whole = await overview(play.pool, "100000", NOON + timedelta(hours=1), days=1)
        assert sum(each.cases for each in whole.open) == 3
        assert whole.days[0].opened == 4
        assert {each.actor for each in whole.decisions} >= {CLERK.id}

    async def test_time_to_done_is_that_of_cases_that_are_done(self, play: Play) -> None:
        person = insured(region=SOUTH)
        await play.load(person)
        state = await play.move(await play.committed(play.change(person)), Event.unblock)
        assert (await play.move(state, Event.release)).status is Status.done
        found = await overview(play.pool, SOUTH, NOON + timedelta(days=40), days=60)
        assert [(each.kind, each.cases) for each in found.durations] == [(Kind.id_number_change, 1)]
        assert found.durations[0].median_days == found.durations[0].p90_days
        assert not found.remaining
        assert not found.open

    async def test_whoever_died_is_none_of_those_that_remain(self, play: Play) -> None:
        await play.load(insured(), insured(died_on=date(2026, 1, 3)))
        found = await overview(play.pool, NORTH, NOON, days=1)
        assert [(each.persons, each.with_case) for each in found.remaining] == [(1, 0)]


class TestCampaign:
    def test_makes_its_date_at_the_pace_of_four_weeks(self) -> None:
        found = campaign_of(NORTH, remaining=280, changed=10 * PACE_DAYS, today=TODAY, ends_on=date(2026, 8, 31))
        assert (found.a_day, found.done_on, found.in_time) == (10.0, date(2026, 8, 31), True)

    def test_misses_it_by_one_person(self) -> None:
        found = campaign_of(NORTH, remaining=281, changed=10 * PACE_DAYS, today=TODAY, ends_on=date(2026, 8, 31))
        assert (found.done_on, found.in_time) == (date(2026, 9, 1), False)

    @pytest.mark.parametrize("ends_on", [date(2026, 8, 31), None])
    def test_of_an_office_where_nothing_moves_is_not_in_time(self, ends_on: date | None) -> None:
        found = campaign_of(NORTH, remaining=1, changed=0, today=TODAY, ends_on=ends_on)
        assert (found.done_on, found.in_time) == (None, False)

    def test_is_done_where_none_remains(self) -> None:
        assert campaign_of(NORTH, remaining=0, changed=0, today=TODAY, ends_on=date(2026, 8, 31)).in_time

    def test_has_a_date_however_slow_it_is(self) -> None:
        found = campaign_of(NORTH, remaining=10**9, changed=1, today=TODAY, ends_on=date(2026, 8, 31))
        assert found.done_on is not None
        assert not found.in_time

    def test_ends_as_the_policy_of_the_region_says(self) -> None:
        ends = campaign_ends(Policies.load(), official_calendar)
        assert ends(NORTH) == date(2026, 8, 31)
        assert ends("990101") is None


class TestWithin:
    @pytest.mark.parametrize(
        ("office", "region", "seen"),
        [
            ("440000", None, "440000"),
            ("440000", "440300", "440300"),
            ("440300", "440000", None),
            ("440300", "440100", None),
            ("100000", "110105", "110105"),
        ],
    )
    def test_nobody_sees_beyond_their_own_office(self, office: str, region: str | None, seen: str | None) -> None:
        assert within(office, region) == seen
