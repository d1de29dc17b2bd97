"""Facts: what a case is told, one model for each event from outside (`cases.events` says which)."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from cases.documents import MAX_DOCUMENTS, Defect, Document
from cases.errors import CaseError, Code
from cases.models import (
    Actor,
    Contract,
    IsoDate,
    LegalBasis,
    Note,
    OrderId,
    PublicationId,
    Reason,
    Reference,
    Sealed,
    Sha256,
    Stamp,
    System,
    Token,
)
from cases.submitters import Citizen


class HoldReason(StrEnum):
    """Why a case waits for something outside the applicant's control."""

    waiting_for_id_card = "waiting_for_id_card"
    waiting_for_police = "waiting_for_police"
    waiting_for_other_agency = "waiting_for_other_agency"
    applicant_in_hospital = "applicant_in_hospital"
    number_change_first = "number_change_first"


class DisputeOutcome(StrEnum):
    """Who keeps a number that two people have."""

    ours = "ours"
    theirs = "theirs"
    both_change = "both_change"


class CardFunction(StrEnum):
    """The two functions of a card, activated apart."""

    social = "social"
    bank = "bank"


class Fact(Contract):
    """What every update carries: who tells it, a note without personal data, and the gate's stamp on both."""

    actor: Actor
    note: Note = ""
    stamp: Stamp | None = Field(default=None, repr=False)


class OnBehalf(Fact):
    """What is told for the applicant: by a clerk before whom somebody stands, or by a system that somebody uses."""

    on_behalf: Citizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""


class AddDocuments(OnBehalf):
    """Documents came in."""

    original_seen: StrictBool = False
    """Their originals were shown at a counter as well, to the clerk who says so."""
    documents: Annotated[tuple[Document, ...], Field(min_length=1, max_length=MAX_DOCUMENTS)]


class VerifyDocuments(Fact):
    """The originals were seen; `copies` are the SHA-256 of all copies that were compared with them."""

    original_seen: StrictBool
    copies: Annotated[tuple[Sha256, ...], Field(max_length=MAX_DOCUMENTS)]


class ReturnDocuments(Fact):
    """Documents are defective; all defects at once."""

    defects: Annotated[tuple[Defect, ...], Field(min_length=1, max_length=MAX_DOCUMENTS)]


class Approve(Fact):
    """A second officer approves exactly the content whose digest the case's view shows."""

    content: Sha256


class Reject(Fact):
    """The application is refused, with its legal basis."""

    legal_basis: LegalBasis


class Hold(Fact):
    """The case waits for something outside the applicant's control; the policy limits for how long."""

    reason: HoldReason
    evidence: Reference


class Resume(Fact):
    """The reason of the hold is gone."""


class Extend(Fact):
    """A running time limit is extended by working days."""

    working_days: Annotated[int, Field(strict=True, ge=1, le=250)]
    evidence: Reference


class Withdraw(OnBehalf):
    """The applicant withdraws."""


class ResolveDispute(Fact):
    """One officer's decision on a dispute; it counts when a second officer decides the same on the same document."""

    outcome: DisputeOutcome
    police_document: Document


class ResolveDuplicate(Fact):
    """One officer's word on whether two records are one person's; it counts when a second officer says the same."""

    same_person: StrictBool
    police_document: Document
    """Of police, court or the authority that decided, on who the holder of each record is."""
    legal_basis: LegalBasis


class ConfirmDownstream(Fact):
    """Another system says whether it took the changed number over."""

    system: System
    confirmed: StrictBool
    reference: Reference
    publication: PublicationId
    """Which publication of the number it answers."""


class RepairAction(StrEnum):
    """What an operator does about a case that cannot go on by itself."""

    retry = "retry"
    accept = "accept"
    undo = "undo"


class Repair(Fact):
    """An operator's decision on a case in repair: publish again, accept on evidence for a system, or undo."""

    action: RepairAction
    system: System | None = None
    evidence: Reference

    @model_validator(mode="after")
    def _accept_names_a_system(self) -> Self:
        if (self.action is RepairAction.accept) is not (self.system is not None):
            raise CaseError(Code.FIELD_INVALID, "system")
        return self


