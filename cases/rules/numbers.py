"""Numbers: reserved, committed, confirmed by other systems; taken back as long as nobody has confirmed.

After the first confirmation the only way is forward, through `repair`.
"""

from datetime import date
from typing import Any, Final

from cases.errors import Code
from cases.events import Event
from cases.facts import ConfirmDownstream, Repair, RepairAction
from cases.machines.machine import Effect, Guard, Row, Status
from cases.models import System
from cases.names import publication_id
from cases.rules.asking import NOT_ASKED_YET
from cases.rules.subject import Subject
from cases.state import CaseState


def _not_committed(state: CaseState, _fact: None, _today: date) -> Code | None:
    return Code.EVENT_NOT_ALLOWED if state.committed else None


def _awaited(state: CaseState, fact: ConfirmDownstream, _today: date) -> Code | None:
    if fact.publication != state.publication:
        return Code.ANSWER_OUT_OF_DATE
    if fact.system in state.awaited:
        return None
    # Whoever says the same twice is told so; what they say otherwise about a question that is settled is not lost.
    return Code.SYSTEM_NOT_AWAITED if fact.confirmed else Code.ANSWER_OUT_OF_DATE


def _answers_nothing(state: CaseState, _fact: Any) -> Code:
    asks = Event.confirm_downstream in state.machine.every_event
    return Code.ANSWER_OUT_OF_DATE if asks else Code.EVENT_NOT_ALLOWED


def _published(state: CaseState) -> dict[str, Any]:
    return {
        "publication": publication_id(state.case_id, state.generation, state.version + 1),
        "asked": state.terms.confirmations,
        "undo_failed": False,
        **NOT_ASKED_YET,
    }


def _undoable(state: CaseState) -> bool:
    """Whether the number can be taken back: nobody confirmed it, and it is not in effect or the policy permits it."""
    possible = state.terms.undo_number and not state.undo_failed
    return not state.confirmations and (possible or not state.committed)


def _undo_possible(state: CaseState, fact: Repair) -> bool:
    return fact.action is RepairAction.undo and _undoable(state)


def _last(state: CaseState, system: System | None) -> bool:
    return state.awaited == (system,)


def _accept_last(state: CaseState, fact: Repair) -> bool:
    return fact.action is RepairAction.accept and _last(state, fact.system)


def _confirmed(state: CaseState, fact: ConfirmDownstream, _row: Row) -> dict[str, Any]:
    if not fact.confirmed:
        # Why the case could not go back says more than that it was to.
        why = Code.UNDO_IMPOSSIBLE if state.undo_failed else Code.CONFIRMATION_REFUSED
        return {"last_error": why, "refused_by": fact.system}
    return confirmed_by(state, fact.system)


def confirmed_by(state: CaseState, system: System) -> dict[str, Any]:
    """The fields that change when a system has taken the number over."""
    still = None if state.refused_by is system else state.refused_by
    return {"confirmations": (*state.confirmations, system), "refused_by": still}


def not_undone(state: CaseState) -> Code:
    """Why nothing is taken back."""
    if state.confirmations:
        return Code.PAST_POINT_OF_NO_RETURN
    return Code.UNDO_IMPOSSIBLE if state.undo_failed else Code.UNDO_NOT_PERMITTED


RULES: Final = Subject(
    checks={
        Event.confirm_downstream: _awaited,
        Event.undo_failed: lambda state, _fact, _today: None if _undoable(state) else Code.EVENT_NOT_ALLOWED,
        Event.commit: _not_committed,
        Event.commit_refused: _not_committed,
        Event.register_changed: _not_committed,
    },
    guards={
        Guard.refused_undoable: lambda state, fact: not fact.confirmed and _undoable(state),
        Guard.refused: lambda _state, fact: not fact.confirmed,
        Guard.last_confirmation: lambda state, fact: _last(state, fact.system),
        Guard.no_confirmation_awaited: lambda state, _fact: not state.terms.confirmations,
        Guard.undoable: lambda state, _fact: _undoable(state),
        Guard.not_to_be_undone: lambda state, _fact: state.undo_failed and not state.confirmations,
        Guard.accept: lambda _state, fact: fact.action is RepairAction.accept,
        Guard.accept_last: _accept_last,
        Guard.undo_possible: _undo_possible,
    },
    changes={
        Event.commit: lambda _state, _fact, _row: {"committed": True},
        Event.confirm_downstream: _confirmed,
        Event.undo_failed: lambda _state, _fact, _row: {"undo_failed": True, "last_error": Code.UNDO_IMPOSSIBLE},
        Event.confirmation_overdue: lambda _state, _fact, _row: {"last_error": Code.CONFIRMATION_OVERDUE},
    },
    effects={
        Effect.publish_number_changed: _published,
        Effect.restore_number: {"committed": False, "publication": None, "asked": ()},
    },
    entered={Status.in_review: {"committed": False, "publication": None, "asked": ()}},
    offered={Event.confirm_downstream: lambda state, _today: bool(state.awaited)},
    unknown={Event.confirm_downstream: _answers_nothing},
    refused={Event.withdraw: not_undone},
    remains={"number_committed": lambda after: after.committed},
)
