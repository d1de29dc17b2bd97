"""How a case moves: the one frozen state of a case, and the pure function that decides its next one.

`decide` consults the table of the case's machine; nothing else in the project knows what may follow what. The workflow
calls it before and after waiting, the validators of updates call it to refuse early, and tests walk it beside the real
engine.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from cases.clocks import SHANGHAI, day_of
from cases.errors import Advice, CaseError, Code
from cases.ladder import Cause, Dates, Ladder, Rung, Suspension
from cases.models import (
    MAX_DOCUMENTS,
    AddDocuments,
    Answer,
    Approve,
    CardActivated,
    CardFunction,
    CardProduced,
    CardUnclaimed,
    CaseView,
    ConfirmDownstream,
    Defect,
    Demand,
    Dispute,
    DisputeOutcome,
    Document,
    DocumentKind,
    Extend,
    Fact,
    Hold,
    HoldBenefits,
    HoldReason,
    NumberChangeOpening,
    Outcome,
    PersonEnded,
    PersonEndedReason,
    Receipt,
    Record,
    Repair,
    RepairAction,
    ReplacementOpening,
    ReplacementReason,
    ResolveDispute,
    ReturnDocuments,
    StaffId,
    System,
    Transition,
    VerifyDocuments,
    distinct,
)
from cases.names import Kind, case_id
from cases.numbers import Road
from cases.roles import check_fact
from cases.states import (
    CLOCK_EVENT,
    MACHINES,
    Clock,
    Effect,
    Event,
    Guard,
    Machine,
    Milestone,
    Origin,
    Row,
    Status,
)


class Finding(StrEnum):
    """What the register says about a person when a case is screened or checked."""

    clear = "clear"
    unknown = "unknown"
    deceased = "deceased"
    not_needed = "not_needed"
    conflict = "conflict"
    differs = "differs"
    duplicate = "duplicate"
    not_allowed = "not_allowed"


class HoldTerm(Record):
    """What a hold for one reason is: its limit in calendar days, and whether it moves the campaign date."""

    reason: HoldReason
    days: int
    moves_campaign: bool


class Terms(Record):
    """The part of the case's pinned policy that decides transitions."""

    policy: str
    """Name and version, `name/version`."""
    confirmations: tuple[System, ...] = ()
    undo_number: bool = True
    max_extension: int = 30
    """Working days by which all extensions of a case together may move its time limits."""
    extension_moves_campaign: bool = False
    campaign_ends: date | None = None
    holds: tuple[HoldTerm, ...] = ()
    loss_report_expires: Literal["release", "cancel"] = "release"
    undo_formal_loss: bool = True
    cancel_order: bool = True
    functions: tuple[CardFunction, ...] = (CardFunction.social, CardFunction.bank)
    production_attempts: int = 3
    claim_reminders: int = 2
    """Reminders to fetch the card before it may be destroyed."""


class Screening(Record):
    """What the register answers when a case is screened: the road, what is needed, by when."""

    finding: Finding
    terms: Terms
    road: Road | None = None
    demands: tuple[Demand, ...] = ()
    advice: tuple[Advice, ...] = ()
    benefits_held: bool = False
    draws_pension: bool = False
    related: str | None = None


class Timer(Record):
    """The time limit of a case's status: what happens, and when, if nobody acts."""

    clock: Clock
    since: AwareDatetime
    extended: int = 0
    """Working days by which it was extended."""
    due_at: AwareDatetime
    provisional: bool = False

    @property
    def event(self) -> Event:
        """What happens when the time is up."""
        return CLOCK_EVENT[self.clock]


class Upcoming(NamedTuple):
    """What happens next if nobody acts."""

    event: Event
    at: datetime
    provisional: bool
    rung: Rung = Rung.none
    """The rung that fires, for `escalated`."""


class Answered(Record):
    """An update that was answered, kept so that a repetition after continue-as-new gets the same answer."""

    id: str
    version: int


