"""Roads by which tests bring a new case of a new person to a status in which it rests."""

from dataclasses import replace
from typing import Any, Protocol

from activities.registry.loading import BenefitHold
from cases.documents import Document, DocumentKind
from cases.events import Event
from cases.facts import CardActivated, CardFunction, CardProduced, HandOver
from cases.machines.machine import Status
from cases.models import Category, System
from cases.openings import ReplacementReason
from tests.engine import Engine, new_number
from tests.scenes import ACTIVATORS, BUREAU, CERTIFICATE, CLERK, ID_CARD, IN_FORCE, NOW, OFFICE, SOUTH, document
from tests.stamping import stamped_by_a_system
from tests.workflows.dossier import Dossier


class Road(Protocol):
    """Brings a case of a new person to where it rests; what else is true of the person may be named."""

    async def __call__(self, engine: Engine, **person: Any) -> Dossier: ...


OLD_CARD = document(DocumentKind.old_card)
FAILED = CardProduced(actor=BUREAU, produced=False, batch="batch-1", order=IN_FORCE)
HELD_BENEFITS = (
    BenefitHold(
        reason="id_number",
        notice="notice-0",
        served_on=NOW.date(),
        legal_basis="示例文件〔2026〕第1号",
        officer="officer-9",
        held_at=NOW,
    ),
)
HELD_FOR_CARD = (HELD_BENEFITS[0].model_copy(update={"reason": "card"}),)
REISSUED = (ID_CARD, CERTIFICATE)
NAMED = CLERK.model_copy(update={"id": "clerk-named"})
"""A clerk whom a system names."""


# --- ID-number change -----------------------------------------------------------------------------------------------


async def change(
    engine: Engine,
    *documents: Document,
    region: str = OFFICE,
    category: Category = Category.general,
    **person: Any,
) -> Dossier:
    """An ID-number change of a new person: a pure upgrade unless `new` or `number` says otherwise."""
    who = await engine.insured(region=region, **person)
    opening = engine.number_change(who, *documents, region=region, category=category)
    return await Dossier.open(engine, who, opening)


async def reissued(
    engine: Engine, *documents: Document, region: str = OFFICE, number: str | None = None, **person: Any
) -> Dossier:
    """A change to a number that cannot be derived from the one before."""
    return await change(engine, *documents, region=region, number=number, new=new_number(), **person)


async def disputed(engine: Engine, *documents: Document, **person: Any) -> Dossier:
    """A change to a number that somebody else has, who has no case."""
    taken = new_number()
    await engine.insured(number=taken)
    return await change(engine, *documents, new=taken, **person)


async def awaiting_approval(engine: Engine, **person: Any) -> Dossier:
    """A change to a reissued number, verified by one person."""
    case = await reissued(engine, *REISSUED, **person)
    await case.verify()
    return case


async def on_hold(engine: Engine, **person: Any) -> Dossier:
    """A change that waits for the applicant's new ID card."""
    case = await change(engine, ID_CARD, **person)
    await case.tell(Event.hold)
    return case


async def applying(engine: Engine, **person: Any) -> Dossier:
    """A change whose number is committed, in a region whose systems confirm one by one."""
    case = await change(engine, ID_CARD, **person)
    await case.verify()
    await case.rests_in(Status.applying)
    return case


async def overdue(engine: Engine, **person: Any) -> Dossier:
    """A change that is in repair because nobody has confirmed it in time."""
    case = await applying(engine, **person)
    await case.time_runs_out(Event.confirmation_overdue)
    await case.rests_in(Status.repair)
    return case


async def partly_confirmed(engine: Engine, **person: Any) -> Dossier:
    """A change that one system has confirmed and another refused."""
    case = await applying(engine, **person)
    await case.confirm(System.medical_insurance)
    await case.confirm(System.pension, confirmed=False)
    return case


CHANGES: dict[Status, Road] = {
    Status.awaiting_documents: change,
    Status.in_review: lambda engine, **person: change(engine, ID_CARD, **person),
    Status.awaiting_approval: awaiting_approval,
    Status.on_hold: on_hold,
    Status.disputed: lambda engine, **person: disputed(engine, ID_CARD, **person),
    Status.applying: applying,
    Status.repair: overdue,
}
"""Statuses in which an ID-number change rests, and a road to each."""


# --- card replacement -----------------------------------------------------------------------------------------------

PAPERS: dict[ReplacementReason, tuple[Document, ...]] = {
    reason: (ID_CARD, OLD_CARD) if reason is ReplacementReason.damaged else (ID_CARD,) for reason in ReplacementReason
}
"""What the sample policies demand."""


async def replacement(
    engine: Engine,
    *documents: Document,
    reason: ReplacementReason = ReplacementReason.expired,
    region: str = OFFICE,
    category: Category = Category.general,
    delivery: HandOver | None = None,
    **person: Any,
) -> Dossier:
    """A card replacement of a new person with an 18-digit number."""
    who = await engine.insured(region=region, **({"number": new_number()} | person))
    opening = engine.replacement(who, reason, *documents, region=region, category=category, delivery=delivery)
    return await Dossier.open(engine, who, opening)


