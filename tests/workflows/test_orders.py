"""Answers name the order that they answer: what answers an order that is over moves nothing, and is not lost."""

import asyncio
import json

import pytest
from temporalio.client import WorkflowUpdateFailedError

from cases.answers import CaseView
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    CardActivated,
    CardDestroyed,
    CardFunction,
    CardHandedOver,
    CardProduced,
    CardTurnedUp,
    Fact,
    HandOver,
    Repair,
    RepairAction,
)
from cases.machines.machine import Status
from cases.names import order_id
from tests.engine import Engine
from tests.scenes import BUREAU, CLERK, DOWNSTREAM, ID_CARD, OFFICE, OPERATOR, SOUTH
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import REPLACEMENTS, Road, activate, not_made, ordered, replacement, to_the_end

REGIONS = (OFFICE, SOUTH)
UNDO = Repair(actor=OPERATOR, action=RepairAction.undo, evidence="op-2")


def failed(order: str | None) -> CardProduced:
    assert order is not None
    return CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=order)


def brought(case: Dossier, order: str | None, number: str) -> CardProduced:
    """The bureau has made a card by an order."""
    return case.produced(number).model_copy(update={"order": order})


async def too_late(case: Dossier, event: Event, fact: Fact) -> CaseView:
    """The case is told an answer to something that is over: it is refused, and written down once."""
    before = await case.agrees()
    told_as = f"late-{event}-{len(before.late_answers)}"
    for _ in range(2):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await case.tell(event, fact, update_id=told_as)
        assert code_of(refused.value) is Code.ANSWER_OUT_OF_DATE
    after = await case.agrees()
    assert (after.status, after.milestone, after.due_at) == (before.status, before.milestone, before.due_at)
    assert (after.order, after.attempts, after.version) == (before.order, before.attempts, before.version)
    assert (after.production_attempts, after.activated) == (before.production_attempts, before.activated)
    assert (after.late_answers[-1].event, after.last_refusal) == (event, Code.ANSWER_OUT_OF_DATE)
    kept = await case.engine.pool.fetch(
        "SELECT event, request_id FROM answers_out_of_date WHERE case_id = $1 AND told_as = $2", case.case_id, told_as
    )
    assert [tuple(row) for row in kept] == [(event.value, after.late_answers[-1].request)]
    return after


def turned_up(made: CardProduced) -> CardTurnedUp:
    assert made.card_number is not None
    assert made.card_token is not None
    return CardTurnedUp(
        actor=BUREAU, batch=made.batch, order=made.order, card_number=made.card_number, card_token=made.card_token
    )


async def not_lost(case: Dossier, made: CardProduced) -> CaseView:
    """A card that answers an order which is over is refused as an answer, and on record as what it is."""
    before = await too_late(case, Event.card_produced, made)
    await case.tell(Event.card_turned_up, turned_up(made))
    after = await case.agrees()
    assert (after.status, after.order, after.to_destroy) == (before.status, before.order, (made.order,))
    assert "surplus_card" in after.attention
    assert await case.refuses(Event.card_turned_up, turned_up(made)) is Code.ORDER_NOT_OVER
    assert (await case.told_to("card_bureau"))[-1] == "card_surplus"
    return after


async def destroyed_by_two(case: Dossier, order: str) -> None:
    fact = CardDestroyed(actor=BUREAU, order=order, record="D-2026-1")
    await case.tell(Event.card_destroyed, fact)
    assert await case.refuses(Event.card_destroyed, fact) is Code.SAME_PERSON
    assert (await case.agrees()).to_destroy == (order,)
    await case.tell(Event.card_destroyed, fact.model_copy(update={"actor": CLERK}))
    assert (await case.agrees()).to_destroy == ()
    row = await case.engine.pool.fetchrow(
        "SELECT code, destroyed_by, destruction_witness FROM cards WHERE order_id = $1", order
    )
    assert row is not None
    assert tuple(row) == ("4", CLERK.id, BUREAU.id)


async def test_the_result_of_a_cancelled_order_is_not_taken_for_the_one_under_way(engine: Engine) -> None:
    case = await not_made(engine)
    first = (await case.agrees()).order
    assert first is not None
    assert (await case.tell(Event.repair, UNDO)).status is Status.in_review
    await case.verify()
    second = (await case.rests_in(Status.in_production)).order
    assert second not in {None, first}
    await not_lost(case, brought(case, first, "SURPLUS001"))
    await case.tell(Event.card_produced, case.produced())
    await destroyed_by_two(case, first)
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).codes == "441"


async def test_the_result_of_an_earlier_generations_order_is_not_taken_for_the_one_under_way(engine: Engine) -> None:
    case = await ordered(engine)
    first = (await case.agrees()).order
    assert first is not None
    await case.tell(Event.withdraw)
    await case.ends()
    opening = case.opening.model_copy(update={"reopen": True, "key": f"{case.opening.key}-again"})
    again = await Dossier.open(engine, case.person, opening)
    await again.verify()
    await again.rests_in(Status.in_production)
    await too_late(again, Event.card_produced, failed(first))
    await not_lost(again, brought(again, first, "SURPLUS002"))
    await destroyed_by_two(again, first)
    assert (await again.agrees()).attention == ()
    await to_the_end(again)
    assert (await again.ends()).status is Status.done


