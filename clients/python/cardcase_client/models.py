"""What is sent to the intake service, and what it answers.

Written by `python -m docs.client_models` from the service's description; change that, not this.

What is sent is checked before it leaves. What is answered may have more fields, and closed sets more members, than this
release of the client knows: the interface only ever grows.
"""

# Its words are those of the description, however long.
# ruff: noqa: D205

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AwareDatetime, Field

from cardcase_client.base import Fact, Open, Sent, Shared, Told


class Advice(StrEnum):
    """What the clerk should look at twice; never a refusal (GB/T 2260 codes change, people are older than codes)."""

    DIVISION_UNKNOWN = "DIVISION_UNKNOWN"
    DIVISION_ABOLISHED = "DIVISION_ABOLISHED"
    DIVISION_NEWER_THAN_BIRTH = "DIVISION_NEWER_THAN_BIRTH"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"
    FOREIGN_PERMANENT_RESIDENT = "FOREIGN_PERMANENT_RESIDENT"
    AGE_OVER_130 = "AGE_OVER_130"
    FULL_WIDTH_NORMALISED = "FULL_WIDTH_NORMALISED"
    LOWER_CASE_X = "LOWER_CASE_X"
    PRIVATE_USE_CHARACTERS = "PRIVATE_USE_CHARACTERS"


class ApplicationChannel(StrEnum):
    """How an application came."""

    online = "online"
    counter = "counter"
    terminal = "terminal"
    bank = "bank"
    agent = "agent"
    guardian = "guardian"


class Awaits(StrEnum):
    """Who acts next."""

    engine = "engine"
    applicant = "applicant"
    clerk = "clerk"
    second_officer = "second_officer"
    two_officers = "two_officers"
    two_people = "two_people"
    downstream = "downstream"
    card_bureau = "card_bureau"
    operator = "operator"
    nobody = "nobody"


class CardFunction(StrEnum):
    """The two functions of a card, activated apart."""

    social = "social"
    bank = "bank"


class Category(StrEnum):
    """How much depends on the number: the first three are paid by manual reimbursement."""

    resettled = "resettled"
    referred = "referred"
    refund = "refund"
    general = "general"


