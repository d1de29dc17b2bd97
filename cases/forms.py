"""What an operator types: the form of each event, as JSON, as the Web UI's update form and `--json` take it.

A form is the event's fact without its actor, and without its stamp, plus the case it is meant for and the event: who
acts is not typed but known from the identity of whoever sends it. What stands in it says the event's record
(`cases.events.Form`).
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, get_args

from cases.answers import CaseView
from cases.errors import CaseError, Code
from cases.events import EVENTS, FACTS, Event
from cases.kinds import KINDS, case_id

CASE: Final = "case"
EVENT: Final = "event"
"""The two fields of a form that its fact does not have."""

_NOBODY: Final = "abcdefghijklmnopqrstuvwxyz"

_TYPED: Final = json.JSONEncoder(ensure_ascii=False)


def example_of(event: Event) -> dict[str, Any]:
    """A whole form of an event from outside, of a case that does not exist."""
    kind = next(record.kind for record in KINDS.values() if event in record.machine.every_event)
    return {CASE: case_id(kind, _NOBODY), EVENT: event.value, **EVENTS[event].form.example}


def form_of(event: Event, view: CaseView) -> dict[str, Any]:
    """The form of an event for a case as it stands: what the case knows is filled in, the rest is blank."""
    form = EVENTS[event].form
    known = form.known(view) if form.known is not None else {}
    return {CASE: view.case_id, EVENT: event.value, **form.example, **form.blank, **known}


def without_heading(form: Mapping[str, Any], case: str, event: Event) -> dict[str, Any]:
    """The fields of the fact in a form that is told to a case as an event. What it is for, the form may leave out.

    Raises `CaseError` FORM_OF_ANOTHER_CASE, FORM_OF_ANOTHER_EVENT.
    """
    if form.get(CASE, case) != case:
        raise CaseError(Code.FORM_OF_ANOTHER_CASE)
    if form.get(EVENT, event.value) != event.value:
        raise CaseError(Code.FORM_OF_ANOTHER_EVENT)
    return {name: value for name, value in form.items() if name not in {CASE, EVENT}}


def as_typed(form: Mapping[str, Any]) -> str:
    """A form as text on one line."""
    return _TYPED.encode(form)


def closed_sets_of(event: Event) -> dict[str, type[StrEnum]]:
    """The fields of a form that take one of a closed set of words, and the set."""
    sets = {name: _closed_set(field.annotation) for name, field in FACTS[event].model_fields.items()}
    return {name: members for name, members in sets.items() if members is not None}


def _closed_set(annotation: Any) -> type[StrEnum] | None:
    for kind in get_args(annotation) or (annotation,):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind
    return None
