"""What a case answers: the receipt of an application, where it stands, everything it may show, and its outcome."""

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime

from cases.documents import Defect, Demand, Document, DocumentKind
from cases.errors import Advice, Code
from cases.events import Event
from cases.facts import CardFunction, DisputeOutcome, HandOver, HoldReason
from cases.machines.machine import Awaits, Milestone, Status
from cases.models import (
    Category,
    Contract,
    IdempotencyKey,
    OrderId,
    PublicationId,
    Record,
    RegionCode,
    Role,
    Sha256,
    StaffId,
    System,
    Token,
)
from cases.names import Kind
from cases.numbers import Road
from cases.offices import Recipient
from cases.openings import ApplicationChannel, CorrectionReason, ReplacementReason
from cases.submitters import SubmitterKind


class Left(Record):
    """How many working days a deadline leaves after a day, up to its last one."""

    after: date
    working_days: int


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
    due_left: Left | None = None
    """Working days up to `due_at`, as of the transition that is answered."""
    advice: tuple[Advice, ...] = ()
    reason: Code | None = None
    """Why the case ended, where it ended at once."""
    reference: str | None = None
    """Eight digits by which the applicant names it, unique per agency and year; filled in by who has the register."""


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
    refused: Code | None = None
    """Whoever told it was refused with this code, although what they told is on record."""


class Dispute(Record):
    """One officer's decision on a dispute, and the document that it rests on; it waits for a second one's."""

    outcome: DisputeOutcome
    document: Sha256
    document_kind: DocumentKind
    decided_by: StaffId

    @property
    def says(self) -> tuple[object, ...]:
        """What has to be equal for two to agree."""
        return self.outcome, self.document


class Judgement(Record):
    """One officer's word on whether two records are one person's, and the document that it rests on."""

    same_person: bool
    document: Sha256
    document_kind: DocumentKind
    decided_by: StaffId

    @property
    def says(self) -> tuple[object, ...]:
        """What has to be equal for two to agree."""
        return self.same_person, self.document


class BenefitDecision(Record):
    """What an officer decided on benefits when the campaign date had passed: to hold them, or not to, and why."""

    held: bool
    legal_basis: str
    because: str | None = None
    decided_by: StaffId


class MovedDate(Record):
    """A date before and after it was computed again; None where there was, or is, none."""

    before: AwareDatetime | None = None
    after: AwareDatetime | None = None


class Recomputed(Record):
    """What a recomputation changed: the policy, dates, and what is waited for no more."""

    policy_before: str | None = None
    """The policy that the case followed before, where it follows another one since."""
    due: MovedDate | None = None
    processing: MovedDate | None = None
    campaign: MovedDate | None = None
    demands: tuple[DocumentKind, ...] = ()
    """Documents that are demanded no more."""
    systems: tuple[System, ...] = ()
    """Systems that are waited for no more."""
    functions: tuple[CardFunction, ...] = ()
    """Functions of the card that are waited for no more."""


class LateAnswer(Record):
    """An answer to a request that is over: it was refused, changed nothing, and was written down."""

    event: Event
    request: str
    """Identity of the request that it answers."""
    actor: StaffId
    at: AwareDatetime


class Destruction(Record):
    """One person's word that a card was destroyed, waiting for a second person's on the same record."""

    order: OrderId
    record: str
    stated_by: StaffId


class Unasked(Record):
    """A system whose question has not been delivered, although the time for that is over."""

    role: Role
    away_since: AwareDatetime | None = None
    """Since when its receivers accept nothing; None where nobody receives for it, nor asks the feed."""


class Proviso(StrEnum):
    """On what an offer rests that the register alone knows, and no case."""

    card_in_use = "card_in_use"
    """The person has a card that works."""
    block_may_be_lifted = "block_may_be_lifted"
    """No other case, or generation, has made the loss formal or cancelled the card."""
    nothing_paid = "nothing_paid"
    """Nothing was paid since the records were merged."""


class Condition(Record):
    """When something may be told a case, where that rests on more than where the case stands."""

    event: Event
    since: date | None = None
    """The first day on which it may be told; None where it may be told already."""
    until: date | None = None
    """The last day; None where none is."""
    proviso: Proviso | None = None
    """What has to be so; None where the register has been asked, or need not be."""


