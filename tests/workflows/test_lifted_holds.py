"""Holds that end beside a case: the weekly check tells the cases that show them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from temporalio.worker import Worker

from activities.calendar import official_calendar
from activities.campaign import Campaign, rechecking
from cases.models import NumberChangeOpening, ReplacementOpening, ReplacementReason
from cases.names import Kind, case_id
from cases.occasions import Rechecked
from cases.states import Event, Status
from cases.steps import Neighbour
from intake.client import CaseClient
from runtime.runner import RUNNER
from stack import LocalStack
from tests.engine import Engine, engine_on, new_number, quiet_policies
from tests.scenes import ID_CARD, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.refusals import Refusals
from tests.workflows.roads import CHANGES, HELD_BENEFITS, HELD_FOR_CARD, REPLACEMENTS, Road, change, to_the_end
from workflows.scheduled import BenefitHoldCheck

QUEUE = "lifted-holds"

ENDED_BY_THE_CASE = {Status.on_hold, Status.disputed}
"""Statuses of a number change in which no benefit is held: it lifts what was when it comes there."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def checking(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine with somebody who checks; its register is its own, because the check looks at everybody's holds."""
    async with engine_on(stack, "lifted_holds") as made:
        engine = replace(made, task_queue="cases-with-lifted-holds")
        campaign = Campaign(engine.pool, engine.client, quiet_policies(), official_calendar)
        worker = Worker(
            engine.client,
            task_queue=QUEUE,
            workflows=[BenefitHoldCheck],
            activities=[campaign.recheck_benefits, campaign.cases_with_lifted_holds],
            workflow_runner=RUNNER,
        )
        async with engine.working(), worker:
            yield engine


async def check(engine: Engine, name: str) -> Rechecked:
    """The weekly check, now."""
    checked: Rechecked = await engine.client.execute_workflow(BenefitHoldCheck.run, id=name, task_queue=QUEUE)
    return checked


async def replacement_on_hold(engine: Engine) -> Dossier:
    """A replacement on hold whose person's benefits are held: nothing in its life lifts that."""
    person = await engine.insured(number=new_number(), benefit_holds=HELD_FOR_CARD)
    case = await Dossier.open(engine, person, engine.replacement(person, ReplacementReason.expired, ID_CARD))
    await case.tell(Event.hold)
    return case


async def lift_beside(case: Dossier) -> None:
    """The hold of the case's person ends in the register, and nobody has told the case."""
    await case.engine.pool.execute(
        "UPDATE benefit_holds SET state = 'released', released_at = now(), release_basis = 'case_on_hold' "
        "FROM persons WHERE persons.id = person_id AND token = $1",
        case.opening.person,
    )


async def test_an_open_case_learns_of_the_hold_that_the_check_lifted(checking: Engine) -> None:
    case = await replacement_on_hold(checking)
    before = await case.rests_in(Status.on_hold)
    assert before.benefits_held
    checked = await check(checking, "lifted-1")
    assert (checked.released, checked.told) == (1, 1)
    view = await case.rests_in(Status.on_hold)
    assert (view.benefits_held, view.version) == (False, before.version + 1)
    # The time limit of the hold runs on as before.
    assert view.due_at == before.due_at
    assert (await case.holdings()).benefits == {"card": "released"}
    assert (await check(checking, "lifted-2")).told == 0
    assert (await case.agrees()).version == view.version


async def test_every_case_that_shows_a_lifted_hold_is_told_page_after_page(
    checking: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rechecking, "PAGE", 2)
    cases = [await replacement_on_hold(checking) for _ in range(5)]
    assert (await check(checking, "lifted-3")).told == len(cases)
    for case in cases:
        assert not (await case.rests_in(Status.on_hold)).benefits_held


async def test_a_case_that_an_earlier_check_did_not_tell_is_told_by_the_next(checking: Engine) -> None:
    case = await replacement_on_hold(checking)
    # Somebody died between the release and the telling.
    await lift_beside(case)
    checked = await check(checking, "lifted-4")
    assert (checked.released, checked.told) == (0, 1)
    assert not (await case.rests_in(Status.on_hold)).benefits_held


