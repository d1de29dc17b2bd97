"""Deadlines: the ladder that a case climbs, extensions, and dates that are recomputed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Acknowledge, Extend, HoldReason
from cases.ladder import Cause, Ladder, Rung, Suspension
from cases.machines.machine import Clock, Milestone, Row, Status
from cases.rules.people import still_told
from cases.rules.subject import Subject
from cases.state import CaseState

KEEPS_ITS_TIMER: Final = frozenset({Event.extend, Event.recompute, Event.question_delivered})
"""These move a time limit that runs, or say from when it runs, and start none of their own."""

TOO_LONG: Final[Mapping[Clock, Code]] = {
    Clock.supplement: Code.EXTENSION_OF_SUPPLEMENT,
    Clock.hold: Code.EXTENSION_OF_HOLD,
    Clock.confirmation: Code.EXTENSION_OF_CONFIRMATION,
    Clock.loss_report: Code.EXTENSION_OF_LOSS_REPORT,
    Clock.production: Code.EXTENSION_OF_PRODUCTION,
    Clock.claim: Code.EXTENSION_OF_CLAIM,
    Clock.activation: Code.EXTENSION_OF_ACTIVATION,
}
"""What an extension is refused with beyond the most that the policy has for a limit, all its extensions together.

A case has a limit of its own (`Terms.max_extension`), whichever of its limits are extended."""

INTERRUPTIONS: Final = frozenset({Status.on_hold, Status.disputed, Status.merging})
"""Statuses in which the limit of the status before stands still."""

NUMBER_NOT_UPDATED: Final = frozenset({Milestone.submitted, Milestone.documents_verified})
"""Milestones at which the campaign date still binds a case."""


def _limit_runs(state: CaseState) -> bool:
    return state.timer is not None or not (state.ladder.is_suspended or state.limit_spent)


def _may_be_extended(state: CaseState, _today: date) -> bool:
    return _limit_runs(state) and state.extendable and state.extended < state.terms.max_extension


def _may_extend(state: CaseState, fact: Extend, _today: date) -> Code | None:
    if not _limit_runs(state):
        return Code.NO_CLOCK_TO_EXTEND
    return Code.EXTENSION_TOO_LONG if state.extended + fact.working_days > state.terms.max_extension else None


def _extended(state: CaseState, fact: Extend, _row: Row) -> dict[str, Any]:
    changed: dict[str, Any] = {"extended": state.extended + fact.working_days, "overdue": False}
    if state.timer is not None:
        longer = state.timer.extended + fact.working_days
        changed["timer"] = state.timer.model_copy(update={"extended": longer})
    return changed


def _ladder_escalated(state: CaseState, _fact: None, at: datetime) -> dict[str, Any]:
    ladder, fired = state.ladder, state.ladder.dates.next
    # A caller may come early, or for a rung that was moved or silenced since.
    if fired is None or at < fired.at:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    # What will run out is not overdue, however near the policy lets a rung fire.
    ends = ladder.dates.processing_due_at
    late = fired.rung >= Rung.orange and fired.cause is Cause.processing and ends is not None and at >= ends
    return {
        "rung": fired.rung,
        "rung_at": at,
        "told": still_told(state, fired.tells),
        "acknowledged_at": None,
        "acknowledged_by": None,
        **({"before_the_date": ladder.reached} if ladder.rung < Rung.deadline <= fired.rung else {}),
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


def _ladder_acknowledged(_state: CaseState, fact: Acknowledge, at: datetime) -> dict[str, Any]:
    # Having seen a case silences it; what is owed or late stays so.
    return {"acknowledged_at": at, "acknowledged_by": fact.actor.id}


def limits_after(state: CaseState, row: Row, at: datetime) -> dict[str, Any]:
    """The time limits after a case has come into another status.

    A hold or a dispute uses up nothing of the limit that it interrupts: that stands still, and goes on with what is
    left when the case comes back to a status with the same limit. In any other it is over.
    """
    clock = state.machine.statuses[row.to].clock
    aside = state.set_aside
    if row.to in INTERRUPTIONS and state.timer is not None:
        aside = (*aside, state.timer.stopped(at))
    back = next((timer for timer in aside if timer.clock is clock), None)
    keeps = row.to in INTERRUPTIONS or row.to is state.machine.initial
    return {
        "timer": back.resumed(at) if back is not None else None,
        "set_aside": tuple(timer for timer in aside if timer is not back) if keeps else (),
    }


def ladder_after(state: CaseState, row: Row, reason: HoldReason | None, at: datetime, change: dict[str, Any]) -> Ladder:
    """The ledger of the case's clocks after a transition; its dates are computed by the register.

    `reason` is that of the hold which the case is on afterwards, `change` what the event itself changes.
    """
    ladder = state.ladder
    changed: dict[str, Any] = {}
    if row.to is not row.status or ladder.started is None:
        changed = {"started": ladder.started or at, "stays": ladder.moved_to(row.to, at)}
        suspensions = ladder.suspensions
        if ladder.is_suspended:
            suspensions = (*suspensions[:-1], suspensions[-1].ended(at))
        if state.machine.is_open(row.to) and not state.machine.statuses[row.to].runs:
            suspensions = (*suspensions, _suspension(state, row, reason, at))
        if suspensions != ladder.suspensions:
            changed |= {"suspensions": suspensions, "clock": ladder.clock + 1}
    changed |= change
    if state.machine.milestone(row.to, state.milestone) not in NUMBER_NOT_UPDATED:
        changed |= {"decision": False}
    return ladder.model_copy(update=changed)


def _suspension(state: CaseState, row: Row, reason: HoldReason | None, at: datetime) -> Suspension:
    if row.to is not Status.on_hold:
        return Suspension(since=at)
    moves = any(term.moves_campaign for term in state.terms.holds if term.reason is reason)
    return Suspension(since=at, hold=reason, moves_campaign=moves)


RULES: Final = Subject(
    checks={Event.extend: _may_extend},
    changes={Event.extend: _extended},
    ladder={
        Event.escalated: _ladder_escalated,
        Event.extend: _ladder_extended,
        Event.acknowledge: _ladder_acknowledged,
        Event.recompute: lambda state, _fact, _at: {"clock": state.ladder.clock + 1},
    },
    offered={Event.extend: _may_be_extended},
    clock_again=frozenset({Event.extend, Event.recompute}),
)