class CaseState(Record):
    """Everything a case is: the answer of its query and the whole input of its next run."""

    opening: NumberChangeOpening | ReplacementOpening = Field(discriminator="kind")
    generation: int = 1
    version: int = 0
    status: Status = Status.screening
    milestone: Milestone = Milestone.submitted
    screening: Screening | None = None
    documents: tuple[Document, ...] = ()
    defects: tuple[Defect, ...] = ()
    verifier: StaffId | None = None
    approver: StaffId | None = None
    verified_content: str | None = None
    held_from: Status | None = None
    hold_reason: HoldReason | None = None
    dispute: Dispute | None = None
    dispute_settled: bool = False
    committed: bool = False
    confirmations: tuple[System, ...] = ()
    refused_by: System | None = None
    """The system that refused the new number last, until it confirms or is asked again."""
    timer: Timer | None = None
    ladder: Ladder = Ladder()
    extended: int = 0
    """Working days by which extensions have moved time limits so far."""
    loss_settled: bool = False
    card_blocked: bool = False
    card_cancelled: bool = False
    """The lost card was cancelled when its temporary loss report expired; nothing brings it back."""
    card_ordered: bool = False
    """A new card is being made, or was made and not cancelled."""
    production_attempts: int = 0
    """Productions that failed since the card was ordered."""
    claim_reminders: int = 0
    activated: tuple[CardFunction, ...] = ()
    benefits_held: bool = False
    overdue: bool = False
    stuck: bool = False
    """The engine cannot go on by itself although the status is its own; an operator repairs."""
    related: str | None = None
    last_error: Code | None = None
    ended_because: Code | None = None
    remains: tuple[str, ...] = ()
    receipt: Receipt | None = None
    """The answer to the application, given again to whoever repeats it."""
    transitions: tuple[Transition, ...] = ()
    answered: tuple[Answered, ...] = ()

    @property
    def kind(self) -> Kind:
        """Which kind of case this is."""
        return self.opening.kind

    @property
    def case_id(self) -> str:
        """Case ID = workflow ID."""
        return case_id(self.opening.kind, self.opening.person)

    @property
    def machine(self) -> Machine:
        """The state machine of this kind."""
        return MACHINES[self.opening.kind]

    @property
    def is_open(self) -> bool:
        """Whether the case can still move."""
        return self.machine.is_open(self.status)

    @property
    def terms(self) -> Terms:
        """The pinned policy's terms; known once the case is screened."""
        if self.screening is None:
            raise CaseError(Code.EVENT_NOT_ALLOWED)
        return self.screening.terms

    @property
    def awaited(self) -> tuple[System, ...]:
        """Systems that have not confirmed yet."""
        if self.screening is None or not self.committed:
            return ()
        return tuple(system for system in self.terms.confirmations if system not in self.confirmations)

    @property
    def missing(self) -> tuple[Demand, ...]:
        """Documents that are demanded and not on file."""
        return missing(self, self.documents)

    @property
    def content(self) -> str:
        """SHA-256 of what is verified, approved and applied: the application and the copies, nothing else."""
        parts = (
            self.case_id,
            str(self.generation),
            self.opening.number_token,
            self.opening.fingerprint,
            *sorted(document.sha256 for document in self.documents),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def upcoming(self) -> Upcoming | None:
        """What happens next if nobody acts: the status' time limit ends, or a rung fires; None where nothing does."""
        if not self.is_open:
            return None
        found = []
        # What the engine waits for is not reached while it cannot go on; the ladder is climbed all the same.
        if self.timer is not None and not self.stuck:
            found.append(Upcoming(self.timer.event, self.timer.due_at, self.timer.provisional))
        if self.next_rung is not None:
            found.append(self.next_rung)
        return min(found, key=lambda each: each.at, default=None)

    @property
    def next_rung(self) -> Upcoming | None:
        """The next rung of the ladder, if nobody acts."""
        rung = self.ladder.dates.next
        return None if rung is None else Upcoming(Event.escalated, rung.at, rung.provisional, rung.rung)

    @property
    def attention(self) -> tuple[str, ...]:
        """Why an operator should look at the case (`CaseAttention`)."""
        reasons = {
            "hold": self.status is Status.on_hold,
            "dispute": self.status is Status.disputed,
            "repair": self.status is Status.repair or self.stuck,
            "overdue": self.overdue or self.ladder.overdue,
            # A lawful hold, a dispute or a second officer's review comes first; the decision waits for its end.
            "decision": self.ladder.decision and self.status not in _BENEFITS_EXCLUDED,
        }
        return tuple(reason for reason, present in reasons.items() if present and self.is_open)


class Decision(NamedTuple):
    """A transition that may be made: the row of the table, the state after it, and the time limit it starts."""

    row: Row
    after: CaseState
    clock: Clock | None
    """The clock whose due date the registry works out: started anew, or moved by `extend_by` working days."""
    extend_by: int = 0

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What the transition does to the register."""
        return self.row.effects


def opened(opening: NumberChangeOpening | ReplacementOpening) -> CaseState:
    """The state of a case that was just applied for."""
    state = CaseState(opening=opening, status=MACHINES[opening.kind].initial)
    return state.model_copy(update={"documents": _with(state, opening.documents)})


# A demand for the first is met by any of the others as well: Resident ID Card Law art. 11-12 (temporary card),
# residence permits of Hong Kong, Macao and Taiwan residents, and a court's certificate in place of the police's.
_MEETS: Final[Mapping[DocumentKind, frozenset[DocumentKind]]] = {
    DocumentKind.resident_id_card: frozenset({DocumentKind.temporary_id_card, DocumentKind.residence_permit}),
    DocumentKind.police_certificate: frozenset({DocumentKind.court_certificate}),
}


def missing(state: CaseState, documents: Iterable[Document]) -> tuple[Demand, ...]:
    """Demands of the case that none of `documents` meets."""
    if state.screening is None:
        return ()
    present = {document.kind for document in documents}
    return tuple(
        demand
        for demand in state.screening.demands
        if demand.document not in present and not (_MEETS.get(demand.document, frozenset()) & present)
    )


def check_document(document: Document, person: str, today: date) -> None:
    """Raises `CaseError` for a document of another person, an expired one, or one that is dated in the future."""
    if document.holder is not None and document.holder != person:
        raise CaseError(Code.DOCUMENT_OF_ANOTHER_PERSON, document.kind.value)
    if document.expires_on is not None and document.expires_on < today:
        raise CaseError(Code.DOCUMENT_EXPIRED, document.kind.value)
    if document.issued_on is not None and document.issued_on > today:
        raise CaseError(Code.DOCUMENT_FUTURE_DATED, document.kind.value)


def _with(state: CaseState, documents: Iterable[Document]) -> tuple[Document, ...]:
    """The documents on file with further ones; the same copy twice is one document."""
    merged = {document.sha256: document for document in (*state.documents, *documents)}
    return tuple(merged.values())


# --- checks: may this fact be told at all? --------------------------------------------------------------------------

Check = Callable[[CaseState, Any, date], Code | None]
"""Asks the state, the fact and the day."""


def _check_add(state: CaseState, fact: AddDocuments, today: date) -> Code | None:
    for document in fact.documents:
        check_document(document, state.opening.person, today)
    return Code.DOCUMENTS_TOO_MANY if len(_with(state, fact.documents)) > MAX_DOCUMENTS else None


def _check_verify(state: CaseState, fact: VerifyDocuments, today: date) -> Code | None:
    if not fact.original_seen:
        return Code.ORIGINAL_NOT_SEEN
    if not distinct((state.opening.submitter.id, fact.actor.id)):
        return Code.SAME_PERSON
    if state.missing:
        return Code.DOCUMENTS_MISSING
    # Those of the application were never looked at by date, and any may have expired while the case waited.
    for document in state.documents:
        check_document(document, state.opening.person, today)
    on_file = {document.sha256 for document in state.documents}
    return None if set(fact.copies) == on_file else Code.DOCUMENT_DIGEST_MISMATCH


def _check_approve(state: CaseState, fact: Approve, _today: date) -> Code | None:
    if not distinct((state.opening.submitter.id, state.verifier, fact.actor.id)):
        return Code.SAME_PERSON
    return None if fact.content == state.verified_content == state.content else Code.CONTENT_CHANGED


def _check_extend(state: CaseState, fact: Extend, _today: date) -> Code | None:
    if state.timer is None and state.ladder.is_suspended:
        return Code.NO_CLOCK_TO_EXTEND
    return Code.EXTENSION_TOO_LONG if state.extended + fact.working_days > state.terms.max_extension else None


_DECIDES_A_DISPUTE: Final = frozenset({DocumentKind.police_certificate, DocumentKind.court_certificate})


def _check_hold(state: CaseState, fact: Hold, _today: date) -> Code | None:
    term = next((term for term in state.terms.holds if term.reason is fact.reason), None)
    return Code.HOLD_LIMIT_USED if term is None or state.ladder.held_days(fact.reason) >= term.days else None


def _check_dispute(state: CaseState, fact: ResolveDispute, today: date) -> Code | None:
    check_document(fact.police_document, state.opening.person, today)
    if fact.police_document.kind not in _DECIDES_A_DISPUTE:
        return Code.DOCUMENTS_MISSING
    if fact.outcome is DisputeOutcome.ours and len(_with(state, (fact.police_document,))) > MAX_DOCUMENTS:
        return Code.DOCUMENTS_TOO_MANY
    if _agrees(state.dispute, fact) and state.dispute is not None and state.dispute.decided_by == fact.actor.id:
        return Code.SAME_PERSON
    return None


def _check_not_committed(state: CaseState, _fact: None, _today: date) -> Code | None:
    return Code.EVENT_NOT_ALLOWED if state.committed else None


def _check_confirmation(state: CaseState, fact: ConfirmDownstream, _today: date) -> Code | None:
    return None if fact.system in state.awaited else Code.SYSTEM_NOT_AWAITED


def _check_repair(state: CaseState, fact: Repair, _today: date) -> Code | None:
    return Code.SYSTEM_NOT_AWAITED if fact.system is not None and fact.system not in state.awaited else None


def _check_hold_benefits(state: CaseState, fact: HoldBenefits, today: date) -> Code | None:
    ends = state.ladder.dates.campaign_due_at
    if ends is None or today <= day_of(ends - timedelta(microseconds=1)):
        return Code.DEADLINE_NOT_PASSED
    return Code.NOTICE_NOT_SERVED if fact.served_on > today else None


def _check_benefits_held(state: CaseState, _fact: Fact | None, _today: date) -> Code | None:
    return None if state.benefits_held else Code.BENEFITS_NOT_HELD


def _check_activation(state: CaseState, fact: CardActivated, _today: date) -> Code | None:
    wanted = fact.function in state.terms.functions and fact.function not in state.activated
    return None if wanted else Code.EVENT_NOT_ALLOWED


def _check_unclaimed(_state: CaseState, fact: CardUnclaimed, _today: date) -> Code | None:
    return None if distinct((fact.actor.id, fact.witness.id)) else Code.SAME_PERSON


_CHECKS: Final[Mapping[Event, Check]] = {
    Event.add_documents: _check_add,
    Event.verify_documents: _check_verify,
    Event.approve: _check_approve,
    Event.extend: _check_extend,
    Event.hold: _check_hold,
    Event.resolve_dispute: _check_dispute,
    Event.confirm_downstream: _check_confirmation,
    Event.repair: _check_repair,
    Event.hold_benefits: _check_hold_benefits,
    Event.release_benefits: _check_benefits_held,
    Event.card_activated: _check_activation,
    Event.card_unclaimed: _check_unclaimed,
    Event.commit: _check_not_committed,
    Event.commit_refused: _check_not_committed,
    Event.register_changed: _check_not_committed,
    Event.benefits_lifted: _check_benefits_held,
}


# --- guards: which row of the pair? ---------------------------------------------------------------------------------


def _agrees(first: Dispute | None, fact: ResolveDispute) -> bool:
    return first is not None and (first.outcome, first.document) == (fact.outcome, fact.police_document.sha256)


def _undoable(state: CaseState) -> bool:
    """Whether the number can be taken back: nobody confirmed it, and it is not in effect or the policy permits it."""
    return not state.confirmations and (state.terms.undo_number or not state.committed)


def _found(*findings: Finding) -> Callable[[CaseState, Any], bool]:
    return lambda state, _fact: state.screening is not None and state.screening.finding in findings


def _documents_missing(state: CaseState, fact: Any) -> bool:
    added: tuple[Document, ...] = ()
    if isinstance(fact, AddDocuments):
        added = fact.documents
    elif isinstance(fact, ResolveDispute):
        added = (fact.police_document,)
    return bool(missing(state, _with(state, added)) or (state.defects and not added))


def _last_confirmation(state: CaseState, system: System | None) -> bool:
    return state.awaited == (system,)


def _unblock_possible(state: CaseState, _fact: Any) -> bool:
    blocked = state.card_blocked and not state.card_cancelled
    return blocked and (not state.loss_settled or state.terms.undo_formal_loss)


def _order_cancellable(state: CaseState) -> bool:
    """Whether the card need not be made: nothing was ordered yet, or the region's policy permits to cancel an order."""
    return state.status is Status.ordered or state.terms.cancel_order


# A number that somebody else had when the case was screened, although they have given it up since, is no upgrade.
_NOT_FOR_ONE_OFFICER: Final = frozenset({Road.reissued, Road.conflict})

_GUARDS: Final[Mapping[Guard, Callable[[CaseState, Any], bool]]] = {
    Guard.always: lambda _state, _fact: True,
    Guard.person_unknown: _found(Finding.unknown),
    Guard.person_deceased: _found(Finding.deceased),
    Guard.not_needed: _found(Finding.not_needed),
    Guard.conflict: _found(Finding.conflict),
    Guard.person_differs: _found(Finding.differs),
    Guard.duplicate: _found(Finding.duplicate),
    Guard.not_allowed: _found(Finding.not_allowed),
    Guard.documents_missing: _documents_missing,
    Guard.second_officer_needed: lambda state, _fact: (
        state.dispute_settled or (state.screening is not None and state.screening.road in _NOT_FOR_ONE_OFFICER)
    ),
    # Documents that came in during the hold were not verified: the case goes back to review with them.
    Guard.held_in_approval: lambda state, _fact: (
        state.held_from is Status.awaiting_approval and state.verified_content == state.content
    ),
    Guard.held_for_number_change: lambda state, _fact: state.hold_reason is HoldReason.number_change_first,
    Guard.first_decider: lambda state, fact: not _agrees(state.dispute, fact),
    Guard.outcome_against: lambda _state, fact: fact.outcome is not DisputeOutcome.ours,
    Guard.refused_undoable: lambda state, fact: not fact.confirmed and _undoable(state),
    Guard.refused: lambda _state, fact: not fact.confirmed,
    Guard.last_confirmation: lambda state, fact: _last_confirmation(state, fact.system),
    Guard.no_confirmation_awaited: lambda state, _fact: not state.terms.confirmations,
    Guard.undoable: lambda state, _fact: _undoable(state),
    Guard.retry: lambda _state, fact: fact.action is RepairAction.retry,
    Guard.accept: lambda _state, fact: fact.action is RepairAction.accept,
    Guard.accept_last: lambda state, fact: (
        fact.action is RepairAction.accept and _last_confirmation(state, fact.system)
    ),
    Guard.undo_possible: lambda state, fact: (
        fact.action is RepairAction.undo
        and (_undoable(state) if state.kind is Kind.id_number_change else _order_cancellable(state))
    ),
    Guard.lost_and_unsettled: lambda state, _fact: (
        isinstance(state.opening, ReplacementOpening)
        and state.opening.reason is ReplacementReason.lost
        and not state.loss_settled
    ),
    Guard.loss_report_released: lambda state, _fact: state.terms.loss_report_expires == "release",
    Guard.unblock_possible: _unblock_possible,
    Guard.order_cancellable: lambda state, _fact: _order_cancellable(state),
    Guard.found_in_time: lambda state, fact: _order_cancellable(state) and _unblock_possible(state, fact),
    Guard.produced: lambda _state, fact: fact.produced,
    Guard.attempts_left: lambda state, _fact: state.production_attempts + 1 < state.terms.production_attempts,
    Guard.last_function: lambda state, fact: set(state.terms.functions) <= {*state.activated, fact.function},
    Guard.claim_period_over: lambda state, _fact: state.claim_reminders > state.terms.claim_reminders,
}


def _refusal(state: CaseState, event: Event) -> Code:
    """Why none of the rows of a pair holds, or why there is none."""
    if not state.is_open:
        return Code.CASE_CLOSED
    rows = state.machine.rows(state.status, event)
    if not rows:
        excluded = event is Event.hold_benefits and state.status in _BENEFITS_EXCLUDED
        return Code.BENEFITS_EXCLUDED if excluded else Code.EVENT_NOT_ALLOWED
    if event is Event.card_unclaimed:
        return Code.CLAIM_PERIOD_NOT_OVER
    if event is Event.card_found and not state.card_blocked:
        return Code.EVENT_NOT_ALLOWED
    if state.confirmations and event in {Event.withdraw, Event.person_ended, Event.repair}:
        return Code.PAST_POINT_OF_NO_RETURN
    undoing = {Event.withdraw, Event.person_ended, Event.repair, Event.card_found}
    return Code.UNDO_NOT_PERMITTED if event in undoing else Code.EVENT_NOT_ALLOWED


_BENEFITS_EXCLUDED = frozenset({Status.on_hold, Status.disputed, Status.awaiting_approval})


# --- changes: what does the event change in the state, apart from its status? ---------------------------------------

Change = Callable[[CaseState, Any, Row], dict[str, Any]]


def _change_add(state: CaseState, fact: AddDocuments, _row: Row) -> dict[str, Any]:
    documents = _with(state, fact.documents)
    still_missing = {demand.document for demand in missing(state, documents)}
    return {
        "documents": documents,
        "defects": tuple(defect for defect in state.defects if defect.document in still_missing),
    }


def _change_confirm(state: CaseState, fact: ConfirmDownstream, _row: Row) -> dict[str, Any]:
    if not fact.confirmed:
        return {"last_error": Code.CONFIRMATION_REFUSED, "refused_by": fact.system}
    return _confirmed_by(state, fact.system)


def _confirmed_by(state: CaseState, system: System) -> dict[str, Any]:
    still = None if state.refused_by is system else state.refused_by
    return {"confirmations": (*state.confirmations, system), "refused_by": still}


def _change_repair(state: CaseState, fact: Repair, _row: Row) -> dict[str, Any]:
    if fact.system is not None:
        return _confirmed_by(state, fact.system)
    # A retried production has all its attempts again: somebody decided so.
    return {"last_error": None, "refused_by": None, "production_attempts": 0}


def _change_return(state: CaseState, fact: ReturnDocuments, _row: Row) -> dict[str, Any]:
    defective = {defect.document for defect in fact.defects}
    return {
        "defects": fact.defects,
        "documents": tuple(document for document in state.documents if document.kind not in defective),
    }


def _change_dispute(state: CaseState, fact: ResolveDispute, row: Row) -> dict[str, Any]:
    if row.to is Status.disputed:
        first = Dispute(outcome=fact.outcome, document=fact.police_document.sha256, decided_by=fact.actor.id)
        return {"dispute": first}
    return {"dispute_settled": True, "documents": _with(state, (fact.police_document,))}


def _change_ended(_state: CaseState, fact: PersonEnded, _row: Row) -> dict[str, Any]:
    died = fact.reason is PersonEndedReason.death
    return {"ended_because": Code.PERSON_DECEASED if died else Code.PERSON_TRANSFERRED}


def _change_hold(state: CaseState, fact: Hold, _row: Row) -> dict[str, Any]:
    return {"held_from": state.status, "hold_reason": fact.reason}


def _change_checked(state: CaseState, _fact: None, row: Row) -> dict[str, Any]:
    if row.to is not Status.on_hold:
        return {}
    return {
        "held_from": state.status,
        "hold_reason": HoldReason.number_change_first,
        "last_error": Code.PRECHECK_PERSON_DIFFERS,
    }


def _change_production(state: CaseState, fact: CardProduced, _row: Row) -> dict[str, Any]:
    attempts = state.production_attempts + 1
    return {
        "production_attempts": attempts,
        "last_error": None if fact.produced else Code.PRODUCTION_FAILED,
        "overdue": False,
    }


_CHANGES: Final[Mapping[Event, Change]] = {
    Event.add_documents: _change_add,
    Event.verify_documents: lambda state, fact, _row: {
        "verifier": fact.actor.id,
        "verified_content": state.content,
        "defects": (),
    },
    Event.return_documents: _change_return,
    Event.approve: lambda _state, fact, _row: {"approver": fact.actor.id},
    Event.hold: _change_hold,
    Event.extend: lambda state, fact, _row: {"extended": state.extended + fact.working_days, "overdue": False},
    Event.resolve_dispute: _change_dispute,
    Event.dispute_won: lambda _state, _fact, _row: {"dispute_settled": True},
    Event.commit: lambda _state, _fact, _row: {"committed": True},
    Event.confirm_downstream: _change_confirm,
    Event.confirmation_overdue: lambda _state, _fact, _row: {"last_error": Code.CONFIRMATION_OVERDUE},
    Event.repair: _change_repair,
    Event.hold_benefits: lambda _state, _fact, _row: {"benefits_held": True},
    Event.release_benefits: lambda _state, _fact, _row: {"benefits_held": False},
    Event.benefits_lifted: lambda _state, _fact, _row: {"benefits_held": False},
    Event.acknowledge: lambda _state, _fact, _row: {"overdue": False},
    Event.person_ended: _change_ended,
    Event.confirm_loss: lambda _state, _fact, _row: {"loss_settled": True},
    Event.loss_report_expired: lambda _state, _fact, _row: {"loss_settled": True},
    Event.card_produced: _change_production,
    Event.production_overdue: lambda _state, _fact, _row: {"overdue": True},
    Event.claim_period_passed: lambda state, _fact, _row: {
        "claim_reminders": state.claim_reminders + 1,
        "overdue": state.claim_reminders >= state.terms.claim_reminders,
    },
    Event.activation_overdue: lambda _state, _fact, _row: {"overdue": True},
    Event.card_activated: lambda state, fact, _row: {"activated": (*state.activated, fact.function)},
    Event.stuck: lambda _state, _fact, _row: {"stuck": True},
    Event.checked: _change_checked,
}

_EFFECT_CHANGES: Final[Mapping[Effect, dict[str, Any]]] = {
    Effect.lift_benefit_holds: {"benefits_held": False},
    Effect.restore_number: {"committed": False},
    Effect.block_card: {"card_blocked": True},
    Effect.cancel_lost_card: {"card_cancelled": True},
    Effect.unblock_card: {"card_blocked": False},
    Effect.order_card: {"card_ordered": True},
    Effect.cancel_order: {"card_ordered": False},
    Effect.destroy_card: {"card_ordered": False},
}

_ENDED_BECAUSE: Final[Mapping[tuple[Status, Event], Code]] = {
    (Status.not_needed, Event.screened): Code.ALREADY_18_DIGITS,
    (Status.closed_no_response, Event.supplement_expired): Code.NO_RESPONSE,
    (Status.withdrawn, Event.supplement_expired): Code.NO_RESPONSE,
    (Status.withdrawn, Event.loss_report_expired): Code.LOSS_REPORT_EXPIRED,
    (Status.rejected, Event.resolve_dispute): Code.DISPUTE_LOST,
    (Status.rejected, Event.dispute_lost): Code.DISPUTE_LOST,
}
_FINDING_ENDS: Final[Mapping[tuple[Kind, Finding], Code]] = {
    (Kind.id_number_change, Finding.unknown): Code.PERSON_UNKNOWN,
    (Kind.id_number_change, Finding.deceased): Code.PERSON_DECEASED,
    (Kind.card_replacement, Finding.unknown): Code.PRECHECK_PERSON_UNKNOWN,
    (Kind.card_replacement, Finding.deceased): Code.PERSON_DECEASED,
    (Kind.card_replacement, Finding.duplicate): Code.PRECHECK_DUPLICATE,
    (Kind.card_replacement, Finding.not_allowed): Code.PRECHECK_NOT_ALLOWED,
}

# Statuses in which what was verified and approved has to be looked at again.
_REVIEWED_AGAIN = frozenset(
    {Status.screening, Status.awaiting_documents, Status.in_review, Status.disputed, Status.checking}
)
# Neither seeing a case nor its benefits makes the engine go on; `repair` and other news of the neighbours do.
_LEAVES_STUCK = frozenset(
    {Event.acknowledge, Event.release_benefits, Event.benefits_lifted, Event.escalated, Event.recompute}
)
# Self-loops that start the clock of their status anew; every other self-loop leaves it running.
_CLOCK_AGAIN = frozenset(
    {Event.extend, Event.recompute, Event.production_overdue, Event.claim_period_passed, Event.activation_overdue}
)
# These move a time limit that runs, and start none.
_KEEPS_ITS_TIMER = frozenset({Event.extend, Event.recompute})


def decide(state: CaseState, event: Event, fact: Fact | None, at: datetime, because: Code | None = None) -> Decision:
    """The transition that `event` makes at the moment `at`, or `CaseError` with the code why it makes none.

    Pure: equal arguments give equal answers. `fact` is the model of the event for events from outside, None otherwise;
    `because` is why the register refused a step of the engine, shown as the case's last error.
    """
    rows = state.machine.rows(state.status, event)
    if not rows:
        raise CaseError(_refusal(state, event))
    if fact is not None:
        check_fact(event, fact, state.opening.region)
    check = _CHECKS.get(event)
    if check is not None and (code := check(state, fact, at.astimezone(SHANGHAI).date())) is not None:
        raise CaseError(code)
    for row in rows:
        if _GUARDS[row.guard](state, fact):
            return _decision(state, row, fact, at, because)
    raise CaseError(_refusal(state, event))


def next_step(state: CaseState, at: datetime) -> Event | None:
    """The step that the engine itself makes next from `state` at the moment `at`; None where it makes none.

    It makes none in a closed case, in one that is stuck or waits for somebody, and none that the status' own time limit
    puts off until later.
    """
    step = state.machine.statuses[state.status].engine_step
    if step is None or state.stuck or not state.is_open:
        return None
    if state.timer is not None and state.timer.event is step and state.timer.due_at > at:
        return None
    check = _CHECKS.get(step)
    return step if check is None or check(state, None, at.astimezone(SHANGHAI).date()) is None else None


def _decision(state: CaseState, row: Row, fact: Fact | None, at: datetime, because: Code | None) -> Decision:
    changed = _changed(state, row, fact, at)
    if because is not None:
        changed["last_error"] = because
    after = state.model_copy(update=changed)
    spec = state.machine.statuses[row.to]
    starts = row.to is not row.status or row.event in _CLOCK_AGAIN or Effect.reorder_card in row.effects
    clock = spec.clock if starts else None
    if row.event in _KEEPS_ITS_TIMER and state.timer is None:
        clock = None
    # The last reminder to fetch a card opens a task for two people; no further one follows.
    if clock is Clock.claim and after.claim_reminders > after.terms.claim_reminders:
        clock = None
        after = after.model_copy(update={"timer": None})
    extend_by = fact.working_days if isinstance(fact, Extend) and state.timer is not None else 0
    return Decision(row, after, clock, extend_by)


def _changed(state: CaseState, row: Row, fact: Fact | None, at: datetime) -> dict[str, Any]:
    transition = Transition(
        version=state.version + 1,
        at=at,
        event=row.event,
        status=row.status,
        to=row.to,
        actor=fact.actor.id if fact is not None else None,
    )
    changed: dict[str, Any] = {
        "version": state.version + 1,
        "stuck": state.stuck and row.event in _LEAVES_STUCK,
        "status": row.to,
        "milestone": state.machine.milestone(row.to, state.milestone),
        "transitions": (*state.transitions, transition),
        "ladder": _ladder(state, row, fact, at),
    }
    if row.to is not row.status:
        changed |= {"timer": None, "overdue": False}
        if row.status is Status.on_hold:
            changed |= {"held_from": None, "hold_reason": None}
        if row.to is Status.disputed:
            # What an officer decided on an earlier dispute is not the first of two decisions on this one.
            changed |= {"dispute": None}
        if row.to in _REVIEWED_AGAIN:
            changed |= {"verifier": None, "approver": None, "verified_content": None}
        if row.to is Status.in_review:
            changed |= {"committed": False, "production_attempts": 0}
    for effect in row.effects:
        changed |= _EFFECT_CHANGES.get(effect, {})
    change = _CHANGES.get(row.event)
    if change is not None:
        changed |= change(state, fact, row)
    return changed if state.machine.is_open(row.to) else _closed(state, row, changed)


def _ladder(state: CaseState, row: Row, fact: Fact | None, at: datetime) -> Ladder:
    """The ledger of the case's clocks after a transition; its dates are reckoned by the register."""
    ladder = state.ladder
    changed: dict[str, Any] = {}
    if row.to is not row.status or ladder.started is None:
        changed = {"started": ladder.started or at, "step_since": at}
        suspensions = ladder.suspensions
        if ladder.is_suspended:
            suspensions = (*suspensions[:-1], suspensions[-1].model_copy(update={"until": at}))
        if state.machine.is_open(row.to) and not state.machine.statuses[row.to].runs:
            suspensions = (*suspensions, _suspension(state, row, fact, at))
        if suspensions != ladder.suspensions:
            changed |= {"suspensions": suspensions, "clock": ladder.clock + 1}
    change = _LADDER_CHANGES.get(row.event)
    if change is not None:
        changed |= change(state, fact, at)
    if state.machine.milestone(row.to, state.milestone) not in _NUMBER_NOT_UPDATED:
        changed |= {"decision": False}
    return ladder.model_copy(update=changed)


def _ladder_escalated(state: CaseState, _fact: None, at: datetime) -> dict[str, Any]:
    ladder, fired = state.ladder, state.ladder.dates.next
    # Whoever comes early, or for a rung that was moved or silenced since, comes in vain.
    if fired is None or at < fired.at:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    late = fired.rung >= Rung.orange and fired.cause is Cause.processing
    return {
        "rung": fired.rung,
        "rung_at": at,
        "acknowledged_at": None,
        # A case that comes after the date enters above it, and the decision is asked for all the same.
        "decision": ladder.decision or ladder.rung < Rung.deadline <= fired.rung,
        "overdue": ladder.overdue or late,
    }


def _ladder_extended(state: CaseState, fact: Extend, _at: datetime) -> dict[str, Any]:
    """An extension moves the time limit of the status, or else the processing time; the campaign date by policy."""
    ladder = state.ladder
    changed: dict[str, Any] = {"clock": ladder.clock + 1, "overdue": False}
    if state.timer is None:
        changed["extended"] = ladder.extended + fact.working_days
    if state.terms.extension_moves_campaign:
        changed["campaign_extended"] = ladder.campaign_extended + fact.working_days
    return changed


_LADDER_CHANGES: Final[Mapping[Event, Callable[[CaseState, Any, datetime], dict[str, Any]]]] = {
    Event.escalated: _ladder_escalated,
    Event.extend: _ladder_extended,
    Event.acknowledge: lambda _state, _fact, at: {"acknowledged_at": at, "decision": False, "overdue": False},
    Event.hold_benefits: lambda _state, _fact, _at: {"decision": False},
    Event.recompute: lambda state, _fact, _at: {"clock": state.ladder.clock + 1},
}
_NUMBER_NOT_UPDATED = frozenset({Milestone.submitted, Milestone.documents_verified})


def _suspension(state: CaseState, row: Row, fact: Fact | None, at: datetime) -> Suspension:
    if row.to is not Status.on_hold:
        return Suspension(since=at)
    reason = fact.reason if isinstance(fact, Hold) else HoldReason.number_change_first
    moves = any(term.moves_campaign for term in state.terms.holds if term.reason is reason)
    return Suspension(since=at, hold=reason, moves_campaign=moves)


def _closed(state: CaseState, row: Row, changed: dict[str, Any]) -> dict[str, Any]:
    """The changes of an ending: no limit runs on, and it says why it ended and what stays in effect."""
    changed |= {"timer": None}
    if row.to is Status.done:
        changed["last_error"] = None
    if (code := _why_ended(state, row)) is not None:
        changed["ended_because"] = code
    return changed | {"remains": _remains(state.model_copy(update=changed))}


def _why_ended(state: CaseState, row: Row) -> Code | None:
    if row.event in {Event.screened, Event.checked} and state.screening is not None:
        by_finding = _FINDING_ENDS.get((state.kind, state.screening.finding))
        if by_finding is not None:
            return by_finding
    return _ENDED_BECAUSE.get((row.to, row.event))


def _remains(after: CaseState) -> tuple[str, ...]:
    """What stays in effect after another ending than `done`, in words an operator can act on."""
    if after.status is Status.done:
        return ()
    remains = {
        "card_blocked": after.card_blocked and not after.card_cancelled,
        "card_cancelled": after.card_cancelled,
        "card_ordered": after.card_ordered,
        "number_committed": after.committed,
        "benefits_held": after.benefits_held,
    }
    return tuple(what for what, in_effect in remains.items() if in_effect)


def settled(
    after: CaseState, clock: Clock | None, timer: Timer | None, related: str | None, terms: Terms | None = None
) -> CaseState:
    """The state after a step, with what only the register knows: the time limit, the related case, other terms."""
    update: dict[str, Any] = {}
    if clock is not None:
        update["timer"] = timer
    if related is not None:
        update["related"] = related
    if terms is not None and after.screening is not None:
        update["screening"] = after.screening.model_copy(update={"terms": terms})
    return after.model_copy(update=update)


def dated(state: CaseState, dates: Dates) -> CaseState:
    """The settled state with the dates of its ladder."""
    final = state.model_copy(update={"ladder": state.ladder.model_copy(update={"dates": dates})})
    # The first transition answers the application; its receipt names the date.
    return final.model_copy(update={"receipt": receipt_of(final)}) if final.version == 1 else final


# --- what the case shows --------------------------------------------------------------------------------------------


def possible_events(state: CaseState) -> tuple[Event, ...]:
    """What the case may be told from outside in its present status."""
    return tuple(event for event in state.machine.events(state.status) if event.origin is Origin.outside)


def view_of(state: CaseState, last_refusal: Code | None = None) -> CaseView:
    """Everything about the case that may be shown without opening personal data."""
    spec = state.machine.statuses[state.status]
    screening = state.screening
    due_at, provisional = _due(state)
    ladder, upcoming = state.ladder, state.upcoming
    return CaseView(
        case_id=state.case_id,
        kind=state.kind,
        generation=state.generation,
        version=state.version,
        status=state.status,
        status_zh=spec.zh,
        milestone=state.milestone,
        region=state.opening.region,
        category=state.opening.category,
        road=screening.road if screening else None,
        reason=state.opening.reason if isinstance(state.opening, ReplacementOpening) else None,
        policy=screening.terms.policy if screening else None,
        awaits=spec.awaits,
        missing=state.missing if state.is_open else (),
        defects=state.defects,
        events=possible_events(state) if state.is_open else (),
        due_at=due_at,
        due_event=state.timer.event if state.timer else None,
        due_provisional=provisional,
        rung=ladder.rung,
        rung_at=ladder.rung_at,
        next_event=upcoming.event if upcoming else None,
        next_at=upcoming.at if upcoming else None,
        next_rung=upcoming.rung if upcoming and upcoming.rung else None,
        next_provisional=upcoming.provisional if upcoming else False,
        processing_due_at=ladder.dates.processing_due_at if state.is_open else None,
        campaign_due_at=ladder.dates.campaign_due_at if state.is_open else None,
        dates_provisional=ladder.dates.provisional and state.is_open,
        silenced_until=ladder.dates.silenced_until if state.is_open else None,
        content=state.content,
        documents=state.documents,
        submitter=state.opening.submitter.id,
        verifier=state.verifier,
        approver=state.approver,
        confirmations=state.confirmations,
        awaited=state.awaited,
        refused_by=state.refused_by,
        dispute=state.dispute if state.status is Status.disputed else None,
        activated=state.activated,
        production_attempts=state.production_attempts,
        benefits_held=state.benefits_held,
        attention=state.attention,
        related=state.related,
        advice=screening.advice if screening else (),
        last_error=state.last_error,
        last_refusal=last_refusal,
        ended_because=state.ended_because,
        remains=state.remains,
    )


def _due(state: CaseState) -> tuple[datetime | None, bool]:
    if not state.is_open:
        return None, False
    if state.timer is not None:
        return state.timer.due_at, state.timer.provisional
    dates = state.ladder.dates
    return dates.processing_due_at, dates.processing_due_at is not None and dates.provisional


def receipt_of(state: CaseState) -> Receipt:
    """The answer to the application."""
    due_at, provisional = _due(state)
    return Receipt(
        case_id=state.case_id,
        generation=state.generation,
        status=state.status,
        milestone=state.milestone,
        road=state.screening.road if state.screening else None,
        missing=state.missing if state.is_open else (),
        due_at=due_at,
        due_provisional=provisional,
        advice=state.screening.advice if state.screening else (),
        reason=state.ended_because,
    )


def answer_of(state: CaseState, version: int | None = None) -> Answer:
    """The answer to a fact that was told to the case: where it stands, or where it stood after `version`."""
    if version is None or version == state.version:
        return Answer(
            case_id=state.case_id,
            status=state.status,
            milestone=state.milestone,
            version=state.version,
            remains=state.remains,
        )
    milestone = Milestone.submitted
    for made in state.transitions[:version]:
        milestone = state.machine.milestone(made.to, milestone)
    return Answer(case_id=state.case_id, status=state.transitions[version - 1].to, milestone=milestone, version=version)


def outcome_of(state: CaseState) -> Outcome:
    """The result of a closed case."""
    return Outcome(
        case_id=state.case_id,
        generation=state.generation,
        status=state.status,
        milestone=state.milestone,
        reason=state.ended_because,
        remains=state.remains,
        transitions=len(state.transitions),
    )
