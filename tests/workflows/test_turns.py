"""Two cases of one person: while the number is changing no card is written to, and whoever waits is told."""

from datetime import timedelta

import pytest

from cases.errors import Code
from cases.events import Event
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import System
from cases.names import Kind
from cases.openings import ReplacementReason
from tests.engine import Engine, new_number
from tests.scenes import FACTS, ID_CARD, OFFICE, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.refusals import Refusals
from tests.workflows.roads import (
    HELD_FOR_CARD,
    activate,
    before_pension_run,
    behind_a_number_change,
    formally_lost,
    handed_over,
    ordered,
    replacement,
    to_the_end,
    waiting_to_order,
)
from workflows.case import ASK_AGAIN_FOR_TURN


async def test_a_replacement_orders_its_card_when_the_number_change_is_done(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    change = await behind_a_number_change(engine, case)
    assert (await case.verify()).status is Status.ordered
    await case.rests_in(Status.ordered)
    held = await case.holdings()
    assert (held.turn, held.waiting, held.codes) == (change.case_id, frozenset({case.case_id}), "1")
    await change.confirm(*System)
    assert (await change.ends()).status is Status.done
    view = await case.rests_in(Status.in_production)
    assert view.related == change.case_id
    held = await case.holdings()
    assert (held.turn, held.waiting, held.codes) == (None, frozenset(), "1A")
    await to_the_end(case)
    assert (await case.ends()).status is Status.done


async def test_a_replacement_goes_on_when_the_number_change_is_undone(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    change = await behind_a_number_change(engine, case)
    await case.verify()
    await case.rests_in(Status.ordered)
    await change.tell(Event.withdraw)
    await change.ends()
    await case.rests_in(Status.in_production)


async def test_a_lost_card_may_be_found_while_its_replacement_waits_for_the_turn(engine: Engine) -> None:
    for region in (OFFICE, SOUTH):
        case = await formally_lost(engine, region=region)
        await behind_a_number_change(engine, case)
        await case.verify()
        await case.rests_in(Status.ordered)
        if region is SOUTH:
            # This region undoes no formal report of a loss: that it was found is on record, and the card stays lost.
            assert (await case.tell(Event.card_found)).status is Status.ordered
            assert (await case.holdings()).codes == "2"
        else:
            assert (await case.tell(Event.card_found)).status is Status.card_found
            await case.ends()
            assert (await case.holdings()).codes == "1"


async def test_who_waits_for_a_turn_asks_again_by_itself(engine: Engine) -> None:
    case = await waiting_to_order(engine)
    # Nobody tells it: the list of those who wait is lost together with the turn.
    await engine.pool.execute("DELETE FROM turn_waiters WHERE person = $1", case.opening.person)
    await engine.pool.execute("DELETE FROM turns WHERE person = $1", case.opening.person)
    await case.let_pass(ASK_AGAIN_FOR_TURN + timedelta(minutes=1))
    await case.rests_in(Status.in_production)


async def test_the_cards_are_not_switched_while_the_number_is_changing(engine: Engine) -> None:
    case = await handed_over(engine)
    change = await behind_a_number_change(engine, case)
    await activate(case)
    await case.rests_in(Status.active)
    assert (await case.holdings()).codes == "1A"
    await case.tell(Event.acknowledge)
    await case.rests_in(Status.active)
    await change.confirm(*System)
    await change.ends()
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).codes == "41"


async def test_payment_does_not_move_while_the_number_is_changing(engine: Engine) -> None:
    case = await before_pension_run(engine)
    change = await behind_a_number_change(engine, case)
    await case.time_runs_out(Event.close_old)
    await case.rests_in(Status.closing_old)
    assert [card.paid for card in (await case.holdings()).cards] == [True, False]
    await change.confirm(*System)
    await change.ends()
    assert (await case.ends()).status is Status.done
    assert [card.paid for card in (await case.holdings()).cards] == [False, True]


async def test_news_of_a_changed_number_moves_no_replacement_that_waits_for_something_else(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD)
    change = await behind_a_number_change(engine, case)
    await case.tell(Event.hold)
    before = await case.rests_in(Status.on_hold)
    await change.confirm(*System)
    await change.ends()
    # The signal has arrived, and the case answers as before.
    assert await case.refuses(Event.confirm_loss, FACTS[Event.confirm_loss]) is Code.EVENT_NOT_ALLOWED
    after = await case.rests_in(Status.on_hold)
    assert after.model_copy(update={"last_refusal": None}) == before
    assert (await case.tell(Event.resume)).status is Status.in_review


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Event.order_card, Status.ordered),
        (Event.switch_cards, Status.active),
        (Event.close_old, Status.closing_old),
    ],
)
async def test_a_step_on_the_cards_that_the_register_refuses_waits_for_an_operator(
    engine: Engine, refusals: Refusals, step: Event, status: Status
) -> None:
    case = await replacement(engine, ID_CARD)
    async with refusals.of(case.case_id, step):
        await case.verify()
        if status is not Status.ordered:
            await to_the_end(case)
        view = await case.rests_in(status)
        assert (view.attention, view.last_error) == (("repair",), Code.DATABASE_REFUSED)
        await case.tell(Event.repair)
        assert (await case.rests_in(status)).attention == ("repair",)
    await case.tell(Event.repair)
    if status is Status.ordered:
        await to_the_end(case)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).codes == "41"


async def test_a_pre_check_that_cannot_be_written_waits_for_an_operator_and_may_be_left(
    engine: Engine, refusals: Refusals
) -> None:
    async def stands_still() -> Dossier:
        person = await engine.insured(number=new_number())
        opening = engine.replacement(person, ReplacementReason.expired, ID_CARD)
        async with refusals.of(case_id(Kind.card_replacement, opening.person), Event.checked):
            case = await Dossier.open(engine, person, opening)
            assert (await case.rests_in(Status.checking)).attention == ("repair",)
        return case

    repaired, withdrawn, died = [await stands_still() for _ in range(3)]
    await repaired.tell(Event.repair)
    await repaired.rests_in(Status.in_review)
    await withdrawn.tell(Event.withdraw)
    assert (await withdrawn.ends()).status is Status.withdrawn
    await died.tell(Event.person_ended)
    assert (await died.ends()).status is Status.ended


async def test_a_replacement_whose_cards_cannot_be_switched_still_ends_with_its_person(
    engine: Engine, refusals: Refusals
) -> None:
    case = await handed_over(engine, benefit_holds=HELD_FOR_CARD)
    async with refusals.of(case.case_id, Event.switch_cards):
        await activate(case)
        await case.rests_in(Status.active)
    await case.tell(Event.release_benefits)
    assert (await case.rests_in(Status.active)).attention == ("repair",)
    await case.tell(Event.person_ended)
    assert (await case.ends()).status is Status.ended
    assert (await case.holdings()).codes == "14"


async def test_two_cases_of_one_person_may_be_open_and_end_apart(engine: Engine) -> None:
    case = await ordered(engine)
    change = await behind_a_number_change(engine, case)
    await case.tell(Event.card_produced, case.produced())
    await change.confirm(*System)
    assert (await change.ends()).status is Status.done
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done
    assert (await case.holdings()).numbers == (("old", "historic"), ("other", "living"))
