"""What cases are opened with. Made by the client from an application; names and numbers are sealed by then."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StrictBool, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from cases.documents import Documents
from cases.errors import CaseError, Code
from cases.models import (
    Actor,
    Category,
    Contract,
    IdempotencyKey,
    IsoDate,
    RegionCode,
    Sealed,
    Sha256,
    StaffId,
    Stamp,
    Token,
)
from cases.names import Kind


class ApplicationChannel(StrEnum):
    """How an application came."""

    online = "online"
    counter = "counter"
    terminal = "terminal"
    bank = "bank"
    agent = "agent"
    guardian = "guardian"


class SubmitterKind(StrEnum):
    """Who handed an application in."""

    staff = "staff"
    applicant = "applicant"
    agent = "agent"
    guardian = "guardian"


class ReplacementReason(StrEnum):
    """Why a card is replaced."""

    lost = "lost"
    damaged = "damaged"
    expired = "expired"
    old_generation = "old_generation"
    data_changed = "data_changed"


class Authority(Contract):
    """What lets somebody act for another: the SHA-256 of the document, and its last day."""

    document: Sha256
    until: IsoDate


CitizenKind = Literal[SubmitterKind.applicant, SubmitterKind.agent, SubmitterKind.guardian]


class Citizen(Contract):
    """Whoever handed an application in and is no staff: the applicant themself, an agent or a guardian.

    `ref` is a keyed token: an applicant's person ref, the number token of anybody else. It is never a staff code, and
    nobody's colleague.
    """

    kind: CitizenKind
    ref: Token
    authority: Authority | None = None

    @model_validator(mode="after")
    def _applicants_need_no_authority(self) -> Self:
        if self.kind is SubmitterKind.applicant and self.authority is not None:
            raise CaseError(Code.FIELD_INVALID, "authority")
        return self


def staff_or(citizen: type[BaseModel]) -> WrapValidator:
    """Reads a submitter: an `Actor`, unless `kind` says otherwise, so that an error names the fields of one only."""

    def read(value: object, _: ValidatorFunctionWrapHandler) -> BaseModel:
        if isinstance(value, citizen):
            return value
        if not isinstance(value, Mapping) or "kind" not in value:
            return Actor.model_validate(value)
        if value["kind"] == SubmitterKind.staff:
            return Actor.model_validate({name: said for name, said in value.items() if name != "kind"})
        return citizen.model_validate(value)

    return WrapValidator(read)


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
    def replaced_because(self) -> ReplacementReason | None:
        """Why a card is replaced, None where none is."""
        return None

    @property
    def is_urgent(self) -> bool:
        """Whether the case comes before all others, whatever depends on it."""
        return False


class NumberChangeOpening(Opening):
    """An ID-number change is applied for."""

    kind: Literal[Kind.id_number_change]


class ReplacementOpening(Opening):
    """A card replacement is applied for."""

    kind: Literal[Kind.card_replacement]
    reason: ReplacementReason

    @property
    def replaced_because(self) -> ReplacementReason:
        """Why the card is replaced."""
        return self.reason

    @property
    def is_urgent(self) -> bool:
        """A lost card is blocked before anything else is done."""
        return self.reason is ReplacementReason.lost
