"""What a state machine is made of, and the names that all of them share.

A machine is a list of statuses and a table of rows *(status, event, guard) -> status, effects*. Rows of the same status
and event are tried from the top; the first whose guard holds decides. A pair without a row is not possible and is
refused. Whoever decides a transition asks `Machine.rows`; the diagrams in `docs/` are printed from the same tables.

Guards and effects are names here. What a guard asks is written in `cases/rules/`; what an effect does to the register
is written in `activities/registry/`, under the same subjects.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from cases.errors import Code
from cases.events import Event
from cases.names import Kind


class Milestone(StrEnum):
    """The four stages every case passes, in this order."""

    submitted = "submitted"
    documents_verified = "documents_verified"
    number_updated = "number_updated"
    benefits_unblocked = "benefits_unblocked"


class Status(StrEnum):
    """The fine-grained state of a case."""

    # ID-number change
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
    # card replacement
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
    # both
    awaiting_documents = "awaiting_documents"
    in_review = "in_review"
    on_hold = "on_hold"
    repair = "repair"
    done = "done"
    rejected = "rejected"
    withdrawn = "withdrawn"
    ended = "ended"


class Guard(StrEnum):
    """A condition of a row; answered from the case and the event alone."""

    always = "always"
    person_unknown = "person_unknown"
    person_deceased = "person_deceased"
    person_transferred = "person_transferred"
    person_merged = "person_merged"
    not_needed = "not_needed"
    same_person = "same_person"
    conflict = "conflict"
    documents_missing = "documents_missing"
    second_officer_needed = "second_officer_needed"
    held_in_approval = "held_in_approval"
    held_before = "held_before"
    held_for_number_change = "held_for_number_change"
    first_decider = "first_decider"
    decides_otherwise = "decides_otherwise"
    outcome_against = "outcome_against"
    first_judgement = "first_judgement"
    judges_otherwise = "judges_otherwise"
    two_people = "two_people"
    refused_undoable = "refused_undoable"
    refused = "refused"
    last_confirmation = "last_confirmation"
    not_asked_in_time = "not_asked_in_time"
    no_confirmation_awaited = "no_confirmation_awaited"
    undoable = "undoable"
    not_to_be_undone = "not_to_be_undone"
    retry = "retry"
    undo_possible = "undo_possible"
    cancel_possible = "cancel_possible"
    accept_last = "accept_last"
    accept = "accept"
    lost_and_unsettled = "lost_and_unsettled"
    person_differs = "person_differs"
    duplicate = "duplicate"
    not_allowed = "not_allowed"
    loss_report_released = "loss_report_released"
    unblock_possible = "unblock_possible"
    order_cancellable = "order_cancellable"
    found_in_time = "found_in_time"
    unblock_and_go_on = "unblock_and_go_on"
    found_too_late = "found_too_late"
    temporarily_lost = "temporarily_lost"
    card_in_use = "card_in_use"
    no_card_in_use = "no_card_in_use"
    another_order_left = "another_order_left"
    retry_anew = "retry_anew"
    write_off = "write_off"
    order_in_force = "order_in_force"
    earlier_attempt_produced = "earlier_attempt_produced"
    first_statement = "first_statement"
    produced = "produced"
    attempts_left = "attempts_left"
    last_function = "last_function"


OF_THE_CASE_ALONE: Final = frozenset(
    {
        Guard.undoable,
        Guard.not_to_be_undone,
        Guard.unblock_possible,
        Guard.unblock_and_go_on,
        Guard.order_cancellable,
        Guard.found_in_time,
        Guard.found_too_late,
        Guard.temporarily_lost,
    }
)
"""Guards that ask nothing of the event: where none of them holds, whatever is told is refused."""


class Effect(StrEnum):
    """What a transition does to the register, in the transition's own transaction, in the order of its row."""

    # number
    take_turn = "take_turn"
    yield_turn = "yield_turn"
    reserve_number = "reserve_number"
    release_reservation = "release_reservation"
    snapshot_entitlements = "snapshot_entitlements"
    commit_number = "commit_number"
    follow_register = "follow_register"
    compare_entitlements = "compare_entitlements"
    mark_card_outdated = "mark_card_outdated"
    publish_number_changed = "publish_number_changed"
    restore_number = "restore_number"
    # dispute
    open_dispute = "open_dispute"
    settle_ours = "settle_ours"
    settle_against = "settle_against"
    leave_dispute = "leave_dispute"
    # two records of one person
    merge_records = "merge_records"
    undo_merge = "undo_merge"
    # benefits
    hold_benefits = "hold_benefits"
    release_benefits = "release_benefits"
    lift_benefit_holds = "lift_benefit_holds"
    requeue_claims = "requeue_claims"
    assert_no_benefit_held = "assert_no_benefit_held"
    assert_benefits_unblocked = "assert_benefits_unblocked"
    release_what_is_owed = "release_what_is_owed"
    wake_replacement = "wake_replacement"
    offer_replacement = "offer_replacement"
    # card
    block_card = "block_card"
    report_loss = "report_loss"
    give_up_card = "give_up_card"
    unblock_card = "unblock_card"
    confirm_loss = "confirm_loss"
    cancel_lost_card = "cancel_lost_card"
    order_card = "order_card"
    reorder_card = "reorder_card"
    cancel_order = "cancel_order"
    record_production = "record_production"
    hand_over_card = "hand_over_card"
    activate_function = "activate_function"
    switch_cards = "switch_cards"
    close_old_card = "close_old_card"
    destroy_card = "destroy_card"
    cancel_card = "cancel_card"
    write_off_order = "write_off_order"
    take_earlier_attempt = "take_earlier_attempt"
    tell_address = "tell_address"
    keep_surplus_card = "keep_surplus_card"
    destroy_surplus_card = "destroy_surplus_card"
    # people
    record_end = "record_end"
    notify_applicant = "notify_applicant"
    notify_office = "notify_office"
    escalate = "escalate"


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


