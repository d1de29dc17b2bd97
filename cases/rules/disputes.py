"""Disputes: two people, one number. Two officers decide the same on the same document of police or court."""

from datetime import date
from typing import Any, Final

from cases.answers import Dispute
from cases.documents import MAX_DOCUMENTS, DocumentKind, check_document
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute
from cases.machines.machine import Guard, Row, Status
from cases.rules.subject import Subject
from cases.state import CaseState

_DECIDES_A_DISPUTE: Final = frozenset({DocumentKind.police_certificate, DocumentKind.court_certificate})


def _may_resolve(state: CaseState, fact: ResolveDispute, today: date) -> Code | None:
    check_document(fact.police_document, state.opening.person, today)
    if fact.police_document.kind not in _DECIDES_A_DISPUTE:
        return Code.DOCUMENTS_MISSING
    if fact.outcome is DisputeOutcome.ours and len(state.with_documents((fact.police_document,))) > MAX_DOCUMENTS:
        return Code.DOCUMENTS_TOO_MANY
    if _agrees(state.dispute, fact) and state.dispute is not None and state.dispute.decided_by == fact.actor.id:
        return Code.SAME_PERSON
    return None


def _agrees(first: Dispute | None, fact: ResolveDispute) -> bool:
    return first is not None and (first.outcome, first.document) == (fact.outcome, fact.police_document.sha256)


def _decided(state: CaseState, fact: ResolveDispute, row: Row) -> dict[str, Any]:
    if row.to is Status.disputed:
        first = Dispute(outcome=fact.outcome, document=fact.police_document.sha256, decided_by=fact.actor.id)
        return {"dispute": first}
    return {"dispute_settled": True, "documents": state.with_documents((fact.police_document,))}


RULES: Final = Subject(
    checks={Event.resolve_dispute: _may_resolve},
    guards={
        Guard.first_decider: lambda state, fact: not _agrees(state.dispute, fact),
        Guard.outcome_against: lambda _state, fact: fact.outcome is not DisputeOutcome.ours,
    },
    changes={
        Event.resolve_dispute: _decided,
        Event.dispute_won: lambda _state, _fact, _row: {"dispute_settled": True},
    },
    # What an officer decided on an earlier dispute is not the first of two decisions on this one.
    entered={Status.disputed: {"dispute": None}},
    ended_because={
        (Status.rejected, Event.resolve_dispute): Code.DISPUTE_LOST,
        (Status.rejected, Event.dispute_lost): Code.DISPUTE_LOST,
    },
)
