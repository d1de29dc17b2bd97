"""Messages of a case go out in order, and what has been overtaken is not sent."""

from datetime import datetime, timedelta

import pytest

from activities.notifications.troubled import overview
from cases.clocks import SHANGHAI
from cases.delivery import Channel, Tongue
from cases.events import Event
from cases.facts import (
    AddDocuments,
    CardHandedOver,
    HandOver,
    Hold,
    HoldBenefits,
    HoldReason,
)
from cases.machines.machine import Status
from cases.numbers import derive
from cases.openings import ReplacementReason
from cases.state import CaseState
from cases.words import when
from stack.tray import Fault
from tests.activities.notifications.telling import Telling
from tests.activities.play import BUREAU, CLERK, NORTH, SOUTH, THIRD, Play, document, insured
from tests.scenes import IN_FORCE

NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=SHANGHAI)
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=SHANGHAI)
MORNING = datetime(2026, 3, 3, 8, 0, tzinfo=SHANGHAI)
IN_HOSPITAL = Hold(actor=CLERK, reason=HoldReason.applicant_in_hospital, evidence="h-1")
BROUGHT = AddDocuments(actor=CLERK, documents=(document(),))


class Somebody:
    """An applicant with a telephone, their case, and what the telephone shows."""

    def __init__(self, play: Play, telling: Telling, region: str) -> None:
        self.play, self.telling = play, telling
        self.person = insured(region=region, phone="19900000001")

    async def asked_for_documents(self, at: datetime) -> CaseState:
        await self.play.load(self.person)
        self.play.at = self.telling.at = at
        state = await self.play.received(self.play.change(self.person, documents=()))
        state = await self.play.move(state, Event.screened)
        assert state.status is Status.awaiting_documents
        return state

    async def sweeps(self, at: datetime) -> None:
        self.play.at = self.telling.at = at
        await self.telling.sweep()

    def read(self) -> list[str]:
        """What reached the phone, in the order in which it did."""
        return [call.text for call in self.telling.receivers.tray.calls if call.outcome == "accepted"]

    async def standings(self) -> list[tuple[str, str]]:
        rows = await self.telling.rows(
            "SELECT template, state FROM notifications WHERE recipient = 'applicant' ORDER BY id"
        )
        return [(row["template"], row["state"]) for row in rows]


@pytest.fixture(params=[NORTH, SOUTH])
def somebody(request: pytest.FixtureRequest, play: Play, telling: Telling) -> Somebody:
    return Somebody(play, telling, request.param)


async def test_what_was_asked_at_night_and_came_in_at_night_is_not_asked_in_the_morning(somebody: Somebody) -> None:
    play = somebody.play
    state = await somebody.asked_for_documents(NIGHT)
    state = await play.move(state, Event.add_documents, BROUGHT)
    await play.move(state, Event.hold, IN_HOSPITAL)
    await somebody.sweeps(NIGHT + timedelta(hours=2))
    assert somebody.read() == []
    await somebody.sweeps(MORNING)
    assert await somebody.standings() == [("IdNumberChange.awaiting_documents", "overtaken"), ("hold", "accepted")]
    (text,) = somebody.read()
    assert "中止办理" in text


async def test_a_card_that_was_collected_is_not_called_ready_to_collect_afterwards(somebody: Somebody) -> None:
    play, now = somebody.play, derive(somebody.person.number or "")
    person = insured(region=somebody.person.region, phone="19900000001", number=now)
    await play.load(person)
    play.at = NIGHT
    state = await play.ordered(play.replacement(person, ReplacementReason.expired))
    state = await play.move(state, Event.card_produced, play.made(person, f"N{person.personal_number}"))
    await play.move(
        state, Event.card_handed_over, CardHandedOver(actor=BUREAU, by=HandOver.counter, evidence="e-1", order=IN_FORCE)
    )
    await somebody.sweeps(MORNING)
    assert await somebody.standings() == [
        ("CardReplacement.in_review", "overtaken"),
        ("CardReplacement.ready", "overtaken"),
    ]
    assert somebody.read() == []


async def test_what_a_provider_did_not_take_in_time_is_not_sent_when_it_is_back(somebody: Somebody) -> None:
    play, telling = somebody.play, somebody.telling
    state = await somebody.asked_for_documents(NOON)
    # The provider takes it and nobody learns that: it would be tried again.
    telling.receivers.tray.script.next.append(Fault.cut)
    await somebody.sweeps(NOON + timedelta(minutes=1))
    assert await somebody.standings() == [("IdNumberChange.awaiting_documents", "pending")]
    await play.move(state, Event.add_documents, BROUGHT)
    await somebody.sweeps(NOON + timedelta(hours=2))
    assert await somebody.standings() == [("IdNumberChange.awaiting_documents", "overtaken")]
    assert len(telling.receivers.tray.calls) == 1
    # Nobody is asked to find out what became of it.
    standing = await overview(telling.pool, NOON + timedelta(days=1))
    assert (standing.pending, standing.unknown, standing.overdue) == (0, 0, 0)


