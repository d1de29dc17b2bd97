"""Asking other systems: a limit for an answer runs from the moment at which the question was delivered.

Until then the delivery has a limit of its own. Who was not asked is not late: when that limit ends the agency is told
that its question did not arrive, and the time to answer begins once it has.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from cases.answers import Unasked
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Clock, Effect, Guard, Row
from cases.rules.subject import Subject
from cases.state import CaseState, Timer

NOT_ASKED_YET: Final[Mapping[str, Any]] = {"asked_at": None, "unasked": ()}
"""The fields that change when something new is asked."""


def _may_count_as_asked(state: CaseState, _fact: None, _today: date) -> Code | None:
    """Whether the case waits for the delivery that the register knows of (`CaseState.asked_at`)."""
    waits = state.waits_to_ask or (state.timer is not None and state.timer.clock is Clock.delivery)
    return None if waits and state.asked_at is not None else Code.EVENT_NOT_ALLOWED


def _asked(state: CaseState, _fact: None, row: Row) -> dict[str, Any]:
    clock = state.machine.statuses[row.to].clock
    if clock is None or state.asked_at is None:
        raise AssertionError("whoever was asked has a limit to answer")
    # What an officer gave in addition was given for the answer.
    extended = state.timer.extended if state.timer is not None else 0
    return {
        "timer": Timer(clock=clock, since=state.asked_at, extended=extended, due_at=state.asked_at),
        "unasked": (),
        "last_error": None if state.waits_to_ask else state.last_error,
    }


def _not_asked_in_time(state: CaseState, _fact: None, _row: Row) -> dict[str, Any]:
    question = state.question
    roles = question.roles if question is not None else ()
    # Since when a receiver is away only the register knows.
    unasked = state.unasked or tuple(Unasked(role=role) for role in roles)
    return {"timer": None, "unasked": unasked, "last_error": Code.QUESTION_NOT_DELIVERED}


RULES: Final = Subject(
    checks={Event.question_delivered: _may_count_as_asked},
    guards={Guard.not_asked_in_time: lambda state, _fact: state.waits_to_ask},
    changes={Event.question_delivered: _asked, Event.delivery_overdue: _not_asked_in_time},
    clock_again=frozenset({Event.question_delivered}),
    # The time to deliver begins when the question is written, not when the number is reserved.
    clock_again_by=frozenset({Effect.publish_number_changed}),
)