async def test_a_hold_that_is_in_force_again_is_shown_whatever_the_case_is_told(checking: Engine) -> None:
    case = await change(checking, ID_CARD, benefit_holds=HELD_BENEFITS)
    (told,) = await _told_of(checking, case)
    await checking.pool.execute(
        "INSERT INTO benefit_holds (person_id, reason, state, legal_basis, notice, served_on, officer, held_at) "
        "SELECT id, 'id_number', 'held', 'basis', 'N-3', now(), 'officer-4', now() FROM persons WHERE token = $1",
        case.opening.person,
    )
    await checking.handle(case.case_id).signal("neighbour_moved", told)
    # What is told after it is answered after it.
    assert (await case.tell(Event.acknowledge)).version == 2
    assert (await case.rests_in(Status.in_review)).benefits_held


async def learns_of_it(case: Dossier, status: Status) -> None:
    """The case shows a hold, which ends beside it; told of that, it shows none and stays where it is."""
    before = await case.rests_in(status)
    assert before.benefits_held
    await lift_beside(case)
    told = Neighbour(case_id=case.case_id, event=Event.benefits_lifted)
    await case.engine.handle(case.case_id).signal("neighbour_moved", told)
    await CaseClient(case.engine.client, case.engine.sealer).wait_for(case.case_id, lambda view: not view.benefits_held)
    after = await case.rests_in(status)
    assert (after.version, after.due_at, after.attention) == (before.version + 1, before.due_at, before.attention)


@pytest.mark.parametrize("status", [status for status in CHANGES if status not in ENDED_BY_THE_CASE])
async def test_a_number_change_learns_of_it_wherever_it_rests(engine: Engine, status: Status) -> None:
    await learns_of_it(await CHANGES[status](engine, benefit_holds=HELD_BENEFITS), status)


@pytest.mark.parametrize(("status", "road"), REPLACEMENTS.items())
async def test_a_replacement_learns_of_it_wherever_it_rests(engine: Engine, status: Status, road: Road) -> None:
    await learns_of_it(await road(engine, benefit_holds=HELD_FOR_CARD), status)


@pytest.mark.parametrize(
    ("kind", "step", "status"),
    [
        (Kind.id_number_change, Event.screened, Status.screening),
        (Kind.id_number_change, Event.apply, Status.verified),
        (Kind.id_number_change, Event.unblock, Status.updated),
        (Kind.card_replacement, Event.checked, Status.checking),
        (Kind.card_replacement, Event.switch_cards, Status.active),
    ],
)
async def test_a_case_that_cannot_go_on_learns_of_it_as_well(
    engine: Engine, refusals: Refusals, kind: Kind, step: Event, status: Status
) -> None:
    if kind is Kind.id_number_change:
        person = await engine.insured(region=SOUTH, benefit_holds=HELD_BENEFITS)
        opening: NumberChangeOpening | ReplacementOpening = engine.number_change(person, ID_CARD, region=SOUTH)
    else:
        person = await engine.insured(number=new_number(), benefit_holds=HELD_FOR_CARD)
        opening = engine.replacement(person, ReplacementReason.expired, ID_CARD)
    async with refusals.of(case_id(kind, opening.person), step):
        case = await Dossier.open(engine, person, opening)
        if step not in {Event.screened, Event.checked}:
            await case.verify()
        if step is Event.switch_cards:
            await to_the_end(case)
        await learns_of_it(case, status)


async def _told_of(engine: Engine, case: Dossier) -> tuple[Neighbour, ...]:
    """What the check would tell a case whose hold was released beside it."""
    await lift_beside(case)
    every = await rechecking.cases_to_tell(engine.pool, "")
    return tuple(neighbour for neighbour in every if neighbour.case_id == case.case_id)
