"""What an operator types: the form of each event, as JSON, as the Web UI's update form and `--json` take it.

A form is the event's fact without its actor, and without its stamp, plus the case it is meant for and the event: who
acts is not typed but known from the identity of whoever sends it. The example of an event is a whole form; the form of
a case is filled in with what the case knows, and blank (`""`, `0`) where only a person can know. A blank is refused.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, get_args

from cases.models import FACTS, CardFunction, CaseView
from cases.states import Event

CASE: Final = "case"
EVENT: Final = "event"
"""The two fields of a form that its fact does not have."""

EXAMPLE_CASE: Final = "idc-abcdefghijklmnopqrstuvwxyz"
_EXAMPLE_CARD_CASE: Final = "crc-abcdefghijklmnopqrstuvwxyz"
_DIGEST: Final = "0123456789abcdef" * 4
_POLICE_DOCUMENT: Final = {
    "kind": "police_certificate",
    "uri": "doc://store/p-1",
    "media_type": "application/pdf",
    "size": 20480,
    "sha256": _DIGEST,
}

_EXAMPLES: Final[Mapping[Event, Mapping[str, Any]]] = {
    Event.add_documents: {
        "documents": [
            {
                "kind": "resident_id_card",
                "uri": "doc://store/d-1",
                "media_type": "image/jpeg",
                "size": 20480,
                "sha256": _DIGEST,
            }
        ]
    },
    Event.verify_documents: {"original_seen": True, "copies": [_DIGEST]},
    Event.return_documents: {"defects": [{"document": "resident_id_card", "problem": "复印件不清晰"}]},
    Event.approve: {"content": _DIGEST},
    Event.reject: {"legal_basis": "《社会保险经办条例》第十条"},
    Event.hold: {"reason": "waiting_for_id_card", "evidence": "police/2026-1"},
    Event.resume: {},
    Event.extend: {"working_days": 5, "evidence": "ext/2026-1"},
    Event.withdraw: {},
    Event.resolve_dispute: {"outcome": "ours", "police_document": _POLICE_DOCUMENT},
    Event.confirm_downstream: {"system": "medical_insurance", "confirmed": True, "reference": "mi-2026-1"},
    Event.repair: {"action": "retry", "evidence": "ticket-1"},
    Event.hold_benefits: {
        "legal_basis": "《社会保险经办条例》第三十一条",
        "notice": "notice/2026-1",
        "served_on": "2026-09-01",
    },
    Event.release_benefits: {"legal_basis": "《社会保险经办条例》第三十一条"},
    Event.acknowledge: {},
    Event.person_ended: {"reason": "death", "evidence": "civil/2026-1"},
    Event.recompute: {},
    Event.confirm_loss: {"evidence": "loss/2026-1"},
    Event.card_found: {},
    Event.card_produced: {"produced": False, "batch": "batch-1"},
    Event.card_handed_over: {"by": "counter", "evidence": "sig-1"},
    Event.card_activated: {"function": "social"},
    Event.card_unclaimed: {
        "witness": {"id": "clerk-2", "role": "clerk", "office": "110105"},
        "record": "destroyed-1",
    },
}

_BLANKS: Final[Mapping[Event, Mapping[str, Any]]] = {
    Event.reject: {"legal_basis": ""},
    Event.hold: {"reason": "", "evidence": ""},
    Event.extend: {"working_days": 0, "evidence": ""},
    Event.resolve_dispute: {
        "outcome": "",
        "police_document": {
            "kind": "police_certificate",
            "uri": "doc://",
            "media_type": "application/pdf",
            "size": 0,
            "sha256": "",
        },
    },
    Event.confirm_downstream: {"confirmed": True, "reference": ""},
    Event.repair: {"action": "retry", "evidence": ""},
    Event.hold_benefits: {"legal_basis": "", "notice": "", "served_on": ""},
    Event.release_benefits: {"legal_basis": ""},
    Event.person_ended: {"reason": "", "evidence": ""},
    Event.confirm_loss: {"evidence": ""},
    Event.card_produced: {"produced": False, "batch": ""},
    Event.card_handed_over: {"by": "counter", "evidence": ""},
    Event.card_unclaimed: {"record": ""},
}
"""Forms with what nobody but a person knows left blank; the others have no blank, or are filled in from the case."""

_TYPED: Final = json.JSONEncoder(ensure_ascii=False)
_OF_CARDS: Final = frozenset(
    {
        Event.confirm_loss,
        Event.card_found,
        Event.card_produced,
        Event.card_handed_over,
        Event.card_activated,
        Event.card_unclaimed,
    }
)


def example_of(event: Event) -> dict[str, Any]:
    """A whole form of an event from outside, of a case that does not exist."""
    case = _EXAMPLE_CARD_CASE if event in _OF_CARDS else EXAMPLE_CASE
    return {CASE: case, EVENT: event.value, **_EXAMPLES[event]}


def form_of(event: Event, view: CaseView) -> dict[str, Any]:
    """The form of an event for a case as it stands: what the case knows is filled in, the rest is blank."""
    fields = {**_EXAMPLES[event], **_BLANKS.get(event, {}), **_known(event, view)}
    return {CASE: view.case_id, EVENT: event.value, **fields}


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


def _known(event: Event, view: CaseView) -> dict[str, Any]:
    known = _KNOWN.get(event)
    return known(view) if known is not None else {}


def _defects(view: CaseView) -> dict[str, Any]:
    kinds = [document.kind.value for document in view.documents] or [""]
    return {"defects": [{"document": kind, "problem": ""} for kind in kinds]}


def _papers(view: CaseView) -> dict[str, Any]:
    kinds = [demand.document.value for demand in view.missing] or [""]
    papers = [{"kind": kind, "uri": "doc://", "media_type": "image/jpeg", "size": 0, "sha256": ""} for kind in kinds]
    return {"documents": papers}


def _function(view: CaseView) -> dict[str, Any]:
    left = [function.value for function in CardFunction if function not in view.activated]
    return {"function": left[0] if len(left) == 1 else ""}


_KNOWN: Final[Mapping[Event, Callable[[CaseView], dict[str, Any]]]] = {
    Event.add_documents: _papers,
    Event.verify_documents: lambda view: {"copies": [document.sha256 for document in view.documents]},
    Event.return_documents: _defects,
    Event.approve: lambda view: {"content": view.content},
    Event.confirm_downstream: lambda view: {"system": view.awaited[0].value if len(view.awaited) == 1 else ""},
    Event.card_activated: _function,
    Event.card_unclaimed: lambda view: {"witness": {"id": "", "role": "clerk", "office": view.region}},
}
"""What a case knows of the form of an event."""
