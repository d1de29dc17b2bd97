"""Disputes: two people, one number. Two officers decide the same on the same document of police or court.

Where they differ neither decision takes the other's place: both stand until one of the two joins the other, or a
supervisor decides as one of them did.
"""

from datetime import date
from typing import Any, Final

from cases.answers import Dispute
from cases.documents import MAX_DOCUMENTS, DocumentKind, check_document
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDispute
from cases.machines.machine import Guard, Row, Status
from cases.models import Role
from cases.rules.subject import Subject
from cases.state import CaseState

_DECIDES_A_DISPUTE: Final = frozenset({DocumentKind.police_certificate, DocumentKind.court_certificate})


def _may_resolve(state: CaseState, fact: ResolveDispute, today: date) -> Code | None:
    check_document(fact.police_document, state.opening.person, today)
    if fact.police_document.kind not in _DECIDES_A_DISPUTE:
        return Code.DOCUMENTS_MISSING
    if fact.outcome is DisputeOutcome.ours and len(state.with_documents((fact.police_document,))) > MAX_DOCUMENTS:
        return Code.DOCUMENTS_TOO_MANY
    if any(_same(said, fact) and said.decided_by == fact.actor.id for said in state.opinions):
        return Code.SAME_PERSON
    between = len(state.opinions) > 1 and not _has_decided(state, fact)
    return Code.OPINIONS_DIFFER if between and fact.actor.role is not Role.supervisor else None


def _same(said: Dispute, fact: ResolveDispute) -> bool:
    return (said.outcome, said.document) == (fact.outcome, fact.police_document.sha256)


def _has_decided(state: CaseState, fact: ResolveDispute) -> bool:
    return any(said.decided_by == fact.actor.id for said in state.opinions)


def joined_by(state: CaseState, fact: ResolveDispute) -> Dispute | None:
    """The decision of somebody else with which this one agrees."""
    return next((said for said in state.opinions if _same(said, fact) and said.decided_by != fact.actor.id), None)


def _first_word(state: CaseState, fact: ResolveDispute) -> bool:
    """Nobody has decided yet, or whoever has changes their own mind, and agrees with nobody."""
    if joined_by(state, fact) is not None:
        return False
    return not state.opinions or _has_decided(state, fact)


def _decided(state: CaseState, fact: ResolveDispute, row: Row) -> dict[str, Any]:
    if row.to is Status.disputed:
        said = Dispute(
            outcome=fact.outcome,
            document=fact.police_document.sha256,
            document_kind=fact.police_document.kind,
            decided_by=fact.actor.id,
        )
        opinions = {each.decided_by: each for each in state.opinions} | {said.decided_by: said}
        return {"opinions": tuple(opinions.values())}
    return {"dispute_settled": True, "documents": state.with_documents((fact.police_document,))}


RULES: Final = Subject(
    checks={Event.resolve_dispute: _may_resolve},
    guards={
        Guard.first_decider: _first_word,
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
