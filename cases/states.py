"""Both state machines, as data.

A machine is a list of statuses and a table of rows *(status, event, guard) -> status, effects*. Rows of the same status
and event are tried from the top; the first whose guard holds decides. A pair without a row is not possible and is
refused. Whoever decides a transition asks `Machine.rows`; the diagrams in `docs/` are printed from the same tables.

Guards and effects are names here. What a guard asks is written in `cases/progress.py`; what an effect does to the
register is written in `activities/registry/effects.py`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from cases.errors import Code
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
    active = "active"
    closing_old = "closing_old"
    card_found = "card_found"
    unclaimed = "unclaimed"
    # both
    awaiting_documents = "awaiting_documents"
    in_review = "in_review"
    on_hold = "on_hold"
    repair = "repair"
    done = "done"
    rejected = "rejected"
    withdrawn = "withdrawn"
    ended = "ended"


class Event(StrEnum):
    """What happens to a case. The first group is told from outside, as updates of the same names."""

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
    confirm_downstream = "confirm_downstream"
    repair = "repair"
    hold_benefits = "hold_benefits"
    release_benefits = "release_benefits"
    acknowledge = "acknowledge"
    person_ended = "person_ended"
    recompute = "recompute"
    confirm_loss = "confirm_loss"
    card_found = "card_found"
    card_produced = "card_produced"
    card_handed_over = "card_handed_over"
    card_activated = "card_activated"
    card_unclaimed = "card_unclaimed"
    # The engine's own steps
    screened = "screened"
    apply = "apply"
    number_taken = "number_taken"
    commit = "commit"
    commit_refused = "commit_refused"
    register_changed = "register_changed"
    unblock = "unblock"
    release = "release"
    stuck = "stuck"
    checked = "checked"
    order_card = "order_card"
    order_refused = "order_refused"
    switch_cards = "switch_cards"
    close_old = "close_old"
    # Time limits that ran out
    supplement_expired = "supplement_expired"
    hold_expired = "hold_expired"
    confirmation_overdue = "confirmation_overdue"
    loss_report_expired = "loss_report_expired"
    production_overdue = "production_overdue"
    claim_period_passed = "claim_period_passed"
    activation_overdue = "activation_overdue"
    escalated = "escalated"
    # Told by a neighbouring case, or by the weekly look at held benefits
    dispute_opened = "dispute_opened"
    dispute_won = "dispute_won"
    dispute_lost = "dispute_lost"
    dispute_lapsed = "dispute_lapsed"
    number_changed = "number_changed"
    turn_free = "turn_free"
    benefits_lifted = "benefits_lifted"

    @property
    def origin(self) -> "Origin":
        """Who tells the case of this event."""
        return _ORIGIN_OF[self]


class Origin(StrEnum):
    """Who tells a case of an event."""

    outside = "outside"
    engine = "engine"
    timer = "timer"
    neighbour = "neighbour"


_LAST_OF_ORIGIN: Final = {
    Origin.outside: Event.card_unclaimed,
    Origin.engine: Event.close_old,
    Origin.timer: Event.escalated,
    Origin.neighbour: Event.benefits_lifted,
}


def _origins() -> dict[Event, Origin]:
    origins: dict[Event, Origin] = {}
    boundaries = iter(_LAST_OF_ORIGIN.items())
    origin, last = next(boundaries)
    for event in Event:
        origins[event] = origin
        if event is last:
            origin, last = next(boundaries, (origin, last))
    return origins


_ORIGIN_OF: Final = _origins()


class Guard(StrEnum):
    """A condition of a row; answered from the case and the event alone."""

    always = "always"
    person_unknown = "person_unknown"
    person_deceased = "person_deceased"
    not_needed = "not_needed"
    conflict = "conflict"
    documents_missing = "documents_missing"
    second_officer_needed = "second_officer_needed"
    held_in_approval = "held_in_approval"
    held_for_number_change = "held_for_number_change"
    first_decider = "first_decider"
    outcome_against = "outcome_against"
    refused_undoable = "refused_undoable"
    refused = "refused"
    last_confirmation = "last_confirmation"
    no_confirmation_awaited = "no_confirmation_awaited"
    undoable = "undoable"
    retry = "retry"
    undo_possible = "undo_possible"
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
    produced = "produced"
    attempts_left = "attempts_left"
    last_function = "last_function"
    claim_period_over = "claim_period_over"


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
    # benefits
    hold_benefits = "hold_benefits"
    release_benefits = "release_benefits"
    lift_benefit_holds = "lift_benefit_holds"
    requeue_claims = "requeue_claims"
    assert_no_benefit_held = "assert_no_benefit_held"
    assert_benefits_unblocked = "assert_benefits_unblocked"
    wake_replacement = "wake_replacement"
    offer_replacement = "offer_replacement"
    # card
    block_card = "block_card"
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
    # people
    notify_applicant = "notify_applicant"
    escalate = "escalate"


class Awaits(StrEnum):
    """Who acts next."""

    engine = "engine"
    applicant = "applicant"
    clerk = "clerk"
    second_officer = "second_officer"
    two_officers = "two_officers"
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


CLOCK_EVENT: Final[Mapping[Clock, Event]] = {
    Clock.supplement: Event.supplement_expired,
    Clock.hold: Event.hold_expired,
    Clock.confirmation: Event.confirmation_overdue,
    Clock.loss_report: Event.loss_report_expired,
    Clock.production: Event.production_overdue,
    Clock.claim: Event.claim_period_passed,
    Clock.activation: Event.activation_overdue,
    Clock.pension_run: Event.close_old,
}
"""What happens when a clock runs out."""


OTHERWISE: Final[Mapping[tuple[Event, Code | None], Event]] = {
    (Event.apply, Code.NUMBER_TAKEN): Event.number_taken,
    (Event.apply, Code.REGISTER_CHANGED): Event.register_changed,
    (Event.commit, Code.REGISTER_CHANGED): Event.register_changed,
    (Event.commit, None): Event.commit_refused,
    (Event.order_card, Code.PRECHECK_DUPLICATE): Event.order_refused,
}
"""The way that a case takes where the register refuses a step of the engine; None stands for every other code."""

AFTER_A_REFUSAL: Final = frozenset({*OTHERWISE.values(), Event.stuck})
"""What the register alone says, after it refused a step of the engine."""

# The step is asked for again: when it is the case's turn, or from the state that holds.
_ASKED_AGAIN: Final = frozenset({Code.PERSON_BUSY, Code.STALE_VERSION})


def otherwise(event: Event, code: Code) -> Event | None:
    """What happens to a case when the register refuses its engine step `event`; None where it waits and asks again.

    A refusal that has no way of its own leaves the case `stuck`, for an operator.
    """
    if code in _ASKED_AGAIN:
        return None
    return OTHERWISE.get((event, code)) or OTHERWISE.get((event, None)) or Event.stuck


class StatusRow(NamedTuple):
    """One status of one machine. `milestone` is None for the other endings: the case keeps the one it had reached.

    `runs` is False where the processing time stands still: somebody outside the agency has to act. `engine_step` is the
    step that the engine itself makes in the status, None where it waits for somebody (`cases.progress.next_step`).
    """

    status: Status
    milestone: Milestone | None
    awaits: Awaits
    clock: Clock | None
    zh: str
    runs: bool = True
    engine_step: Event | None = None


class Row(NamedTuple):
    """One row of the table."""

    status: Status
    event: Event
    guard: Guard
    to: Status
    effects: tuple[Effect, ...] = ()


class Machine:
    """One kind of case: its statuses, its rows, and look-ups over them."""

    def __init__(self, kind: Kind, statuses: tuple[StatusRow, ...], table: tuple[Row, ...]) -> None:
        self.kind = kind
        self.statuses: Final[Mapping[Status, StatusRow]] = {row.status: row for row in statuses}
        self.table = table
        self._rows: dict[tuple[Status, Event], tuple[Row, ...]] = {}
        for row in table:
            self._rows[row.status, row.event] = (*self._rows.get((row.status, row.event), ()), row)

    @property
    def initial(self) -> Status:
        """The status of a case before its first transition."""
        return next(iter(self.statuses))

    def rows(self, status: Status, event: Event) -> tuple[Row, ...]:
        """The rows of a pair in the order in which they are tried; empty where the event is not possible."""
        return self._rows.get((status, event), ())

    def events(self, status: Status) -> tuple[Event, ...]:
        """Events that are possible in a status, in the order of the table."""
        return tuple(dict.fromkeys(row.event for row in self.table if row.status is status))

    def is_open(self, status: Status) -> bool:
        """Whether a case in this status can still move."""
        return self.statuses[status].awaits is not Awaits.nobody

    def milestone(self, status: Status, reached: Milestone) -> Milestone:
        """The milestone of a case in `status` whose milestone before was `reached`."""
        return self.statuses[status].milestone or reached


_S, _E, _G, _F, _M, _A, _C = Status, Event, Guard, Effect, Milestone, Awaits, Clock


def _same(
    statuses: tuple[Status, ...], event: Event, guard: Guard, to: Status | None, *effects: Effect
) -> tuple[Row, ...]:
    """The same row for several statuses; `to` None means that the status stays."""
    return tuple(Row(status, event, guard, to or status, effects) for status in statuses)


# --- ID-number change -----------------------------------------------------------------------------------------------

# Nobody's benefits stay held while a hold or a dispute is in force.
_DISPUTE = (_F.open_dispute, _F.lift_benefit_holds, _F.notify_applicant)
_UNDO_NUMBER = (_F.restore_number, _F.release_reservation, _F.yield_turn)
_WAITING = (_S.awaiting_documents, _S.in_review, _S.awaiting_approval)
_BEFORE_VERIFIED = (*_WAITING, _S.on_hold)
_CHANGE_OPEN = (*_BEFORE_VERIFIED, _S.disputed, _S.verified, _S.applying, _S.repair)
_ESCALATING_CHANGE = (
    *(_S.screening, *_WAITING, _S.disputed, _S.verified),
    *(_S.applying, _S.repair, _S.updated, _S.releasing),
)
_BENEFITS_MAY_BE_HELD = (_S.awaiting_documents, _S.in_review)

ID_NUMBER_CHANGE: Final = Machine(
    Kind.id_number_change,
    (
        StatusRow(_S.screening, _M.submitted, _A.engine, None, "初审", engine_step=_E.screened),
        StatusRow(_S.awaiting_documents, _M.submitted, _A.applicant, _C.supplement, "待补正材料", runs=False),
        StatusRow(_S.in_review, _M.submitted, _A.clerk, None, "审核中"),
        StatusRow(_S.awaiting_approval, _M.submitted, _A.second_officer, None, "待复核审批"),
        StatusRow(_S.on_hold, _M.submitted, _A.clerk, _C.hold, "暂停办理", runs=False),
        StatusRow(_S.disputed, _M.submitted, _A.two_officers, None, "号码争议", runs=False),
        StatusRow(_S.verified, _M.documents_verified, _A.engine, None, "材料已核验", engine_step=_E.apply),
        StatusRow(_S.applying, _M.documents_verified, _A.downstream, _C.confirmation, "变更中", engine_step=_E.commit),
        StatusRow(_S.repair, _M.documents_verified, _A.operator, None, "待修复"),
        StatusRow(_S.updated, _M.number_updated, _A.engine, None, "号码已变更", engine_step=_E.unblock),
        StatusRow(_S.releasing, _M.number_updated, _A.engine, None, "恢复待遇中", engine_step=_E.release),
        StatusRow(_S.done, _M.benefits_unblocked, _A.nobody, None, "办结"),
        StatusRow(_S.not_needed, None, _A.nobody, None, "无需变更"),
        StatusRow(_S.rejected, None, _A.nobody, None, "不予办理"),
        StatusRow(_S.withdrawn, None, _A.nobody, None, "已撤回"),
        StatusRow(_S.closed_no_response, None, _A.nobody, None, "逾期未补正，已关闭"),
        StatusRow(_S.ended, None, _A.nobody, None, "终止（死亡或转出等）"),
    ),
    (
        # Whoever asked for the number while this case had it in hand is in dispute with it.
        Row(_S.screening, _E.screened, _G.person_unknown, _S.ended, (_F.leave_dispute,)),
        Row(_S.screening, _E.screened, _G.person_deceased, _S.ended, (_F.leave_dispute,)),
        Row(_S.screening, _E.screened, _G.not_needed, _S.not_needed, (_F.notify_applicant,)),
        Row(_S.screening, _E.screened, _G.conflict, _S.disputed, _DISPUTE),
        Row(_S.screening, _E.screened, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
        Row(_S.screening, _E.screened, _G.always, _S.in_review, (_F.notify_applicant,)),
        # documents
        Row(_S.awaiting_documents, _E.add_documents, _G.documents_missing, _S.awaiting_documents),
        Row(_S.awaiting_documents, _E.add_documents, _G.always, _S.in_review),
        Row(
            _S.awaiting_documents,
            _E.supplement_expired,
            _G.always,
            _S.closed_no_response,
            (_F.leave_dispute, _F.notify_applicant),
        ),
        Row(_S.in_review, _E.add_documents, _G.always, _S.in_review),
        # Whoever adds a document after the verification changes what was verified: it is verified again.
        Row(_S.awaiting_approval, _E.add_documents, _G.always, _S.in_review),
        *_same((_S.on_hold, _S.disputed), _E.add_documents, _G.always, None),
        Row(_S.in_review, _E.verify_documents, _G.second_officer_needed, _S.awaiting_approval),
        Row(_S.in_review, _E.verify_documents, _G.always, _S.verified),
        *_same(
            (_S.in_review, _S.awaiting_approval),
            _E.return_documents,
            _G.always,
            _S.awaiting_documents,
            _F.notify_applicant,
        ),
        Row(_S.awaiting_approval, _E.approve, _G.always, _S.verified),
        *_same(_BEFORE_VERIFIED, _E.reject, _G.always, _S.rejected, _F.leave_dispute, _F.notify_applicant),
        # hold
        *_same(_WAITING, _E.hold, _G.always, _S.on_hold, _F.lift_benefit_holds),
        *(
            row
            for event in (_E.resume, _E.hold_expired)
            for row in (
                Row(_S.on_hold, event, _G.held_in_approval, _S.awaiting_approval),
                Row(_S.on_hold, event, _G.documents_missing, _S.awaiting_documents),
                Row(_S.on_hold, event, _G.always, _S.in_review),
            )
        ),
        *_same(_BEFORE_VERIFIED, _E.extend, _G.always, None),
        # dispute
        *_same(_BEFORE_VERIFIED, _E.dispute_opened, _G.always, _S.disputed, _F.lift_benefit_holds),
        Row(_S.disputed, _E.resolve_dispute, _G.first_decider, _S.disputed),
        Row(_S.disputed, _E.resolve_dispute, _G.outcome_against, _S.rejected, (_F.settle_against, _F.notify_applicant)),
        Row(
            _S.disputed,
            _E.resolve_dispute,
            _G.documents_missing,
            _S.awaiting_documents,
            (_F.settle_ours, _F.notify_applicant),
        ),
        Row(_S.disputed, _E.resolve_dispute, _G.always, _S.in_review, (_F.settle_ours,)),
        # There may be a third person who disputes the number with the one that lost it.
        Row(_S.disputed, _E.dispute_lost, _G.always, _S.rejected, (_F.leave_dispute, _F.notify_applicant)),
        *(
            row
            for event in (_E.dispute_won, _E.dispute_lapsed)
            for row in (
                Row(_S.disputed, event, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
                Row(_S.disputed, event, _G.always, _S.in_review),
            )
        ),
        # applying: everything can be undone until another system has confirmed
        Row(
            _S.verified,
            _E.apply,
            _G.always,
            _S.applying,
            (_F.take_turn, _F.reserve_number, _F.snapshot_entitlements),
        ),
        Row(_S.verified, _E.number_taken, _G.always, _S.disputed, _DISPUTE),
        *(
            Row(
                _S.applying,
                _E.commit,
                guard,
                to,
                (
                    _F.commit_number,
                    _F.compare_entitlements,
                    _F.mark_card_outdated,
                    _F.publish_number_changed,
                    *more,
                ),
            )
            for guard, to, more in (
                (_G.no_confirmation_awaited, _S.updated, (_F.yield_turn,)),
                (_G.always, _S.applying, ()),
            )
        ),
        Row(_S.applying, _E.commit_refused, _G.always, _S.in_review, (_F.release_reservation, _F.yield_turn)),
        # What was reviewed rests on a register that is no more: road, demands and documents are looked at anew.
        Row(_S.verified, _E.register_changed, _G.always, _S.screening, (_F.follow_register,)),
        Row(
            _S.applying,
            _E.register_changed,
            _G.always,
            _S.screening,
            (_F.release_reservation, _F.follow_register, _F.yield_turn),
        ),
        *(
            row
            for status in (_S.applying, _S.repair)
            for row in (
                Row(status, _E.confirm_downstream, _G.refused_undoable, _S.in_review, _UNDO_NUMBER),
                Row(status, _E.confirm_downstream, _G.refused, _S.repair),
                Row(status, _E.confirm_downstream, _G.last_confirmation, _S.updated, (_F.yield_turn,)),
                Row(status, _E.confirm_downstream, _G.always, status),
            )
        ),
        Row(_S.applying, _E.confirmation_overdue, _G.always, _S.repair),
        Row(_S.repair, _E.repair, _G.retry, _S.applying, (_F.publish_number_changed,)),
        Row(_S.repair, _E.repair, _G.accept_last, _S.updated, (_F.yield_turn,)),
        Row(_S.repair, _E.repair, _G.accept, _S.repair),
        Row(_S.repair, _E.repair, _G.undo_possible, _S.in_review, _UNDO_NUMBER),
        *_same((_S.screening, _S.verified, _S.updated, _S.releasing), _E.stuck, _G.always, None),
        *_same((_S.screening, _S.verified, _S.updated), _E.repair, _G.retry, None),
        # A release that found a benefit still held unblocks once more.
        Row(_S.releasing, _E.repair, _G.retry, _S.updated),
        # ways out; out of the screening only where the engine is stuck in it
        *_same((_S.screening, *_BEFORE_VERIFIED), _E.withdraw, _G.always, _S.withdrawn, _F.leave_dispute),
        Row(_S.disputed, _E.withdraw, _G.always, _S.withdrawn, (_F.leave_dispute,)),
        Row(_S.verified, _E.withdraw, _G.always, _S.withdrawn, (_F.leave_dispute,)),
        *_same((_S.applying, _S.repair), _E.withdraw, _G.undoable, _S.withdrawn, *_UNDO_NUMBER, _F.leave_dispute),
        *_same((_S.screening, *_BEFORE_VERIFIED), _E.person_ended, _G.always, _S.ended, _F.leave_dispute),
        Row(_S.disputed, _E.person_ended, _G.always, _S.ended, (_F.leave_dispute,)),
        Row(_S.verified, _E.person_ended, _G.always, _S.ended, (_F.leave_dispute,)),
        *_same((_S.applying, _S.repair), _E.person_ended, _G.undoable, _S.ended, *_UNDO_NUMBER, _F.leave_dispute),
        # benefits
        *_same(_BENEFITS_MAY_BE_HELD, _E.hold_benefits, _G.always, None, _F.hold_benefits, _F.notify_applicant),
        *_same(
            (_S.awaiting_documents, _S.in_review, _S.awaiting_approval, _S.verified, _S.applying, _S.repair),
            _E.release_benefits,
            _G.always,
            None,
            _F.release_benefits,
        ),
        # A hold that ended beside the case, which shows it until it is told.
        *_same(
            (_S.screening, *_WAITING, _S.verified, _S.applying, _S.repair, _S.updated),
            _E.benefits_lifted,
            _G.always,
            None,
            _F.assert_no_benefit_held,
        ),
        Row(
            _S.updated,
            _E.unblock,
            _G.always,
            _S.releasing,
            (_F.lift_benefit_holds, _F.requeue_claims),
        ),
        Row(
            _S.releasing,
            _E.release,
            _G.always,
            _S.done,
            (
                _F.assert_benefits_unblocked,
                _F.compare_entitlements,
                _F.wake_replacement,
                _F.offer_replacement,
                _F.notify_applicant,
            ),
        ),
        # deadlines; a hold silences the ladder
        *_same((*_CHANGE_OPEN, _S.updated, _S.releasing), _E.acknowledge, _G.always, None),
        *_same((_S.screening, *_CHANGE_OPEN, _S.updated, _S.releasing), _E.recompute, _G.always, None),
        *_same(_ESCALATING_CHANGE, _E.escalated, _G.always, None, _F.escalate),
    ),
)

# --- card replacement -----------------------------------------------------------------------------------------------

_BEFORE_ORDER = (_S.awaiting_documents, _S.in_review, _S.on_hold)
_BLOCKABLE = (_S.temporarily_blocked, *_BEFORE_ORDER)
_WITH_THE_BUREAU = (_S.ordered, _S.in_production, _S.repair)
_WITH_THE_PERSON = (_S.ready, _S.handed_over)
_ESCALATING_REPLACEMENT = (
    *(_S.checking, _S.temporarily_blocked, _S.awaiting_documents, _S.in_review),
    *(*_WITH_THE_BUREAU, *_WITH_THE_PERSON, _S.active, _S.closing_old),
)
_REPLACEMENT_OPEN = (*_BLOCKABLE, *_WITH_THE_BUREAU, *_WITH_THE_PERSON, _S.active, _S.closing_old)

CARD_REPLACEMENT: Final = Machine(
    Kind.card_replacement,
    (
        StatusRow(_S.checking, _M.submitted, _A.engine, None, "预检", engine_step=_E.checked),
        StatusRow(_S.temporarily_blocked, _M.submitted, _A.applicant, _C.loss_report, "临时挂失", runs=False),
        StatusRow(_S.awaiting_documents, _M.submitted, _A.applicant, _C.supplement, "待补正材料", runs=False),
        StatusRow(_S.in_review, _M.submitted, _A.clerk, None, "审核中"),
        StatusRow(_S.on_hold, _M.submitted, _A.clerk, _C.hold, "暂停办理", runs=False),
        StatusRow(_S.ordered, _M.documents_verified, _A.engine, None, "已核准制卡", engine_step=_E.order_card),
        StatusRow(_S.in_production, _M.documents_verified, _A.card_bureau, _C.production, "制卡中"),
        StatusRow(_S.ready, _M.documents_verified, _A.applicant, _C.claim, "待领取", runs=False),
        StatusRow(_S.handed_over, _M.documents_verified, _A.applicant, _C.activation, "已领取待激活", runs=False),
        StatusRow(_S.repair, _M.documents_verified, _A.operator, None, "待修复"),
        StatusRow(_S.active, _M.number_updated, _A.engine, None, "新卡已激活", engine_step=_E.switch_cards),
        StatusRow(
            _S.closing_old,
            _M.number_updated,
            _A.engine,
            _C.pension_run,
            "注销旧卡中",
            runs=False,
            engine_step=_E.close_old,
        ),
        StatusRow(_S.done, _M.benefits_unblocked, _A.nobody, None, "办结"),
        StatusRow(_S.card_found, None, _A.nobody, None, "卡已找回"),
        StatusRow(_S.rejected, None, _A.nobody, None, "不予办理"),
        StatusRow(_S.withdrawn, None, _A.nobody, None, "已撤回"),
        StatusRow(_S.unclaimed, None, _A.nobody, None, "逾期未领，已销毁"),
        StatusRow(_S.ended, None, _A.nobody, None, "终止（死亡或转出等）"),
    ),
    (
        Row(_S.checking, _E.checked, _G.person_unknown, _S.rejected),
        Row(_S.checking, _E.checked, _G.person_deceased, _S.ended),
        # A lost card is blocked before anything else is asked.
        Row(
            _S.checking,
            _E.checked,
            _G.lost_and_unsettled,
            _S.temporarily_blocked,
            (_F.block_card, _F.notify_applicant),
        ),
        Row(_S.checking, _E.checked, _G.person_differs, _S.on_hold, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.duplicate, _S.rejected, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.not_allowed, _S.rejected, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.always, _S.in_review, (_F.notify_applicant,)),
        # loss
        Row(_S.temporarily_blocked, _E.confirm_loss, _G.always, _S.checking, (_F.confirm_loss,)),
        Row(
            _S.temporarily_blocked,
            _E.loss_report_expired,
            _G.loss_report_released,
            _S.withdrawn,
            (_F.unblock_card, _F.notify_applicant),
        ),
        Row(_S.temporarily_blocked, _E.loss_report_expired, _G.always, _S.checking, (_F.cancel_lost_card,)),
        *_same(_BLOCKABLE, _E.card_found, _G.unblock_possible, _S.card_found, _F.unblock_card),
        *_same(
            _WITH_THE_BUREAU,
            _E.card_found,
            _G.found_in_time,
            _S.card_found,
            _F.cancel_order,
            _F.unblock_card,
        ),
        # documents
        *_same((_S.temporarily_blocked, _S.in_review, _S.on_hold), _E.add_documents, _G.always, None),
        Row(_S.awaiting_documents, _E.add_documents, _G.documents_missing, _S.awaiting_documents),
        Row(_S.awaiting_documents, _E.add_documents, _G.always, _S.in_review),
        Row(_S.awaiting_documents, _E.supplement_expired, _G.always, _S.withdrawn, (_F.notify_applicant,)),
        Row(_S.in_review, _E.verify_documents, _G.always, _S.ordered),
        Row(_S.in_review, _E.return_documents, _G.always, _S.awaiting_documents, (_F.notify_applicant,)),
        *_same(_BEFORE_ORDER, _E.reject, _G.always, _S.rejected, _F.notify_applicant),
        # hold
        *_same((_S.awaiting_documents, _S.in_review), _E.hold, _G.always, _S.on_hold),
        *(
            row
            for event in (_E.resume, _E.hold_expired)
            for row in (
                Row(_S.on_hold, event, _G.held_for_number_change, _S.checking),
                Row(_S.on_hold, event, _G.documents_missing, _S.awaiting_documents),
                Row(_S.on_hold, event, _G.always, _S.in_review),
            )
        ),
        Row(_S.on_hold, _E.number_changed, _G.held_for_number_change, _S.checking),
        *_same((*_BLOCKABLE, _S.in_production, _S.ready), _E.extend, _G.always, None),
        # production
        Row(_S.ordered, _E.order_card, _G.always, _S.in_production, (_F.order_card,)),
        Row(_S.ordered, _E.order_refused, _G.always, _S.checking),
        *_same((_S.checking, _S.ordered, _S.active, _S.closing_old), _E.stuck, _G.always, None),
        *_same((_S.checking, _S.ordered, _S.active, _S.closing_old), _E.repair, _G.retry, None),
        # While a number change of the same person is applying nothing is written; this case is told when it may.
        *_same((_S.ordered, _S.active, _S.closing_old), _E.turn_free, _G.always, None),
        Row(
            _S.in_production,
            _E.card_produced,
            _G.produced,
            _S.ready,
            (_F.record_production, _F.notify_applicant),
        ),
        Row(_S.in_production, _E.card_produced, _G.attempts_left, _S.in_production, (_F.reorder_card,)),
        Row(_S.in_production, _E.card_produced, _G.always, _S.repair),
        # A bureau that does not answer is asked again by an operator.
        Row(_S.in_production, _E.repair, _G.retry, _S.in_production, (_F.reorder_card,)),
        Row(_S.in_production, _E.production_overdue, _G.always, _S.in_production),
        # The bureau may find the card after all, or a retry may have been answered late.
        Row(_S.repair, _E.card_produced, _G.produced, _S.ready, (_F.record_production, _F.notify_applicant)),
        Row(_S.repair, _E.repair, _G.retry, _S.in_production, (_F.reorder_card,)),
        Row(_S.repair, _E.repair, _G.undo_possible, _S.in_review, (_F.cancel_order,)),
        # hand-over and activation
        Row(_S.ready, _E.card_handed_over, _G.always, _S.handed_over, (_F.hand_over_card,)),
        Row(_S.ready, _E.claim_period_passed, _G.always, _S.ready, (_F.notify_applicant,)),
        Row(_S.ready, _E.card_unclaimed, _G.claim_period_over, _S.unclaimed, (_F.destroy_card,)),
        Row(_S.handed_over, _E.card_activated, _G.last_function, _S.active, (_F.activate_function,)),
        Row(_S.handed_over, _E.card_activated, _G.always, _S.handed_over, (_F.activate_function,)),
        Row(_S.handed_over, _E.activation_overdue, _G.always, _S.handed_over, (_F.notify_applicant,)),
        Row(_S.active, _E.switch_cards, _G.always, _S.closing_old, (_F.switch_cards,)),
        Row(
            _S.closing_old,
            _E.close_old,
            _G.always,
            _S.done,
            (_F.close_old_card, _F.lift_benefit_holds, _F.requeue_claims, _F.notify_applicant),
        ),
        # ways out; out of the pre-check only where the engine is stuck in it
        *_same((_S.checking, *_BLOCKABLE), _E.withdraw, _G.always, _S.withdrawn),
        *_same(_WITH_THE_BUREAU, _E.withdraw, _G.order_cancellable, _S.withdrawn, _F.cancel_order),
        *_same((_S.checking, *_BLOCKABLE, _S.ordered), _E.person_ended, _G.always, _S.ended),
        # Where an order cannot be cancelled the card is made all the same, and the ending says that it remains.
        *_same((_S.in_production, _S.repair), _E.person_ended, _G.order_cancellable, _S.ended, _F.cancel_order),
        *_same((_S.in_production, _S.repair), _E.person_ended, _G.always, _S.ended),
        *_same((*_WITH_THE_PERSON, _S.active, _S.closing_old), _E.person_ended, _G.always, _S.ended, _F.cancel_order),
        # benefits
        *_same(_REPLACEMENT_OPEN, _E.release_benefits, _G.always, None, _F.release_benefits),
        *_same((_S.checking, *_REPLACEMENT_OPEN), _E.benefits_lifted, _G.always, None, _F.assert_no_benefit_held),
        # deadlines; a hold silences the ladder
        *_same(_REPLACEMENT_OPEN, _E.acknowledge, _G.always, None),
        *_same((_S.checking, *_REPLACEMENT_OPEN), _E.recompute, _G.always, None),
        *_same(_ESCALATING_REPLACEMENT, _E.escalated, _G.always, None, _F.escalate),
    ),
)

MACHINES: Final[Mapping[Kind, Machine]] = {
    Kind.id_number_change: ID_NUMBER_CHANGE,
    Kind.card_replacement: CARD_REPLACEMENT,
}
