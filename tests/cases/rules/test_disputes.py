"""Two people, one number."""

import pytest

from cases.decide import decide
from cases.documents import MAX_DOCUMENTS, Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    DisputeOutcome,
    ResolveDispute,
)
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.state import CaseState
from cases.views import view_of
from tests.cases.moving import COURT, decides, disputed, in_review, move, refused, verify
from tests.scenes import (
    CERTIFICATE,
    ID_CARD,
    NOW,
    OFFICE,
    OFFICER,
    SECOND_OFFICER,
    document,
)


def test_a_dispute_is_decided_by_two_different_people_on_the_same_document() -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    assert (first.status, said(first)) == (Status.disputed, as_said(FIRST))
    assert refused(first, Event.resolve_dispute, decides(OFFICER)) is Code.SAME_PERSON
    second = move(first, Event.resolve_dispute, decides(SECOND_OFFICER))
    assert (second.status, second.dispute_settled) == (Status.in_review, True)
    assert CERTIFICATE in second.documents
    approval = move(second, Event.verify_documents, verify(second))
    assert approval.status is Status.awaiting_approval


FIRST = decides(OFFICER)
OTHERWISE = [
    decides(SECOND_OFFICER, DisputeOutcome.theirs),
    decides(SECOND_OFFICER, DisputeOutcome.both_change),
    decides(SECOND_OFFICER, paper=COURT),
    decides(SECOND_OFFICER, DisputeOutcome.theirs, COURT),
]
THIRD_OFFICER = OFFICER.model_copy(update={"id": "officer-3"})
SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)


def said(state: CaseState) -> list[tuple[str, DisputeOutcome, str]]:
    return [(each.decided_by, each.outcome, each.document) for each in state.opinions]


def as_said(*facts: ResolveDispute) -> list[tuple[str, DisputeOutcome, str]]:
    return [(fact.actor.id, fact.outcome, fact.police_document.sha256) for fact in facts]


def differing(other: ResolveDispute) -> CaseState:
    """A dispute on which two officers have decided differently."""
    return move(move(disputed(ID_CARD), Event.resolve_dispute, FIRST), Event.resolve_dispute, other)


@pytest.mark.parametrize("other", OTHERWISE)
def test_a_decision_that_differs_from_the_first_is_refused_and_neither_is_lost(other: ResolveDispute) -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, FIRST)
    decision = decide(first, Event.resolve_dispute, other, NOW)
    assert decision.row.refused is Code.OPINIONS_DIFFER
    assert decision.after.status is Status.disputed
    assert said(decision.after) == as_said(FIRST, other)
    view = view_of(decision.after, NOW)
    assert (view.dispute, view.dissents) == (decision.after.opinions[0], decision.after.opinions[1:])


@pytest.mark.parametrize("other", OTHERWISE)
def test_officers_who_differ_are_agreed_when_one_joins_the_other(other: ResolveDispute) -> None:
    both = differing(other)
    for joins in (
        FIRST.model_copy(update={"actor": other.actor}),
        other.model_copy(update={"actor": FIRST.actor}),
    ):
        settled = move(both, Event.resolve_dispute, joins)
        assert settled.status is (Status.in_review if joins.outcome is DisputeOutcome.ours else Status.rejected)


@pytest.mark.parametrize("other", OTHERWISE)
def test_between_officers_who_differ_a_supervisor_decides_and_no_third_officer(other: ResolveDispute) -> None:
    both = differing(other)
    for decided in (FIRST, other):
        third = decided.model_copy(update={"actor": THIRD_OFFICER})
        assert refused(both, Event.resolve_dispute, third) is Code.OPINIONS_DIFFER
        settled = move(both, Event.resolve_dispute, decided.model_copy(update={"actor": SUPERVISOR}))
        assert settled.status is (Status.in_review if decided.outcome is DisputeOutcome.ours else Status.rejected)


def test_an_officer_whose_decision_nobody_shares_may_change_it() -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, FIRST)
    changed = decide(first, Event.resolve_dispute, decides(OFFICER, DisputeOutcome.theirs), NOW)
    assert changed.row.refused is None
    assert said(changed.after) == as_said(decides(OFFICER, DisputeOutcome.theirs))
    assert refused(changed.after, Event.resolve_dispute, decides(OFFICER, DisputeOutcome.theirs)) is Code.SAME_PERSON


@pytest.mark.parametrize("outcome", [DisputeOutcome.theirs, DisputeOutcome.both_change])
def test_a_number_that_is_not_ours_is_refused(outcome: DisputeOutcome) -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER, outcome))
    lost_it = move(first, Event.resolve_dispute, decides(SECOND_OFFICER, outcome))
    assert (lost_it.status, lost_it.ended_because) == (Status.rejected, Code.DISPUTE_LOST)


def test_a_dispute_is_decided_on_a_police_or_court_document_alone() -> None:
    paper = decides(OFFICER, paper=document(DocumentKind.photograph))
    assert refused(disputed(ID_CARD), Event.resolve_dispute, paper) is Code.DOCUMENTS_MISSING


def test_a_decision_on_an_earlier_dispute_is_not_the_first_of_two_on_a_later_one() -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    lapsed = move(first, Event.dispute_lapsed)
    again = move(lapsed, Event.dispute_opened)
    assert again.opinions == ()
    assert move(again, Event.resolve_dispute, decides(SECOND_OFFICER)).status is Status.disputed


@pytest.mark.parametrize("papers", [(), (ID_CARD,)])
def test_a_settled_dispute_goes_on_with_what_is_there_whoever_settled_it(papers: tuple[Document, ...]) -> None:
    state = disputed(*papers)
    ours = move(move(state, Event.resolve_dispute, decides(OFFICER)), Event.resolve_dispute, decides(SECOND_OFFICER))
    assert ours.status is (Status.in_review if papers else Status.awaiting_documents)
    theirs = move(state, Event.dispute_won)
    assert (theirs.status, theirs.dispute_settled) == (Status.awaiting_documents, True)


def test_a_full_file_takes_no_further_certificate_but_a_decision_against_us() -> None:
    copies = [document(DocumentKind.photograph, str(copy)) for copy in range(MAX_DOCUMENTS)]
    full = disputed(*copies)
    assert refused(full, Event.resolve_dispute, decides(OFFICER)) is Code.DOCUMENTS_TOO_MANY
    assert move(full, Event.resolve_dispute, decides(OFFICER, DisputeOutcome.theirs)).opinions != ()


def test_a_dispute_and_a_hold_release_benefits_and_nobody_can_hold_them_meanwhile() -> None:
    held = in_review().model_copy(update={"benefits_held": True})
    for event in (Event.hold, Event.dispute_opened):
        state = move(held, event)
        assert not state.benefits_held
        assert refused(state, Event.hold_benefits) is Code.BENEFITS_EXCLUDED
        assert refused(state, Event.release_benefits) is Code.EVENT_NOT_ALLOWED
