"""Cases brought into a status by what they are told, as the register would settle each step."""

from datetime import date, datetime

import pytest

from cases.clocks import WorkingCalendar
from cases.decide import decide
from cases.documents import Document, DocumentKind
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import (
    AddDocuments,
    CardProduced,
    ConfirmDownstream,
    DisputeOutcome,
    Fact,
    Repair,
    RepairAction,
    ResolveDispute,
    VerifyDocuments,
)
from cases.machines.machine import Status
from cases.models import Actor, System
from cases.numbers import Road
from cases.openings import ReplacementReason
from cases.screening import Finding
from cases.state import CaseState
from tests.scenes import (
    BUREAU,
    CERTIFICATE,
    CLERK,
    FACTS,
    ID_CARD,
    IN_FORCE,
    NOW,
    OFFICE,
    OPERATOR,
    PUBLICATION,
    SPEAKERS,
    VERIFIER,
    answering,
    document,
    number_change,
    of_office,
    policy,
    received,
    replacement,
)

CALENDAR = WorkingCalendar(published=frozenset({2026, 2027}))
OLD_CARD = document(DocumentKind.old_card)
COURT = document(DocumentKind.court_certificate)
TODAY = date(2026, 11, 2)


def move(state: CaseState, event: Event, fact: Fact | None = None, at: datetime = NOW) -> CaseState:
    """The case after a transition, with its time limit; whoever makes it is of the office that handles the case."""
    decision = decide(state, event, at_the_case(state, fact or FACTS.get(event)), at)
    return policy(state.opening.region).settle(decision, at, CALENDAR)


def refused(state: CaseState, event: Event, fact: Fact | None = None, at: datetime = NOW) -> Code:
    with pytest.raises(CaseError) as caught:
        decide(state, event, at_the_case(state, fact or FACTS.get(event)), at)
    return caught.value.code


def at_the_case(state: CaseState, fact: Fact | None) -> Fact | None:
    return None if fact is None else answering(of_office(fact, state.opening.region), state.publication, state.order)


def found(state: CaseState, finding: Finding) -> CaseState:
    """The register answers otherwise when it is asked again."""
    assert state.screening is not None
    return state.model_copy(update={"screening": state.screening.model_copy(update={"finding": finding})})


def verify(state: CaseState, actor: Actor = VERIFIER) -> VerifyDocuments:
    return VerifyDocuments(actor=actor, original_seen=True, copies=tuple(copy.sha256 for copy in state.documents))


def adds(*documents: Document) -> AddDocuments:
    return AddDocuments(actor=CLERK, documents=documents)


def decides(
    actor: Actor, outcome: DisputeOutcome = DisputeOutcome.ours, paper: Document = CERTIFICATE
) -> ResolveDispute:
    return ResolveDispute(actor=actor, outcome=outcome, police_document=paper)


def confirms(system: System, *, confirmed: bool = True) -> ConfirmDownstream:
    return ConfirmDownstream(
        actor=SPEAKERS[system], system=system, confirmed=confirmed, reference="r-1", publication=PUBLICATION
    )


def repairs(action: RepairAction, system: System | None = None) -> Repair:
    return Repair(actor=OPERATOR, action=action, system=system, evidence="op-1")


def makes(*, produced: bool) -> CardProduced:
    made = FACTS[Event.card_produced]
    assert isinstance(made, CardProduced)
    return made if produced else CardProduced(actor=BUREAU, produced=False, batch="b-1", order=IN_FORCE)


def in_review(*documents: Document, region: str = OFFICE, road: Road = Road.pure_upgrade) -> CaseState:
    papers = documents or ((ID_CARD, CERTIFICATE) if road is Road.reissued else (ID_CARD,))
    return move(received(number_change(*papers, region=region), road=road), Event.screened)


def awaiting_approval() -> CaseState:
    state = in_review(road=Road.reissued)
    return move(state, Event.verify_documents, verify(state))


def disputed(*documents: Document) -> CaseState:
    return move(received(number_change(*documents), Finding.conflict, Road.conflict), Event.screened)


def applying(region: str = OFFICE) -> CaseState:
    state = in_review(region=region)
    return move(move(state, Event.verify_documents, verify(state)), Event.apply)


def delivered(state: CaseState, at: datetime = NOW) -> CaseState:
    """The case as the register looks at it when everybody who is asked has had the question since a moment."""
    return state.model_copy(update={"asked_at": at})


def asked(state: CaseState, at: datetime = NOW) -> CaseState:
    """The case whose question is delivered: the time to answer runs."""
    return move(delivered(state, at), Event.question_delivered, at=at)


def lost(region: str = OFFICE) -> CaseState:
    opening = replacement(ID_CARD, reason=ReplacementReason.lost, region=region)
    return move(received(opening, road=None), Event.checked)


def replacing(*documents: Document, region: str = OFFICE) -> CaseState:
    """A damaged card's replacement, in review with the documents that it needs."""
    return move(received(replacement(*(documents or (ID_CARD, OLD_CARD)), region=region), road=None), Event.checked)


def ordered(region: str = OFFICE, reason: ReplacementReason = ReplacementReason.damaged) -> CaseState:
    opening = replacement(ID_CARD, OLD_CARD, reason=reason, region=region)
    state = move(received(opening, road=None), Event.checked)
    if state.status is Status.temporarily_blocked:
        state = move(move(state, Event.confirm_loss), Event.checked)
    return move(state, Event.verify_documents, verify(state))


def in_production(region: str = OFFICE, reason: ReplacementReason = ReplacementReason.damaged) -> CaseState:
    return move(ordered(region, reason), Event.order_card)


def ready(region: str = OFFICE) -> CaseState:
    return move(in_production(region), Event.card_produced)
