"""Contracts that cross a wire: what a case is opened with, the facts it is told, what it answers.

A name or a number never stands here in clear: it is sealed where it enters (`Sealed`), and only the register opens it.
What is searched for or compared travels as a keyed token (`Token`).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from cases.errors import Advice, CaseError, Code
from cases.names import Kind
from cases.numbers import Road
from cases.states import Awaits, Event, Milestone, Status
from cases.text import check_text

# --- words ----------------------------------------------------------------------------------------------------------

Token = Annotated[str, StringConstraints(pattern=r"^[a-z2-7]{26}$")]
"""A keyed token: 26 characters of lower-case base32 (see `cases.names`)."""
Sealed = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,16}\.[A-Za-z0-9_-]{38,2000}$")]
"""Key ID, a dot, and base64url of nonce and ciphertext; bound to the field it belongs to."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RegionCode = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]
"""Six-digit division code of an agency (GB/T 2260)."""
StaffId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,31}$")]
"""An office's own code of one of its staff or systems; never a person's name."""
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9./_:-]{1,64}$")]
"""Another system's reference of a record, a notice or a decree."""
OrderId = Annotated[str, StringConstraints(pattern=r"^ord-[a-z2-7]{26}$")]
"""Identity of one order of a card (`cases.names.order_id`)."""
PublicationId = Annotated[str, StringConstraints(pattern=r"^pub-[a-z2-7]{26}$")]
"""Identity of one publication of a changed number (`cases.names.publication_id`)."""


def _without_personal_data(text: str) -> str:
    return check_text(text).text if text else text


LegalBasis = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=4, max_length=200), AfterValidator(_without_personal_data)
]
Note = Annotated[str, AfterValidator(_without_personal_data)]
"""Free text of at most 500 characters without personal data."""


def _only_iso(value: object) -> object:
    """Dates are YYYY-MM-DD: seconds of an epoch, moments and week dates are misunderstandings."""
    iso = isinstance(value, str) and _ISO_DATE.fullmatch(value) is not None
    if not iso and type(value) is not date:
        raise CaseError(Code.DATE_INVALID)
    return value


_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
IsoDate = Annotated[date, BeforeValidator(_only_iso)]
"""A civil day of Asia/Shanghai, YYYY-MM-DD."""


Stamp = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]{1,1000}\.[A-Za-z0-9_-]{86}$"),
]
"""The gate's signed word on who decided: a compact JWS (see `cases.stamps`)."""


class Contract(BaseModel):
    """Comes from outside: unknown fields are refused, values are never repeated in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Record(BaseModel):
    """Ours on both sides: unknown fields are left alone, so that two releases can run beside each other."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Category(StrEnum):
    """How much depends on the number: the first three are paid by manual reimbursement."""

    resettled = "resettled"
    referred = "referred"
    refund = "refund"
    general = "general"


class Role(StrEnum):
    """In which capacity somebody acts."""

    applicant = "applicant"
    clerk = "clerk"
    officer = "officer"
    supervisor = "supervisor"
    operator = "operator"
    card_bureau = "card_bureau"
    bank = "bank"
    medical_insurance = "medical_insurance"
    pension = "pension"
    back_office = "back_office"


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


class DocumentKind(StrEnum):
    """Kinds of document; which of them a case needs is the policy's."""

    resident_id_card = "resident_id_card"
    temporary_id_card = "temporary_id_card"
    police_certificate = "police_certificate"
    court_certificate = "court_certificate"
    residence_permit = "residence_permit"
    loss_declaration = "loss_declaration"
    old_card = "old_card"
    proxy_authorisation = "proxy_authorisation"
    photograph = "photograph"


class ReplacementReason(StrEnum):
    """Why a card is replaced."""

    lost = "lost"
    damaged = "damaged"
    expired = "expired"
    old_generation = "old_generation"
    data_changed = "data_changed"


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


class System(StrEnum):
    """Other systems that confirm a number change."""

    medical_insurance = "medical_insurance"
    pension = "pension"
    bank = "bank"


class CardFunction(StrEnum):
    """The two functions of a card, activated apart."""

    social = "social"
    bank = "bank"


# --- people and documents -------------------------------------------------------------------------------------------


class Actor(Contract):
    """Who acts: the office's code of a member of staff or a system, the capacity, the office's region."""

    id: StaffId
    role: Role
    office: RegionCode


MEDIA_TYPES = frozenset({"application/pdf", "application/ofd", "image/jpeg", "image/png"})
MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
MAX_DOCUMENTS = 20


