"""No block without an end: loss reports that expire while no case waits for it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from temporalio.worker import Worker

from activities.calendar import official_calendar
from activities.campaign import Campaign
from activities.registry.loading import HeldCard
from cases.events import Event
from cases.machines.machine import Status
from cases.occasions import BlocksEnded
from cases.openings import ReplacementReason
from runtime.runner import RUNNER
from stack import LocalStack
from tests.engine import Engine, engine_on, quiet_policies
from tests.scenes import ID_CARD, OFFICE, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import (
    activate,
    before_pension_run,
    change,
    handed_over,
    lost,
    on_hold,
    ordered,
    replacement,
    to_the_end,
)
from workflows.scheduled import LossReportCheck

QUEUE = "expired-losses"
_checks = count(1)
REGIONS = (OFFICE, SOUTH)
ENDS = {OFFICE: ("1", "card_unblocked"), SOUTH: ("3", "card_cancelled")}
"""What the end of a report does to the card, and what everyone is told, by region."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def checking(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine with somebody who checks; its register is its own, because the check looks at everybody's cards."""
    async with engine_on(stack, "expired_losses") as made:
        engine = replace(made, task_queue="cases-with-losses")
        campaign = Campaign(engine.pool, engine.client, quiet_policies(), official_calendar)
        worker = Worker(
            engine.client,
            task_queue=QUEUE,
            workflows=[LossReportCheck],
            activities=[campaign.end_blocks, campaign.cases_with_ended_blocks],
            workflow_runner=RUNNER,
        )
        async with engine.working(), worker:
            yield engine


async def check(engine: Engine) -> BlocksEnded:
    """The check, now."""
    checked: BlocksEnded = await engine.client.execute_workflow(
        LossReportCheck.run, id=f"check-{next(_checks)}", task_queue=QUEUE
    )
    return checked


async def expire(case: Dossier) -> None:
    """The report of the case's person has expired by now."""
    await case.engine.pool.execute(
        "UPDATE cards SET block_ends_at = now() - interval '1 second' FROM persons AS person "
        "WHERE person.id = person_id AND person.token = $1 AND code = 'B'",
        case.opening.person,
    )


async def told_the_applicant(case: Dossier) -> list[tuple[str, Any]]:
    """What the applicant is told of reports that have ended."""
    rows = await case.engine.pool.fetch(
        "SELECT template, facts::text AS facts FROM notifications "
        "WHERE case_id = $1 AND recipient = 'applicant' AND template = 'block_ended'",
        case.case_id,
    )
    return [(row["template"], json.loads(row["facts"])) for row in rows]


@pytest.mark.parametrize("region", REGIONS)
async def test_a_report_that_was_withdrawn_with_its_application_runs_to_its_end(checking: Engine, region: str) -> None:
    case = await lost(checking, region=region)
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == ("card_blocked",)
    assert (await check(checking)).expired == 0
    assert (await case.holdings()).codes == "B"
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=1)
    code, told = ENDS[region]
    assert (await case.holdings()).codes == code
    assert await case.told_to("bank") == await case.told_to("card_bureau") == ["card_blocked", told]
    assert await told_the_applicant(case) == [("block_ended", {"expires": "release" if code == "1" else "cancel"})]
    assert await check(checking) == BlocksEnded(expired=0, ended=0)
    assert len(await told_the_applicant(case)) == 1


@pytest.mark.parametrize("region", REGIONS)
async def test_nobody_writes_to_a_person_who_has_died_that_a_report_has_ended(checking: Engine, region: str) -> None:
    case = await lost(checking, region=region)
    await case.tell(Event.person_ended)
    assert (await case.ends()).remains == ("card_blocked",)
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=1)
    code, told = ENDS[region]
    assert (await case.holdings()).codes == code
    assert await case.told_to("bank") == ["card_blocked", told]
    assert await told_the_applicant(case) == []


@pytest.mark.parametrize("region", REGIONS)
async def test_a_report_beside_a_replacement_for_another_reason_ends_and_the_case_learns_of_it(
    checking: Engine, region: str
) -> None:
    case = await ordered(checking, region=region)
    await case.tell(Event.report_loss)
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=1, told=1)
    assert (await case.holdings()).codes == ENDS[region][0] + "A"
    assert (await checking.history(case.case_id))[-1].event is Event.block_ended
    assert len(await told_the_applicant(case)) == 1
    if region == OFFICE:
        # It may be lost once more.
        await case.tell(Event.report_loss)
        assert (await case.holdings()).codes == "BA"
    await to_the_end(case)
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize("region", REGIONS)
async def test_a_report_beside_a_number_change_ends_and_the_case_learns_of_it(checking: Engine, region: str) -> None:
    case = await change(checking, ID_CARD, region=region)
    await case.tell(Event.report_loss)
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=1, told=1)
    assert (await case.holdings()).codes == ENDS[region][0]
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == (() if region == OFFICE else ("card_cancelled",))


