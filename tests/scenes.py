"""People, documents and cases for tests. Everything is synthetic."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from cases.decide import initial_state
from cases.documents import Defect, Document, DocumentKind
from cases.events import Event
from cases.facts import (
    Acknowledge,
    AddDocuments,
    Approve,
    CardActivated,
    CardDestroyed,
    CardFound,
    CardFunction,
    CardHandedOver,
    CardLostOnWay,
    CardNotActivated,
    CardProduced,
    CardTurnedUp,
    CardUnclaimed,
    ConfirmAddress,
    ConfirmDownstream,
    ConfirmLoss,
    DisputeOutcome,
    Extend,
    Fact,
    HandOver,
    Hold,
    HoldBenefits,
    HoldReason,
    KeepBenefits,
    PersonEnded,
    PersonEndedReason,
    Recompute,
    Reject,
    ReleaseBenefits,
    Repair,
    RepairAction,
    ReportLoss,
    ResolveDispute,
    ResolveDuplicate,
    Resume,
    ReturnDocuments,
    VerifyDocuments,
    Withdraw,
)
from cases.kinds import MACHINES
from cases.ladder import Cause, Dates, NextRung, Rung, Stay
from cases.machines.machine import Clock, Status
from cases.models import Actor, Role, System
from cases.names import Kind, order_id, person_token, publication_id
from cases.numbers import Road
from cases.openings import NumberChangeOpening, Opening, ReplacementOpening, ReplacementReason
from cases.policy import Policies, Policy
from cases.screening import Finding, Screening
from cases.state import CaseState, Timer

KEY = bytes(range(32))
NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
OFFICE = "110105"
SOUTH = "440103"
SEALED = "k1." + "A" * 54

CLERK = Actor(id="clerk-1", role=Role.clerk, office=OFFICE)
VERIFIER = Actor(id="clerk-2", role=Role.clerk, office=OFFICE)
OFFICER = Actor(id="officer-1", role=Role.officer, office=OFFICE)
SECOND_OFFICER = Actor(id="officer-2", role=Role.officer, office=OFFICE)
BUREAU = Actor(id="bureau-1", role=Role.card_bureau, office=OFFICE)
OPERATOR = Actor(id="operator-1", role=Role.operator, office=OFFICE)
DOWNSTREAM = Actor(id="downstream-1", role=Role.medical_insurance, office=OFFICE)
BANK = Actor(id="bank-1", role=Role.bank, office=OFFICE)
SPEAKERS = {
    System.medical_insurance: DOWNSTREAM,
    System.pension: Actor(id="pension-1", role=Role.pension, office=OFFICE),
    System.bank: BANK,
}
"""Who speaks for each of the other systems."""
ACTIVATORS = {CardFunction.social: DOWNSTREAM, CardFunction.bank: BANK}
"""Who activates each function of a card."""


PUBLICATION = publication_id("idc-" + "a" * 26, 1, 1)
"""What a fact of the tests answers until it is told; then it answers what the case asks (`answering`)."""
IN_FORCE = order_id("crc-" + "a" * 26, 1, 1)
"""The same, of an order of a card."""


def answering(fact: Fact, publication: str | None, order: str | None = None) -> Fact:
    """The same fact, as an answer to what the case asks; one that names a request of its own is left alone."""
    if isinstance(fact, ConfirmDownstream) and fact.publication == PUBLICATION and publication is not None:
        return fact.model_copy(update={"publication": publication})
    if getattr(fact, "order", None) == IN_FORCE and order is not None:
        return fact.model_copy(update={"order": order})
    return fact


def of_office(fact: Fact, office: str) -> Fact:
    """The same fact, told by the same person at another office."""
    return fact.model_copy(update={"actor": fact.actor.model_copy(update={"office": office})})


@cache
def policies() -> Policies:
    """The packs of this release."""
    return Policies.load()


def policy(region: str = OFFICE) -> Policy:
    """The pack of a region."""
    return policies().of_region(region)


def person(name: str) -> str:
    """A synthetic person's ref."""
    return person_token(KEY, "T" + hashlib.sha256(name.encode()).hexdigest()[:12].upper())


