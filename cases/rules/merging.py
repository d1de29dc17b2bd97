"""One human, two records: two officers decide on the same document that both are one person's, or are not.

The record of the case is kept. What was merged is taken apart again in the same way, until something was paid; the
register knows whether it was.
"""

from datetime import date
from typing import Any, Final

from cases.answers import Condition, Judgement, Proviso
from cases.documents import MAX_DOCUMENTS, DocumentKind, check_document
from cases.errors import Code
from cases.events import Event
from cases.facts import ResolveDuplicate
from cases.machines.machine import Effect, Guard, Row, Status
from cases.rules.opinions import is_first_word, joined, why_not, with_opinion
from cases.rules.subject import Subject
from cases.screening import Finding
from cases.state import CaseState

_PROVES_WHO_SOMEBODY_IS: Final = frozenset(
    {DocumentKind.police_certificate, DocumentKind.court_certificate, DocumentKind.administrative_decision}
)


def _judgement(fact: ResolveDuplicate) -> Judgement:
    return Judgement(
        same_person=fact.same_person,
        document=fact.police_document.sha256,
        document_kind=fact.police_document.kind,
        decided_by=fact.actor.id,
    )


def _is_asked(state: CaseState, fact: ResolveDuplicate) -> bool:
    """In a dispute only that both are one, and after a merge only that they are two, changes anything."""
    if state.status is Status.merging:
        return True
    return fact.same_person if state.status is Status.disputed else state.merged and not fact.same_person


def _may_resolve(state: CaseState, fact: ResolveDuplicate, today: date) -> Code | None:
    if not _is_asked(state, fact):
        return Code.DUPLICATE_NOT_ASKED
    check_document(fact.police_document, state.opening.person, today)
    if fact.police_document.kind not in _PROVES_WHO_SOMEBODY_IS:
        return Code.DOCUMENTS_MISSING
    if fact.same_person and len(state.with_documents((fact.police_document,))) > MAX_DOCUMENTS:
        return Code.DOCUMENTS_TOO_MANY
    return why_not(state.judgements, _judgement(fact), fact.actor)


def judgement_joined_by(state: CaseState, fact: ResolveDuplicate) -> Judgement | None:
    """The judgement of somebody else with which this one agrees."""
    return joined(state.judgements, _judgement(fact))


def _resolved(state: CaseState, fact: ResolveDuplicate, _row: Row) -> dict[str, Any]:
    if judgement_joined_by(state, fact) is None:
        return {"judgements": with_opinion(state.judgements, _judgement(fact))}
    changed: dict[str, Any] = {"judgements": (), "judged_two": not fact.same_person}
    return changed | ({"documents": state.with_documents((fact.police_document,))} if fact.same_person else {})


_ASKS: Final = frozenset({Status.merging, Status.disputed})


def _may_be_resolved(state: CaseState, _today: date) -> bool:
    return state.merged or state.status in _ASKS


def _until_paid(state: CaseState, _today: date) -> Condition | None:
    takes_apart = state.merged and state.status not in _ASKS
    return Condition(event=Event.resolve_duplicate, proviso=Proviso.nothing_paid) if takes_apart else None


RULES: Final = Subject(
    checks={Event.resolve_duplicate: _may_resolve},
    guards={
        # Two officers have said that they are two: what the register finds again is a dispute.
        Guard.same_person: lambda state, _fact: (
            state.screening is not None and state.screening.finding is Finding.same_person and not state.judged_two
        ),
        Guard.first_judgement: lambda state, fact: is_first_word(state.judgements, _judgement(fact)),
        Guard.judges_otherwise: lambda state, fact: judgement_joined_by(state, fact) is None,
        Guard.two_people: lambda _state, fact: not fact.same_person,
    },
    changes={Event.resolve_duplicate: _resolved},
    effects={Effect.merge_records: {"merged": True}, Effect.undo_merge: {"merged": False}},
    # What an officer judged before something else happened is not the first of two judgements on what holds now.
    entered={Status.merging: {"judgements": ()}, Status.disputed: {"judgements": ()}},
    offered={Event.resolve_duplicate: _may_be_resolved},
    conditions={Event.resolve_duplicate: _until_paid},
)