class CaseView(Record):
    """Everything about a case that may be shown without opening personal data."""

    case_id: str
    kind: Kind
    generation: int
    reference: str | None = None
    """Eight digits by which the applicant names it, unique per agency and year; filled in by who has the register."""
    version: int
    status: Status
    status_zh: str
    milestone: Milestone
    region: RegionCode
    category: Category
    road: Road | None = None
    changes_name: bool = False
    """Whether the name changes as well, or alone; what it was and what it becomes nobody is shown here."""
    name_alone: bool = False
    """Whether the number stays as it is."""
    reason: ReplacementReason | None = None
    policy: str | None = None
    awaits: Awaits
    missing: tuple[Demand, ...] = ()
    defects: tuple[Defect, ...] = ()
    events: tuple[Event, ...] = ()
    """What the case may be told now; where it is known who looks, by them."""
    conditions: tuple[Condition, ...] = ()
    """Of what it may be told now or later as it stands, what rests on the day, or on what only the register knows."""
    due_at: AwareDatetime | None = None
    due_event: Event | None = None
    """What happens at `due_at` if nobody acts."""
    due_provisional: bool = False
    due_left: Left | None = None
    """Working days up to `due_at`, as of the last transition."""
    act_by: AwareDatetime | None = None
    """The last day that the applicant is told, where that is not `due_at`: until when a card may be collected."""
    rung: int = 0
    """Highest rung of the escalation ladder that fired (`cases.ladder.Rung`)."""
    rung_at: AwareDatetime | None = None
    rung_told: tuple[Recipient, ...] = ()
    """Who was told of it."""
    acknowledged_at: AwareDatetime | None = None
    """When somebody took it on, and who; None where nobody has."""
    acknowledged_by: StaffId | None = None
    notice_due_at: AwareDatetime | None = None
    """By when the agency has to name what is missing; then the filing counts as complete."""
    notices_left: int | None = None
    """How often it may still do so."""
    climbs_at: AwareDatetime | None = None
    """When the next rung fires if nobody acts, which rung that is, and who will be told of it."""
    climbs_to: int | None = None
    climbs_tells: tuple[Recipient, ...] = ()
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
    submitter_named: bool = False
    """A system said so, and they did not act themself: a verifier and an approver decide."""
    hold_reason: HoldReason | None = None
    """Why the case is on hold."""
    originals: tuple[Sha256, ...] = ()
    """Copies on file whose originals were shown at a counter."""
    original_needed: bool = True
    """Whether whoever verifies must have seen an original."""
    identity_checked_at: AwareDatetime | None = None
    """When the identity of whoever applied was checked electronically."""
    corrects: CorrectionReason | None = None
    """Why a change that was carried out is corrected."""
    delivery: HandOver | None = None
    """How a new card is to reach its holder."""
    address_confirmed: bool = False
    """Whether the applicant has confirmed where a card that comes by post is sent."""
    verifier: StaffId | None = None
    approver: StaffId | None = None
    confirmations: tuple[System, ...] = ()
    awaited: tuple[System, ...] = ()
    publication: PublicationId | None = None
    """The publication of the number that the awaited systems have to answer."""
    refused_by: System | None = None
    """The system that refused the new number last, until it confirms or is asked again."""
    asked_at: AwareDatetime | None = None
    """When the last of those who are asked had the question, where the case has looked for it: at the end of the time
    to deliver it."""
    undelivered: tuple[Unasked, ...] = ()
    """Who could not be asked in time."""
    late_answers: tuple[LateAnswer, ...] = ()
    """The newest answers to requests that are over, oldest first, of all generations of the case."""
    dispute: Dispute | None = None
    """The first officer's decision on a dispute."""
    dissents: tuple[Dispute, ...] = ()
    """Decisions of others that differ from it: one of these officers joins another, or a supervisor decides."""
    judgements: tuple[Judgement, ...] = ()
    """What officers said so far on whether the other record is the same person's; two who say the same decide it."""
    merged: bool = False
    """Whether another record was merged into this person's; until something is paid, two officers may undo that."""
    order: OrderId | None = None
    """The order of a card that is in force: answers of the card bureau, the counter and the bank name it."""
    attempts: tuple[OrderId, ...] = ()
    """Earlier orders of the same card; a card that was made by one of them is taken."""
    to_destroy: tuple[OrderId, ...] = ()
    """Orders by which a card was made that nobody may have."""
    destruction: tuple[Destruction, ...] = ()
    activated: tuple[CardFunction, ...] = ()
    functions_left: tuple[CardFunction, ...] = ()
    """Functions of the new card that are still to be activated."""
    production_attempts: int = 0
    lost_on_way: int = 0
    """New cards of this case that were lost before they worked."""
    benefits_held: bool = False
    benefit_decision: BenefitDecision | None = None
    """What was decided last on holding benefits."""
    deciders: tuple[Role, ...] = ()
    """Who has to decide whether benefits are held; nobody where no decision is asked for."""
    recomputed: Recomputed | None = None
    """What the newest recomputation changed."""
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
    recomputed: Recomputed | None = None
    """What recomputations changed while the case was open, all of them together; None where nothing."""
    transitions: int
