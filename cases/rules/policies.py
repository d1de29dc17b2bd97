"""Policies: a case may follow another version of its region's policy, and waits for nothing that it no longer knows.

What a case waits for is what its policy says now: a system, a function of the card, a document. What was dropped is
waited for no more, and the case goes on by itself; nothing is taken for confirmed, activated or handed in. What a later
version adds is not asked of a case that was told what is wanted of it.
"""

from datetime import date
from typing import Any, Final

from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Status
from cases.rules.subject import Subject
from cases.state import CaseState


def _still_awaits(state: CaseState, _fact: Any, _today: date) -> Code | None:
    if state.screening is None:
        return Code.EVENT_NOT_ALLOWED
    match state.status:
        case Status.awaiting_documents:
            awaits = bool(state.missing or state.defects)
        case Status.handed_over:
            awaits = not set(state.terms.functions) <= set(state.activated)
        case _:
            awaits = not state.committed or bool(state.awaited)
    return Code.EVENT_NOT_ALLOWED if awaits else None


RULES: Final = Subject(checks={Event.nothing_awaited: _still_awaits})