class Code(StrEnum):
    """Why something was refused."""

    NUMBER_EMPTY = "NUMBER_EMPTY"
    NUMBER_LENGTH = "NUMBER_LENGTH"
    NUMBER_CHARACTERS = "NUMBER_CHARACTERS"
    NUMBER_CHECK_DIGIT = "NUMBER_CHECK_DIGIT"
    NUMBER_BIRTH_DATE = "NUMBER_BIRTH_DATE"
    NUMBER_BIRTH_IN_FUTURE = "NUMBER_BIRTH_IN_FUTURE"
    NUMBER_X_POSITION = "NUMBER_X_POSITION"
    NUMBER_SPREADSHEET_DAMAGED = "NUMBER_SPREADSHEET_DAMAGED"
    NUMBER_NOT_DERIVABLE = "NUMBER_NOT_DERIVABLE"
    NAME_EMPTY = "NAME_EMPTY"
    NAME_TOO_LONG = "NAME_TOO_LONG"
    TEXT_FORBIDDEN_CHARACTERS = "TEXT_FORBIDDEN_CHARACTERS"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    PII_IN_TEXT = "PII_IN_TEXT"
    REFERENCE_EMPTY = "REFERENCE_EMPTY"
    REFERENCE_TOO_LONG = "REFERENCE_TOO_LONG"
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_UNKNOWN = "FIELD_UNKNOWN"
    FIELD_INVALID = "FIELD_INVALID"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    REQUEST_NOT_JSON = "REQUEST_NOT_JSON"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    MEDIA_TYPE_UNKNOWN = "MEDIA_TYPE_UNKNOWN"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUESTED_TOO_OFTEN = "REQUESTED_TOO_OFTEN"
    VERSION_DIFFERS = "VERSION_DIFFERS"
    FEED_PLACE_GONE = "FEED_PLACE_GONE"
    SINK_REFUSED = "SINK_REFUSED"
    SUBSCRIPTION_UNKNOWN = "SUBSCRIPTION_UNKNOWN"
    SUBSCRIPTIONS_TOO_MANY = "SUBSCRIPTIONS_TOO_MANY"
    JOB_UNKNOWN = "JOB_UNKNOWN"
    JOB_NOT_RUNNING = "JOB_NOT_RUNNING"
    JOB_NO_CAMPAIGN = "JOB_NO_CAMPAIGN"
    JOBS_TOO_MANY = "JOBS_TOO_MANY"
    ROWS_TOO_MANY = "ROWS_TOO_MANY"
    UPLOAD_TOO_SLOW = "UPLOAD_TOO_SLOW"
    IDEMPOTENCY_KEY_INVALID = "IDEMPOTENCY_KEY_INVALID"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    PERSONAL_NUMBER_INVALID = "PERSONAL_NUMBER_INVALID"
    REGION_INVALID = "REGION_INVALID"
    DATE_INVALID = "DATE_INVALID"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FILE_PROTECTED = "FILE_PROTECTED"
    FILE_NOT_A_WORKBOOK = "FILE_NOT_A_WORKBOOK"
    FILE_ENCODING = "FILE_ENCODING"
    FILE_TYPE_UNKNOWN = "FILE_TYPE_UNKNOWN"
    HEADINGS_MISSING = "HEADINGS_MISSING"
    COLUMN_MISSING = "COLUMN_MISSING"
    COLUMN_DUPLICATE = "COLUMN_DUPLICATE"
    COLUMN_UNKNOWN = "COLUMN_UNKNOWN"
    ROW_BROKEN = "ROW_BROKEN"
    ROW_REPEATED = "ROW_REPEATED"
    CELL_FORMULA = "CELL_FORMULA"
    VALUE_LOST = "VALUE_LOST"
    VALUE_MASKED = "VALUE_MASKED"
    ROW_OF_TOTALS = "ROW_OF_TOTALS"
    DOCUMENT_URI_REFUSED = "DOCUMENT_URI_REFUSED"
    DOCUMENT_TYPE_REFUSED = "DOCUMENT_TYPE_REFUSED"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    DOCUMENT_DIGEST_INVALID = "DOCUMENT_DIGEST_INVALID"
    DOCUMENT_DIGEST_MISMATCH = "DOCUMENT_DIGEST_MISMATCH"
    DOCUMENT_OF_ANOTHER_PERSON = "DOCUMENT_OF_ANOTHER_PERSON"
    DOCUMENT_EXPIRED = "DOCUMENT_EXPIRED"
    DOCUMENT_FUTURE_DATED = "DOCUMENT_FUTURE_DATED"
    DOCUMENTS_TOO_MANY = "DOCUMENTS_TOO_MANY"
    DOCUMENTS_MISSING = "DOCUMENTS_MISSING"
    DOCUMENT_UNAVAILABLE = "DOCUMENT_UNAVAILABLE"
    EVENT_NOT_ALLOWED = "EVENT_NOT_ALLOWED"
    SAME_PERSON = "SAME_PERSON"
    CASE_IN_HAND = "CASE_IN_HAND"
    SUBMITTER_UNKNOWN = "SUBMITTER_UNKNOWN"
    NOT_THE_APPLICANT = "NOT_THE_APPLICANT"
    AUTHORITY_MISSING = "AUTHORITY_MISSING"
    AUTHORITY_ENDED = "AUTHORITY_ENDED"
    CHANNEL_NOT_OFFERED = "CHANNEL_NOT_OFFERED"
    DELIVERY_NOT_OFFERED = "DELIVERY_NOT_OFFERED"
    IDENTITY_CHECK_MISSING = "IDENTITY_CHECK_MISSING"
    IDENTITY_CHECK_REFUSED = "IDENTITY_CHECK_REFUSED"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    CONTENT_CHANGED = "CONTENT_CHANGED"
    ORIGINAL_NOT_SEEN = "ORIGINAL_NOT_SEEN"
    PAST_POINT_OF_NO_RETURN = "PAST_POINT_OF_NO_RETURN"
    UNDO_NOT_PERMITTED = "UNDO_NOT_PERMITTED"
    UNDO_IMPOSSIBLE = "UNDO_IMPOSSIBLE"
    SYSTEM_NOT_AWAITED = "SYSTEM_NOT_AWAITED"
    ANSWER_OUT_OF_DATE = "ANSWER_OUT_OF_DATE"
    ACTS_TOO_MANY = "ACTS_TOO_MANY"
    OPINIONS_DIFFER = "OPINIONS_DIFFER"
    DUPLICATE_NOT_ASKED = "DUPLICATE_NOT_ASKED"
    MERGE_IMPOSSIBLE = "MERGE_IMPOSSIBLE"
    MERGE_PAID = "MERGE_PAID"
    CLAIM_PERIOD_NOT_OVER = "CLAIM_PERIOD_NOT_OVER"
    ACTIVATION_PERIOD_NOT_OVER = "ACTIVATION_PERIOD_NOT_OVER"
    ADDRESS_NOT_NEEDED = "ADDRESS_NOT_NEEDED"
    CARD_NOT_TO_BE_DESTROYED = "CARD_NOT_TO_BE_DESTROYED"
    ORDER_NOT_OVER = "ORDER_NOT_OVER"
    LOSS_ALREADY_REPORTED = "LOSS_ALREADY_REPORTED"
    NO_CARD_IN_USE = "NO_CARD_IN_USE"
    CARD_FOUND_TOO_LATE = "CARD_FOUND_TOO_LATE"
    LOST_ON_WAY_TOO_OFTEN = "LOST_ON_WAY_TOO_OFTEN"
    EXTENSION_TOO_LONG = "EXTENSION_TOO_LONG"
    EXTENSION_OF_PROCESSING = "EXTENSION_OF_PROCESSING"
    EXTENSION_OF_SUPPLEMENT = "EXTENSION_OF_SUPPLEMENT"
    EXTENSION_OF_HOLD = "EXTENSION_OF_HOLD"
    EXTENSION_OF_CONFIRMATION = "EXTENSION_OF_CONFIRMATION"
    EXTENSION_OF_LOSS_REPORT = "EXTENSION_OF_LOSS_REPORT"
    EXTENSION_OF_PRODUCTION = "EXTENSION_OF_PRODUCTION"
    EXTENSION_OF_CLAIM = "EXTENSION_OF_CLAIM"
    EXTENSION_OF_ACTIVATION = "EXTENSION_OF_ACTIVATION"
    NO_CLOCK_TO_EXTEND = "NO_CLOCK_TO_EXTEND"
    NOTICE_TOO_LATE = "NOTICE_TOO_LATE"
    DEFECT_NOT_NAMED = "DEFECT_NOT_NAMED"
    DOCUMENT_NOT_DEMANDED = "DOCUMENT_NOT_DEMANDED"
    SUPPLEMENT_ROUNDS_USED = "SUPPLEMENT_ROUNDS_USED"
    HOLD_LIMIT_USED = "HOLD_LIMIT_USED"
    BENEFITS_EXCLUDED = "BENEFITS_EXCLUDED"
    BENEFITS_NOT_HELD = "BENEFITS_NOT_HELD"
    NOTICE_NOT_SERVED = "NOTICE_NOT_SERVED"
    DEADLINE_NOT_PASSED = "DEADLINE_NOT_PASSED"
    DECISION_NOT_ASKED = "DECISION_NOT_ASKED"
    NO_RESPONSE = "NO_RESPONSE"
    LOSS_REPORT_EXPIRED = "LOSS_REPORT_EXPIRED"
    DISPUTE_LOST = "DISPUTE_LOST"
    PERSON_UNKNOWN = "PERSON_UNKNOWN"
    PERSON_DECEASED = "PERSON_DECEASED"
    PERSON_TRANSFERRED = "PERSON_TRANSFERRED"
    PERSON_MERGED = "PERSON_MERGED"
    ALREADY_18_DIGITS = "ALREADY_18_DIGITS"
    OFFICE_NOT_COMPETENT = "OFFICE_NOT_COMPETENT"
    STAMP_MISSING = "STAMP_MISSING"
    STAMP_INVALID = "STAMP_INVALID"
    STAMP_MISMATCH = "STAMP_MISMATCH"
    FORM_OF_ANOTHER_CASE = "FORM_OF_ANOTHER_CASE"
    FORM_OF_ANOTHER_EVENT = "FORM_OF_ANOTHER_EVENT"
    STAMP_EXPIRED = "STAMP_EXPIRED"
    STAMP_USED = "STAMP_USED"
    IDENTITY_MISSING = "IDENTITY_MISSING"
    IDENTITY_INVALID = "IDENTITY_INVALID"
    IDENTITY_EXPIRED = "IDENTITY_EXPIRED"
    SCOPE_MISSING = "SCOPE_MISSING"
    GATE_UNAVAILABLE = "GATE_UNAVAILABLE"
    LOGIN_FAILED = "LOGIN_FAILED"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
    REVEALED_TOO_OFTEN = "REVEALED_TOO_OFTEN"
    CASE_UNKNOWN = "CASE_UNKNOWN"
    CASE_CLOSED = "CASE_CLOSED"
    CASE_STILL_OPEN = "CASE_STILL_OPEN"
    CASE_ALREADY_OPEN = "CASE_ALREADY_OPEN"
    CASE_ID_INVALID = "CASE_ID_INVALID"
    CASE_NOT_REOPENABLE = "CASE_NOT_REOPENABLE"
    NOTHING_TO_CORRECT = "NOTHING_TO_CORRECT"
    PRECHECK_1 = "PRECHECK_1"
    PRECHECK_2 = "PRECHECK_2"
    PRECHECK_3 = "PRECHECK_3"
    PRECHECK_4 = "PRECHECK_4"
    NUMBER_TAKEN = "NUMBER_TAKEN"
    REGISTER_CHANGED = "REGISTER_CHANGED"
    DIGEST_DIFFERS = "DIGEST_DIFFERS"
    PERSON_BUSY = "PERSON_BUSY"
    SOURCE_VERSION_REUSED = "SOURCE_VERSION_REUSED"
    SAID_TWICE = "SAID_TWICE"
    NUMBER_SUPERSEDED = "NUMBER_SUPERSEDED"
    CARD_NUMBER_TAKEN = "CARD_NUMBER_TAKEN"
    CARD_BLOCKED_BY_CASE = "CARD_BLOCKED_BY_CASE"
    CARDS_CONTRADICT = "CARDS_CONTRADICT"
    CLAIM_PAID = "CLAIM_PAID"
    BENEFITS_ALREADY_HELD = "BENEFITS_ALREADY_HELD"
    STATE_TOO_LARGE = "STATE_TOO_LARGE"
    CALLER_REFUSED = "CALLER_REFUSED"
    START_REFUSED = "START_REFUSED"
    ANSWER_CONTRADICTED = "ANSWER_CONTRADICTED"
    REGISTER_BEHIND = "REGISTER_BEHIND"
    OCCASION_TO_COME = "OCCASION_TO_COME"
    OCCASION_OVER = "OCCASION_OVER"
    BENEFIT_STILL_HELD = "BENEFIT_STILL_HELD"
    PRODUCTION_FAILED = "PRODUCTION_FAILED"
    CONFIRMATION_REFUSED = "CONFIRMATION_REFUSED"
    CONFIRMATION_OVERDUE = "CONFIRMATION_OVERDUE"
    QUESTION_NOT_DELIVERED = "QUESTION_NOT_DELIVERED"
    OFFICE_UNKNOWN = "OFFICE_UNKNOWN"
    OFFICE_REPEATED = "OFFICE_REPEATED"
    OFFICE_LEVEL_WRONG = "OFFICE_LEVEL_WRONG"
    OFFICE_PARENT_WRONG = "OFFICE_PARENT_WRONG"
    POST_MISSING = "POST_MISSING"
    POST_HOLDER_MISSING = "POST_HOLDER_MISSING"
    POST_RANK_REPEATED = "POST_RANK_REPEATED"
    POST_DEPUTY_REPEATED = "POST_DEPUTY_REPEATED"
    POST_UNCOVERED = "POST_UNCOVERED"
    CONTACT_REPEATED = "CONTACT_REPEATED"
    SCHEDULE_UNKNOWN = "SCHEDULE_UNKNOWN"
    CHANNEL_NOT_CONFIGURED = "CHANNEL_NOT_CONFIGURED"
    CHANNEL_NOT_AUTHORISED = "CHANNEL_NOT_AUTHORISED"
    CHANNEL_UNAVAILABLE = "CHANNEL_UNAVAILABLE"
    CHANNEL_BUSY = "CHANNEL_BUSY"
    CHANNEL_UNCERTAIN = "CHANNEL_UNCERTAIN"
    CHANNEL_REFUSED = "CHANNEL_REFUSED"
    ADDRESS_INVALID = "ADDRESS_INVALID"
    NOT_DELIVERED = "NOT_DELIVERED"
    BOUNCED = "BOUNCED"
    CONTACT_MISSING = "CONTACT_MISSING"
    POST_VACANT = "POST_VACANT"
    TEMPLATE_INVALID = "TEMPLATE_INVALID"
    CALLBACK_UNAUTHENTIC = "CALLBACK_UNAUTHENTIC"
    CALLBACK_EXPIRED = "CALLBACK_EXPIRED"
    CALLBACK_UNKNOWN = "CALLBACK_UNKNOWN"
    HEADS_BROKEN = "HEADS_BROKEN"
    HEADS_UNREACHABLE = "HEADS_UNREACHABLE"
    HEADS_OVERTAKEN = "HEADS_OVERTAKEN"
    SEARCHED_TOO_OFTEN = "SEARCHED_TOO_OFTEN"
    NOT_IN_BULK = "NOT_IN_BULK"
    PLAN_UNKNOWN = "PLAN_UNKNOWN"
    PLAN_EMPTY = "PLAN_EMPTY"
    PLAN_TOO_LARGE = "PLAN_TOO_LARGE"
    MESSAGE_UNKNOWN = "MESSAGE_UNKNOWN"
    MESSAGE_NOT_GIVEN_UP = "MESSAGE_NOT_GIVEN_UP"
    PERSON_REPEATED = "PERSON_REPEATED"
    ERASURE_UNKNOWN = "ERASURE_UNKNOWN"
    ERASURE_PLANNED_OTHERWISE = "ERASURE_PLANNED_OTHERWISE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    DATABASE_REFUSED = "DATABASE_REFUSED"
    ENGINE_UNAVAILABLE = "ENGINE_UNAVAILABLE"
    ENGINE_TIMEOUT = "ENGINE_TIMEOUT"
    PAYLOAD_INVALID = "PAYLOAD_INVALID"
    SEAL_BROKEN = "SEAL_BROKEN"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEYS_UNAVAILABLE = "KEYS_UNAVAILABLE"
    PERSON_ERASED = "PERSON_ERASED"
    PAYLOAD_UNSEALED = "PAYLOAD_UNSEALED"
    PAYLOAD_MISPLACED = "PAYLOAD_MISPLACED"
    PAYLOAD_DOWNGRADED = "PAYLOAD_DOWNGRADED"
    CONFIGURATION_INVALID = "CONFIGURATION_INVALID"
    POLICY_INVALID = "POLICY_INVALID"
    POLICY_UNKNOWN = "POLICY_UNKNOWN"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    INTERNAL = "INTERNAL"