class Clock(StrEnum):
    """Time limits that start when a status is entered; their budgets are the policy's."""

    supplement = "supplement"
    hold = "hold"
    confirmation = "confirmation"
    loss_report = "loss_report"
    production = "production"
    claim = "claim"
    activation = "activation"
    pension_run = "pension_run"
    delivery = "delivery"
    """Within which a question has to reach whoever is asked; a limit for the answer takes its place when it has."""
    notice = "notice"
    """Within which the agency has to name what is missing; beside the limit of a status."""


CLOCK_EVENT: Final[Mapping[Clock, Event]] = {
    Clock.supplement: Event.supplement_expired,
    Clock.hold: Event.hold_expired,
    Clock.confirmation: Event.confirmation_overdue,
    Clock.loss_report: Event.loss_report_expired,
    Clock.production: Event.production_overdue,
    Clock.claim: Event.claim_period_passed,
    Clock.activation: Event.activation_overdue,
    Clock.pension_run: Event.close_old,
    Clock.delivery: Event.delivery_overdue,
    Clock.notice: Event.notice_period_passed,
}
"""What happens when a clock runs out."""


FOR_AN_ANSWER: Final = frozenset({Clock.confirmation, Clock.production})
"""Limits for an answer of another system: each runs from the moment at which the question was delivered."""


CLOCK_OF: Final[Mapping[Event, Clock]] = {event: clock for clock, event in CLOCK_EVENT.items()}
"""The clock at whose end an event happens."""


OTHERWISE: Final[Mapping[tuple[Event, Code | None], Event]] = {
    (Event.apply, Code.NUMBER_TAKEN): Event.number_taken,
    (Event.apply, Code.REGISTER_CHANGED): Event.register_changed,
    (Event.commit, Code.REGISTER_CHANGED): Event.register_changed,
    (Event.commit, None): Event.commit_refused,
    (Event.order_card, Code.PRECHECK_DUPLICATE): Event.order_refused,
}
"""The way that a case takes where the register refuses a step of the engine; None stands for every other code."""


END_OF_PERSON: Final[tuple[tuple[Event, tuple[Effect, ...]], ...]] = (
    (Event.person_ended, (Effect.record_end, Effect.release_what_is_owed)),
    (Event.person_found_ended, (Effect.release_what_is_owed,)),
)
"""The two ways in which a case learns that its person died or was transferred, and the effects that each always has: it
is told by somebody, and the register records it; or the register has found it, and knows it already.
"""