@pytest.mark.parametrize("region", REGIONS)
async def test_the_first_orders_failure_after_a_retry_orders_no_third_card(engine: Engine, region: str) -> None:
    case = await ordered(engine, region=region)
    first = (await case.agrees()).order
    await case.time_runs_out(Event.production_overdue)
    await case.tell(Event.repair)
    second = (await case.rests_in(Status.in_production)).order
    assert second != first
    await too_late(case, Event.card_produced, failed(first))
    assert await case.told_to("card_bureau") == ["card_ordered"] * 2
    await case.tell(Event.card_produced, failed(second))
    assert await case.told_to("card_bureau") == ["card_ordered"] * 3


@pytest.mark.parametrize("region", REGIONS)
async def test_the_first_orders_card_is_taken_after_a_retry_and_the_second_ones_is_destroyed(
    engine: Engine, region: str
) -> None:
    case = await ordered(engine, region=region)
    first = (await case.agrees()).order
    await case.tell(Event.repair)
    second = (await case.rests_in(Status.in_production)).order
    assert second is not None
    by_first = brought(case, first, f"A{case.person.personal_number}")
    by_second = brought(case, second, f"B{case.person.personal_number}")
    assert (await case.tell(Event.card_produced, by_first)).status is Status.ready
    view = await case.rests_in(Status.ready)
    assert (view.order, view.attempts) == (first, ())
    cancelled = await engine.pool.fetchval(
        "SELECT request_id FROM events WHERE case_id = $1 AND kind = 'card_order_cancelled'", case.case_id
    )
    assert cancelled == second
    await not_lost(case, by_second)
    await case.tell(Event.card_handed_over)
    await activate(case)
    outcome = await case.ends()
    assert (outcome.status, outcome.remains) == (Status.done, ("surplus_card",))
    assert (await case.holdings()).codes == "414"


@pytest.mark.parametrize(("status", "road"), REPLACEMENTS.items())
async def test_an_answer_to_another_order_is_refused_and_written_down_wherever_the_case_stands(
    engine: Engine, status: Status, road: Road
) -> None:
    case = await road(engine)
    await case.rests_in(status)
    elsewhere = order_id("crc-" + "b" * 26, 1, 4)
    facts: dict[Event, Fact] = {
        Event.card_produced: failed(elsewhere),
        Event.card_handed_over: CardHandedOver(actor=BUREAU, by=HandOver.post, evidence="sig-1", order=elsewhere),
        Event.card_activated: CardActivated(actor=DOWNSTREAM, function=CardFunction.social, order=elsewhere),
    }
    for event, fact in facts.items():
        await too_late(case, event, fact)
    elsewheres = turned_up(brought(case, elsewhere, "SURPLUS003"))
    assert await case.refuses(Event.card_turned_up, elsewheres) is Code.ORDER_NOT_OVER
    elsewheres = turned_up(brought(case, elsewhere, "SURPLUS003"))
    assert await case.refuses(Event.card_turned_up, elsewheres) is Code.ORDER_NOT_OVER
    assert await case.refuses(Event.card_destroyed, CardDestroyed(actor=BUREAU, order=elsewhere, record="D-1")) is (
        Code.CARD_NOT_TO_BE_DESTROYED
    )
    assert not {Event.card_produced, Event.card_destroyed} & set((await replacement_in_review(engine)).events)


async def replacement_in_review(engine: Engine) -> CaseView:
    """What a case offers that has ordered nothing yet."""
    return await (await replacement(engine, ID_CARD)).rests_in(Status.in_review)


async def test_answers_that_race_one_another_are_each_judged_by_the_order_in_force(engine: Engine) -> None:
    case = await ordered(engine)
    first = (await case.agrees()).order
    told = (case.tell(Event.card_produced, failed(first), update_id=f"race-{each}") for each in range(3))
    answers = await asyncio.gather(*told, return_exceptions=True)
    refused = [code_of(each) for each in answers if isinstance(each, BaseException)]
    assert refused == [Code.ANSWER_OUT_OF_DATE] * 2
    view = await case.rests_in(Status.in_production)
    assert (view.production_attempts, len(view.late_answers)) == (1, 2)


@pytest.mark.parametrize("said", [{}, {"delivery": None}, {"delivery": "post"}])
async def test_a_card_is_ordered_whether_or_not_it_is_known_how_it_is_delivered(
    engine: Engine, said: dict[str, str | None]
) -> None:
    case = await replacement(engine, ID_CARD)
    await case.rests_in(Status.in_review)
    order = order_id(case.case_id, 1, 9)
    step = {
        "case_id": case.case_id,
        "generation": 1,
        "version": 9,
        "name": "order_card.9",
        "event": "order_card",
        "at": "2026-07-08T01:00:00Z",
        "person": case.opening.person,
        "facts": {"request_id": order, **said},
    }
    async with engine.pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        step["person_id"] = await connection.fetchval("SELECT person_id FROM cases WHERE case_id = $1", case.case_id)
        for effect in ("order_card", "reorder_card"):
            step["name"] = f"{effect}.9"
            await connection.execute(
                f"SELECT effect_{effect}(jsonb_populate_record(NULL::step, $1::jsonb))", json.dumps(step)
            )
        told = await connection.fetch("SELECT kind, delivery FROM events WHERE request_id = $1", order)
        await undone.rollback()
    assert [tuple(row) for row in told] == [("card_ordered", said.get("delivery"))] * 2