class CorrectionReason(StrEnum):
    """Why a number that was changed is not the right one."""

    wrong_number = "wrong_number"
    certificate_revoked = "certificate_revoked"
    administrative_review = "administrative_review"


class DisputeOutcome(StrEnum):
    """Who keeps a number that two people have."""

    ours = "ours"
    theirs = "theirs"
    both_change = "both_change"


class DocumentKind(StrEnum):
    """Kinds of document; which of them a case needs is the policy's."""

    resident_id_card = "resident_id_card"
    temporary_id_card = "temporary_id_card"
    police_certificate = "police_certificate"
    court_certificate = "court_certificate"
    administrative_decision = "administrative_decision"
    residence_permit = "residence_permit"
    loss_declaration = "loss_declaration"
    old_card = "old_card"
    proxy_authorisation = "proxy_authorisation"
    guardianship_certificate = "guardianship_certificate"
    photograph = "photograph"


class Event(StrEnum):
    """What happens to a case."""

    add_documents = "add_documents"
    verify_documents = "verify_documents"
    return_documents = "return_documents"
    approve = "approve"
    reject = "reject"
    hold = "hold"
    resume = "resume"
    extend = "extend"
    withdraw = "withdraw"
    resolve_dispute = "resolve_dispute"
    resolve_duplicate = "resolve_duplicate"
    confirm_downstream = "confirm_downstream"
    repair = "repair"
    hold_benefits = "hold_benefits"
    keep_benefits = "keep_benefits"
    release_benefits = "release_benefits"
    acknowledge = "acknowledge"
    person_ended = "person_ended"
    recompute = "recompute"
    report_loss = "report_loss"
    confirm_loss = "confirm_loss"
    card_found = "card_found"
    confirm_address = "confirm_address"
    card_produced = "card_produced"
    card_handed_over = "card_handed_over"
    card_lost_on_way = "card_lost_on_way"
    card_activated = "card_activated"
    card_unclaimed = "card_unclaimed"
    card_not_activated = "card_not_activated"
    card_turned_up = "card_turned_up"
    card_destroyed = "card_destroyed"
    screened = "screened"
    apply = "apply"
    number_taken = "number_taken"
    commit = "commit"
    commit_refused = "commit_refused"
    register_changed = "register_changed"
    undo_failed = "undo_failed"
    nothing_awaited = "nothing_awaited"
    unblock = "unblock"
    release = "release"
    stuck = "stuck"
    checked = "checked"
    order_card = "order_card"
    order_refused = "order_refused"
    switch_cards = "switch_cards"
    close_old = "close_old"
    supplement_expired = "supplement_expired"
    notice_period_passed = "notice_period_passed"
    hold_expired = "hold_expired"
    confirmation_overdue = "confirmation_overdue"
    loss_report_expired = "loss_report_expired"
    production_overdue = "production_overdue"
    delivery_overdue = "delivery_overdue"
    claim_period_passed = "claim_period_passed"
    activation_overdue = "activation_overdue"
    escalated = "escalated"
    dispute_opened = "dispute_opened"
    dispute_won = "dispute_won"
    dispute_lost = "dispute_lost"
    dispute_lapsed = "dispute_lapsed"
    number_changed = "number_changed"
    turn_free = "turn_free"
    benefits_lifted = "benefits_lifted"
    person_found_ended = "person_found_ended"
    block_ended = "block_ended"
    question_delivered = "question_delivered"


class HandOver(StrEnum):
    """How a card reached its holder."""

    counter = "counter"
    post = "post"


class HoldReason(StrEnum):
    """Why a case waits for something outside the applicant's control."""

    waiting_for_id_card = "waiting_for_id_card"
    waiting_for_police = "waiting_for_police"
    waiting_for_other_agency = "waiting_for_other_agency"
    applicant_in_hospital = "applicant_in_hospital"
    number_change_first = "number_change_first"


class JobKind(StrEnum):
    """What was handed in."""

    register = "register"
    event_batch = "event_batch"


class JobState(StrEnum):
    """How a job stands."""

    staging = "staging"
    waiting = "waiting"
    running = "running"
    paused = "paused"
    done = "done"
    cancelled = "cancelled"