async def named(
    engine: Engine,
    *,
    reason: ReplacementReason = ReplacementReason.expired,
    region: str = OFFICE,
    delivery: HandOver | None = None,
    **person: Any,
) -> Dossier:
    """A card replacement that a clerk took in, as a system says."""
    clerk = await engine.at_a_post(NAMED.model_copy(update={"office": region}))
    who = await engine.insured(region=region, **({"number": new_number()} | person))
    opening = engine.replacement(who, reason, ID_CARD, region=region, submitter=clerk, delivery=delivery)
    return await Dossier.open(engine, who, stamped_by_a_system(opening))


async def card_awaiting_approval(engine: Engine, **more: Any) -> Dossier:
    """The same, verified by one person, and formally lost where it is lost."""
    case = await named(engine, **more)
    if (await engine.view(case.case_id)).status is Status.temporarily_blocked:
        await case.tell(Event.confirm_loss)
    await case.verify()
    return case


async def lost(engine: Engine, *, region: str = OFFICE, **person: Any) -> Dossier:
    """A lost card, blocked at once, whose papers are all there."""
    return await replacement(engine, ID_CARD, reason=ReplacementReason.lost, region=region, **person)


async def formally_lost(engine: Engine, *, region: str = OFFICE, **person: Any) -> Dossier:
    """A lost card whose loss is confirmed."""
    case = await lost(engine, region=region, **person)
    await case.tell(Event.confirm_loss)
    return case


async def ordered(engine: Engine, **more: Any) -> Dossier:
    """A replacement whose card is being made."""
    case = await replacement(engine, ID_CARD, **more)
    await case.verify()
    await case.rests_in(Status.in_production)
    return case


async def not_made(engine: Engine, **more: Any) -> Dossier:
    """A replacement whose card the bureau failed to make as often as it may."""
    case = await ordered(engine, **more)
    while (await case.tell(Event.card_produced, FAILED)).status is not Status.repair:
        pass
    return case


async def made(engine: Engine, **more: Any) -> Dossier:
    """A replacement whose card waits to be fetched."""
    case = await ordered(engine, **more)
    await case.tell(Event.card_produced, case.produced())
    return case


async def handed_over(engine: Engine, **more: Any) -> Dossier:
    """A replacement whose card reached its holder."""
    case = await made(engine, **more)
    await case.tell(Event.card_handed_over)
    return case


async def before_pension_run(engine: Engine, **more: Any) -> Dossier:
    """A replacement whose new card works, and whose holder still gets this month's pension on the old one."""
    case = await handed_over(engine, region=SOUTH, draws_pension=True, **more)
    await activate(case)
    await case.rests_in(Status.closing_old)
    return case


async def activate(case: Dossier, *functions: CardFunction) -> None:
    """Functions of the new card are activated one after the other; all unless some are named."""
    for function in functions or tuple(CardFunction):
        fact = CardActivated(actor=ACTIVATORS[function], function=function, order=IN_FORCE)
        await case.tell(Event.card_activated, fact)


async def to_the_end(case: Dossier) -> None:
    """From a verified replacement to the activation of its card."""
    await case.rests_in(Status.in_production)
    await case.tell(Event.card_produced, case.produced())
    await case.tell(Event.card_handed_over)
    await activate(case)


async def behind_a_number_change(engine: Engine, case: Dossier) -> Dossier:
    """An ID-number change of the same person, committed and not yet confirmed: it has the person's turn."""
    person = replace(case.person, new=new_number())
    other = await Dossier.open(engine, person, engine.number_change(person, *REISSUED))
    await other.verify()
    await other.approve()
    await other.rests_in(Status.applying)
    return other


async def held_for_card(engine: Engine, **more: Any) -> Dossier:
    """A replacement that waits for something outside the applicant's control."""
    case = await replacement(engine, ID_CARD, **more)
    await case.tell(Event.hold)
    return case


async def waiting_to_order(engine: Engine, **more: Any) -> Dossier:
    """A verified replacement that may not write while the person's number is changing."""
    case = await replacement(engine, ID_CARD, **more)
    await behind_a_number_change(engine, case)
    await case.verify()
    await case.rests_in(Status.ordered)
    return case


REPLACEMENTS: dict[Status, Road] = {
    Status.temporarily_blocked: lost,
    Status.awaiting_documents: replacement,
    Status.in_review: lambda engine, **more: replacement(engine, ID_CARD, **more),
    Status.awaiting_approval: card_awaiting_approval,
    Status.on_hold: held_for_card,
    Status.ordered: waiting_to_order,
    Status.in_production: ordered,
    Status.repair: not_made,
    Status.ready: made,
    Status.handed_over: handed_over,
    Status.closing_old: before_pension_run,
}
"""Statuses in which a card replacement rests, and a road to each."""
