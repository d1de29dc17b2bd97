"""Documents: brought in, verified against the originals, returned with all their defects at once."""

from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from typing import Any, Final

from cases.answers import Condition
from cases.clocks import day_of
from cases.documents import MAX_DOCUMENTS, Document, DocumentKind, check_document
from cases.errors import Code
from cases.events import Event
from cases.facts import AddDocuments, ResolveDispute, ResolveDuplicate, ReturnDocuments, VerifyDocuments
from cases.machines.machine import Clock, Guard, Milestone, Row, Status
from cases.models import Role, Sha256, distinct
from cases.rules.deadlines import INTERRUPTIONS
from cases.rules.subject import Subject
from cases.state import CaseState, Timer


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


def _may_return(state: CaseState, fact: ReturnDocuments, today: date) -> Code | None:
    return _not_to_be_named(state, frozenset(defect.document for defect in fact.defects), today)


def _not_to_be_named(state: CaseState, kinds: AbstractSet[DocumentKind], today: date) -> Code | None:
    """Why these documents may not be named together as missing or defective.

    A notice names what was brought, or what the policy demands, on the law that it says. It names all defects at once
    and comes in time, and there are so many as the policy says. What was on file and not named then counts as complete,
    as does all of a filing about which nothing was said in time (Administrative Licensing Law art. 32, by analogy). A
    copy that has expired since could not be named before.
    """
    if not kinds <= {*_demanded(state), *(copy.kind for copy in state.documents)}:
        return Code.DOCUMENT_NOT_DEMANDED
    if all(_has_expired(state, kind, today) for kind in kinds):
        return None
    if state.returns >= state.terms.supplement_rounds:
        return Code.SUPPLEMENT_ROUNDS_USED
    if not _is_open(state, today):
        return Code.NOTICE_TOO_LATE
    return None if all(_may_be_named(state, kind, today) for kind in kinds) else Code.DEFECT_NOT_NAMED


def _demanded(state: CaseState) -> frozenset[DocumentKind]:
    return (
        frozenset(demand.document for demand in state.screening.demands) if state.screening is not None else frozenset()
    )


def _has_expired(state: CaseState, kind: DocumentKind, today: date) -> bool:
    return any(
        copy.kind is kind and copy.expires_on is not None and copy.expires_on < today for copy in state.documents
    )


def _is_open(state: CaseState, today: date) -> bool:
    """Whether the time to name what is missing has not passed yet."""
    return state.notice is not None and today <= day_of(state.notice.due_at - timedelta(microseconds=1))


def _may_be_named(state: CaseState, kind: DocumentKind, today: date) -> bool:
    copies = [copy.sha256 for copy in state.documents if copy.kind is kind]
    if copies:
        return _has_expired(state, kind, today) or not set(copies) <= set(state.accepted)
    return kind in state.named or not state.returns


def _can_be_returned(state: CaseState, today: date) -> bool:
    return any(_not_to_be_named(state, {kind}, today) is None for kind in DocumentKind)


def _can_be_verified(state: CaseState, today: date) -> bool:
    return not any(_has_expired(state, copy.kind, today) for copy in state.documents)


def _last_day(state: CaseState, today: date) -> date | None:
    """The last day of the copy that expires first of those that have not yet; None where none will."""
    ahead = (copy.expires_on for copy in state.documents if copy.expires_on is not None and copy.expires_on >= today)
    return min(ahead, default=None)


def _once_expired(state: CaseState, today: date) -> Condition | None:
    last = _last_day(state, today)
    if last is None or _can_be_returned(state, today):
        return None
    return Condition(event=Event.return_documents, since=last + timedelta(days=1))


def _until_expired(state: CaseState, today: date) -> Condition | None:
    last = _last_day(state, today)
    if last is None or not _can_be_verified(state, today):
        return None
    return Condition(event=Event.verify_documents, until=last)


def _waits_for_notice(state: CaseState, _fact: None, _today: date) -> Code | None:
    return Code.EVENT_NOT_ALLOWED if state.notice is None or state.notice.stands_still else None


def notice_after(before: CaseState, after: CaseState, row: Row, at: datetime) -> dict[str, Any]:
    """What a transition does to the time within which the agency has to name what is missing.

    It runs where a filing is looked at, stands still with the other limits, and is over when something was named, when
    the documents were verified, or by itself. When it starts only the register knows when it ends.
    """
    status, notice = after.machine.statuses[row.to], before.notice
    on_file = tuple(copy.sha256 for copy in after.documents)
    if row.event is Event.notice_period_passed:
        return {"notice": None, "accepted": on_file}
    if not after.is_open or row.to is Status.awaiting_documents:
        return {"notice": None}
    if status.examines:
        if notice is not None:
            return {"notice": notice.resumed(at) if notice.stands_still else notice}
        unseen = not set(on_file) <= set(after.accepted)
        return {"notice": Timer(clock=Clock.notice, since=at, due_at=at)} if unseen else {}
    if row.to in INTERRUPTIONS or row.to is after.machine.initial:
        return {"notice": notice.stopped(at)} if notice is not None and not notice.stands_still else {}
    return {"notice": None, "accepted": on_file} if after.milestone is not Milestone.submitted else {}


def _are_missing(state: CaseState, fact: Any) -> bool:
    added: tuple[Document, ...] = ()
    if isinstance(fact, AddDocuments):
        added = fact.documents
    elif isinstance(fact, ResolveDispute | ResolveDuplicate):
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
    defective = dict.fromkeys(defect.document for defect in fact.defects)
    documents = tuple(document for document in state.documents if document.kind not in defective)
    kept = {document.sha256 for document in documents}
    return {
        "defects": fact.defects,
        "documents": documents,
        "originals": tuple(copy for copy in state.originals if copy in kept),
        "accepted": tuple(document.sha256 for document in documents),
        "named": tuple(dict.fromkeys((*state.named, *defective))),
        "returns": state.returns + 1,
    }


# What was verified and approved has to be looked at again.
_REVIEWED_AGAIN: Final = {"verifier": None, "approver": None, "verified_content": None}

RULES: Final = Subject(
    checks={
        Event.add_documents: _may_add,
        Event.verify_documents: _may_verify,
        Event.return_documents: _may_return,
        Event.notice_period_passed: _waits_for_notice,
    },
    offered={Event.return_documents: _can_be_returned, Event.verify_documents: _can_be_verified},
    conditions={Event.return_documents: _once_expired, Event.verify_documents: _until_expired},
    guards={Guard.documents_missing: _are_missing},
    changes={Event.add_documents: _added, Event.verify_documents: _verified, Event.return_documents: _returned},
    entered={
        Status.screening: _REVIEWED_AGAIN,
        Status.awaiting_documents: _REVIEWED_AGAIN,
        Status.in_review: _REVIEWED_AGAIN,
        Status.disputed: _REVIEWED_AGAIN,
        Status.merging: _REVIEWED_AGAIN,
        Status.checking: _REVIEWED_AGAIN,
    },
    ended_because={
        (Status.closed_no_response, Event.supplement_expired): Code.NO_RESPONSE,
        (Status.withdrawn, Event.supplement_expired): Code.NO_RESPONSE,
    },
)