class Kind(StrEnum):
    """The kinds of case; the value is the workflow type. What is true of one stands in its record (`cases.kinds`)."""

    id_number_change = "IdNumberChange"
    card_replacement = "CardReplacement"


class LineOutcome(StrEnum):
    """What became of a line."""

    applied = "applied"
    unchanged = "unchanged"
    older = "older"
    refused = "refused"
    unknown = "unknown"


class Milestone(StrEnum):
    """The four stages every case passes, in this order."""

    submitted = "submitted"
    documents_verified = "documents_verified"
    number_updated = "number_updated"
    benefits_unblocked = "benefits_unblocked"


class PersonEndedReason(StrEnum):
    """Why a person's case ends with the person."""

    death = "death"
    transfer = "transfer"


class Proviso(StrEnum):
    """On what an offer rests that the register alone knows, and no case."""

    card_in_use = "card_in_use"
    block_may_be_lifted = "block_may_be_lifted"
    nothing_paid = "nothing_paid"


class Recipient(StrEnum):
    """Whom a rung tells, or a digest."""

    applicant = "applicant"
    clerk = "clerk"
    team_lead = "team_lead"
    agency_supervisor = "agency_supervisor"
    municipal = "municipal"
    municipal_head = "municipal_head"
    provincial = "provincial"
    ministry = "ministry"


class RepairAction(StrEnum):
    """What an operator does about a case that cannot go on by itself."""

    retry = "retry"
    accept = "accept"
    undo = "undo"


class ReplacementReason(StrEnum):
    """Why a card is replaced."""

    lost = "lost"
    damaged = "damaged"
    expired = "expired"
    old_generation = "old_generation"
    data_changed = "data_changed"


class Road(StrEnum):
    """How a change of number is handled, and by that which evidence it needs."""

    pure_upgrade = "pure_upgrade"
    reissued = "reissued"
    conflict = "conflict"
    not_needed = "not_needed"


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
    insured_register = "insured_register"


class RowState(StrEnum):
    """What became of a row."""

    waiting = "waiting"
    done = "done"
    refused = "refused"
    cancelled = "cancelled"


class State(StrEnum):
    """How a subscription stands."""

    unverified = "unverified"
    active = "active"
    paused = "paused"
    ended = "ended"


class Status(StrEnum):
    """The fine-grained state of a case."""

    screening = "screening"
    awaiting_approval = "awaiting_approval"
    disputed = "disputed"
    merging = "merging"
    verified = "verified"
    applying = "applying"
    updated = "updated"
    releasing = "releasing"
    not_needed = "not_needed"
    closed_no_response = "closed_no_response"
    checking = "checking"
    temporarily_blocked = "temporarily_blocked"
    ordered = "ordered"
    in_production = "in_production"
    ready = "ready"
    handed_over = "handed_over"
    card_outstanding = "card_outstanding"
    card_to_destroy = "card_to_destroy"
    active = "active"
    closing_old = "closing_old"
    card_found = "card_found"
    unclaimed = "unclaimed"
    not_activated = "not_activated"
    awaiting_documents = "awaiting_documents"
    in_review = "in_review"
    on_hold = "on_hold"
    repair = "repair"
    done = "done"
    rejected = "rejected"
    withdrawn = "withdrawn"
    ended = "ended"


class SubmitterKind(StrEnum):
    """Who handed an application in."""

    staff = "staff"
    applicant = "applicant"
    agent = "agent"
    guardian = "guardian"


class System(StrEnum):
    """Other systems that confirm a number change."""

    medical_insurance = "medical_insurance"
    pension = "pension"
    bank = "bank"


class Acknowledge(Fact):
    """Somebody has seen that the case needs attention."""

    event: ClassVar[str] = Event.acknowledge

    note: str = ""


class Actor(Sent):
    """Who acts: the office's code of a member of staff or a system, the capacity, the office's region."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,31}$")]
    role: Role
    office: Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")]


class Authority(Sent):
    """What lets somebody act for another: the SHA-256 of the document, and its last day."""

    document: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    until: date


class ApplicationCitizen(Sent):
    """The applicant themself, or an agent or guardian by their resident ID number, as typed."""

    kind: Literal["applicant", "agent", "guardian"]
    number: str | None = Field(default=None, repr=False)
    authority: Authority | None = None


class Document(Shared):
    """A document by reference: where the copy lies, what it is, its size in bytes and its SHA-256. `doc://store/id`
    names a document of the agency's own store; `https` is the only other scheme.
    """

    kind: Open[DocumentKind]
    uri: str
    media_type: str
    size: int
    sha256: str
    holder: str | None = None
    issued_on: date | None = None
    expires_on: date | None = None


class AddDocuments(Fact):
    """Documents came in."""

    event: ClassVar[str] = Event.add_documents

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""
    original_seen: bool = False
    """Their originals were shown at a counter as well, to the clerk who says so."""
    documents: Annotated[tuple[Document, ...], Field(min_length=1, max_length=20)]


class Answer(Told):
    """The answer to a fact: where the case stands after it."""

    case_id: str
    status: Open[Status]
    milestone: Open[Milestone]
    version: int
    remains: tuple[str, ...] = ()
    """What stays in effect although the case was undone, withdrawn or ended."""


class ApplicationDocument(Sent):
    """A document by reference. `holder` is the personal number of its owner, where that is known."""

    kind: DocumentKind
    uri: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,300}$")]
    media_type: str
    size: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    holder: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,20}$")] | None = None
    issued_on: date | None = None
    expires_on: date | None = None


class Approve(Fact):
    """A second officer approves exactly the content whose digest the case's view shows."""

    event: ClassVar[str] = Event.approve

    note: str = ""
    content: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Balance(Sent):
    """The balance of a personal account, in fen."""

    scheme: Literal["pension", "medical", "work_injury", "unemployment", "maternity"] = "medical"
    amount_fen: Annotated[int, Field(ge=-1000000000000000.0, le=1000000000000000.0)]


class BenefitDecision(Told):
    """What an officer decided on benefits when the campaign date had passed: to hold them, or not to, and why."""

    held: bool
    legal_basis: str
    because: str | None = None
    decided_by: str


class BenefitHold(Sent):
    """Benefits that are withheld, or a warning of it: notice served, and for a hold the officer's decision."""

    reason: str
    state: Literal["warned", "held"] = "held"
    notice: Annotated[str, Field(min_length=1)]
    served_on: date
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)] | None = None
    officer: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,31}$")] | None = None
    held_at: AwareDatetime | None = None


class Campaign(Told):
    """Whether an agency will have changed all its numbers when its campaign ends, at the pace of four weeks."""

    region: str
    remaining: int
    a_day: float
    """Numbers changed a day, rest days included."""
    done_on: date | None = None
    """The day on which none remains at this pace; None where nothing moves."""
    ends_on: date | None = None
    """Last day of the campaign; None for an agency that no policy serves."""
    in_time: bool
    """Whether none remains then. False where that cannot be said."""


class CampaignPace(Told):
    """How a large register is opened: page by page, at a pace that can be changed."""

    per_second: float
    """Rows that are opened a second, at most."""
    paused: bool
    paced_by: str | None = None
    """Who paused it, let it go on, or set its rate last."""
    answered: int
    """Rows that needed no case."""


class CampaignReport(Told):
    """What became of a campaign, as the register counts it."""

    job: str
    state: str
    read: int
    done: int
    refused: int
    cancelled: int
    waiting: int
    opened: int
    """Rows by which a case was opened."""
    answered: int
    """Rows that needed no case."""
    codes: dict[str, int]
    """Rows by the code of what was found in them."""
    statuses: dict[str, int]
    """Rows that are done, by where their case stood."""


class CardActivated(Fact):
    """One function of the card was activated."""

    event: ClassVar[str] = Event.card_activated

    note: str = ""
    function: CardFunction
    order: Annotated[str, Field(pattern=r"^ord-[a-z2-7]{26}$")]
    """By which order the card was made."""


