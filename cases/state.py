"""The one frozen state of a case."""

import hashlib
from collections.abc import Container, Iterable
from datetime import datetime
from typing import Final, NamedTuple, Self

from pydantic import AwareDatetime

from cases.answers import BenefitDecision, Destruction, Dispute, Judgement, Left, Recomputed, Unasked
from cases.clocks import Due
from cases.documents import Defect, Demand, Document, DocumentKind, unmet
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import CardFunction, HoldReason
from cases.kinds import KINDS, AnyOpening, case_id
from cases.ladder import Ladder, Rung, Stretch
from cases.machines.machine import CLOCK_EVENT, Awaits, Clock, Machine, Milestone, Status
from cases.models import OrderId, PublicationId, Record, Role, Sealed, Sha256, StaffId, System
from cases.names import Kind
from cases.screening import Screening, Terms

BENEFITS_EXCLUDED: Final = frozenset({Status.on_hold, Status.disputed, Status.merging, Status.awaiting_approval})
"""A lawful hold, a dispute, a judgement on two records or a second officer's review comes before any decision on
benefits.
"""


class Timer(Record):
    """The time limit of a case's status: what happens, and when, if nobody acts."""

    clock: Clock
    since: AwareDatetime
    extended: int = 0
    """Working days by which it was extended."""
    kept: int = 0
    """Working days by which it is longer than the policy has it now, because whoever has to act was told so before."""
    stood: tuple[Stretch, ...] = ()
    """When it stood still, because the case was on hold or in dispute."""
    due_at: AwareDatetime
    provisional: bool = False

    @property
    def stands_still(self) -> bool:
        """Whether the case is on hold or in dispute."""
        return bool(self.stood) and self.stood[-1].until is None

    def stopped(self, at: datetime) -> Self:
        """The same limit, standing still from now on."""
        return self.model_copy(update={"stood": (*self.stood, Stretch(since=at))})

    def resumed(self, at: datetime) -> Self:
        """The same limit, which goes on with what is left of it."""
        return self.model_copy(update={"stood": (*self.stood[:-1], self.stood[-1].ended(at))})

    @property
    def event(self) -> Event:
        """What happens when the time is up."""
        return CLOCK_EVENT[self.clock]


class Question(NamedTuple):
    """What other systems were asked, and who has to answer."""

    request: PublicationId | OrderId
    roles: tuple[Role, ...]


class Upcoming(NamedTuple):
    """What happens next if nobody acts."""

    event: Event
    at: datetime
    provisional: bool
    rung: Rung = Rung.none
    """The rung that fires, for `escalated`."""