def _check_uri(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        # Its message quotes the host.
        raise CaseError(Code.DOCUMENT_URI_REFUSED, "uri") from None
    plain = parts.hostname and "@" not in parts.netloc and not parts.query and not parts.fragment
    if parts.scheme not in {"https", "doc"} or not plain:
        raise CaseError(Code.DOCUMENT_URI_REFUSED, "uri")
    return uri


def _check_media_type(media_type: str) -> str:
    if media_type not in MEDIA_TYPES:
        raise CaseError(Code.DOCUMENT_TYPE_REFUSED, "media_type")
    return media_type


def _check_size(size: int) -> int:
    if not 0 < size <= MAX_DOCUMENT_BYTES:
        raise CaseError(Code.DOCUMENT_TOO_LARGE, "size")
    return size


class Document(Contract):
    """A document by reference: where the copy lies, what it is, its size in bytes and its SHA-256.

    `doc://store/id` names a document of the agency's own store; `https` is the only other scheme.
    """

    kind: DocumentKind
    uri: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,300}$"), AfterValidator(_check_uri)]
    media_type: Annotated[str, AfterValidator(_check_media_type)]
    size: Annotated[int, Field(strict=True), AfterValidator(_check_size)]
    sha256: Sha256
    holder: Token | None = None
    issued_on: IsoDate | None = None
    expires_on: IsoDate | None = None


Documents = Annotated[tuple[Document, ...], Field(max_length=MAX_DOCUMENTS)]


class Demand(Record):
    """A document that a case needs, and the law that allows to ask for it."""

    document: DocumentKind
    legal_basis: str


class Defect(Contract):
    """What is wrong with the documents; one notice names all of them."""

    document: DocumentKind
    problem: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_without_personal_data)
    ]


# --- who applies ----------------------------------------------------------------------------------------------------


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


# --- opening a case -------------------------------------------------------------------------------------------------


class Opening(Contract):
    """What every case is opened with. Made by the client from an application; names and numbers are sealed by then."""

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


class NumberChangeOpening(Opening):
    """An ID-number change is applied for."""

    kind: Literal[Kind.id_number_change]


class ReplacementOpening(Opening):
    """A card replacement is applied for."""

    kind: Literal[Kind.card_replacement]
    reason: ReplacementReason


# --- facts: what a case is told -------------------------------------------------------------------------------------


class Fact(Contract):
    """What every update carries: who tells it, a note without personal data, and the gate's stamp on both."""

    actor: Actor
    note: Note = ""
    stamp: Stamp | None = Field(default=None, repr=False)


class AddDocuments(Fact):
    """Documents came in."""

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


class Withdraw(Fact):
    """The applicant withdraws."""


class ResolveDispute(Fact):
    """One officer's decision on a dispute; it counts when a second officer decides the same on the same document."""

    outcome: DisputeOutcome
    police_document: Document


class ConfirmDownstream(Fact):
    """Another system says whether it took the changed number over."""

    system: System
    confirmed: StrictBool
    reference: Reference
    publication: PublicationId | None = None
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
    """The dates are reckoned anew: the calendar grew, or the case follows another version of its policy.

    What has fired stays fired. Documents demanded stay those of the screening.
    """

    policy: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}/[1-9][0-9]{0,5}$")] | None = None
    """Name and version of the policy that the case is pinned to from now on; None leaves it."""


class CalendarGrew(Contract):
    """The engine's own word that years were published: dates are reckoned anew, and nobody decides anything."""

    edition: Reference
    """A short name of what the calendar says."""


class ConfirmLoss(Fact):
    """The loss is reported formally (in person or with verified identity)."""

    evidence: Reference


class CardFound(Fact):
    """The lost card was found."""


class CardProduced(Fact):
    """The card bureau made the card, or failed to. A made card has a number."""

    produced: StrictBool
    batch: Reference
    order: OrderId | None = None
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
    order: OrderId | None = None
    """By which order the card was made."""


class CardActivated(Fact):
    """One function of the card was activated."""

    function: CardFunction
    order: OrderId | None = None
    """By which order the card was made."""


class CardUnclaimed(Fact):
    """Nobody fetched the card; it was destroyed by the actor and a witness."""

    witness: Actor
    record: Reference


FACTS: dict[Event, type[Fact]] = {
    Event.add_documents: AddDocuments,
    Event.verify_documents: VerifyDocuments,
    Event.return_documents: ReturnDocuments,
    Event.approve: Approve,
    Event.reject: Reject,
    Event.hold: Hold,
    Event.resume: Resume,
    Event.extend: Extend,
    Event.withdraw: Withdraw,
    Event.resolve_dispute: ResolveDispute,
    Event.confirm_downstream: ConfirmDownstream,
    Event.repair: Repair,
    Event.hold_benefits: HoldBenefits,
    Event.release_benefits: ReleaseBenefits,
    Event.acknowledge: Acknowledge,
    Event.person_ended: PersonEnded,
    Event.recompute: Recompute,
    Event.confirm_loss: ConfirmLoss,
    Event.card_found: CardFound,
    Event.card_produced: CardProduced,
    Event.card_handed_over: CardHandedOver,
    Event.card_activated: CardActivated,
    Event.card_unclaimed: CardUnclaimed,
}
"""The one model that each update takes."""


