"""A card that shows what has changed since is offered anew, however the case ends that was to replace it."""

from dataclasses import replace

import pytest

from cases.events import Event
from cases.facts import CardUnclaimed
from cases.machines.machine import Status
from cases.models import System
from cases.openings import CorrectionReason
from tests.engine import Engine, new_number
from tests.scenes import CLERK, OFFICE, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import REISSUED, formally_lost, handed_over, made, replacement
from tests.workflows.test_corrections import DEMANDED, carried_out, corrected

BOTH_REGIONS = pytest.mark.parametrize("region", [OFFICE, SOUTH])
OFFERED = "CardReplacement.offered"


async def offers(*cases: Dossier) -> int:
    """How often a new card was offered to a person, or asked for, by any of their cases."""
    offered = 0
    for case in cases:
        offered += (await case.messages()).count(OFFERED)
        offered += (await case.told_to("intake")).count("replacement_wanted")
    return offered


async def in_applying(engine: Engine, case: Dossier) -> Dossier:
    """Another number of the same person is applied for, and everything was decided."""
    person = replace(case.person, new=new_number())
    opening = engine.number_change(person, *REISSUED, region=case.opening.region)
    number_change = await Dossier.open(engine, person, opening)
    await number_change.verify()
    await number_change.approve()
    return number_change


async def with_another_number(engine: Engine, case: Dossier) -> Dossier:
    """The number of the same person is changed while their card is being replaced."""
    number_change = await in_applying(engine, case)
    if case.opening.region == OFFICE:
        await number_change.confirm(*System)
    assert (await number_change.ends()).status is Status.done
    return number_change


async def collected_by_nobody(case: Dossier) -> None:
    while (await case.agrees()).due_event is Event.claim_period_passed:
        await case.time_runs_out(Event.claim_period_passed)
    await case.tell(Event.card_unclaimed)
    await case.tell(Event.card_unclaimed, CardUnclaimed(actor=CLERK, record="destroyed-1"))


async def activated_by_nobody(case: Dossier) -> None:
    while (await case.agrees()).due_event is Event.activation_overdue:
        await case.time_runs_out(Event.activation_overdue)
    await case.tell(Event.card_not_activated)


async def withdrawn(case: Dossier) -> None:
    await case.tell(Event.withdraw)


async def refused(case: Dossier) -> None:
    await case.tell(Event.reject)


async def found(case: Dossier) -> None:
    await case.tell(Event.card_found)


async def answered_by_nobody(case: Dossier) -> None:
    await case.time_runs_out(Event.supplement_expired)


@BOTH_REGIONS
@pytest.mark.parametrize(
    ("road", "ends", "ending"),
    [
        (made, collected_by_nobody, Status.unclaimed),
        (handed_over, activated_by_nobody, Status.not_activated),
        (replacement, withdrawn, Status.withdrawn),
        (replacement, refused, Status.rejected),
        (replacement, answered_by_nobody, Status.withdrawn),
    ],
    ids=["unclaimed", "not-activated", "withdrawn", "rejected", "no-response"],
)
async def test_an_outdated_card_that_is_not_replaced_is_offered_anew_once(
    engine: Engine, region: str, road: object, ends: object, ending: Status
) -> None:
    assert callable(road)
    assert callable(ends)
    case: Dossier = await road(engine, region=region)
    number_change = await with_another_number(engine, case)
    assert await offers(case, number_change) == 0, "its replacement is under way"
    await ends(case)
    assert (await case.ends()).status is ending
    assert await offers(case, number_change) == 1
    assert (await case.holdings()).cards[0].outdated


async def test_a_found_card_that_is_outdated_is_offered_a_successor_all_the_same(engine: Engine) -> None:
    case = await formally_lost(engine)
    await case.rests_in(Status.in_review)
    number_change = await with_another_number(engine, case)
    await found(case)
    assert (await case.ends()).status is Status.card_found
    assert await offers(case, number_change) == 1


async def test_nothing_is_offered_for_a_change_that_may_still_be_taken_back(engine: Engine) -> None:
    case = await replacement(engine)
    number_change = await in_applying(engine, case)
    await number_change.rests_in(Status.applying)
    await withdrawn(case)
    await case.ends()
    assert await offers(case, number_change) == 0
    await number_change.confirm(*System)
    await number_change.ends()
    assert await offers(case, number_change) == 1


@BOTH_REGIONS
async def test_who_changes_nothing_is_offered_nothing(engine: Engine, region: str) -> None:
    case = await made(engine, region=region)
    await collected_by_nobody(case)
    await case.ends()
    assert await offers(case) == 0


@BOTH_REGIONS
async def test_what_was_offered_after_one_change_is_offered_again_after_the_next(engine: Engine, region: str) -> None:
    case = await carried_out(engine, region)
    assert await offers(case) == 1
    again = await corrected(case, *DEMANDED[region, CorrectionReason.wrong_number], number=new_number())
    await again.verify()
    await again.approve()
    if region == OFFICE:
        await again.confirm(*System)
    assert (await again.ends()).status is Status.done
    assert await offers(again) == 2


async def test_taking_a_correction_back_does_not_make_an_outdated_card_right(engine: Engine) -> None:
    case = await carried_out(engine, OFFICE)
    again = await corrected(case, *DEMANDED[OFFICE, CorrectionReason.wrong_number], number=new_number())
    await again.verify()
    await again.approve()
    await again.rests_in(Status.applying)
    await again.confirm(System.bank, confirmed=False)
    await again.rests_in(Status.in_review)
    assert [card.outdated for card in (await again.holdings()).cards] == [True]