class CaseState(Record):
    """Everything that decides how a case goes on. How it came there, and what was answered, stands in the register.

    What only one kind uses stands beside what all use, unnested: this is the JSON that the register stores, and that
    the audit of every step is a digest of.
    """

    opening: AnyOpening
    generation: int = 1
    version: int = 0
    status: Status = Status.screening
    milestone: Milestone = Milestone.submitted
    submitter_named: bool = False
    """A system named the clerk who took the application in, who did not act themself (`cases.stamps.names_a_clerk`)."""
    screening: Screening | None = None
    documents: tuple[Document, ...] = ()
    originals: tuple[Sha256, ...] = ()
    """Copies on file whose originals were shown at a counter."""
    defects: tuple[Defect, ...] = ()
    verifier: StaffId | None = None
    approver: StaffId | None = None
    verified_content: str | None = None
    held_from: Status | None = None
    hold_reason: HoldReason | None = None
    opinions: tuple[Dispute, ...] = ()
    """What officers have decided on the dispute so far, each the newest of theirs; one that two agree on settles it."""
    dispute_settled: bool = False
    judgements: tuple[Judgement, ...] = ()
    """What officers have said so far on whether two records are one person's, each the newest of theirs."""
    judged_two: bool = False
    """Two officers have said that the record with the number is another person's."""
    merged: bool = False
    """Another record was merged into this person's, and is not taken out again."""
    committed: bool = False
    publication: PublicationId | None = None
    """The newest publication of the number; None where nothing is published, or it was taken back."""
    asked: tuple[System, ...] = ()
    """Systems that were asked to confirm the newest publication, whatever the policy says since."""
    asked_at: AwareDatetime | None = None
    """When the last of those who have to answer had the question; None until the register was asked for it."""
    unasked: tuple[Unasked, ...] = ()
    """Who had not got the question when the time to deliver it was over."""
    undo_failed: bool = False
    """The number could not be taken back when that was tried, because somebody else has the old one by now."""
    confirmations: tuple[System, ...] = ()
    refused_by: System | None = None
    """The system that refused the new number last, until it confirms or is asked again."""
    timer: Timer | None = None
    notice: Timer | None = None
    """By when the agency has to name what is missing of what came in last; None where nothing waits to be looked at."""
    accepted: tuple[Sha256, ...] = ()
    """Copies that count as complete: they were not named when others were, or nothing was named in time."""
    named: tuple[DocumentKind, ...] = ()
    """Documents that were named in earlier notices."""
    returns: int = 0
    """Notices so far, each of which gave the applicant time to mend what it named."""
    set_aside: tuple[Timer, ...] = ()
    """Limits of earlier statuses that stand still while the case is on hold or in dispute, and go on afterwards."""
    ladder: Ladder = Ladder()
    left: Left | None = None
    """Working days up to the date by which somebody has to act, as of the last transition."""
    act_by: AwareDatetime | None = None
    """The last day that the applicant is told, where that is not the end of the running limit."""
    extended: int = 0
    """Working days by which extensions have moved time limits so far."""
    extendable: bool = True
    """Whether the policy lets the limit that runs last a working day longer, as of the last transition."""
    loss_settled: bool = False
    card_blocked: bool = False
    card_cancelled: bool = False
    """The lost card was cancelled when its temporary loss report expired; nothing brings it back."""
    card_in_use: bool = True
    """Whether the person has a card that works, or is blocked for a time, as the register said last."""
    old_card_lost: bool = False
    """The card that the new one took the place of had been lost: it is out of use, whoever finds it."""
    lost_on_way: int = 0
    """New cards that were lost before they worked."""
    card_ordered: bool = False
    """A new card is being made, or was made and not cancelled."""
    address: Sealed | None = None
    """Where the new card is sent, as the applicant confirmed it last."""
    order: OrderId | None = None
    """The order in force: the one that the coming card is asked for by, or was made by."""
    attempts: tuple[OrderId, ...] = ()
    """Earlier orders of the card that is coming: whatever card one of them still brings is that card."""
    past_orders: tuple[OrderId, ...] = ()
    """Orders of this generation that are over. A card that one of them still brings is nobody's."""
    surplus: tuple[OrderId, ...] = ()
    """Orders by which such a card was made; it waits for its destruction."""
    destruction: tuple[Destruction, ...] = ()
    """The newest word of each person on the destruction of a card."""
    production_attempts: int = 0
    """Productions that failed since the card was ordered."""
    claim_reminders: int = 0
    activation_reminders: int = 0
    activated: tuple[CardFunction, ...] = ()
    benefits_held: bool = False
    benefit_decision: BenefitDecision | None = None
    recomputed: Recomputed | None = None
    """What the newest recomputation changed; None where it changed nothing."""
    recomputed_so_far: Recomputed | None = None
    """What all recomputations changed together."""
    overdue: bool = False
    stuck: bool = False
    """The engine cannot go on by itself although the status is its own; an operator repairs."""
    related: str | None = None
    last_error: Code | None = None
    ended_because: Code | None = None
    remains: tuple[str, ...] = ()

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
        return KINDS[self.opening.kind].machine

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
        """Systems that were asked to confirm, by the policy still have to, and have not yet."""
        if self.screening is None or not self._is_out:
            return ()
        return tuple(
            system for system in self.terms.confirmations if system in self.asked and system not in self.confirmations
        )

    @property
    def question(self) -> Question | None:
        """What is asked of other systems just now; None where nothing is."""
        if self.publication is not None and self.awaited:
            return Question(self.publication, tuple(Role(system.value) for system in self.awaited))
        if self.order is not None and self.machine.statuses[self.status].awaits is Awaits.card_bureau:
            return Question(self.order, (Role.card_bureau,))
        return None

    @property
    def undelivered(self) -> tuple[Unasked, ...]:
        """Who could not be asked in time, and is still to be asked."""
        roles = self.question.roles if self.question is not None else ()
        return tuple(each for each in self.unasked if each.role in roles)

    @property
    def waits_to_ask(self) -> bool:
        """Whether the case waits for nothing but the delivery of its question, whose time is over."""
        return self.last_error is Code.QUESTION_NOT_DELIVERED and self.question is not None

    @property
    def _is_out(self) -> bool:
        """Whether other systems were told: what the engine has to commit first is out once it is committed."""
        row = self.machine.statuses[self.status]
        return self.committed or (row.awaits is Awaits.downstream and row.engine_step is None)

    @property
    def missing(self) -> tuple[Demand, ...]:
        """Documents that are demanded and not on file."""
        return self.missing_of(self.documents, self.originals)

    def missing_of(self, documents: Iterable[Document], originals: Container[Sha256]) -> tuple[Demand, ...]:
        """Documents that are demanded and not among `documents`, or only as copies where the original is demanded."""
        return unmet(self.screening.demands, documents, originals) if self.screening is not None else ()

    def with_documents(self, documents: Iterable[Document]) -> tuple[Document, ...]:
        """The documents on file with further ones; the same copy twice is one document."""
        merged = {document.sha256: document for document in (*self.documents, *documents)}
        return tuple(merged.values())

    @property
    def to_destroy(self) -> tuple[OrderId, ...]:
        """Orders by which a card was made that two people have to destroy."""
        coming = (self.order,) if self.status is Status.card_to_destroy and self.order is not None else ()
        return (*coming, *self.surplus)

    @property
    def functions_left(self) -> tuple[CardFunction, ...]:
        """Functions of the new card that the policy wants and nobody has activated."""
        return tuple(each for each in self.terms.functions if each not in self.activated)

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
    def due(self) -> Due | None:
        """When the time limit of the status ends, or else the processing time; None where neither runs."""
        if not self.is_open:
            return None
        if self.timer is not None:
            return Due(self.timer.due_at, self.timer.provisional)
        dates = self.ladder.dates
        return None if dates.processing_due_at is None else Due(dates.processing_due_at, dates.provisional)

    @property
    def limits(self) -> tuple[Timer, ...]:
        """The time limits that run: that of the status, and that of the agency to name what is missing."""
        limits = (self.timer, self.notice)
        return tuple(limit for limit in limits if limit is not None and not limit.stands_still)

    @property
    def upcoming(self) -> Upcoming | None:
        """What happens next if nobody acts: the status' time limit ends, or a rung fires; None where nothing does."""
        if not self.is_open:
            return None
        found: list[Upcoming] = []
        # What the engine waits for is not reached while it cannot go on; the ladder is climbed all the same.
        found += [Upcoming(limit.event, limit.due_at, limit.provisional) for limit in self.limits if not self.stuck]
        if self.next_rung is not None:
            found.append(self.next_rung)
        return min(found, key=lambda each: each.at, default=None)

    @property
    def next_rung(self) -> Upcoming | None:
        """The next rung of the ladder, if nobody acts."""
        rung = self.ladder.dates.next
        return None if rung is None else Upcoming(Event.escalated, rung.at, rung.provisional, rung.rung)

    @property
    def limit_spent(self) -> bool:
        """Whether the time limit of the status has run out for good, and people are asked instead."""
        row = self.machine.statuses[self.status]
        return row.then is not None and self.timer is None and self.version > 0

    @property
    def awaits(self) -> Awaits:
        """Who acts next."""
        row = self.machine.statuses[self.status]
        return row.then if row.then is not None and self.limit_spent else row.awaits

    @property
    def _lost_at_most(self) -> int:
        """New cards that may be lost until an operator decides whether another one is made."""
        return self.terms.lost_on_way if self.screening is not None else 0

    @property
    def attention(self) -> tuple[str, ...]:
        """Why an operator should look at the case (`CaseAttention`)."""
        reasons = {
            "hold": self.status is Status.on_hold,
            "dispute": self.status is Status.disputed,
            "duplicate": self.status is Status.merging,
            "repair": self.status is Status.repair or self.stuck,
            # What has run out for good stays somebody's task, whoever has acknowledged a rung.
            "overdue": self.overdue or self.ladder.overdue or self.limit_spent,
            # A lawful hold, a dispute or a second officer's review comes first; the decision waits for its end.
            "decision": self.ladder.decision and self.status not in BENEFITS_EXCLUDED,
            "surplus_card": bool(self.to_destroy),
            "lost_on_way": self.lost_on_way > self._lost_at_most,
            "undelivered": bool(self.undelivered) or self.waits_to_ask,
        }
        # A level of supervision that was reached stays in view, whoever has acknowledged it.
        level = self.ladder.rung.name if self.ladder.rung >= Rung.yellow else ""
        return tuple(reason for reason, present in {**reasons, level: level}.items() if present and self.is_open)