async def test_a_case_that_waits_for_the_end_of_its_own_report_ends_it_itself(checking: Engine) -> None:
    case = await lost(checking)
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=0)
    assert (await case.rests_in(Status.temporarily_blocked)).status is Status.temporarily_blocked
    await case.time_runs_out(Event.loss_report_expired)
    await case.ends()
    assert (await case.holdings()).codes == "1"


async def test_a_report_that_was_confirmed_is_ended_by_no_check(checking: Engine) -> None:
    case = await ordered(checking)
    await case.tell(Event.report_loss)
    await case.tell(Event.confirm_loss)
    await expire(case)
    assert (await check(checking)).ended == 0
    assert (await case.holdings()).codes == "2A"


async def test_a_block_that_came_with_the_register_gets_an_end(checking: Engine) -> None:
    cards = (HeldCard(card_number="E0000001", code="B", payment_authority=True),)
    case = await replacement(checking, ID_CARD, cards=cards)
    assert (await check(checking)).ended == 0
    ends = "SELECT block_ends_at - now() > interval '9 days' FROM cards WHERE code = 'B' AND blocked_by_case IS NULL"
    assert await checking.pool.fetchval(ends) is True
    await expire(case)
    assert (await check(checking)).ended == 1
    assert (await case.holdings()).codes == "1"


@pytest.mark.parametrize("region", REGIONS)
async def test_a_report_that_ends_while_a_dispute_interrupts_a_hold_leaves_the_hold_where_it_was(
    checking: Engine, region: str
) -> None:
    case = await on_hold(checking, region=region)
    held = await case.rests_in(Status.on_hold)
    await case.tell(Event.report_loss)
    rival = replace(await checking.insured(region=region), new=case.person.new)
    other = await Dossier.open(checking, rival, checking.number_change(rival, ID_CARD, region=region))
    await other.rests_in(Status.disputed)
    await case.rests_in(Status.disputed)
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=1, told=1)
    assert (await case.holdings()).codes == ENDS[region][0]
    await other.tell(Event.withdraw)
    view = await case.rests_in(Status.on_hold)
    assert (view.hold_reason, view.due_at) == (held.hold_reason, held.due_at)
    assert (await case.tell(Event.resume)).status is Status.in_review


@pytest.mark.parametrize("region", REGIONS)
async def test_whoever_loses_the_old_card_and_then_the_new_one_on_its_way_gets_a_card_in_the_end(
    checking: Engine, region: str
) -> None:
    case = await handed_over(checking, region=region)
    await case.tell(Event.report_loss)
    assert (await case.holdings()).codes == "BA"
    await case.tell(Event.card_lost_on_way)
    await case.rests_in(Status.in_production)
    await expire(case)
    assert await check(checking) == BlocksEnded(expired=1, ended=1, told=1)
    old = ENDS[region][0]
    assert (await case.holdings()).codes == old + "3A"
    await case.tell(Event.card_produced, case.produced(f"X{case.person.personal_number}"))
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done
    held = await case.holdings()
    assert (held.codes[-1], held.cards[-1].paid, sum(card.paid for card in held.cards)) == ("1", True, 1)
    assert "B" not in held.codes


@pytest.mark.parametrize("became", ["blocked", "cancelled", "formal"])
async def test_whoever_loses_the_new_card_before_the_old_one_is_closed_is_not_left_between_the_two(
    checking: Engine, became: str
) -> None:
    case = await before_pension_run(checking)
    await case.tell(Event.report_loss)
    if became == "formal":
        await case.tell(Event.confirm_loss)
    elif became == "cancelled":
        await expire(case)
        assert await check(checking) == BlocksEnded(expired=1, ended=1, told=1)
    code = {"blocked": "B", "cancelled": "3", "formal": "2"}[became]
    assert (await case.holdings()).codes == "4" + code
    await case.time_runs_out(Event.close_old)
    assert (await case.ends()).status is Status.done
    held = await case.holdings()
    assert (held.codes, held.cards[0].paid, held.cards[0].functions) == ("4" + code, False, frozenset())
    assert held.claims["card"] == "queued"
    again = await Dossier.open(
        checking,
        case.person,
        case.opening.model_copy(
            update={"reopen": True, "key": f"{case.opening.key}-again", "reason": ReplacementReason.lost}
        ),
    )
    # What is out of use for good needs no temporary report.
    await again.rests_in(Status.temporarily_blocked if became == "blocked" else Status.in_review)
