"""What a subject of rules is made of. Each file beside this one has one, `RULES`; `cases.decide` merges them all."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cases.answers import Condition
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Clock, Effect, Guard, Row, Status
from cases.state import CaseState

EffectChange = Mapping[str, Any] | Callable[[CaseState], Mapping[str, Any]]
"""The fields that an effect changes, from the state before where they rest on it."""
Check = Callable[[CaseState, Any, date], Code | None]
"""Whether a fact may be told at all: asks the state, the fact and the day, and returns why not."""
Question = Callable[[CaseState, Any], bool]
"""Whether a row holds: asks the state and the fact."""
Change = Callable[[CaseState, Any, Row], dict[str, Any]]
"""The fields that an event changes apart from the status: from the state before, the fact and the row."""
LadderChange = Callable[[CaseState, Any, datetime], dict[str, Any]]
"""The fields of the ladder that an event changes: from the state before, the fact and the moment."""

_NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


class Subject(NamedTuple):
    """The rules of one subject. No event, guard or effect stands in the same table of two subjects."""

    checks: Mapping[Event, Check] = _NONE
    guards: Mapping[Guard, Question] = _NONE
    changes: Mapping[Event, Change] = _NONE
    effects: Mapping[Effect, EffectChange] = _NONE
    """The fields that an effect changes."""
    ladder: Mapping[Event, LadderChange] = _NONE
    entered: Mapping[Status, Mapping[str, Any]] = _NONE
    """The fields that change when a status is entered from another."""
    left: Mapping[Status, Mapping[str, Any]] = _NONE
    """The fields that change when a status is left."""
    offered: Mapping[Event, Callable[[CaseState, date], bool]] = _NONE
    """Whether any fact of an event could pass its check on a day, where that does not rest on its rows alone."""
    conditions: Mapping[Event, Callable[[CaseState, date], Condition | None]] = _NONE
    """On what else that rests from a day on while the case stands as it does: on later days, or on the register."""
    unknown: Mapping[Event, Callable[[CaseState, Any], Code]] = _NONE
    """Why an event has no row in the case's status, where the general code would say too little."""
    refused: Mapping[Event, Callable[[CaseState], Code]] = _NONE
    """Why none of the rows of an event holds, where the general code would say too little."""
    clock_again: frozenset[Event] = frozenset()
    """Events that restart the clock of a status that stays; every other event leaves it running."""
    clock_again_by: frozenset[Effect] = frozenset()
    """Effects that do so."""
    clock_spent: Mapping[Clock, Callable[[CaseState], bool]] = _NONE
    """Whether a clock is not started any more: asks the state after."""
    ended_because: Mapping[tuple[Status, Event], Code] = _NONE
    """Why a case ended, by its ending and the event that led there."""
    remains: Mapping[str, Callable[[CaseState], bool]] = _NONE
    """What may stay in effect after another ending than `done`, and whether it does."""
