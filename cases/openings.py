"""What cases are opened with. Made by the client from an application; names and numbers are sealed by then."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from cases.documents import Document, Documents
from cases.errors import CaseError, Code
from cases.facts import HandOver
from cases.models import (
    Actor,
    Category,
    Contract,
    IdempotencyKey,
    LegalBasis,
    Reference,
    RegionCode,
    Sealed,
    StaffId,
    Stamp,
    Token,
)
from cases.names import Kind
from cases.submitters import Citizen, IdentityCheck, SubmitterKind, staff_or


class ApplicationChannel(StrEnum):
    """How an application came."""

    online = "online"
    counter = "counter"
    terminal = "terminal"
    bank = "bank"
    agent = "agent"
    guardian = "guardian"


class ReplacementReason(StrEnum):
    """Why a card is replaced."""

    lost = "lost"
    damaged = "damaged"
    expired = "expired"
    old_generation = "old_generation"
    data_changed = "data_changed"


class CorrectionReason(StrEnum):
    """Why a number that was changed is not the right one."""

    wrong_number = "wrong_number"
    """Another number was applied than the one that the police assigned."""
    certificate_revoked = "certificate_revoked"
    """The certificate that the change rested on was revoked."""
    administrative_review = "administrative_review"
    """A review or a court has set the change aside."""


class Correction(Contract):
    """What the correction of a change that was carried out rests on."""

    reason: CorrectionReason
    legal_basis: LegalBasis
    reference: Reference
    """The decision, notice or record that says so."""


class Opening(Contract):
    """What every case is opened with."""

    kind: Kind
    person: Token
    name: Sealed
    number: Sealed
    """For an ID-number change the new number that is applied for; for a replacement the number the applicant shows."""
    number_token: Token
    region: RegionCode
    category: Category = Category.general
    channel: ApplicationChannel = ApplicationChannel.counter
    submitter: Annotated[Actor | Citizen, staff_or(Citizen)]
    identity: IdentityCheck | None = None
    """The electronic check that the policy may take in place of the original (`cases.policy.ChannelTerms`)."""
    documents: Documents = ()
    key: IdempotencyKey
    fingerprint: Token
    """Keyed token of the application's whole content: equal applications have equal fingerprints."""
    reopen: StrictBool = False
    stamp: Stamp | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _only_the_applicant_is_the_person(self) -> Self:
        by = self.submitter
        if isinstance(by, Citizen) and (by.kind is SubmitterKind.applicant) is not (by.ref == self.person):
            raise CaseError(Code.FIELD_INVALID, "submitter")
        return self

    @property
    def submitter_kind(self) -> SubmitterKind:
        """Who handed it in."""
        return self.submitter.kind if isinstance(self.submitter, Citizen) else SubmitterKind.staff

    @property
    def taken_in_by(self) -> StaffId | None:
        """The member of staff who took it in; None where somebody applied without one."""
        return self.submitter.id if isinstance(self.submitter, Actor) else None

    @property
    def handed_in(self) -> tuple[Document, ...]:
        """The documents that came with it; the same copy twice is one."""
        return tuple({document.sha256: document for document in self.documents}.values())

    @property
    def replaced_because(self) -> ReplacementReason | None:
        """Why a card is replaced, None where none is."""
        return None

    @property
    def corrects(self) -> CorrectionReason | None:
        """Why a change that was carried out is corrected; None where none is."""
        return None

    @property
    def wishes_delivery(self) -> HandOver | None:
        """How the applicant wishes to get a card; None where there is none, or they did not say."""
        return None

    @property
    def is_urgent(self) -> bool:
        """Whether the case comes before all others, whatever depends on it."""
        return False


class NumberChangeOpening(Opening):
    """An ID-number change is applied for, or a change of name, or both."""

    kind: Literal[Kind.id_number_change]
    new_name: Sealed | None = None
    """The name that the person is to have, where it is not the one they apply with."""
    correction: Correction | None = None
    """Of a change that was carried out: the number applied for is to take the place of the one that it brought."""

    @model_validator(mode="after")
    def _what_is_corrected_was_closed(self) -> Self:
        if self.correction is not None and not self.reopen:
            raise CaseError(Code.FIELD_INVALID, "correction")
        return self

    @property
    def corrects(self) -> CorrectionReason | None:
        """Why the change is corrected."""
        return self.correction.reason if self.correction is not None else None


class ReplacementOpening(Opening):
    """A card replacement is applied for."""

    kind: Literal[Kind.card_replacement]
    reason: ReplacementReason
    delivery: HandOver | None = None
    """How the new card is to reach its holder; without a wish it is the policy's first way of the channel."""

    @property
    def replaced_because(self) -> ReplacementReason:
        """Why the card is replaced."""
        return self.reason

    @property
    def wishes_delivery(self) -> HandOver | None:
        """How the new card is to reach its holder."""
        return self.delivery

    @property
    def is_urgent(self) -> bool:
        """A lost card is blocked before anything else is done."""
        return self.reason is ReplacementReason.lost
