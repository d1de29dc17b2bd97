"""Lives of cases that are recorded: one for each ending of each kind, and some for what happens on the way."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from cases.events import Event
from cases.facts import CardFunction, CardProduced, CardUnclaimed, DisputeOutcome, RepairAction
from cases.machines.machine import Status
from cases.models import System
from cases.openings import ReplacementReason
from tests.engine import Engine, new_number
from tests.scenes import BUREAU, CLERK, FACTS, ID_CARD, IN_FORCE, OFFICER, SECOND_OFFICER, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import (
    REISSUED,
    activate,
    applying,
    awaiting_approval,
    before_pension_run,
    change,
    formally_lost,
    handed_over,
    lost,
    made,
    on_hold,
    overdue,
    replacement,
    to_the_end,
    waiting_to_order,
)

Life: TypeAlias = Callable[[Engine], Awaitable[Dossier]]


async def confirmed(engine: Engine) -> Dossier:
    """Every system confirms, one of them after it had refused and an operator had asked again."""
    case = await applying(engine)
    await case.confirm(System.medical_insurance)
    await case.confirm(System.pension, confirmed=False)
    await case.tell(Event.repair)
    await case.confirm(System.pension, System.bank)
    return case


async def held_and_approved(engine: Engine) -> Dossier:
    """A second officer approves, after a hold and an extension of its time limit."""
    case = await awaiting_approval(engine, region=SOUTH)
    await case.tell(Event.hold)
    await case.tell(Event.extend)
    await case.time_runs_out(Event.hold_expired)
    await case.rests_in(Status.awaiting_approval)
    await case.approve()
    return case


async def accepted(engine: Engine) -> Dossier:
    """Nobody confirms in time; an operator accepts other evidence of each system."""
    case = await overdue(engine)
    for system in System:
        fact = FACTS[Event.repair].model_copy(update={"action": RepairAction.accept, "system": system})
        await case.tell(Event.repair, fact)
    return case


async def not_needed(engine: Engine) -> Dossier:
    """The register holds this 18-digit number already."""
    return await change(engine, ID_CARD, number=new_number())


async def no_response(engine: Engine) -> Dossier:
    """Nobody brings the documents."""
    case = await change(engine)
    await case.time_runs_out(Event.supplement_expired)
    return case


async def undone(engine: Engine) -> Dossier:
    """The applicant withdraws when the number is committed and nobody has confirmed it."""
    case = await applying(engine)
    await case.tell(Event.withdraw)
    return case


async def loses_the_number(engine: Engine) -> Dossier:
    """Two cases ask for one number; the police say that it is the other's."""
    wanted = new_number()
    case = await change(engine, *REISSUED, new=wanted)
    other = await change(engine, *REISSUED, new=wanted)
    await case.rests_in(Status.disputed)
    await other.decide(DisputeOutcome.ours, OFFICER, SECOND_OFFICER)
    return case


async def wins_the_number(engine: Engine) -> Dossier:
    """The same, told by the other case."""
    wanted = new_number()
    other = await change(engine, *REISSUED, new=wanted)
    case = await change(engine, *REISSUED, region=SOUTH, new=wanted)
    await other.rests_in(Status.disputed)
    await case.decide(DisputeOutcome.ours, OFFICER, SECOND_OFFICER)
    await other.ends()
    await case.verify()
    await case.approve()
    return case


async def person_died(engine: Engine) -> Dossier:
    """The person dies while the case is on hold."""
    case = await on_hold(engine)
    await case.tell(Event.person_ended)
    return case


async def card_lost_and_replaced(engine: Engine) -> Dossier:
    """A lost card is blocked, reported formally and replaced; the bureau fails once."""
    case = await formally_lost(engine)
    await case.verify()
    await case.rests_in(Status.in_production)
    await case.tell(Event.card_produced, CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=IN_FORCE))
    await to_the_end(case)
    return case


async def waited_for_turn(engine: Engine) -> Dossier:
    """The order waits until the person's number has changed."""
    case = await waiting_to_order(engine)
    number_change = replace(case, receipt=case.receipt.model_copy(update={"case_id": f"idc-{case.opening.person}"}))
    await number_change.confirm(*System)
    await to_the_end(case)
    return case


async def after_pension_run(engine: Engine) -> Dossier:
    """The old card is closed only after the month's pension run."""
    case = await before_pension_run(engine)
    await case.time_runs_out(Event.close_old)
    return case


async def found(engine: Engine) -> Dossier:
    """The lost card is found before its loss is reported formally."""
    case = await lost(engine)
    await case.tell(Event.card_found)
    return case


async def destroyed(engine: Engine) -> Dossier:
    """Nobody fetches the card in spite of every reminder."""
    case = await made(engine)
    for _ in range(3):
        await case.time_runs_out(Event.claim_period_passed)
    await case.tell(Event.card_unclaimed)
    await case.tell(Event.card_unclaimed, CardUnclaimed(actor=CLERK, record="destroyed-1"))
    return case


async def never_activated(engine: Engine) -> Dossier:
    """Nobody activates the card, and the clerk who is asked to follow it up ends the case."""
    case = await handed_over(engine)
    for _ in range(2):
        await case.time_runs_out(Event.activation_overdue)
    await case.tell(Event.card_not_activated)
    return case


async def rejected_card(engine: Engine) -> Dossier:
    """An officer refuses a replacement, with its legal basis."""
    case = await replacement(engine, ID_CARD)
    await case.tell(Event.reject)
    return case


async def loss_report_expired(engine: Engine) -> Dossier:
    """A temporary loss report expires; the region releases the card."""
    case = await lost(engine)
    await case.time_runs_out(Event.loss_report_expired)
    return case


async def died_before_activation(engine: Engine) -> Dossier:
    """The person dies with the new card in hand and one function of it activated."""
    case = await made(engine, reason=ReplacementReason.expired)
    await case.tell(Event.card_handed_over)
    await activate(case, CardFunction.social)
    await case.tell(Event.person_ended)
    return case


LIVES: Final[Mapping[str, Life]] = {
    "IdNumberChange.done.confirmed": confirmed,
    "IdNumberChange.done.approved": held_and_approved,
    "IdNumberChange.done.accepted": accepted,
    "IdNumberChange.done.dispute_won": wins_the_number,
    "IdNumberChange.not_needed": not_needed,
    "IdNumberChange.rejected.dispute_lost": loses_the_number,
    "IdNumberChange.withdrawn.undone": undone,
    "IdNumberChange.closed_no_response": no_response,
    "IdNumberChange.ended.died": person_died,
    "CardReplacement.done.lost": card_lost_and_replaced,
    "CardReplacement.done.waited": waited_for_turn,
    "CardReplacement.done.pension": after_pension_run,
    "CardReplacement.card_found": found,
    "CardReplacement.rejected": rejected_card,
    "CardReplacement.withdrawn.expired": loss_report_expired,
    "CardReplacement.unclaimed": destroyed,
    "CardReplacement.not_activated": never_activated,
    "CardReplacement.ended.died": died_before_activation,
}
"""Each life by the name of its history: `KIND.ending.how`."""
