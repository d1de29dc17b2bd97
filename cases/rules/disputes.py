"""Disputes: two people, one number. Two officers decide the same on the same document of police or court."""

from datetime import date
from typing import Any, Final

from cases.answers import Dispute
from cases.documents import MAX_DOCUMENTS, DocumentKind, check_document
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute
from cases.machines.machine import Guard, Row, Status
from cases.rules.opinions import is_first_word, joined, why_not, with_opinion
from cases.rules.subject import Subject
from cases.state import CaseState

_DECIDES_A_DISPUTE: Final = frozenset({DocumentKind.police_certificate, DocumentKind.court_certificate})


def _opinion(fact: ResolveDispute) -> Dispute:
    return Dispute(
        outcome=fact.outcome,
        document=fact.police_document.sha256,
        document_kind=fact.police_document.kind,
        decided_by=fact.actor.id,
    )


def _may_resolve(state: CaseState, fact: ResolveDispute, today: date) -> Code | None:
    check_document(fact.police_document, state.opening.person, today)
    if fact.police_document.kind not in _DECIDES_A_DISPUTE:
        return Code.DOCUMENTS_MISSING
    if fact.outcome is DisputeOutcome.ours and len(state.with_documents((fact.police_document,))) > MAX_DOCUMENTS:
        return Code.DOCUMENTS_TOO_MANY
    return why_not(state.opinions, _opinion(fact), fact.actor)


def joined_by(state: CaseState, fact: ResolveDispute) -> Dispute | None:
    """The decision of somebody else with which this one agrees."""
    return joined(state.opinions, _opinion(fact))


def _decided(state: CaseState, fact: ResolveDispute, row: Row) -> dict[str, Any]:
    if row.to is Status.disputed:
        return {"opinions": with_opinion(state.opinions, _opinion(fact))}
    return {"dispute_settled": True, "documents": state.with_documents((fact.police_document,))}


RULES: Final = Subject(
    checks={Event.resolve_dispute: _may_resolve},
    guards={
        Guard.first_decider: lambda state, fact: is_first_word(state.opinions, _opinion(fact)),
        Guard.decides_otherwise: lambda state, fact: joined_by(state, fact) is None,
        Guard.outcome_against: lambda _state, fact: fact.outcome is not DisputeOutcome.ours,
    },
    changes={
        Event.resolve_dispute: _decided,
        Event.dispute_won: lambda _state, _fact, _row: {"dispute_settled": True},
    },
    # What an officer decided on an earlier dispute is not the first of two decisions on this one.
    entered={Status.disputed: {"opinions": ()}},
    ended_because={
        (Status.rejected, Event.resolve_dispute): Code.DISPUTE_LOST,
        (Status.rejected, Event.dispute_lost): Code.DISPUTE_LOST,
    },
)