class CardDestroyed(Fact):
    """A card that nobody may have any more was destroyed; it counts when a second person says so on the same record."""

    event: ClassVar[str] = Event.card_destroyed

    note: str = ""
    order: Annotated[str, Field(pattern=r"^ord-[a-z2-7]{26}$")]
    """By which order the card was made."""
    record: str


class CardFound(Fact):
    """The lost card was found."""

    event: ClassVar[str] = Event.card_found

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""


class CardHandedOver(Fact):
    """The card was handed over."""

    event: ClassVar[str] = Event.card_handed_over

    note: str = ""
    by: HandOver
    evidence: str
    order: Annotated[str, Field(pattern=r"^ord-[a-z2-7]{26}$")]
    """By which order the card was made."""


class CardLostOnWay(Fact):
    """The new card never arrived, or was lost before it worked: it is blocked, and another one is made."""

    event: ClassVar[str] = Event.card_lost_on_way

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""
    order: Annotated[str, Field(pattern=r"^ord-[a-z2-7]{26}$")]
    """By which order the card was made."""
    evidence: str


class CardNotActivated(Fact):
    """Nobody activated the card in the time that the policy gives, all reminders included: it is cancelled."""

    event: ClassVar[str] = Event.card_not_activated

    note: str = ""
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]
    evidence: str
    """How its holder was asked last."""


class CardProduced(Fact):
    """The card bureau made the card, or failed to. A made card has a number."""

    event: ClassVar[str] = Event.card_produced

    note: str = ""
    produced: bool
    batch: str
    order: Annotated[str, Field(pattern=r"^ord-[a-z2-7]{26}$")]
    """Which order it answers."""
    card_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{6,24}$")] | None = Field(default=None, repr=False)


class CardTurnedUp(Fact):
    """A card exists that was made by an order which is over. It is kept apart until two people have destroyed it."""

    event: ClassVar[str] = Event.card_turned_up

    note: str = ""
    order: Annotated[str, Field(pattern=r"^ord-[a-z2-7]{26}$")]
    batch: str
    card_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{6,24}$")] = Field(repr=False)


class CardUnclaimed(Fact):
    """Nobody fetched the card, and it was destroyed; it counts when a second person says so on the same record."""

    event: ClassVar[str] = Event.card_unclaimed

    note: str = ""
    record: str


class CaseRow(Told):
    """One generation of a case as lists show it."""

    case_id: str
    generation: int
    kind: Open[Kind]
    region: str
    category: Open[Category]
    status: Open[Status]
    milestone: Open[Milestone]
    version: int
    road: Open[Road] | None = None
    policy: str
    due_at: AwareDatetime | None = None
    attention: tuple[str, ...]
    opened_at: AwareDatetime
    moved_at: AwareDatetime
    closed_at: AwareDatetime | None = None


class Condition(Told):
    """When something may be told a case, where that rests on more than where the case stands."""

    event: Open[Event]
    since: date | None = None
    """The first day on which it may be told; None where it may be told already."""
    until: date | None = None
    """The last day; None where none is."""
    proviso: Open[Proviso] | None = None
    """What has to be so; None where the register has been asked, or need not be."""


class Defect(Shared):
    """What is wrong with the documents; one notice names all of them."""

    document: Open[DocumentKind]
    problem: str


class Demand(Told):
    """A document that a case needs, and the law that allows to ask for it."""

    document: Open[DocumentKind]
    legal_basis: str
    original: bool = False
    """Its original is shown at a counter, and copied there: a copy that came another way is not enough."""


class Destruction(Told):
    """One person's word that a card was destroyed, waiting for a second person's on the same record."""

    order: str
    record: str
    stated_by: str


class Dispute(Told):
    """One officer's decision on a dispute, and the document that it rests on; it waits for a second one's."""

    outcome: Open[DisputeOutcome]
    document: str
    document_kind: Open[DocumentKind]
    decided_by: str


class Judgement(Told):
    """One officer's word on whether two records are one person's, and the document that it rests on."""

    same_person: bool
    document: str
    document_kind: Open[DocumentKind]
    decided_by: str


class LateAnswer(Told):
    """An answer to a request that is over: it was refused, changed nothing, and was written down."""

    event: Open[Event]
    request: str
    """Identity of the request that it answers."""
    actor: str
    at: AwareDatetime


class Left(Told):
    """How many working days a deadline leaves after a day, up to its last one."""

    after: date
    working_days: int


class MovedDate(Told):
    """A date before and after it was computed again; None where there was, or is, none."""

    before: AwareDatetime | None = None
    after: AwareDatetime | None = None


class Recomputed(Told):
    """What a recomputation changed: the policy, dates, and what is waited for no more."""

    policy_before: str | None = None
    """The policy that the case followed before, where it follows another one since."""
    due: MovedDate | None = None
    processing: MovedDate | None = None
    campaign: MovedDate | None = None
    demands: tuple[Open[DocumentKind], ...] = ()
    """Documents that are demanded no more."""
    systems: tuple[Open[System], ...] = ()
    """Systems that are waited for no more."""
    functions: tuple[Open[CardFunction], ...] = ()
    """Functions of the card that are waited for no more."""


class Unasked(Told):
    """A system whose question has not been delivered, although the time for that is over."""

    role: Open[Role]
    away_since: AwareDatetime | None = None
    """Since when its receivers accept nothing; None where nobody receives for it, nor asks the feed."""


