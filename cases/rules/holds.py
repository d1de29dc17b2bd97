"""Holds: the case waits for something outside the applicant's control, for as long as the policy allows."""

from datetime import date
from typing import Any, Final

from cases.errors import Code
from cases.events import Event
from cases.facts import Hold, HoldReason
from cases.machines.machine import Clock, Guard, Row, Status
from cases.rules.deadlines import INTERRUPTIONS
from cases.rules.subject import Subject
from cases.state import CaseState


def _is_used(state: CaseState, reason: HoldReason | None) -> bool:
    """Whether earlier holds for a reason have used up what the policy allows."""
    term = next((term for term in state.terms.holds if term.reason is reason), None)
    return term is None or state.ladder.held_days(term.reason) >= term.days


def _may_hold(state: CaseState, fact: Hold, _today: date) -> Code | None:
    return Code.HOLD_LIMIT_USED if _is_used(state, fact.reason) else None


def _can_be_held(state: CaseState, _today: date) -> bool:
    return any(not _is_used(state, term.reason) for term in state.terms.holds)


def _from_approval(state: CaseState, _fact: Any) -> bool:
    # Documents that came in during the hold were not verified: the case goes back to review with them.
    return state.held_from is Status.awaiting_approval and state.verified_content == state.content


def _held(state: CaseState, fact: Hold, _row: Row) -> dict[str, Any]:
    return {"held_from": state.status, "hold_reason": fact.reason}


RULES: Final = Subject(
    checks={Event.hold: _may_hold},
    guards={
        Guard.held_in_approval: _from_approval,
        Guard.held_before: lambda state, _fact: state.hold_reason is not None,
        Guard.held_for_number_change: lambda state, _fact: state.hold_reason is HoldReason.number_change_first,
    },
    changes={Event.hold: _held},
    offered={Event.hold: _can_be_held},
    # A case that the pre-check holds again and again is held without a limit in the end, and a clerk is asked.
    clock_spent={Clock.hold: lambda state: state.timer is None and _is_used(state, state.hold_reason)},
    # A dispute interrupts a hold; whatever else follows one ends it.
    entered={status: {"held_from": None, "hold_reason": None} for status in Status if status not in INTERRUPTIONS},
)
