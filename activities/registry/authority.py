"""Who may have the register do what: whom it answers to, and whether what is asked for is the very thing to be done.

Whoever can reach Temporal, whatever keys they hold, can ask. So nothing of a request is believed: what was told needs
the gate's stamp; a time limit must have ended by the register's own clock; a step of the engine must be the one that
follows from the state the register holds; and what a neighbour or a schedule says must stand in its own tables.
"""

from datetime import datetime
from typing import Final

from temporalio import activity

from activities.stamps import Stamps
from cases.decide import next_step
from cases.errors import CaseError, Code
from cases.events import EVENTS, FACTS, Event, Origin
from cases.facts import Fact
from cases.names import TOLD_AFTER_CLOSING, Kind, after_closing_id
from cases.stamps import Claims
from cases.state import CaseState
from cases.steps import StepRequest

_OF_THE_CALENDAR: Final = Event.recompute
"""May come without a stamp: the register sees for itself whether dates move."""


class TooEarly(Exception):
    """A time limit that has not ended yet."""

    def __init__(self, ends_at: datetime) -> None:
        self.ends_at = ends_at
        super().__init__("too early")


def check_caller(case_id: str, kind: Kind, namespace: str) -> None:
    """Raises `CaseError` CALLER_REFUSED where an activity was not asked for by the workflow of that very case."""
    if not activity.in_activity():
        return
    info = activity.info()
    if (info.workflow_id, info.workflow_type, info.namespace) != (case_id, kind.value, namespace):
        raise CaseError(Code.CALLER_REFUSED)


def check_caller_of_closed(case_id: str, told_as: str, namespace: str) -> None:
    """Raises `CaseError` CALLER_REFUSED where no workflow asks that tells a closed case this very thing."""
    if not activity.in_activity():
        return
    info = activity.info()
    expected = (after_closing_id(case_id, told_as), TOLD_AFTER_CLOSING, namespace)
    if (info.workflow_id, info.workflow_type, info.namespace) != expected:
        raise CaseError(Code.CALLER_REFUSED)


def fact_of(request: StepRequest) -> Fact | None:
    """The fact of a request. Raises `CaseError` PAYLOAD_INVALID where the event has no fact, or its fact is another."""
    if request.fact is None:
        return None
    model = FACTS.get(request.event)
    if model is None:
        raise CaseError(Code.PAYLOAD_INVALID)
    try:
        return model.model_validate(request.fact)
    except ValueError:
        raise CaseError(Code.PAYLOAD_INVALID) from None


def claims_of(stamps: Stamps, request: StepRequest, fact: Fact | None, now: datetime) -> Claims | None:
    """Who decided, by the stamp of the fact; None for what happens of itself.

    Raises `CaseError` as `Stamps`, and STAMP_MISMATCH for one of another generation of the case.
    """
    if fact is None:
        if request.event.origin is Origin.outside and request.event is not _OF_THE_CALENDAR:
            raise CaseError(Code.STAMP_MISSING)
        return None
    claims = stamps.check_fact(fact, request.case_id, request.event, request.arrived or now, now)
    # A decision on one life of a case is none on the next, and one on a state that a restore took away is made anew.
    if not claims.is_for(request.generation, request.version + 1):
        raise CaseError(Code.STAMP_MISMATCH)
    return claims


def check_due(state: CaseState, event: Event, now: datetime) -> None:
    """Whether what happens of itself is what happens now.

    Raises `TooEarly`; `CaseError` EVENT_NOT_ALLOWED for a step that the engine would not make, and for a time limit
    that the case does not have.
    """
    if EVENTS[event].after_a_refusal:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    match event.origin:
        case Origin.engine:
            _check_step(state, event, now)
        case Origin.timer:
            _check_limit(state, event, now)
        case Origin.neighbour if event is Event.turn_free and state.stuck:
            # Whoever is stuck waits for an operator, and for no turn.
            raise CaseError(Code.EVENT_NOT_ALLOWED)
        case Origin.outside | Origin.neighbour:
            return


def _check_step(state: CaseState, event: Event, now: datetime) -> None:
    if next_step(state, now) is event:
        return
    timer = state.timer
    if timer is not None and timer.event is event and timer.due_at > now and not state.stuck:
        raise TooEarly(timer.due_at)
    raise CaseError(Code.EVENT_NOT_ALLOWED)


def _check_limit(state: CaseState, event: Event, now: datetime) -> None:
    ends_at = _ends_at(state, event)
    if ends_at is None:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    if now < ends_at:
        raise TooEarly(ends_at)


def _ends_at(state: CaseState, event: Event) -> datetime | None:
    """When a time limit of the case ends; that of its status is not reached while the case is stuck."""
    if event is Event.escalated:
        return state.next_rung.at if state.next_rung is not None else None
    ends = (limit.due_at for limit in state.limits if limit.event is event and not state.stuck)
    return next(ends, None)
