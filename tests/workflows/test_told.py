"""What applicants are told on the real engine: each deed once, with the date that holds in their case."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.notifications.messages import compose
from cases.delivery import Channel, Tongue, read
from cases.errors import Code
from cases.events import Event
from cases.facts import Extend, Recompute
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.models import System
from cases.names import Kind
from cases.offices import Recipient
from cases.words import by_when, when
from tests.engine import MOVING, Engine, new_number
from tests.scenes import CERTIFICATE, ID_CARD, OFFICE, OFFICER, OPERATOR, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import CHANGES, REPLACEMENTS, Road, change, replacement

ROADS: dict[Kind, dict[Status, Road]] = {Kind.id_number_change: CHANGES, Kind.card_replacement: REPLACEMENTS}


UNDONE = {
    Kind.id_number_change: {Status.applying, Status.repair},
    Kind.card_replacement: {Status.in_production, Status.repair},
}
"""What a withdrawal has to undo there, which the southern region does not permit."""


def resting(event: Event) -> list[Any]:
    """Every status of every kind in which a case rests and may be told so, in both regions."""
    return [
        pytest.param(kind, status, region, id=f"{kind}-{status}-{region}")
        for kind, roads in ROADS.items()
        for status in roads
        for region in (OFFICE, SOUTH)
        if MACHINES[kind].rows(status, event)
        # Where no other system confirms, no case rests there.
        and (kind is Kind.card_replacement or region == OFFICE or status not in UNDONE[kind])
    ]


async def told(case: Dossier) -> list[tuple[str, dict[str, Any]]]:
    """Templates and facts of what the applicant is told, oldest first."""
    rows = await case.engine.pool.fetch(
        "SELECT template, facts FROM notifications WHERE case_id = $1 AND recipient = 'applicant' ORDER BY id",
        case.case_id,
    )
    return [(row["template"], read(json.loads(row["facts"]))) for row in rows]


def reads(template: str, facts: dict[str, Any], case: Dossier, tongue: Tongue = Tongue.zh) -> str:
    at = datetime.now(UTC)
    return compose(template, Recipient.applicant, case.case_id, facts, at=at, channel=Channel.sms, tongue=tongue).body


@pytest.mark.parametrize(("kind", "status", "region"), resting(Event.hold))
async def test_a_hold_and_its_end_are_told_once_each_with_their_dates(
    engine: Engine, kind: Kind, status: Status, region: str
) -> None:
    case = await ROADS[kind][status](engine, region=region)
    await case.rests_in(status)
    before = len(await told(case))
    await case.tell(Event.hold)
    held = await case.rests_in(Status.on_hold)
    await case.tell(Event.resume)
    on = await case.rests_in(status)
    (hold, facts), (resume, after) = (await told(case))[before:]
    assert (hold, resume) == ("hold", "resume")
    assert held.due_at is not None
    assert when(held.due_at, Tongue.zh) in reads(hold, facts, case)
    assert on.due_at is not None
    text = reads(resume, after, case)
    assert (by_when if status is Status.awaiting_documents else when)(on.due_at, Tongue.zh) in text
    assert ("补齐材料" in text) is (status is Status.awaiting_documents)


@pytest.mark.parametrize(("kind", "status", "region"), resting(Event.extend))
async def test_an_extension_is_told_with_the_new_date(engine: Engine, kind: Kind, status: Status, region: str) -> None:
    case = await ROADS[kind][status](engine, region=region)
    old = (await case.rests_in(status)).due_at
    before = len(await told(case))
    more = Extend(actor=OFFICER, working_days=3, evidence="ext-1")
    if status is Status.temporarily_blocked and region == SOUTH:
        # A loss report lasts no longer there; nobody is told of what did not happen.
        assert await case.refuses(Event.extend, more) is Code.EXTENSION_OF_LOSS_REPORT
        assert len(await told(case)) == before
        return
    await case.tell(Event.extend, more)
    view = await case.rests_in(status)
    assert view.due_at is not None
    ((template, facts),) = (await told(case))[before:]
    assert template == "extend"
    if view.due_event is Event.delivery_overdue:
        # More time to answer begins with the delivery, whose own time is what it was.
        assert view.due_at == old
        assert "自其收到请求时起算" in reads(template, facts, case)
        return
    assert view.due_at != old
    # A card may be collected until it is destroyed; its limit is the next reminder.
    if status is not Status.ready:
        assert when(view.due_at, Tongue.zh) in reads(template, facts, case)


@pytest.mark.parametrize(("kind", "status", "region"), resting(Event.withdraw))
async def test_a_withdrawal_is_told_with_what_remains(engine: Engine, kind: Kind, status: Status, region: str) -> None:
    case = await ROADS[kind][status](engine, region=region)
    await case.rests_in(status)
    before = len(await told(case))
    if (status in UNDONE[kind]) and region == SOUTH:
        assert await case.refuses(Event.withdraw) is Code.UNDO_NOT_PERMITTED
        assert len(await told(case)) == before
        return
    await case.tell(Event.withdraw)
    outcome = await case.ends()
    ((template, facts),) = (await told(case))[before:]
    assert (template, facts["remains"]) == ("withdraw", list(outcome.remains))


async def test_a_hold_that_ends_by_itself_is_told_as_one_that_is_ended(engine: Engine) -> None:
    async def ended(kind: Kind, region: str) -> None:
        case = await (change if kind is Kind.id_number_change else replacement)(engine, ID_CARD, region=region)
        await case.rests_in(Status.in_review)
        await case.tell(Event.hold)
        await case.time_runs_out(Event.hold_expired)
        await case.rests_in(Status.in_review)
        assert [template for template, _ in await told(case)][-2:] == ["hold", "resume"]

    await asyncio.gather(*(ended(kind, region) for kind in ROADS for region in (OFFICE, SOUTH)))


async def test_a_number_that_a_bank_takes_back_is_told_in_words(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.verify()
    await case.rests_in(Status.applying)
    await case.confirm(System.bank, confirmed=False)
    view = await case.rests_in(Status.in_review)
    template, facts = (await told(case))[-1]
    text = reads(template, facts, case)
    assert view.due_at is not None
    assert "银行未确认" in text
    assert "登记已恢复原状" in text
    assert when(view.due_at, Tongue.zh) in text
    assert case.person.old not in text
    assert "bank did not accept" in reads(template, facts, case, Tongue.en)


async def test_who_lacks_documents_reads_which_and_by_which_day(engine: Engine) -> None:
    for kind, road in ((Kind.id_number_change, change), (Kind.card_replacement, replacement)):
        case = await road(engine)
        view = await case.rests_in(Status.awaiting_documents)
        ((template, facts),) = await told(case)
        assert template == f"{kind.value}.awaiting_documents"
        assert view.due_at is not None
        text = reads(template, facts, case)
        assert "居民身份证" in text
        assert by_when(view.due_at, Tongue.zh) in text


async def test_whoever_was_told_of_documents_is_told_when_another_policy_asks_for_others(engine: Engine) -> None:
    case = await change(engine, region=MOVING, new=new_number())
    before = await case.rests_in(Status.awaiting_documents)
    told_before = await told(case)
    await case.tell(Event.recompute, Recompute(actor=OPERATOR, policy="moving/1"))
    view = await case.rests_in(Status.awaiting_documents)
    assert [each.document for each in before.missing] == [ID_CARD.kind, CERTIFICATE.kind]
    assert ([each.document for each in view.missing], view.due_at) == ([ID_CARD.kind], before.due_at)
    (template, facts) = (await told(case))[-1]
    assert (template, len(await told(case))) == ("recompute", len(told_before) + 1)
    assert facts["documents"] == [ID_CARD.kind]
    assert "所需材料有变化，期限仍为" in reads(template, facts, case)
    # The same once more asks for nothing else.
    await case.tell(Event.recompute, Recompute(actor=OPERATOR), update_id="again-2")
    await case.rests_in(Status.awaiting_documents)
    assert len(await told(case)) == len(told_before) + 1