class CaseView(Told):
    """Everything about a case that may be shown without opening personal data."""

    case_id: str
    kind: Open[Kind]
    generation: int
    reference: str | None = None
    """Eight digits by which the applicant names it, unique per agency and year; filled in by who has the register."""
    version: int
    status: Open[Status]
    status_zh: str
    milestone: Open[Milestone]
    region: str
    category: Open[Category]
    road: Open[Road] | None = None
    changes_name: bool = False
    """Whether the name changes as well, or alone; what it was and what it becomes nobody is shown here."""
    name_alone: bool = False
    """Whether the number stays as it is."""
    reason: Open[ReplacementReason] | None = None
    policy: str | None = None
    awaits: Open[Awaits]
    missing: tuple[Demand, ...] = ()
    defects: tuple[Defect, ...] = ()
    events: tuple[Open[Event], ...] = ()
    """What the case may be told now; where it is known who looks, by them."""
    conditions: tuple[Condition, ...] = ()
    """Of what it may be told now or later as it stands, what rests on the day, or on what only the register knows."""
    due_at: AwareDatetime | None = None
    due_event: Open[Event] | None = None
    """What happens at `due_at` if nobody acts."""
    due_provisional: bool = False
    due_left: Left | None = None
    """Working days up to `due_at`, as of the last transition."""
    act_by: AwareDatetime | None = None
    """The last day that the applicant is told, where that is not `due_at`: until when a card may be collected."""
    rung: int = 0
    """Highest rung of the escalation ladder that fired (`cases.ladder.Rung`)."""
    rung_at: AwareDatetime | None = None
    rung_told: tuple[Open[Recipient], ...] = ()
    """Who was told of it."""
    acknowledged_at: AwareDatetime | None = None
    """When somebody took it on, and who; None where nobody has."""
    acknowledged_by: str | None = None
    notice_due_at: AwareDatetime | None = None
    """By when the agency has to name what is missing; then the filing counts as complete."""
    notices_left: int | None = None
    """How often it may still do so."""
    climbs_at: AwareDatetime | None = None
    """When the next rung fires if nobody acts, which rung that is, and who will be told of it."""
    climbs_to: int | None = None
    climbs_tells: tuple[Open[Recipient], ...] = ()
    next_event: Open[Event] | None = None
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
    content: str | None = None
    """Digest of what is verified and approved; an approval names it."""
    documents: tuple[Document, ...] = ()
    channel: Open[ApplicationChannel] = ApplicationChannel.counter
    submitter_kind: Open[SubmitterKind] = SubmitterKind.staff
    submitter: str | None = None
    """Who took the application in, where that was a member of staff."""
    submitter_named: bool = False
    """A system said so, and they did not act themself: a verifier and an approver decide."""
    hold_reason: Open[HoldReason] | None = None
    """Why the case is on hold."""
    originals: tuple[str, ...] = ()
    """Copies on file whose originals were shown at a counter."""
    original_needed: bool = True
    """Whether whoever verifies must have seen an original."""
    identity_checked_at: AwareDatetime | None = None
    """When the identity of whoever applied was checked electronically."""
    corrects: Open[CorrectionReason] | None = None
    """Why a change that was carried out is corrected."""
    delivery: Open[HandOver] | None = None
    """How a new card is to reach its holder."""
    address_confirmed: bool = False
    """Whether the applicant has confirmed where a card that comes by post is sent."""
    verifier: str | None = None
    approver: str | None = None
    confirmations: tuple[Open[System], ...] = ()
    awaited: tuple[Open[System], ...] = ()
    publication: str | None = None
    """The publication of the number that the awaited systems have to answer."""
    refused_by: Open[System] | None = None
    """The system that refused the new number last, until it confirms or is asked again."""
    asked_at: AwareDatetime | None = None
    """When the last of those who are asked had the question, where the case has looked for it: at the end of the
    time to deliver it.
    """
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
    order: str | None = None
    """The order of a card that is in force: answers of the card bureau, the counter and the bank name it."""
    attempts: tuple[str, ...] = ()
    """Earlier orders of the same card; a card that was made by one of them is taken."""
    to_destroy: tuple[str, ...] = ()
    """Orders by which a card was made that nobody may have."""
    destruction: tuple[Destruction, ...] = ()
    activated: tuple[Open[CardFunction], ...] = ()
    functions_left: tuple[Open[CardFunction], ...] = ()
    """Functions of the new card that are still to be activated."""
    production_attempts: int = 0
    lost_on_way: int = 0
    """New cards of this case that were lost before they worked."""
    benefits_held: bool = False
    benefit_decision: BenefitDecision | None = None
    """What was decided last on holding benefits."""
    deciders: tuple[Open[Role], ...] = ()
    """Who has to decide whether benefits are held; nobody where no decision is asked for."""
    recomputed: Recomputed | None = None
    """What the newest recomputation changed."""
    attention: tuple[str, ...] = ()
    related: str | None = None
    """The case that this one waits for or was opened from."""
    advice: tuple[Open[Advice], ...] = ()
    last_error: Open[Code] | None = None
    last_refusal: Open[Code] | None = None
    ended_because: Open[Code] | None = None
    remains: tuple[str, ...] = ()


class Claim(Sent):
    """A reimbursement, refund or other claim, in fen. `queued` is one that arrived and is to be paid. Whether it can
    be the register says: it suspends the claims of somebody whose number still has 15 digits.
    """

    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,64}$")]
    scheme: Literal["pension", "medical", "work_injury", "unemployment", "maternity"] = "medical"
    amount_fen: Annotated[int, Field(le=1000000000000000.0, gt=0.0)]
    state: Literal["suspended", "queued", "paid"] = "suspended"
    suspended_for: str | None = None


class ConfirmAddress(Fact):
    """The applicant confirms the address to which the new card is sent."""

    event: ClassVar[str] = Event.confirm_address

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""
    address: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", min_length=6, max_length=200)] = Field(
        repr=False
    )


class ConfirmDownstream(Fact):
    """Another system says whether it took the changed number over."""

    event: ClassVar[str] = Event.confirm_downstream

    note: str = ""
    system: System
    confirmed: bool
    reference: str
    publication: Annotated[str, Field(pattern=r"^pub-[a-z2-7]{26}$")]
    """Which publication of the number it answers."""


class ConfirmLoss(Fact):
    """The loss is reported formally (in person or with verified identity)."""

    event: ClassVar[str] = Event.confirm_loss

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""
    evidence: str


class Contribution(Sent):
    """A contribution month, in fen."""

    scheme: Literal["pension", "medical", "work_injury", "unemployment", "maternity"] = "pension"
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    amount_fen: Annotated[int, Field(ge=-1000000000000000.0, le=1000000000000000.0)]


class Correction(Sent):
    """What the correction of a change that was carried out rests on."""

    reason: CorrectionReason
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]
    reference: str
    """The decision, notice or record that says so."""


class Day(Told):
    """What came in and went out on one day in Shanghai; a case that is reopened comes in again."""

    day: date
    opened: int
    closed: int


class Decisions(Told):
    """What one member of the staff told cases, in one capacity."""

    actor: str
    office: str
    role: Open[Role]
    decisions: int
    cases: int


class DeliveryRead(Told):
    """How the card that is ordered reaches its holder."""

    case_id: str
    order: str
    """The order in force."""
    delivery: Open[HandOver]
    address: str | None = Field(default=None, repr=False)
    """Where it is sent, as the applicant confirmed it last; None where they have confirmed nothing."""


class Duration(Told):
    """How long cases of a kind took from application to done, in days of 24 hours."""

    kind: Open[Kind]
    cases: int
    median_days: float
    p90_days: float


class Moved(Told):
    """Where a case stands after what happened."""

    case_id: str
    kind: Open[Kind]
    generation: int
    version: int
    event: str | None = None
    """What happened; None where the transition is no more."""
    status: Open[Status] | None = None
    milestone: Open[Milestone] | None = None
    awaits: Open[Awaits] | None = None
    """Who acts next."""
    due_at: AwareDatetime | None = None
    """By when, where the status has a limit."""
    request: str | None = None
    """Identity of an order or a publication; an answer names it."""
    delivery: Open[HandOver] | None = None
    """How the card that is ordered reaches its holder."""
    legal_basis: str | None = None
    """The law by which a claim is paid to whom it is paid, where its person has ended."""
    about: str | None = None
    """What it is about, where a step asks or tells several: the register's own mark of a card or a claim."""


class Entry(Told):
    """One entry of the feed, as CloudEvents have it."""

    specversion: str = "1.0"
    id: str
    """Epoch and place; the same for every reader and every attempt."""
    source: str
    """Which installation says so."""
    type: str
    """`cardcase.`, the kind, and `.v1`."""
    subject: str
    """The case."""
    time: AwareDatetime
    datacontenttype: str = "application/json"
    sequence: str
    """Place in the feed (the `sequence` extension)."""
    data: Moved


class Events(Told):
    """What followed, in order."""

    events: tuple[Entry, ...]
    next: str
    """What to ask with next time. It moves on also where nothing was for this caller."""
    is_end: bool
    """Whether nothing more was there."""


class Extend(Fact):
    """A running time limit is extended by working days."""

    event: ClassVar[str] = Event.extend

    note: str = ""
    working_days: Annotated[int, Field(ge=1, le=250)]
    evidence: str


class FeedEnd(Told):
    """The end of the feed: where somebody goes on who has just read all cases."""

    next: str


class Remedy(Told):
    """What to do, in both languages."""

    zh: str
    en: str


class FieldProblem(Told):
    """One field that is wrong."""

    pointer: str
    """JSON pointer (RFC 6901) into the request's body, of a member that is missing too; or `?name` for a parameter.
    Empty for the body as a whole, and where `header` or `column` says where it is.
    """
    code: Open[Code]
    remedy: Remedy
    header: str | None = None
    """The header that is wrong."""
    row: int | None = None
    """The row of a file, as people count it who look at it."""
    column: str | None = None
    """The column of a file: its English heading, or its place and letter where it has none of ours."""


class Finding(Told):
    """What was noticed in a row."""

    column: str | None = None
    """The column's English heading; none where the row as a whole is meant."""
    code: str
    refused: bool
    """Whether the row is refused because of it; else it is advice."""
    remedy: Remedy