def document(kind: DocumentKind = DocumentKind.resident_id_card, copy: str = "1") -> Document:
    """A synthetic document by reference."""
    return Document(
        kind=kind,
        uri=f"doc://sample/{kind.value}-{copy}",
        media_type="image/png",
        size=4096,
        sha256=hashlib.sha256(f"{kind.value}-{copy}".encode()).hexdigest(),
    )


ID_CARD = document()
CERTIFICATE = document(DocumentKind.police_certificate)


def number_change(
    *documents: Document, who: str = "one", region: str = OFFICE, submitter: Actor = CLERK
) -> NumberChangeOpening:
    """An application for an ID-number change."""
    ref = person(who)
    return NumberChangeOpening(
        kind=Kind.id_number_change,
        person=ref,
        name=SEALED,
        number=SEALED,
        number_token=ref,
        region=region,
        submitter=submitter,
        documents=documents,
        key=f"key-{who}",
        fingerprint=ref,
    )


def replacement(
    *documents: Document,
    reason: ReplacementReason = ReplacementReason.damaged,
    who: str = "one",
    region: str = OFFICE,
) -> ReplacementOpening:
    """An application for a card replacement."""
    ref = person(who)
    return ReplacementOpening(
        kind=Kind.card_replacement,
        reason=reason,
        person=ref,
        name=SEALED,
        number=SEALED,
        number_token=ref,
        region=region,
        submitter=CLERK,
        documents=documents,
        key=f"key-{who}",
        fingerprint=ref,
    )


OPENINGS: dict[Kind, Callable[..., Opening]] = {
    Kind.id_number_change: number_change,
    Kind.card_replacement: replacement,
}
"""An application for each kind."""


def screening(opening: Opening, finding: Finding, road: Road | None) -> Screening:
    """What the register would answer."""
    rules = policy(opening.region)
    demands = rules.demands(opening, road or Road.pure_upgrade)
    return Screening(finding=finding, terms=rules.terms(opening.kind), road=road, demands=demands)


def received(
    opening: Opening,
    finding: Finding = Finding.clear,
    road: Road | None = Road.pure_upgrade,
) -> CaseState:
    """A case that was registered, before its first transition."""
    return initial_state(opening).model_copy(update={"screening": screening(opening, finding, road)})


