"""Documents: brought in, verified against the originals, returned with all their defects at once."""

from datetime import date
from typing import Any, Final

from cases.documents import MAX_DOCUMENTS, Document, check_document
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, ResolveDispute, ReturnDocuments, VerifyDocuments
from cases.machines.machine import Guard, Row, Status
from cases.models import Role, Sha256, distinct
from cases.rules.subject import Subject
from cases.state import CaseState


def _may_add(state: CaseState, fact: AddDocuments, today: date) -> Code | None:
    for document in fact.documents:
        check_document(document, state.opening.person, today)
    if fact.original_seen and fact.actor.role is not Role.clerk:
        return Code.ROLE_NOT_ALLOWED
    return Code.DOCUMENTS_TOO_MANY if len(state.with_documents(fact.documents)) > MAX_DOCUMENTS else None


def _may_verify(state: CaseState, fact: VerifyDocuments, today: date) -> Code | None:
    if not fact.original_seen and (state.screening is None or state.screening.original_needed):
        return Code.ORIGINAL_NOT_SEEN
    if not distinct((state.opening.taken_in_by, fact.actor.id)):
        return Code.SAME_PERSON
    if state.missing:
        return Code.DOCUMENTS_MISSING
    # Those of the application were never looked at by date, and any may have expired while the case waited.
    for document in state.documents:
        check_document(document, state.opening.person, today)
    on_file = {document.sha256 for document in state.documents}
    return None if set(fact.copies) == on_file else Code.DOCUMENT_DIGEST_MISMATCH


def _are_missing(state: CaseState, fact: Any) -> bool:
    added: tuple[Document, ...] = ()
    if isinstance(fact, AddDocuments):
        added = fact.documents
    elif isinstance(fact, ResolveDispute):
        added = (fact.police_document,)
    missing = state.missing_of(state.with_documents(added), _shown(state, fact))
    return bool(missing or (state.defects and not added))


def _shown(state: CaseState, fact: Any) -> tuple[Sha256, ...]:
    """The copies whose originals were shown, with those that a fact brings."""
    if not isinstance(fact, AddDocuments) or not fact.original_seen:
        return state.originals
    return tuple(dict.fromkeys((*state.originals, *(document.sha256 for document in fact.documents))))


def _added(state: CaseState, fact: AddDocuments, _row: Row) -> dict[str, Any]:
    documents, originals = state.with_documents(fact.documents), _shown(state, fact)
    still_missing = {demand.document for demand in state.missing_of(documents, originals)}
    return {
        "documents": documents,
        "originals": originals,
        "defects": tuple(defect for defect in state.defects if defect.document in still_missing),
    }


def _verified(state: CaseState, fact: VerifyDocuments, _row: Row) -> dict[str, Any]:
    return {"verifier": fact.actor.id, "verified_content": state.content, "defects": ()}


def _returned(state: CaseState, fact: ReturnDocuments, _row: Row) -> dict[str, Any]:
    defective = {defect.document for defect in fact.defects}
    documents = tuple(document for document in state.documents if document.kind not in defective)
    kept = {document.sha256 for document in documents}
    return {
        "defects": fact.defects,
        "documents": documents,
        "originals": tuple(copy for copy in state.originals if copy in kept),
    }


# What was verified and approved has to be looked at again.
_REVIEWED_AGAIN: Final = {"verifier": None, "approver": None, "verified_content": None}

RULES: Final = Subject(
    checks={Event.add_documents: _may_add, Event.verify_documents: _may_verify},
    guards={Guard.documents_missing: _are_missing},
    changes={Event.add_documents: _added, Event.verify_documents: _verified, Event.return_documents: _returned},
    entered={
        Status.screening: _REVIEWED_AGAIN,
        Status.awaiting_documents: _REVIEWED_AGAIN,
        Status.in_review: _REVIEWED_AGAIN,
        Status.disputed: _REVIEWED_AGAIN,
        Status.checking: _REVIEWED_AGAIN,
    },
    ended_because={
        (Status.closed_no_response, Event.supplement_expired): Code.NO_RESPONSE,
        (Status.withdrawn, Event.supplement_expired): Code.NO_RESPONSE,
    },
)