class HoldBenefits(Fact):
    """A named officer's decision to withhold benefits: legal basis, and proof that the notice was served."""

    legal_basis: LegalBasis
    notice: Reference
    served_on: IsoDate


class KeepBenefits(Fact):
    """A named officer's decision that benefits are not withheld although the campaign date has passed."""

    legal_basis: LegalBasis
    because: Reason


class ReleaseBenefits(Fact):
    """A decision to release held benefits."""

    legal_basis: LegalBasis


class Acknowledge(Fact):
    """Somebody has seen that the case needs attention."""


class PersonEndedReason(StrEnum):
    """Why a person's case ends with the person."""

    death = "death"
    transfer = "transfer"


class PersonEnded(Fact):
    """The person died or was transferred to another agency."""

    reason: PersonEndedReason
    evidence: Reference


class Recompute(Fact):
    """The dates are recomputed: the calendar grew, or the case follows another version of its policy.

    What has fired stays fired. What another version asks for no more is waited for no more; nothing further is asked.
    """

    policy: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}/[1-9][0-9]{0,5}$")] | None = None
    """Name and version of the policy that the case is pinned to from now on; None leaves it."""


class CalendarGrew(Contract):
    """The engine's own word that years were published: dates are recomputed, and nobody decides anything."""

    edition: Reference
    """A short name of what the calendar says."""


class ConfirmLoss(OnBehalf):
    """The loss is reported formally (in person or with verified identity)."""

    evidence: Reference


class ReportLoss(OnBehalf):
    """The card in use is lost: it is blocked at once, until the report expires or is confirmed."""

    evidence: Reference


class CardLostOnWay(OnBehalf):
    """The new card never arrived, or was lost before it worked: it is blocked, and another one is made."""

    order: OrderId
    """By which order the card was made."""
    evidence: Reference


class CardFound(OnBehalf):
    """The lost card was found."""


class ConfirmAddress(OnBehalf):
    """The applicant confirms the address to which the new card is sent."""

    address: Sealed
    address_token: Token
    """Keyed token of the address: equal addresses have equal tokens."""


class CardProduced(Fact):
    """The card bureau made the card, or failed to. A made card has a number."""

    produced: StrictBool
    batch: Reference
    order: OrderId
    """Which order it answers."""
    card_number: Sealed | None = None
    card_token: Token | None = None

    @model_validator(mode="after")
    def _a_made_card_has_a_number(self) -> Self:
        if self.produced is not (self.card_number is not None) or self.produced is not (self.card_token is not None):
            raise CaseError(Code.FIELD_INVALID, "card_number")
        return self


class HandOver(StrEnum):
    """How a card reached its holder."""

    counter = "counter"
    post = "post"


class CardHandedOver(Fact):
    """The card was handed over."""

    by: HandOver
    evidence: Reference
    order: OrderId
    """By which order the card was made."""


class CardActivated(Fact):
    """One function of the card was activated."""

    function: CardFunction
    order: OrderId
    """By which order the card was made."""


class CardUnclaimed(Fact):
    """Nobody fetched the card, and it was destroyed; it counts when a second person says so on the same record."""

    record: Reference


class CardNotActivated(Fact):
    """Nobody activated the card in the time that the policy gives, all reminders included: it is cancelled."""

    legal_basis: LegalBasis
    evidence: Reference
    """How its holder was asked last."""


class CardTurnedUp(Fact):
    """A card exists that was made by an order which is over. It is kept apart until two people have destroyed it."""

    order: OrderId
    batch: Reference
    card_number: Sealed
    card_token: Token


class CardDestroyed(Fact):
    """A card that nobody may have any more was destroyed; it counts when a second person says so on the same record."""

    order: OrderId
    """By which order the card was made."""
    record: Reference


def answered_by(fact: Fact) -> str:
    """Identity of the request that a fact answers. Raises `CaseError` PAYLOAD_INVALID for one that answers none."""
    match fact:
        case ConfirmDownstream():
            return fact.publication
        case CardProduced() | CardHandedOver() | CardActivated() | CardLostOnWay():
            return fact.order
        case _:
            raise CaseError(Code.PAYLOAD_INVALID)