class Found(Told):
    """The case that was looked for."""

    case_id: str


class From(Sent):
    """From where to send again."""

    after: Annotated[str, Field(max_length=40)]
    """A place in the feed, as `next` says it."""


class HeldCard(Sent):
    """A card: its number, its code in the card system, its activated functions, its generation."""

    card_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,32}$")] = Field(repr=False)
    code: Literal["0", "1", "A", "B", "2", "3", "4"] = "1"
    functions: tuple[CardFunction, ...] = ()
    generation: Annotated[int, Field(ge=1.0, le=9.0)] = 3
    printed_data_outdated: bool = False
    payment_authority: bool = False


class TransitionRead(Told):
    """One transition of a case, as the audit has it."""

    generation: int
    version: int
    at: AwareDatetime
    event: str
    status: Open[Status] | None = None
    """Before it; None for the registration of a generation."""
    to: Open[Status]
    actor: str | None = None
    role: str | None = None
    office: str | None = None
    refused: Open[Code] | None = None
    """Why it was refused, although it stands: an officer's opinion that is not that of the others."""


class History(Told):
    """All transitions of a case over all its generations, oldest first."""

    case_id: str
    transitions: tuple[TransitionRead, ...]


class Hold(Fact):
    """The case waits for something outside the applicant's control; the policy limits for how long."""

    event: ClassVar[str] = Event.hold

    note: str = ""
    reason: HoldReason
    evidence: str


class HoldBenefits(Fact):
    """A named officer's decision to withhold benefits: legal basis, and proof that the notice was served."""

    event: ClassVar[str] = Event.hold_benefits

    note: str = ""
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]
    notice: str
    served_on: date


class IdentityCheck(Sent):
    """An electronic check of whoever applies: by which provider, when, and under which reference of theirs."""

    provider: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,31}$")]
    at: AwareDatetime
    reference: str


class RowCounts(Told):
    """The rows of a job, in numbers."""

    read: int
    done: int
    refused: int
    waiting: int
    cancelled: int


class Job(Told):
    """A job, and how far it is."""

    id: str
    kind: Open[JobKind]
    state: Open[JobState]
    rows: RowCounts
    begun_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    campaign: CampaignPace | None = None
    """Of a large register; others are opened one row after the other."""


class JobRow(Told):
    """A row of a job, and what became of it."""

    row: int
    """As people count it who look at the file, headings included; 0 for the file as a whole."""
    state: Open[RowState]
    case_id: str | None = None
    event: str | None = None
    """`open`, or the event that was told."""
    key: str | None = None
    """The row's own key."""
    status: str | None = None
    """Where the case stood after it."""
    version: int | None = None
    findings: tuple[Finding, ...] = ()


class JobRows(Told):
    """Some rows of a job, in the order of the file."""

    rows: tuple[JobRow, ...]
    next: str | None = None
    """Cursor of the following page; none where this is the last."""


class Jobs(Told):
    """The newest jobs of a client."""

    jobs: tuple[Job, ...]


class KeepBenefits(Fact):
    """A named officer's decision that benefits are not withheld although the campaign date has passed."""

    event: ClassVar[str] = Event.keep_benefits

    note: str = ""
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]
    because: Annotated[str, Field(min_length=4, max_length=200)]


class LateCases(Told):
    """Open cases of one agency by the highest rung of the ladder that fired."""

    region: str
    rung: int
    """1 blue 0, 2 blue 1, 3 yellow, 4 orange, 5 red, 6 the campaign date, 7 five working days later."""
    cases: int


class LineError(Told):
    """What is wrong in a line."""

    pointer: str
    """JSON pointer (RFC 6901) into the line; empty for the whole."""
    code: Open[Code]


class Suspended(Told):
    """A claim of a line that the register suspended, and on what basis."""

    pointer: str
    """Its JSON pointer in the line."""
    legal_basis: str


class LineAnswer(Told):
    """What became of one line."""

    line: int
    """Its number in the request, from 1."""
    outcome: Open[LineOutcome]
    errors: tuple[LineError, ...] = ()
    suspended: tuple[Suspended, ...] = ()
    """Claims that arrived in it and were suspended, because the person's number still has 15 digits."""
    requeued: int = 0
    """Claims that were suspended because of an old number, and are queued again because it is changed."""


class LookedFor(Sent):
    """Who is looked for."""

    kind: Kind
    personal_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,20}$")] = Field(repr=False)


class NumberChangeApplication(Sent):
    """An ID-number change is applied for. Numbers are given as typed; what is sent is normalised and sealed."""

    kind: Literal["IdNumberChange"] = "IdNumberChange"
    personal_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,20}$")] = Field(repr=False)
    name: str = Field(repr=False)
    region: Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")]
    category: Category = Category.general
    channel: ApplicationChannel = ApplicationChannel.counter
    documents: tuple[ApplicationDocument, ...] = ()
    submitter: Actor | ApplicationCitizen
    """Who hands it in: the member of staff who took it in, or else whoever applies without one."""
    identity: IdentityCheck | None = None
    """The electronic check of whoever applies, where the region's policy takes one by this channel."""
    new_number: str = Field(repr=False)
    """The 18-digit number that is applied for; the one in force where the name alone changes."""
    new_name: str | None = Field(default=None, repr=False)
    """The name that the person is to have, where it changes as well."""
    correction: Correction | None = None
    """What the correction of a change that was carried out rests on; told with a reopening only."""


class OpenCases(Told):
    """Open cases of one agency, kind and status."""

    region: str
    kind: Open[Kind]
    status: Open[Status]
    cases: int
    overdue: int
    """Those whose running time limit, or else processing time, is over."""


class Outcome(Told):
    """The result of a closed case."""

    case_id: str
    generation: int
    status: Open[Status]
    milestone: Open[Milestone]
    reason: Open[Code] | None = None
    remains: tuple[str, ...] = ()
    recomputed: Recomputed | None = None
    """What recomputations changed while the case was open, all of them together; None where nothing."""
    transitions: int


class Remaining(Told):
    """Insured persons of one agency and group whose number in force still has 15 digits."""

    region: str
    category: Open[Category]
    persons: int
    with_case: int
    """Those of them who have an open case."""


class Overview(Told):
    """The figures of an office and all below it."""

    office: str
    at: AwareDatetime
    since: date
    """The first day that `days`, `durations` and `decisions` count."""
    open: tuple[OpenCases, ...]
    late: tuple[LateCases, ...]
    days: tuple[Day, ...]
    durations: tuple[Duration, ...]
    remaining: tuple[Remaining, ...]
    campaign: tuple[Campaign, ...]
    decisions: tuple[Decisions, ...]


class Page(Told):
    """Some of the cases that a caller sees."""

    cases: tuple[CaseRow, ...]
    next: str | None = None
    """Cursor of the following page; None where this is the last."""


class PastNumber(Sent):
    """A number the person had before."""

    number: Annotated[str, Field(min_length=1, max_length=64)] = Field(repr=False)
    valid_from: date | None = None
    valid_to: date | None = None


class PersonEnded(Fact):
    """The person died or was transferred to another agency."""

    event: ClassVar[str] = Event.person_ended

    note: str = ""
    reason: PersonEndedReason
    evidence: str


class PersonSaid(Sent):
    """What the source says of one person in one version. What is not named stays as it is. Things that are said in
    one version may stand in several lines. `name` and `region` are needed for a person whom the register does not
    know. `number` is the number in force: 15 or 18 digits, or whatever stands there.
    """

    personal_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,20}$")] = Field(repr=False)
    source_version: Annotated[int, Field(ge=1.0, le=9007199254740991.0)]
    name: str | None = Field(default=None, repr=False)
    phone: Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{4,23}$")] | None = Field(default=None, repr=False)
    number: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(default=None, repr=False)
    past_numbers: tuple[PastNumber, ...] = ()
    region: Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")] | None = None
    category: Category | None = None
    died_on: date | None = None
    transferred: bool = False
    insured_again: Annotated[str, Field(min_length=1)] | None = None
    draws_pension: bool | None = None
    cards: Annotated[tuple[HeldCard, ...], Field(max_length=50)] = ()
    claims: Annotated[tuple[Claim, ...], Field(max_length=500)] = ()
    benefit_holds: Annotated[tuple[BenefitHold, ...], Field(max_length=10)] = ()
    contributions: tuple[Contribution, ...] = ()
    balances: Annotated[tuple[Balance, ...], Field(max_length=10)] = ()