async def test_a_decision_is_told_in_any_case_and_before_what_came_after_it(somebody: Somebody) -> None:
    play, telling = somebody.play, somebody.telling
    late = datetime(2026, 9, 10, 12, 0, tzinfo=SHANGHAI)
    state = await somebody.asked_for_documents(late)
    await somebody.sweeps(late + timedelta(minutes=1))
    decision = HoldBenefits(actor=THIRD, legal_basis="示例办法第一条", notice="n-1", served_on=late.date())
    state = await play.move(state, Event.hold_benefits, decision)
    telling.receivers.tray.script.next.append(Fault.busy)
    await somebody.sweeps(late + timedelta(minutes=2))
    later = await telling.value("SELECT max(next_attempt_at) FROM notifications WHERE state = 'pending'")
    assert later > telling.at
    await play.move(state, Event.hold, IN_HOSPITAL)
    # The newer one is due, and stands behind the older one, which the provider wants later.
    await telling.write("UPDATE notifications SET next_attempt_at = $1 WHERE template LIKE '%hold_benefits'", later)
    await telling.sweep()
    assert len(somebody.read()) == 1
    # That it waits is nobody's fault.
    assert (await overview(telling.pool, telling.at + timedelta(minutes=30))).overdue == 1
    # One sweep tells both, one after the other.
    await somebody.sweeps(later + timedelta(seconds=1))
    asked, decided, held = somebody.read()
    assert ("缺材料" in asked, "暂停发放" in decided, "中止办理" in held) == (True, True, True)


async def test_the_dead_are_sent_nothing_that_waited(somebody: Somebody) -> None:
    state = await somebody.asked_for_documents(NIGHT)
    await somebody.play.move(state, Event.hold, IN_HOSPITAL)
    await somebody.telling.write("UPDATE persons SET died_on = '2026-03-01'")
    await somebody.sweeps(MORNING)
    assert [standing for _, standing in await somebody.standings()] == ["overtaken", "overtaken"]
    assert somebody.read() == []


async def test_a_delivery_tells_one_after_the_other_what_was_written_together(somebody: Somebody) -> None:
    state = await somebody.asked_for_documents(NOON)
    play, telling = somebody.play, somebody.telling
    await telling.write("UPDATE notifications SET topic = NULL, while_status = NULL")
    await play.move(state, Event.hold, IN_HOSPITAL)
    ids = [row["id"] for row in await telling.rows("SELECT id FROM notifications ORDER BY id DESC")]
    delivered = await telling.deliver(*ids)
    assert delivered.accepted == tuple(sorted(ids))
    asked, held = somebody.read()
    assert ("缺材料" in asked, "中止办理" in held) == (True, True)


@pytest.mark.parametrize("overtaken", ["acknowledged", "on hold", "closed", "climbed"])
async def test_staff_are_not_told_of_a_rung_that_somebody_took_on(somebody: Somebody, overtaken: str) -> None:
    play, telling = somebody.play, somebody.telling
    await telling.offices()
    state = await somebody.asked_for_documents(NOON)
    region = state.opening.region
    await telling.write(
        "INSERT INTO offices (code, parent, level, name) VALUES ($1, '100000', 'agency', '示例机构') "
        "ON CONFLICT DO NOTHING",
        region,
    )
    await telling.post("s-1", "supervisor", office=region)
    await telling.staff("s-1", Channel.mail)
    for rung in ("yellow", "orange") if overtaken == "climbed" else ("yellow",):
        await telling.written(
            subject=state.case_id,
            case_id=state.case_id,
            generation=1,
            event=f"1:{rung}",
            office=region,
            recipient="agency_supervisor",
            template="channel.test",
            topic="rung",
            facts={},
        )
    changed = {
        "acknowledged": "silenced_until = now()",
        "on hold": "status = 'on_hold'",
        "closed": "closed_at = now()",
        "climbed": "attention = attention",
    }[overtaken]
    play.tampered = True
    await telling.write(f"UPDATE cases SET {changed}")  # noqa: S608 - a table of this test
    await telling.sweep()
    rows = await telling.rows("SELECT state FROM notifications WHERE topic = 'rung' ORDER BY id")
    last = ["accepted"] if overtaken == "climbed" else []
    assert [row["state"] for row in rows] == ["overtaken", *last]


async def test_who_was_told_a_day_that_is_none_any_more_is_told_the_other_and_nobody_else(somebody: Somebody) -> None:
    play, telling = somebody.play, somebody.telling
    state = await somebody.asked_for_documents(NOON)
    await telling.sweep()
    assert state.timer is not None
    # As if the limit had been computed by a calendar that was amended since.
    told = state.timer.model_copy(update={"due_at": state.timer.due_at + timedelta(days=2)})
    state = await play.put(state.model_copy(update={"timer": told}))
    state = await play.move(state, Event.recompute)
    assert state.timer is not None
    await telling.sweep()
    _, changed = somebody.read()
    assert when(state.timer.due_at, Tongue.zh) in changed
    # In review the date is the agency's own affair.
    state = await play.move(state, Event.add_documents, BROUGHT)
    dates = state.ladder.dates.model_copy(update={"processing_due_at": NOON})
    state = await play.put(state.model_copy(update={"ladder": state.ladder.model_copy(update={"dates": dates})}))
    await play.move(state, Event.recompute)
    assert [template for template, _ in await somebody.standings()] == [
        "IdNumberChange.awaiting_documents",
        "recompute",
    ]
