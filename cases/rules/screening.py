"""Screening and pre-check: what the register found out about the person, and where that leads."""

from typing import Any, Final

from cases.errors import Code
from cases.events import Event
from cases.kinds import KINDS
from cases.machines.machine import Guard, Row, Status
from cases.rules.subject import Question, Subject
from cases.screening import Finding
from cases.state import CaseState


def _found(finding: Finding) -> Question:
    return lambda state, _fact: state.screening is not None and state.screening.finding is finding


def _checked(state: CaseState, _fact: None, row: Row) -> dict[str, Any]:
    if row.to is not Status.on_hold:
        return {}
    return {
        "held_from": state.status,
        "hold_reason": KINDS[state.kind].hold,
        "last_error": Code.PRECHECK_PERSON_DIFFERS,
    }


RULES: Final = Subject(
    guards={
        Guard.person_unknown: _found(Finding.unknown),
        Guard.person_deceased: _found(Finding.deceased),
        Guard.person_transferred: _found(Finding.transferred),
        Guard.person_merged: _found(Finding.merged),
        Guard.not_needed: _found(Finding.not_needed),
        Guard.conflict: lambda state, _fact: (
            state.screening is not None and state.screening.finding in {Finding.conflict, Finding.same_person}
        ),
        Guard.person_differs: _found(Finding.differs),
        Guard.duplicate: _found(Finding.duplicate),
        Guard.not_allowed: _found(Finding.not_allowed),
    },
    changes={Event.checked: _checked},
    ended_because={(Status.not_needed, Event.screened): Code.ALREADY_18_DIGITS},
)