class PersonsAnswer(Told):
    """What became of the lines of a request, in their order; blank ones are left out."""

    applied: int
    unchanged: int
    older: int
    refused: int
    unknown: int
    lines: tuple[LineAnswer, ...]


class Problem(Told):
    """A refusal. Whoever reads it by program goes by `code`."""

    type: str
    """`urn:cardcase:` and the code."""
    title: str
    """What went wrong and what to do, in English."""
    status: int
    """The HTTP status."""
    code: Open[Code]
    remedy: Remedy
    errors: tuple[FieldProblem, ...] = ()
    """Every field that is wrong, where fields are."""
    outcome: Outcome | None = None
    """Of a case that is closed already."""
    case_id: str | None = None
    """The case that is open already, where the caller may read it."""


class Progress(Told):
    """The answer to whoever asks for an applicant."""

    zh: str
    en: str
    cases: tuple[str, ...]
    """The cases that it is about, the number change first."""
    acts: bool
    """Whether the applicant has something to do."""
    due_at: AwareDatetime | None = None
    """By when, the exact instant; None where they have nothing to do, or no limit runs."""


class PublishedKey(Told):
    """A public Ed25519 key, as an entry of a JWK set (RFC 8037)."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    kid: str
    use: str = "sig"
    x: str
    """The key's 32 bytes in base64url."""


class RateWanted(Sent):
    """How fast a campaign is to go on."""

    per_second: Annotated[float, Field(ge=0.1, le=1000)]
    """Rows that are opened a second, at most."""


class Receipt(Told):
    """The answer to an application: the case is durably registered and screened."""

    case_id: str
    generation: int
    status: Open[Status]
    milestone: Open[Milestone]
    road: Open[Road] | None = None
    missing: tuple[Demand, ...] = ()
    due_at: AwareDatetime | None = None
    """By when the applicant must act, or, where nothing is missing, by when the agency must have decided."""
    due_provisional: bool = False
    """The calendar of a year that the date rests on is not published yet."""
    due_left: Left | None = None
    """Working days up to `due_at`, as of the transition that is answered."""
    advice: tuple[Open[Advice], ...] = ()
    reason: Open[Code] | None = None
    """Why the case ended, where it ended at once."""
    reference: str | None = None
    """Eight digits by which the applicant names it, unique per agency and year; filled in by who has the register."""


class Recompute(Fact):
    """The dates are recomputed: the calendar grew, or the case follows another version of its policy. What has fired
    stays fired. What another version asks for no more is waited for no more; nothing further is asked.
    """

    event: ClassVar[str] = Event.recompute

    note: str = ""
    policy: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}/[1-9][0-9]{0,5}$")] | None = None
    """Name and version of the policy that the case is pinned to from now on; None leaves it."""


class Reject(Fact):
    """The application is refused, with its legal basis."""

    event: ClassVar[str] = Event.reject

    note: str = ""
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]


class ReleaseBenefits(Fact):
    """A decision to release held benefits."""

    event: ClassVar[str] = Event.release_benefits

    note: str = ""
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]


class Repair(Fact):
    """An operator's decision on a case in repair: publish again, accept on evidence for a system, or undo."""

    event: ClassVar[str] = Event.repair

    note: str = ""
    action: RepairAction
    system: System | None = None
    evidence: str


class ReplacementApplication(Sent):
    """A card replacement is applied for."""

    kind: Literal["CardReplacement"] = "CardReplacement"
    personal_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,20}$")] = Field(repr=False)
    name: str = Field(repr=False)
    region: Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")]
    category: Category = Category.general
    channel: ApplicationChannel = ApplicationChannel.counter
    documents: tuple[ApplicationDocument, ...] = ()
    submitter: Actor | ApplicationCitizen
    """Who hands it in: the member of staff who took it in, or else whoever applies without one."""
    identity: IdentityCheck | None = None
    """The electronic check of whoever applies, where the region's policy takes one by this channel."""
    number: str = Field(repr=False)
    """The resident ID number that the applicant shows, of 18 digits or still of 15."""
    reason: ReplacementReason
    delivery: HandOver | None = None
    """How the new card is to reach its holder, of the ways that the region offers by this channel."""


class ReportLoss(Fact):
    """The card in use is lost: it is blocked at once, until the report expires or is confirmed."""

    event: ClassVar[str] = Event.report_loss

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""
    evidence: str


class ResolveDispute(Fact):
    """One officer's decision on a dispute; it counts when a second officer decides the same on the same document."""

    event: ClassVar[str] = Event.resolve_dispute

    note: str = ""
    outcome: DisputeOutcome
    police_document: Document


class ResolveDuplicate(Fact):
    """One officer's word on whether two records are one person's; it counts when a second officer says the same."""

    event: ClassVar[str] = Event.resolve_duplicate

    note: str = ""
    same_person: bool
    police_document: Document
    legal_basis: Annotated[str, Field(min_length=4, max_length=200)]


class Resume(Fact):
    """The reason of the hold is gone."""

    event: ClassVar[str] = Event.resume

    note: str = ""


class ReturnDocuments(Fact):
    """Documents are defective; all defects at once."""

    event: ClassVar[str] = Event.return_documents

    note: str = ""
    defects: Annotated[tuple[Defect, ...], Field(min_length=1, max_length=20)]


class SubjectRead(Told):
    """The numbers that a system has to change over."""

    case_id: str
    number: str = Field(repr=False)
    """The number that is in force from now on."""
    replaces: str | None = Field(default=None, repr=False)
    """The one before it."""


class Subscription(Told):
    """A subscription, and how it stands."""

    id: str
    sink: str
    types: tuple[str, ...]
    """Types of events; empty for all that the client is told of."""
    region: str
    """Only cases of this office's region."""
    state: Open[State]
    pending: int
    """Events that have still to be sent."""
    dead: int
    """Events that were given up, until somebody has them sent again."""
    failures: int
    """Attempts in a row that failed."""
    last_error: str | None = None
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class Subscriptions(Told):
    """The subscriptions of a client."""

    subscriptions: tuple[Subscription, ...]


class VerifyDocuments(Fact):
    """The originals were seen; `copies` are the SHA-256 of all copies that were compared with them."""

    event: ClassVar[str] = Event.verify_documents

    note: str = ""
    original_seen: bool
    copies: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...], Field(max_length=20)]


class Wanted(Sent):
    """What a client wants to be told of, and where."""

    sink: Annotated[str, Field(min_length=8, max_length=500)]
    """An https address of a host that the service knows. It answers the challenge of the first message."""
    types: Annotated[
        tuple[Annotated[str, Field(pattern=r"^cardcase\.[a-z_]{1,40}\.v1$")], ...], Field(max_length=50)
    ] = ()
    """Types of events; empty for all that the client is told of."""
    region: Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$")] | None = None
    """Only cases of this office's region; the client's own without."""


class WebhookKeySet(Told):
    """All keys that sign just now: two while one is replaced. A message is good by any of them."""

    keys: tuple[PublishedKey, ...]


class Withdraw(Fact):
    """The applicant withdraws."""

    event: ClassVar[str] = Event.withdraw

    note: str = ""
    on_behalf: ApplicationCitizen | None = None
    """Who speaks. Where a system says nobody, whoever handed the application in."""


Application: TypeAlias = NumberChangeApplication | ReplacementApplication