# --- answers --------------------------------------------------------------------------------------------------------


class ReceiptRequest(Contract):
    """Asks for the receipt of an application; `fingerprint` shows that the same application is meant."""

    key: IdempotencyKey
    fingerprint: Token


class Receipt(Record):
    """The answer to an application: the case is durably registered and screened."""

    case_id: str
    generation: int
    status: Status
    milestone: Milestone
    road: Road | None = None
    missing: tuple[Demand, ...] = ()
    due_at: AwareDatetime | None = None
    """By when the applicant must act, or, where nothing is missing, by when the agency must have decided."""
    due_provisional: bool = False
    """The calendar of a year that the date rests on is not published yet."""
    advice: tuple[Advice, ...] = ()
    reason: Code | None = None
    """Why the case ended, where it ended at once."""


class Answer(Record):
    """The answer to a fact: where the case stands after it."""

    case_id: str
    status: Status
    milestone: Milestone
    version: int
    remains: tuple[str, ...] = ()
    """What stays in effect although the case was undone, withdrawn or ended."""


class Transition(Record):
    """One transition of a case."""

    version: int
    at: AwareDatetime
    event: Event
    status: Status
    to: Status
    milestone: Milestone
    """The milestone after it."""
    actor: StaffId | None = None
    told_as: str | None = None
    """Identity of the update by which it was told, None for what happened of itself."""


class Dispute(Record):
    """A dispute as the case sees it: the first officer's decision, waiting for the second."""

    outcome: DisputeOutcome
    document: Sha256
    decided_by: StaffId


class CaseView(Record):
    """Everything about a case that may be shown without opening personal data."""

    case_id: str
    kind: Kind
    generation: int
    version: int
    status: Status
    status_zh: str
    milestone: Milestone
    region: RegionCode
    category: Category
    road: Road | None = None
    reason: ReplacementReason | None = None
    policy: str | None = None
    awaits: Awaits
    missing: tuple[Demand, ...] = ()
    defects: tuple[Defect, ...] = ()
    events: tuple[Event, ...] = ()
    """What the case may be told now."""
    due_at: AwareDatetime | None = None
    due_event: Event | None = None
    """What happens at `due_at` if nobody acts."""
    due_provisional: bool = False
    rung: int = 0
    """Highest rung of the escalation ladder that fired (`cases.ladder.Rung`)."""
    rung_at: AwareDatetime | None = None
    next_event: Event | None = None
    """What happens next if nobody acts: the status' time limit ends, or a rung fires."""
    next_at: AwareDatetime | None = None
    next_rung: int | None = None
    """The rung that fires then, where it is one."""
    next_provisional: bool = False
    processing_due_at: AwareDatetime | None = None
    """When the processing time ends; None while it stands still."""
    campaign_due_at: AwareDatetime | None = None
    """When the campaign ends for this case, moved by its lawful holds so far."""
    dates_provisional: bool = False
    """One of these rests on a year whose calendar is not published."""
    silenced_until: AwareDatetime | None = None
    """Until when the rung that was acknowledged is not told of again."""
    content: Sha256 | None = None
    """Digest of what is verified and approved; an approval names it."""
    documents: tuple[Document, ...] = ()
    channel: ApplicationChannel = ApplicationChannel.counter
    submitter_kind: SubmitterKind = SubmitterKind.staff
    submitter: StaffId | None = None
    """Who took the application in, where that was a member of staff."""
    verifier: StaffId | None = None
    approver: StaffId | None = None
    confirmations: tuple[System, ...] = ()
    awaited: tuple[System, ...] = ()
    refused_by: System | None = None
    """The system that refused the new number last, until it confirms or is asked again."""
    dispute: Dispute | None = None
    activated: tuple[CardFunction, ...] = ()
    production_attempts: int = 0
    benefits_held: bool = False
    attention: tuple[str, ...] = ()
    related: str | None = None
    """The case that this one waits for or was opened from."""
    advice: tuple[Advice, ...] = ()
    last_error: Code | None = None
    last_refusal: Code | None = None
    ended_because: Code | None = None
    remains: tuple[str, ...] = ()


class Outcome(Record):
    """The result of a closed case."""

    case_id: str
    generation: int
    status: Status
    milestone: Milestone
    reason: Code | None = None
    remains: tuple[str, ...] = ()
    transitions: int


def distinct(actors: Sequence[StaffId | None]) -> bool:
    """Whether all the people named are different."""
    named = [actor for actor in actors if actor is not None]
    return len(named) == len(set(named))
