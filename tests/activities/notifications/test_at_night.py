"""A rung noticed at night, after an outage, counts at once; people are told when they are at work, or awake."""

import json
from datetime import datetime, timedelta

import pytest

from activities.calendar import official_calendar
from cases.clocks import SHANGHAI, day_of
from cases.delivery import Channel
from cases.events import Event
from cases.ladder import Cause, Rung
from cases.policy import Policies
from tests.activities.notifications.telling import Telling
from tests.activities.play import NORTH, SOUTH, Play, insured

BEGUN = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
SATURDAY = datetime(2026, 3, 14, 2, 0, tzinfo=SHANGHAI)
"""Deep in the night before a day that nobody works."""
MONDAY = datetime(2026, 3, 16, 9, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize("region", [NORTH, SOUTH])
async def test_a_rung_that_is_noticed_at_night_counts_at_once_and_is_told_in_office_hours(
    play: Play, telling: Telling, policies: Policies, region: str
) -> None:
    person = insured(region=region, phone="19900000001")
    await play.load(person)
    play.at = BEGUN
    state = await play.reviewed(play.change(person))
    await telling.offices()
    await telling.write(
        "INSERT INTO offices (code, parent, level, name) VALUES ($1, '100000', 'agency', '示例机构') "
        "ON CONFLICT DO NOTHING",
        region,
    )
    for place, role in enumerate(("clerk", "team_lead", "supervisor")):
        await telling.post(f"staff-{place}", role, office=region)
        await telling.staff(f"staff-{place}", Channel.mail)
    while state.next_rung is not None and state.next_rung.rung < Rung.yellow:
        state = await play.move(state, Event.escalated)
    # The engine was down when yellow was due.
    assert state.next_rung is not None
    assert state.next_rung.at < SATURDAY
    await telling.write("UPDATE notifications SET state = 'accepted', next_attempt_at = NULL")
    play.at = SATURDAY
    state = await play.move(state, Event.escalated)
    assert (state.ladder.rung, state.ladder.rung_at) == (Rung.yellow, SATURDAY)
    rows = await telling.rows(
        "SELECT recipient, not_before, facts FROM notifications WHERE template = 'escalated.yellow'"
    )
    terms = policies.of_region(region).ladder.of(Rung.yellow)
    assert {row["recipient"] for row in rows} == {"applicant", "agency_supervisor"}
    slots = {row["recipient"]: row["not_before"] for row in rows}
    assert slots["applicant"] == SATURDAY
    assert MONDAY <= slots["agency_supervisor"] < MONDAY + timedelta(hours=8)
    facts = json.loads(rows[0]["facts"])
    assert facts["cause"] in {Cause.processing, Cause.step}
    assert facts["acknowledge_within"] == terms.acknowledge_within
    assert datetime.fromisoformat(facts["due"]) == state.ladder.dates.processing_due_at
    told = {}
    for at in (SATURDAY, MONDAY - timedelta(hours=48), slots["agency_supervisor"]):
        telling.at = at
        await telling.sweep()
        told[at] = [call.channel for call in telling.receivers.tray.calls]
    # On Saturday morning the applicant, who is awake; on Monday the supervisor, who works.
    assert told[SATURDAY] == []
    assert told[MONDAY - timedelta(hours=48)] == ["sms"]
    assert told[slots["agency_supervisor"]] == ["sms", "mail"]


def test_the_saturday_is_one_that_nobody_works() -> None:
    calendar = official_calendar()
    assert not calendar.is_working(day_of(SATURDAY))
    assert calendar.is_working(day_of(MONDAY))
