"""A loss is blocked whatever else is going on, and what blocked a card says who may lift it, and when it ends."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from activities.registry.loading import HeldCard
from activities.registry.reading import Filter, case_now, list_cases
from cases.answers import CaseView
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    CardDestroyed,
    CardLostOnWay,
    CardTurnedUp,
    PersonEnded,
    PersonEndedReason,
    Repair,
    RepairAction,
)
from cases.ladder import Rung
from cases.machines.machine import Status
from cases.offices import Recipient
from cases.openings import ReplacementReason
from cases.views import looked_up
from intake.client import CaseClient
from tests.engine import Engine, new_number
from tests.scenes import BUREAU, CLERK, ID_CARD, OFFICE, OPERATOR, SOUTH
from tests.workflows.dossier import PATIENCE, Dossier
from tests.workflows.roads import (
    CHANGES,
    FAILED,
    REPLACEMENTS,
    Road,
    activate,
    change,
    formally_lost,
    handed_over,
    lost,
    made,
    ordered,
    replacement,
    to_the_end,
)

REGIONS = (OFFICE, SOUTH)
TRANSFERRED = PersonEnded(actor=CLERK, reason=PersonEndedReason.transfer, evidence="transfer-1")


async def again(engine: Engine, case: Dossier, **changed: Any) -> Dossier:
    """The next generation of a closed case."""
    opening = case.opening.model_copy(update={"reopen": True, "key": f"{case.opening.key}-again", **changed})
    return await Dossier.open(engine, case.person, opening)


async def comes_back(case: Dossier) -> None:
    """The person is insured here again."""
    await case.engine.pool.execute(
        "INSERT INTO standings_of_persons (person_id, standing, known_at) "
        "SELECT id, 'insured', now() FROM persons WHERE token = $1",
        case.opening.person,
    )


async def told(case: Dossier, event: Event) -> CaseView:
    """The view of a case once it has heard of an event."""
    client, engine = CaseClient(case.engine.client, case.engine.sealer), case.engine
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while event not in {made.event for made in await engine.history(case.case_id)}:
            seen = len(await engine.history(case.case_id))
            await client.wait_for(case.case_id, partial(_has_come_beyond, seen))
    return await case.agrees()


def _has_come_beyond(version: int, view: CaseView) -> bool:
    return view.version > version


async def blocked_by(case: Dossier, code: str) -> tuple[str, int, bool]:
    """Who blocked the card of a code, in which generation, and whether an end is set."""
    row = await case.engine.pool.fetchrow(
        "SELECT blocked_by_case, blocked_by_generation, block_ends_at IS NOT NULL FROM cards JOIN persons AS person "
        "ON person.id = person_id WHERE person.token = $1 AND code = $2",
        *(case.opening.person, code),
    )
    assert row is not None
    case_id, generation, ends = row
    return case_id, generation, ends


# --- a temporary report ends what it began --------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
async def test_a_card_that_was_lost_formally_before_needs_no_temporary_report_and_stays_lost(
    engine: Engine, region: str
) -> None:
    cards = (HeldCard(card_number=f"L{region}", code="2", payment_authority=True),)
    case = await lost(engine, region=region, cards=cards)
    await case.rests_in(Status.in_review)
    assert await case.refuses(Event.card_found) is Code.UNDO_NOT_PERMITTED
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == ("card_blocked",)
    assert (await case.holdings()).codes == "2"


async def test_a_formal_loss_is_lifted_by_no_other_generation(engine: Engine) -> None:
    case = await formally_lost(engine)
    await case.rests_in(Status.in_review)
    assert await blocked_by(case, "2") == (case.case_id, 1, False)
    await case.tell(Event.withdraw)
    await case.ends()
    second = await again(engine, case)
    await second.rests_in(Status.in_review)
    assert await second.refuses(Event.card_found) is Code.UNDO_NOT_PERMITTED
    assert (await second.holdings()).codes == "2"


async def test_a_formal_loss_is_lifted_by_no_number_change_that_did_not_report_it(engine: Engine) -> None:
    case = await formally_lost(engine)
    await case.rests_in(Status.in_review)
    person = replace(case.person, new=new_number())
    change = await Dossier.open(engine, person, engine.number_change(person))
    assert await change.refuses(Event.card_found) is Code.EVENT_NOT_ALLOWED
    assert await change.refuses(Event.report_loss) is Code.LOSS_ALREADY_REPORTED
    assert (await case.holdings()).codes == "2"


# --- blocked whatever else is going on ------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "road"), REPLACEMENTS.items())
async def test_a_loss_is_blocked_at_once_wherever_a_replacement_stands(
    engine: Engine, status: Status, road: Road
) -> None:
    case = await road(engine)
    before = await case.rests_in(status)
    if status is Status.temporarily_blocked:
        assert await case.refuses(Event.report_loss) is Code.LOSS_ALREADY_REPORTED
        return
    assert (await case.tell(Event.report_loss)).status is status
    after = await case.rests_in(status)
    assert (after.due_at, after.awaits) == (before.due_at, before.awaits)
    assert "B" in (await case.holdings()).codes
    assert await blocked_by(case, "B") == (case.case_id, 1, True)
    assert (await case.told_to("bank"))[-1] == "card_blocked"
    assert await case.refuses(Event.report_loss) is Code.LOSS_ALREADY_REPORTED
    # It is found again, and the case goes on as before.
    assert (await case.tell(Event.card_found)).status is status
    assert "B" not in (await case.holdings()).codes
    await case.tell(Event.report_loss)
    assert (await case.tell(Event.confirm_loss)).status is status
    assert await blocked_by(case, "2") == (case.case_id, 1, False)


@pytest.mark.parametrize(("status", "road"), CHANGES.items())
async def test_a_loss_is_blocked_at_once_while_a_number_is_being_changed(
    engine: Engine, status: Status, road: Road
) -> None:
    case = await road(engine)
    before = await case.rests_in(status)
    assert (await case.tell(Event.report_loss)).status is status
    after = await case.rests_in(status)
    assert (after.due_at, after.awaits, after.content) == (before.due_at, before.awaits, before.content)
    assert (await case.holdings()).codes == "B"
    assert (await case.tell(Event.card_found)).status is status
    assert (await case.holdings()).codes == "1"
    await case.tell(Event.report_loss)
    await case.tell(Event.confirm_loss)
    assert (await case.holdings()).codes == "2"


@pytest.mark.parametrize("region", REGIONS)
async def test_an_old_card_that_is_lost_while_its_successor_is_made_is_not_paid_to_any_more(
    engine: Engine, region: str
) -> None:
    case = await ordered(engine, region=region)
    await case.tell(Event.report_loss)
    assert (await case.holdings()).codes == "BA"
    await to_the_end(case)
    assert (await case.ends()).status is Status.done
    held = await case.holdings()
    assert (held.codes, held.cards[1].paid) == ("31", True)


async def test_whoever_has_no_card_in_use_has_nothing_to_block(engine: Engine) -> None:
    case = await replacement(engine, ID_CARD, cards=(HeldCard(card_number="L0000002", code="3"),))
    view = await case.rests_in(Status.in_review)
    assert Event.report_loss not in (await looked_up_by(case, view)).events
    assert await case.refuses(Event.report_loss) is Code.NO_CARD_IN_USE


async def looked_up_by(case: Dossier, view: CaseView) -> CaseView:
    """What a case offers when the register was asked on what its offers rest."""
    now = await case_now(case.engine.pool, case.case_id)
    assert now is not None
    return looked_up(view, now.known)


async def beside_a_replacement(engine: Engine, region: str) -> tuple[Dossier, Dossier]:
    """A number change that was told of a loss, and a replacement that waits for the end of that report."""
    case = await change(engine, ID_CARD, region=region)
    await case.tell(Event.report_loss)
    opening = engine.replacement(case.person, ReplacementReason.lost, ID_CARD, region=region)
    other = await Dossier.open(engine, case.person, opening)
    await other.rests_in(Status.temporarily_blocked)
    return case, other


@pytest.mark.parametrize("region", REGIONS)
async def test_a_card_that_was_found_through_another_case_can_be_reported_lost_again_at_once(
    engine: Engine, region: str
) -> None:
    case, other = await beside_a_replacement(engine, region)
    await other.tell(Event.card_found)
    await other.ends()
    assert (await case.holdings()).codes == "1"
    assert Event.report_loss in (await told(case, Event.block_ended)).events
    assert (await case.tell(Event.report_loss)).status is Status.in_review
    assert (await case.holdings()).codes == "B"


@pytest.mark.parametrize("region", REGIONS)
async def test_a_case_is_told_that_the_card_it_blocked_was_released_or_cancelled_when_anothers_report_expired(
    engine: Engine, region: str
) -> None:
    case, other = await beside_a_replacement(engine, region)
    await other.time_runs_out(Event.loss_report_expired)
    view = await told(case, Event.block_ended)
    released = region == OFFICE
    assert (await case.holdings()).codes == ("1" if released else "3")
    assert (Event.report_loss in (await looked_up_by(case, view)).events) is released
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == (() if released else ("card_cancelled",))


@pytest.mark.parametrize("region", REGIONS)
async def test_a_case_whose_report_another_one_confirmed_says_to_its_end_that_the_card_is_blocked(
    engine: Engine, region: str
) -> None:
    case, other = await beside_a_replacement(engine, region)
    await other.tell(Event.confirm_loss)
    view = await case.rests_in(Status.in_review)
    assert Event.card_found not in (await looked_up_by(case, view)).events
    assert await case.refuses(Event.card_found) is Code.UNDO_NOT_PERMITTED
    mine = await other.agrees()
    assert (Event.card_found in (await looked_up_by(other, mine)).events) is (region == OFFICE)
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == ("card_blocked",)
    assert (await case.holdings()).codes == "2"


@pytest.mark.parametrize("region", REGIONS)
async def test_a_replacement_that_waits_goes_on_at_the_end_of_its_report_where_another_case_made_the_loss_formal(
    engine: Engine, region: str
) -> None:
    case, other = await beside_a_replacement(engine, region)
    await case.tell(Event.confirm_loss)
    assert (await case.holdings()).codes == "2"
    await other.time_runs_out(Event.loss_report_expired)
    # The number has to become one of 18 digits first.
    await other.rests_in(Status.on_hold)
    assert await other.refuses(Event.confirm_loss) is Code.LOSS_ALREADY_REPORTED
    assert (await other.holdings()).codes == "2"
    await other.tell(Event.withdraw)
    assert (await other.ends()).remains == ("card_blocked",)


@pytest.mark.parametrize("region", REGIONS)
async def test_a_replacement_of_a_card_that_was_found_through_another_case_has_nothing_to_replace(
    engine: Engine, region: str
) -> None:
    case, other = await beside_a_replacement(engine, region)
    await case.tell(Event.card_found)
    assert (await case.holdings()).codes == "1"
    assert (await other.ends()).status is Status.card_found


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("found", [True, False])
async def test_what_an_earlier_generation_blocked_for_a_time_the_next_one_lifts_or_confirms(
    engine: Engine, region: str, *, found: bool
) -> None:
    case = await lost(engine, region=region)
    await case.tell(Event.withdraw)
    assert (await case.ends()).remains == ("card_blocked",)
    second = await again(engine, case, reason=ReplacementReason.expired)
    await second.rests_in(Status.in_review)
    assert await second.refuses(Event.report_loss) is Code.LOSS_ALREADY_REPORTED
    event = Event.card_found if found else Event.confirm_loss
    assert event in (await second.agrees()).events
    assert (await second.tell(event)).status is Status.in_review
    assert (await second.holdings()).codes == ("1" if found else "2")


# --- lost on the way ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("road", [made, handed_over])
async def test_a_card_that_never_arrives_is_made_again_as_often_as_the_policy_says(
    engine: Engine, road: Road, region: str
) -> None:
    case = await road(engine, region=region)
    for attempt in range(1, {OFFICE: 2, SOUTH: 1}[region] + 1):
        assert (await case.tell(Event.card_lost_on_way)).status is Status.ordered
        view = await case.rests_in(Status.in_production)
        assert (view.lost_on_way, "lost_on_way" in view.attention) == (attempt, False)
        assert (await case.holdings()).codes == "1" + "3" * attempt + "A"
        assert (await case.messages())[-1] == "CardReplacement.ordered"
        await case.tell(Event.card_produced, case.produced(f"W{attempt}{case.person.personal_number}"))
        await case.tell(Event.card_handed_over)
    assert (await case.tell(Event.card_lost_on_way)).status is Status.repair
    view = await case.rests_in(Status.repair)
    assert (view.last_error, view.order) == (Code.LOST_ON_WAY_TOO_OFTEN, None)
    assert (await case.tell(Event.repair)).status is Status.ordered
    # However often an operator has another one made: that it is more than usual stays in view, and is found.
    view = await case.rests_in(Status.in_production)
    assert (view.lost_on_way, view.attention) == (attempt + 1, ("lost_on_way",))
    assert f"途中遗失的新卡（张） | {attempt + 1}" in await case.details()
    found = await list_cases(engine.pool, Filter(attention="lost_on_way"), limit=1_000)
    assert case.case_id in {row.case_id for row in found}
    await case.tell(Event.card_produced, case.produced(f"Z{case.person.personal_number}"))
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done
    held = await case.holdings()
    assert held.codes[0] == "4"
    assert held.cards[-1].paid


async def test_a_card_that_turns_up_after_it_was_given_up_is_destroyed(engine: Engine) -> None:
    case = await made(engine)
    first = (await case.agrees()).order
    assert first is not None
    await case.tell(Event.card_lost_on_way, CardLostOnWay(actor=CLERK, order=first, evidence="post-1"))
    await case.rests_in(Status.in_production)
    made_first = case.produced()
    assert made_first.card_number is not None
    assert made_first.card_token is not None
    turned_up = CardTurnedUp(
        actor=BUREAU,
        order=first,
        batch="batch-1",
        card_number=made_first.card_number,
        card_token=made_first.card_token,
    )
    await case.tell(Event.card_turned_up, turned_up)
    for actor in (BUREAU, CLERK):
        await case.tell(Event.card_destroyed, CardDestroyed(actor=actor, order=first, record="D-1"))
    assert (await case.agrees()).to_destroy == ()
    assert (await case.holdings()).codes == "14A"


@pytest.mark.parametrize("region", REGIONS)
async def test_an_old_card_that_is_found_when_its_successor_is_there_stays_out_of_use(
    engine: Engine, region: str
) -> None:
    case = await formally_lost(engine, region=region)
    await case.verify()
    await case.rests_in(Status.in_production)
    await case.tell(Event.card_produced, case.produced())
    assert (await case.tell(Event.card_found)).status is Status.ready
    view = await case.rests_in(Status.ready)
    assert view.last_error is Code.CARD_FOUND_TOO_LATE
    assert (await case.holdings()).codes == "2A"
    await case.tell(Event.card_handed_over)
    await activate(case)
    assert (await case.ends()).status is Status.done


# --- an order that outlives its person's case -----------------------------------------------------------------------


async def test_a_card_that_cannot_be_cancelled_is_taken_and_destroyed_and_then_nothing_bars_the_person(
    engine: Engine,
) -> None:
    case = await ordered(engine, region=SOUTH)
    assert (await case.tell(Event.person_ended, TRANSFERRED)).status is Status.card_outstanding
    await case.rests_in(Status.card_outstanding)
    await case.tell(Event.card_produced, case.produced())
    view = await case.rests_in(Status.card_to_destroy)
    (order,) = view.to_destroy
    assert "surplus_card" in view.attention
    await case.tell(Event.card_destroyed, CardDestroyed(actor=BUREAU, order=order, record="D-1"))
    answer = await case.tell(Event.card_destroyed, CardDestroyed(actor=CLERK, order=order, record="D-1"))
    assert answer.status is Status.ended
    outcome = await case.ends()
    assert (outcome.reason, outcome.remains) == (Code.PERSON_TRANSFERRED, ())
    await comes_back(case)
    second = await again(engine, case)
    await second.rests_in(Status.in_review)


async def test_an_outstanding_card_that_is_not_made_or_never_comes_ends_the_case(engine: Engine) -> None:
    failed, never = await ordered(engine, region=SOUTH), await ordered(engine, region=SOUTH)
    for case in (failed, never):
        await case.tell(Event.person_ended, TRANSFERRED)
        await case.rests_in(Status.card_outstanding)
    assert (await failed.tell(Event.card_produced, FAILED)).status is Status.ended
    await never.time_runs_out(Event.production_overdue)
    assert (await never.rests_in(Status.card_outstanding)).awaits.value == "operator"
    written_off = Repair(actor=OPERATOR, action=RepairAction.undo, evidence="bureau-1")
    assert (await never.tell(Event.repair, written_off)).status is Status.ended
    for case in (failed, never):
        assert (await case.ends()).remains == ()
        assert (await case.holdings()).codes == "14"
        await comes_back(case)
        second = await again(engine, case)
        await second.rests_in(Status.in_review)


async def test_staff_alone_are_told_how_late_the_card_of_a_person_is_who_has_ended(engine: Engine) -> None:
    case = await ordered(engine, region=SOUTH)
    await case.tell(Event.person_ended, TRANSFERRED)
    outstanding = await case.rests_in(Status.card_outstanding)
    reached = outstanding.rung
    while (view := await case.rests_in(Status.card_outstanding)).rung < Rung.red:
        if view.next_rung is None:
            await case.time_runs_out(Event.production_overdue)
        else:
            await case.climbs()
    assert view.rung > reached
    assert Recipient.applicant not in {*outstanding.climbs_tells, *view.climbs_tells}
    told = await engine.pool.fetch(
        "SELECT recipient FROM notifications WHERE case_id = $1 AND template LIKE 'escalated.%'"
        " AND written_at > (SELECT at FROM transitions WHERE case_id = $1 AND event = 'person_ended')",
        case.case_id,
    )
    assert {row["recipient"] for row in told} >= {"agency_supervisor"}
    assert "applicant" not in {row["recipient"] for row in told}