class StatusRow(NamedTuple):
    """One status of one machine. `milestone` is None for the other endings: the case keeps the one it had reached.

    `runs` is False where the processing time stands still: somebody outside the agency has to act. `engine_step` is the
    step that the engine itself makes in the status, None where it waits for somebody (`cases.decide.next_step`).
    `then` is who is asked when the time limit has run out for good and the case stays: no timer repeats for ever.
    """

    status: Status
    milestone: Milestone | None
    awaits: Awaits
    clock: Clock | None
    zh: str
    runs: bool = True
    engine_step: Event | None = None
    then: Awaits | None = None
    examines: bool = False
    """Whether the filing is looked at: what is missing has to be named in time, or it counts as complete."""


class Row(NamedTuple):
    """One row of the table. With `refused` whoever told the event is refused, and what they told is on record."""

    status: Status
    event: Event
    guard: Guard
    to: Status
    effects: tuple[Effect, ...] = ()
    refused: Code | None = None


def _of_itself(row: StatusRow) -> Iterator[Event]:
    # When the calendar grows.
    yield Event.recompute
    # Whenever the register learns of it.
    yield Event.person_found_ended
    # A case on hold is silent (`cases.policy.Policy.dates`).
    if row.status is not Status.on_hold:
        yield Event.escalated
    if row.clock is not None:
        yield CLOCK_EVENT[row.clock]
        if row.clock in FOR_AN_ANSWER:
            yield from (Event.delivery_overdue, Event.question_delivered)
    if row.examines:
        yield CLOCK_EVENT[Clock.notice]
    if row.engine_step is not None:
        yield row.engine_step
        if (otherwise := OTHERWISE.get((row.engine_step, None))) is not None:
            yield otherwise
        else:
            yield from (Event.stuck, Event.repair)


class Machine:
    """One kind of case: its statuses, its rows, and look-ups over them."""

    def __init__(self, kind: Kind, statuses: tuple[StatusRow, ...], table: tuple[Row, ...]) -> None:
        self.kind = kind
        self.statuses: Final[Mapping[Status, StatusRow]] = {row.status: row for row in statuses}
        self.table = table
        self._rows: dict[tuple[Status, Event], tuple[Row, ...]] = {}
        for row in table:
            self._rows[row.status, row.event] = (*self._rows.get((row.status, row.event), ()), row)
        self._events: dict[Status, tuple[Event, ...]] = {
            status: tuple(event for of, event in self._rows if of is status) for status in self.statuses
        }

    @property
    def initial(self) -> Status:
        """The status of a case before its first transition."""
        return next(iter(self.statuses))

    def rows(self, status: Status, event: Event) -> tuple[Row, ...]:
        """The rows of a pair in the order in which they are tried; empty where the event is not possible."""
        return self._rows.get((status, event), ())

    def events(self, status: Status) -> tuple[Event, ...]:
        """Events that are possible in a status, in the order of the table."""
        return self._events.get(status, ())

    @property
    def unanswered(self) -> tuple[tuple[Status, Event], ...]:
        """Pairs without a row although the event happens of itself in the status: a case would come to a stand there.

        The ladder is climbed in every status; the calendar grows; a person dies; a limit ends; a step of the engine is
        made, or is refused, and then repaired.
        """
        return tuple(
            (status, event)
            for status, row in self.statuses.items()
            if self.is_open(status)
            for event in _of_itself(row)
            if not self.rows(status, event)
        )

    @property
    def every_event(self) -> frozenset[Event]:
        """Events that are possible in some status."""
        return frozenset(event for _, event in self._rows)

    def is_open(self, status: Status) -> bool:
        """Whether a case in this status can still move."""
        return self.statuses[status].awaits is not Awaits.nobody

    def milestone(self, status: Status, reached: Milestone) -> Milestone:
        """The milestone of a case in `status` whose milestone before was `reached`."""
        return self.statuses[status].milestone or reached


def same(
    statuses: tuple[Status, ...], event: Event, guard: Guard, to: Status | None, *effects: Effect
) -> tuple[Row, ...]:
    """The same row for several statuses; `to` None means that the status stays."""
    return tuple(Row(status, event, guard, to or status, effects) for status in statuses)
