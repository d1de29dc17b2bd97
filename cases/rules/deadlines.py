"""Deadlines: the ladder that a case climbs, extensions, and dates that are recomputed."""

from datetime import date, datetime
from typing import Any, Final

from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Extend, HoldReason
from cases.ladder import Cause, Ladder, Rung, Suspension
from cases.machines.machine import Milestone, Row, Status
from cases.rules.subject import Subject
from cases.state import CaseState

KEEPS_ITS_TIMER: Final = frozenset({Event.extend, Event.recompute})
"""These move a time limit that runs, and start none."""

NUMBER_NOT_UPDATED: Final = frozenset({Milestone.submitted, Milestone.documents_verified})
"""Milestones at which the campaign date still binds a case."""


def _may_extend(state: CaseState, fact: Extend, _today: date) -> Code | None:
    if state.timer is None and (state.ladder.is_suspended or state.limit_spent):
        return Code.NO_CLOCK_TO_EXTEND
    return Code.EXTENSION_TOO_LONG if state.extended + fact.working_days > state.terms.max_extension else None


def _extended(state: CaseState, fact: Extend, _row: Row) -> dict[str, Any]:
    return {"extended": state.extended + fact.working_days, "overdue": False}


def _ladder_escalated(state: CaseState, _fact: None, at: datetime) -> dict[str, Any]:
    ladder, fired = state.ladder, state.ladder.dates.next
    # A caller may come early, or for a rung that was moved or silenced since.
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


def _ladder_acknowledged(_state: CaseState, _fact: Any, at: datetime) -> dict[str, Any]:
    return {"acknowledged_at": at, "decision": False, "overdue": False}


def ladder_after(state: CaseState, row: Row, reason: HoldReason | None, at: datetime, change: dict[str, Any]) -> Ladder:
    """The ledger of the case's clocks after a transition; its dates are computed by the register.

    `reason` is that of the hold which the case is on afterwards, `change` what the event itself changes.
    """
    ladder = state.ladder
    changed: dict[str, Any] = {}
    if row.to is not row.status or ladder.started is None:
        changed = {"started": ladder.started or at, "step_since": at}
        suspensions = ladder.suspensions
        if ladder.is_suspended:
            suspensions = (*suspensions[:-1], suspensions[-1].model_copy(update={"until": at}))
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
    changes={Event.extend: _extended, Event.acknowledge: lambda _state, _fact, _row: {"overdue": False}},
    ladder={
        Event.escalated: _ladder_escalated,
        Event.extend: _ladder_extended,
        Event.acknowledge: _ladder_acknowledged,
        Event.recompute: lambda state, _fact, _at: {"clock": state.ladder.clock + 1},
    },
    clock_again=KEEPS_ITS_TIMER,
)
