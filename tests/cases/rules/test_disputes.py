"""Two people, one number."""

import pytest

from cases.documents import MAX_DOCUMENTS, Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    DisputeOutcome,
    ResolveDispute,
)
from cases.machines.machine import Status
from tests.cases.moving import COURT, decides, disputed, in_review, move, refused, verify
from tests.scenes import (
    CERTIFICATE,
    ID_CARD,
    OFFICER,
    SECOND_OFFICER,
    document,
)


def test_a_dispute_is_decided_by_two_different_people_on_the_same_document() -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    assert (first.status, first.dispute and first.dispute.decided_by) == (Status.disputed, OFFICER.id)
    assert refused(first, Event.resolve_dispute, decides(OFFICER)) is Code.SAME_PERSON
    second = move(first, Event.resolve_dispute, decides(SECOND_OFFICER))
    assert (second.status, second.dispute_settled) == (Status.in_review, True)
    assert CERTIFICATE in second.documents
    approval = move(second, Event.verify_documents, verify(second))
    assert approval.status is Status.awaiting_approval


@pytest.mark.parametrize(
    "other",
    [
        decides(SECOND_OFFICER, DisputeOutcome.theirs),
        decides(SECOND_OFFICER, paper=COURT),
        decides(OFFICER, DisputeOutcome.theirs),
    ],
)
def test_a_different_decision_takes_the_first_ones_place(other: ResolveDispute) -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    replaced = move(first, Event.resolve_dispute, other)
    assert replaced.status is Status.disputed
    assert replaced.dispute is not None
    assert replaced.dispute.outcome is other.outcome
    assert replaced.dispute.document == other.police_document.sha256
    assert replaced.dispute.decided_by == other.actor.id


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
    assert again.dispute is None
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
    assert move(full, Event.resolve_dispute, decides(OFFICER, DisputeOutcome.theirs)).dispute is not None


def test_a_dispute_and_a_hold_release_benefits_and_nobody_can_hold_them_meanwhile() -> None:
    held = in_review().model_copy(update={"benefits_held": True})
    for event in (Event.hold, Event.dispute_opened):
        state = move(held, event)
        assert not state.benefits_held
        assert refused(state, Event.hold_benefits) is Code.BENEFITS_EXCLUDED
        assert refused(state, Event.release_benefits) is Code.EVENT_NOT_ALLOWED