FACTS: dict[Event, Fact] = {
    Event.add_documents: AddDocuments(actor=CLERK, documents=(ID_CARD,)),
    Event.verify_documents: VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(ID_CARD.sha256,)),
    Event.return_documents: ReturnDocuments(
        actor=VERIFIER, defects=(Defect(document=DocumentKind.resident_id_card, problem="复印件不清晰"),)
    ),
    Event.approve: Approve(actor=OFFICER, content="0" * 64),
    Event.reject: Reject(actor=OFFICER, legal_basis="社会保险经办条例第三十一条"),
    Event.hold: Hold(actor=CLERK, reason=HoldReason.waiting_for_id_card, evidence="police/2026-1"),
    Event.resume: Resume(actor=CLERK),
    Event.extend: Extend(actor=OFFICER, working_days=5, evidence="ext-1"),
    Event.withdraw: Withdraw(actor=CLERK),
    Event.resolve_dispute: ResolveDispute(actor=OFFICER, outcome=DisputeOutcome.ours, police_document=CERTIFICATE),
    Event.resolve_duplicate: ResolveDuplicate(
        actor=OFFICER, same_person=True, police_document=CERTIFICATE, legal_basis="社会保险经办条例第十条"
    ),
    Event.confirm_downstream: ConfirmDownstream(
        actor=DOWNSTREAM,
        system=System.medical_insurance,
        confirmed=True,
        reference="mi-1",
        publication=PUBLICATION,
    ),
    Event.repair: Repair(actor=OPERATOR, action=RepairAction.retry, evidence="op-1"),
    Event.hold_benefits: HoldBenefits(
        actor=OFFICER, legal_basis="示例文件〔2026〕第1号", notice="notice-1", served_on=NOW.date()
    ),
    Event.keep_benefits: KeepBenefits(actor=OFFICER, legal_basis="示例文件〔2026〕第1号", because="申请人正在住院"),
    Event.release_benefits: ReleaseBenefits(actor=OFFICER, legal_basis="示例文件〔2026〕第1号"),
    Event.acknowledge: Acknowledge(actor=CLERK),
    Event.recompute: Recompute(actor=OPERATOR),
    Event.person_ended: PersonEnded(actor=CLERK, reason=PersonEndedReason.death, evidence="civil-1"),
    Event.report_loss: ReportLoss(actor=CLERK, evidence="loss-1"),
    Event.card_lost_on_way: CardLostOnWay(actor=CLERK, order=IN_FORCE, evidence="post-1"),
    Event.confirm_loss: ConfirmLoss(actor=CLERK, evidence="loss-1"),
    Event.card_found: CardFound(actor=CLERK),
    Event.card_produced: CardProduced(
        actor=BUREAU, produced=True, batch="b-1", order=IN_FORCE, card_number=SEALED, card_token=person("card")
    ),
    Event.confirm_address: ConfirmAddress(actor=CLERK, address=SEALED, address_token=person("address")),
    Event.card_handed_over: CardHandedOver(actor=BUREAU, by=HandOver.counter, evidence="sig-1", order=IN_FORCE),
    Event.card_activated: CardActivated(actor=DOWNSTREAM, function=CardFunction.social, order=IN_FORCE),
    Event.card_unclaimed: CardUnclaimed(actor=BUREAU, record="destroyed-1"),
    Event.card_not_activated: CardNotActivated(
        actor=CLERK, legal_basis="社会保障卡管理办法第十四条", evidence="visit-1"
    ),
    Event.card_turned_up: CardTurnedUp(
        actor=BUREAU, order=IN_FORCE, batch="b-1", card_number=SEALED, card_token=person("surplus")
    ),
    Event.card_destroyed: CardDestroyed(actor=BUREAU, order=IN_FORCE, record="destroyed-1"),
}
"""A well-formed fact of each event from outside."""


def in_status(kind: Kind, status: Status) -> CaseState:
    """A plausible case in any status of its machine, for walking the whole matrix."""
    opening = OPENINGS[kind](ID_CARD)
    machine = MACHINES[kind]
    state = received(opening)
    clock = machine.statuses[status].clock
    return state.model_copy(
        update={
            "status": status,
            "version": 3,
            "milestone": machine.milestone(status, state.milestone),
            "order": IN_FORCE if kind is Kind.card_replacement else None,
            "surplus": (IN_FORCE,) if kind is Kind.card_replacement else (),
            "claim_reminders": 3 if status is Status.ready else 0,
            "committed": status in {Status.applying, Status.repair},
            "publication": PUBLICATION if status in {Status.applying, Status.repair} else None,
            "asked": tuple(System) if status in {Status.applying, Status.repair} else (),
            "card_blocked": status is Status.temporarily_blocked,
            "timer": Timer(clock=clock, since=NOW, due_at=NOW)
            if clock in {Clock.supplement, Clock.hold, Clock.claim}
            else None,
            "notice": Timer(clock=Clock.notice, since=NOW, due_at=NOW + timedelta(days=7))
            if machine.statuses[status].examines
            else None,
            "ladder": state.ladder.model_copy(
                update={
                    "started": NOW,
                    "stays": (Stay(status=status, since=NOW),),
                    "dates": Dates(next=NextRung(rung=Rung.blue_0, at=NOW, cause=Cause.processing)),
                }
            ),
            "verified_content": state.content if status is Status.awaiting_approval else None,
        }
    )
