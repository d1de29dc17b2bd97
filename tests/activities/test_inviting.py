"""Invitations to people who still have a 15-digit number and no case. All persons and numbers are synthetic."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import asyncpg
import pytest

from activities.calendar import official_calendar
from activities.campaign import Campaign, inviting
from activities.notifications.messages import compose
from activities.registry import Clock
from activities.registry.loading import InsuredPerson, load_persons
from activities.registry.pool import Pool, connection_of
from activities.sealing import Sealer
from cases.clocks import SHANGHAI, day_of
from cases.delivery import Channel, Tongue
from cases.ladder import Rung
from cases.models import Category
from cases.occasions import Invited, Occasion, Scheduled
from cases.offices import Recipient
from cases.policy import Policies, Policy
from tests.activities.firing import fired
from tests.activities.late_cases import late
from tests.activities.play import NORTH, SOUTH, eighteen, insured

BLUE_0 = ["invitation.blue_0"]
BLUE_1 = ["invitation.blue_1"]
WEDNESDAY = datetime(2026, 7, 8, 9, tzinfo=SHANGHAI)
"""A working day in the time of blue 0."""

Invite = Callable[[datetime], Awaitable[Invited]]


def at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, time(hour), SHANGHAI)


@pytest.fixture
def campaign(pool: Pool, policies: Policies) -> Campaign:
    # Nobody here is told anything through Temporal.
    client: Any = None
    return Campaign(pool, client, policies, official_calendar, clock=Clock.callers)


@pytest.fixture
def invite(campaign: Campaign) -> Invite:
    async def ask(moment: datetime) -> Invited:
        invited: Invited = await fired(Scheduled.invitations).run(campaign.invite, Occasion(at=moment))
        return invited

    return ask


@pytest.fixture
def load(pool: Pool, sealer: Sealer) -> Callable[..., Awaitable[list[str]]]:
    async def persons(*people: InsuredPerson) -> list[str]:
        assert (await load_persons(pool, sealer, people)).loaded == len(people)
        return [sealer.person_token(person.personal_number) for person in people]

    return persons


Load = Callable[..., Awaitable[list[str]]]


async def rows(pool: Pool) -> list[asyncpg.Record]:
    async with connection_of(pool) as connection:
        found: list[asyncpg.Record] = await connection.fetch("SELECT * FROM notifications ORDER BY id")
        return found


async def invited_by(pool: Pool, policies: Policies, ends: date, moment: datetime) -> Invited:
    """A walk by policies whose campaign ends on a day."""
    moved = Policies(
        pack.model_copy(update={"campaign": pack.campaign.model_copy(update={"ends": ends})})
        for pack in (policies.of_region(NORTH), policies.of_region(SOUTH))
    )
    client: Any = None
    campaign = Campaign(pool, client, moved, official_calendar, clock=Clock.callers)
    invited: Invited = await fired(Scheduled.invitations).run(campaign.invite, Occasion(at=moment))
    return invited


async def overtaken(pool: Pool, message: int, moment: datetime) -> bool:
    """Whether a message does not hold any more when its moment has come."""
    async with connection_of(pool) as connection:
        found: bool = await connection.fetchval(
            "SELECT is_overtaken(notifications, $2) FROM notifications WHERE id = $1", message, moment
        )
        return found


async def templates(pool: Pool) -> list[str]:
    return [row["template"] for row in await rows(pool)]


class TestWhen:
    @pytest.mark.parametrize(
        ("category", "day", "told"),
        [
            # The last day is 31 August: 60 and 30 days before it are 2 July and 1 August, and a rung is due at 24:00.
            (Category.general, date(2026, 7, 2), []),
            (Category.general, date(2026, 7, 3), BLUE_0),
            (Category.general, date(2026, 8, 1), BLUE_0),
            (Category.general, date(2026, 8, 2), BLUE_1),
            (Category.general, date(2026, 8, 28), BLUE_1),
            (Category.general, date(2026, 9, 1), []),
            # With twice the lead: 120 and 60 days before, 3 May and 2 July.
            (Category.resettled, date(2026, 5, 3), []),
            (Category.resettled, date(2026, 5, 4), BLUE_0),
            (Category.referred, date(2026, 7, 2), BLUE_0),
            (Category.refund, date(2026, 7, 3), BLUE_1),
        ],
    )
    async def test_depends_on_the_campaign_date_with_twice_the_lead_for_the_priority_groups(
        self, pool: Pool, load: Load, invite: Invite, category: Category, day: date, told: list[str]
    ) -> None:
        await load(insured(category=category))
        invited = await invite(at(day))
        assert await templates(pool) == told
        assert invited == Invited(day=day, written=len(told))

    async def test_is_as_the_policy_says(self, pool: Pool, load: Load, policies: Policies) -> None:
        await load(insured())
        north = policies.of_region(NORTH)
        sooner = [
            rung.model_copy(update={"campaign_days": None, "campaign_working_days": 40})
            if rung.rung == "blue_0"
            else rung
            for rung in north.ladder.rungs
        ]
        ladder = north.ladder.model_copy(update={"rungs": tuple(sooner)})
        changed: Policy = north.model_copy(update={"ladder": ladder})
        # Forty working days before 31 August 2026 is 6 July.
        for day, told in ((date(2026, 7, 6), []), (date(2026, 7, 7), BLUE_0)):
            walk = inviting.Inviting(Policies([changed]), official_calendar, at(day))
            await walk.walk(pool, inviting.Progress(), lambda _: None)
            assert await templates(pool) == told

    async def test_of_the_last_day_is_past_for_those_whose_slot_is_past(
        self, pool: Pool, load: Load, invite: Invite
    ) -> None:
        await load(insured())
        await invite(at(date(2026, 8, 31), hour=18))
        assert await templates(pool) == []

    async def test_is_a_moment_in_office_hours_of_a_working_day_spread_over_them(
        self, pool: Pool, load: Load, invite: Invite
    ) -> None:
        await load(*(insured() for _ in range(200)))
        saturday = date(2026, 7, 4)
        await invite(at(saturday, hour=0))
        slots = [row["not_before"].astimezone(SHANGHAI) for row in await rows(pool)]
        assert {slot.date() for slot in slots} == {date(2026, 7, 6)}
        assert all(time(9) <= slot.time() < time(17) for slot in slots)
        by_hour = [sum(slot.hour == hour for slot in slots) for hour in range(9, 17)]
        # 25 in each hour on average; five standard deviations are 24.
        assert min(by_hour) >= 1
        assert max(by_hour) < 50
        assert all(row["next_attempt_at"] == row["not_before"] for row in await rows(pool))

    async def test_is_never_before_it_was_asked(self, pool: Pool, load: Load, invite: Invite) -> None:
        await load(*(insured() for _ in range(50)))
        noon = at(WEDNESDAY.date(), hour=12)
        await invite(noon)
        slots = [row["not_before"] for row in await rows(pool)]
        assert min(slots) >= noon
        assert {day_of(slot) for slot in slots} == {noon.date(), noon.date() + timedelta(days=1)}


class TestWho:
    async def test_whoever_has_a_first_generation_number_and_no_open_case(
        self, pool: Pool, load: Load, invite: Invite, sealer: Sealer
    ) -> None:
        changed = insured(number=eighteen("11010519100101004"))
        unreadable = insured(number="?")
        without = insured(number=None)
        deceased, transferred = insured(died_on=date(2020, 1, 1)), insured(transferred=True)
        under_way, closed, replacing, plain = insured(), insured(), insured(), insured()
        await load(changed, unreadable, without, deceased, transferred, under_way, closed, replacing, plain)
        tokens = {each: sealer.person_token(each.personal_number) for each in (under_way, closed, replacing, plain)}
        await late(pool, NORTH, 0, person=tokens[under_way], case_id=f"idc-{tokens[under_way]}")
        await late(
            pool,
            NORTH,
            0,
            person=tokens[closed],
            case_id=f"idc-{tokens[closed]}",
            status="withdrawn",
            closed_at=WEDNESDAY,
        )
        await late(pool, NORTH, 0, person=tokens[replacing], case_id=f"crc-{tokens[replacing]}", kind="CardReplacement")
        await invite(WEDNESDAY)
        told = {row["person"] for row in await rows(pool)}
        assert told == {tokens[closed], tokens[replacing], tokens[plain]}

    async def test_a_person_whom_the_register_puts_in_no_group_has_the_lead_of_the_general_one(
        self, pool: Pool, load: Load, invite: Invite
    ) -> None:
        await load(insured())
        await invite(at(date(2026, 5, 4)))
        assert await templates(pool) == []

    async def test_a_region_that_no_policy_serves_is_named_and_keeps_nobody_else_from_being_told(
        self, pool: Pool, load: Load, invite: Invite, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, served = await load(insured(region="990101"), insured())
        with caplog.at_level(logging.ERROR):
            assert (await invite(WEDNESDAY)).written == 1
        assert [row["person"] for row in await rows(pool)] == [served]
        assert caplog.records[-1].__dict__["regions"] == ["990101"]

    async def test_everybody_is_told_by_the_policy_of_their_own_region(
        self, pool: Pool, load: Load, invite: Invite, policies: Policies
    ) -> None:
        await load(insured(region=NORTH), insured(region=SOUTH))
        await invite(WEDNESDAY)
        calendar = official_calendar()
        ends = {policies.of_region(region).campaign_ends(calendar).at.isoformat() for region in (NORTH, SOUTH)}
        assert len(ends) == 2
        assert {json.loads(row["facts"])["campaign_ends"] for row in await rows(pool)} == ends


class TestOnce:
    async def test_per_person_and_level_however_often_and_on_whatever_day_it_is_asked(
        self, pool: Pool, load: Load, invite: Invite
    ) -> None:
        (person,) = await load(insured())
        days = [date(2026, 7, 3) + timedelta(days=step) for step in range(60)]
        written = [(await invite(at(day))).written for day in days for _ in range(2)]
        assert sum(written) == 2
        found = await rows(pool)
        assert [(row["subject"], row["event"], row["recipient"]) for row in found] == [
            (f"invitation:2026-08-31:{level.name}:{person}", "invited", "applicant")
            for level in (Rung.blue_0, Rung.blue_1)
        ]

    async def test_for_those_who_come_late_only_the_level_that_is_due(
        self, pool: Pool, load: Load, invite: Invite
    ) -> None:
        await load(insured())
        await invite(at(date(2026, 8, 20)))
        assert await templates(pool) == BLUE_1

    async def test_again_when_the_date_is_moved_for_what_was_announced_was_another(
        self, pool: Pool, load: Load, policies: Policies
    ) -> None:
        (person,) = await load(insured())
        for ends in (date(2026, 8, 31), date(2026, 9, 30), date(2026, 9, 30)):
            await invited_by(pool, policies, ends, at(date(2026, 8, 12)))
        assert [row["subject"] for row in await rows(pool)] == [
            f"invitation:2026-08-31:blue_1:{person}",
            f"invitation:2026-09-30:blue_0:{person}",
        ]

    @pytest.mark.parametrize(
        ("moved_to", "day", "level"),
        [
            # Earlier: told at once, and by the later level. Later: told when the level is due by that date.
            (date(2026, 8, 7), date(2026, 7, 13), "blue_1"),
            (date(2026, 10, 30), date(2026, 9, 2), "blue_0"),
        ],
    )
    async def test_unsent_ones_are_called_off_when_the_date_is_moved_and_the_new_date_is_told(
        self, pool: Pool, load: Load, policies: Policies, moved_to: date, day: date, level: str
    ) -> None:
        (person,) = await load(insured())
        friday, monday = date(2026, 7, 10), date(2026, 7, 13)
        first = await invited_by(pool, policies, date(2026, 8, 31), at(friday, hour=20))
        assert (first.written, first.called_off) == (1, 0)
        # The policy moves the date over the weekend, before anybody was told.
        moved = await invited_by(pool, policies, moved_to, at(monday, hour=0))
        assert moved.called_off == 1
        assert (await invited_by(pool, policies, moved_to, at(monday, hour=0))).called_off == 0
        if day != monday:
            assert moved.written == 0
            await invited_by(pool, policies, moved_to, at(day, hour=0))
        before, after = await rows(pool)
        assert (await overtaken(pool, before["id"], before["not_before"]), before["subject"]) == (
            True,
            f"invitation:2026-08-31:blue_0:{person}",
        )
        assert await overtaken(pool, after["id"], after["not_before"]) is False
        assert after["subject"] == f"invitation:{moved_to}:{level}:{person}"
        assert day_of(after["not_before"]) == day
        ends = datetime.fromisoformat(json.loads(after["facts"])["campaign_ends"])
        assert ends == at(moved_to + timedelta(days=1), hour=0)

    async def test_one_that_was_called_off_is_told_when_its_date_holds_again(
        self, pool: Pool, load: Load, policies: Policies
    ) -> None:
        await load(insured())
        friday, saturday, sunday = (at(date(2026, 7, day), hour=20) for day in (10, 11, 12))
        for ends, moment in (
            (date(2026, 8, 31), friday),
            (date(2026, 10, 30), saturday),
            (date(2026, 8, 31), sunday),
            (date(2026, 8, 31), sunday),
        ):
            await invited_by(pool, policies, ends, moment)
        (only,) = await rows(pool)
        assert (only["state"], day_of(only["not_before"])) == ("pending", date(2026, 7, 13))
        assert await overtaken(pool, only["id"], only["not_before"]) is False

    async def test_what_was_sent_is_neither_called_off_nor_sent_again(
        self, pool: Pool, load: Load, policies: Policies
    ) -> None:
        await load(insured())
        friday, saturday, sunday = (at(date(2026, 7, day), hour=20) for day in (10, 11, 12))
        await invited_by(pool, policies, date(2026, 8, 31), friday)
        async with connection_of(pool) as connection:
            await connection.execute("UPDATE notifications SET state = 'accepted', next_attempt_at = NULL")
        for ends, moment in ((date(2026, 10, 30), saturday), (date(2026, 8, 31), sunday)):
            assert await invited_by(pool, policies, ends, moment) == Invited(day=moment.date(), written=0)
        (only,) = await rows(pool)
        assert only["state"] == "accepted"

    async def test_also_for_those_who_come_later(self, load: Load, invite: Invite) -> None:
        await load(insured())
        await invite(WEDNESDAY)
        await load(insured())
        assert (await invite(WEDNESDAY + timedelta(days=1))).written == 1

    async def test_says_nothing_about_a_person_but_whom_to_tell(self, pool: Pool, load: Load, invite: Invite) -> None:
        (person,) = await load(insured())
        await invite(WEDNESDAY)
        (row,) = await rows(pool)
        assert (row["person"], row["case_id"], row["office"], row["state"]) == (person, None, None, "pending")
        assert row["facts"] == '{"provisional": false, "campaign_ends": "2026-09-01T00:00:00+08:00"}'

    @pytest.mark.parametrize("tongue", Tongue)
    @pytest.mark.parametrize("day", [date(2026, 7, 8), date(2026, 8, 12)])
    async def test_has_the_facts_that_its_message_needs(
        self, pool: Pool, load: Load, invite: Invite, day: date, tongue: Tongue
    ) -> None:
        await load(insured())
        await invite(at(day))
        (row,) = await rows(pool)
        facts = json.loads(row["facts"])
        message = compose(
            row["template"], Recipient.applicant, None, facts, at=at(day), channel=Channel.sms, tongue=tongue
        )
        last_day = {Tongue.zh: "8月31日（周一）24时前", Tongue.en: "by Monday 31 August 2026, 24:00"}
        assert last_day[tongue] in message.body


class TestManyPersons:
    @pytest.fixture(autouse=True)
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inviting, "BATCH", 3)

    async def test_are_walked_in_batches_to_the_last(self, pool: Pool, load: Load, invite: Invite) -> None:
        # One batch of them holds nobody who is to be told.
        people = [insured(died_on=date(2020, 1, 1) if 3 <= place < 6 else None) for place in range(10)]
        tokens = await load(*people)
        assert (await invite(WEDNESDAY)).written == 7
        assert {row["person"] for row in await rows(pool)} == {*tokens[:3], *tokens[6:]}

    async def test_are_gone_on_with_where_an_earlier_attempt_stopped(
        self, pool: Pool, load: Load, campaign: Campaign
    ) -> None:
        tokens = await load(*(insured() for _ in range(10)))
        beaten: list[Any] = []

        class Killed(Exception):
            pass

        def die_at_the_second_batch(*details: Any) -> None:
            beaten.append(details[0])
            if len(beaten) == 2:
                raise Killed

        first = fired(Scheduled.invitations)
        first.on_heartbeat = die_at_the_second_batch
        with pytest.raises(Exception, match="INTERNAL"):
            await first.run(campaign.invite, Occasion(at=WEDNESDAY))
        assert len(await rows(pool)) == 6

        second = fired(Scheduled.invitations)
        heard: list[Any] = []
        second.on_heartbeat = lambda *details: heard.append(details[0])
        # What a heartbeat said comes back as JSON has it.
        second.info = replace(second.info, heartbeat_details=[list(beaten[0])])
        again = await second.run(campaign.invite, Occasion(at=WEDNESDAY))
        assert again.written == 3 + 4  # three by the first batch, whose end was heard; the second had been written
        assert heard[0].written == 3
        assert {row["person"] for row in await rows(pool)} == set(tokens)
        assert len(await rows(pool)) == 10
