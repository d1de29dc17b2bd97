"""Documents: brought in, verified, returned."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cases.answers import Condition, Proviso
from cases.clocks import Budget, due
from cases.decide import decide
from cases.documents import MAX_DOCUMENTS, Defect, Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    ReturnDocuments,
)
from cases.machines.machine import Effect, Status
from cases.names import Kind
from cases.numbers import Road
from cases.state import CaseState
from cases.views import is_offered, possible_events, view_of
from tests.cases.moving import (
    CALENDAR,
    COURT,
    TODAY,
    adds,
    applying,
    awaiting_approval,
    in_review,
    move,
    refused,
    verify,
)
from tests.scenes import (
    CERTIFICATE,
    CLERK,
    ID_CARD,
    NOW,
    OFFICE,
    SOUTH,
    VERIFIER,
    document,
    number_change,
    person,
    received,
    replacement,
)


def test_documents_that_are_not_all_leave_the_supplement_limit_running() -> None:
    state = move(received(number_change(), road=Road.reissued), Event.screened)
    later = NOW + timedelta(days=3)
    some = move(state, Event.add_documents, adds(ID_CARD), later)
    assert (some.status, some.timer) == (Status.awaiting_documents, state.timer)
    all_of_them = move(some, Event.add_documents, adds(CERTIFICATE), later)
    assert (all_of_them.status, all_of_them.timer) == (Status.in_review, None)


@pytest.mark.parametrize(
    ("road", "instead"),
    [
        (Road.pure_upgrade, (document(DocumentKind.temporary_id_card),)),
        (Road.pure_upgrade, (document(DocumentKind.residence_permit),)),
        (Road.reissued, (ID_CARD, COURT)),
    ],
)
def test_a_document_that_the_law_puts_in_place_of_another_is_accepted(
    road: Road, instead: tuple[Document, ...]
) -> None:
    state = move(received(number_change(*instead), road=road), Event.screened)
    assert state.status is Status.in_review
    assert move(state, Event.verify_documents, verify(state)).verifier == VERIFIER.id


def test_a_court_certificate_takes_no_id_cards_place() -> None:
    state = move(received(number_change(COURT, CERTIFICATE)), Event.screened)
    assert state.status is Status.awaiting_documents


def test_the_same_copy_twice_is_one_document() -> None:
    state = in_review(ID_CARD, ID_CARD)
    assert len(state.documents) == 1
    assert len(move(state, Event.add_documents, adds(ID_CARD, ID_CARD)).documents) == 1


def test_more_than_twenty_documents_are_refused_and_twenty_are_not() -> None:
    state = in_review()
    copies = [document(DocumentKind.photograph, str(copy)) for copy in range(MAX_DOCUMENTS)]
    full = move(state, Event.add_documents, adds(*copies[: MAX_DOCUMENTS - 1]))
    assert len(full.documents) == MAX_DOCUMENTS
    assert refused(full, Event.add_documents, adds(copies[-1])) is Code.DOCUMENTS_TOO_MANY
    assert move(full, Event.add_documents, adds(ID_CARD)).documents == full.documents


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"holder": person("two")}, Code.DOCUMENT_OF_ANOTHER_PERSON),
        ({"expires_on": TODAY - timedelta(days=1)}, Code.DOCUMENT_EXPIRED),
        ({"issued_on": TODAY + timedelta(days=1)}, Code.DOCUMENT_FUTURE_DATED),
    ],
)
def test_a_wrong_document_is_refused_when_it_comes_in_and_none_that_slipped_in_is_verified(
    change: dict[str, Any], code: Code
) -> None:
    wrong = ID_CARD.model_copy(update=change)
    waiting = move(received(number_change()), Event.screened)
    assert refused(waiting, Event.add_documents, adds(wrong)) is code
    assert refused(in_review(wrong), Event.verify_documents, verify(in_review(wrong))) is code


def test_a_document_is_good_on_its_first_and_on_its_last_day() -> None:
    own = ID_CARD.model_copy(update={"holder": person("one"), "issued_on": TODAY, "expires_on": TODAY})
    waiting = move(received(number_change()), Event.screened)
    assert move(waiting, Event.add_documents, adds(own)).status is Status.in_review
    # 16:30 UTC is half past midnight of the next day where the case is handled.
    next_day = datetime(2026, 11, 2, 16, 30, tzinfo=UTC)
    assert refused(waiting, Event.add_documents, adds(own), next_day) is Code.DOCUMENT_EXPIRED


def test_a_document_that_expires_while_the_case_waits_is_not_verified() -> None:
    state = in_review(ID_CARD.model_copy(update={"expires_on": TODAY + timedelta(days=7)}))
    late = NOW + timedelta(days=30)
    assert refused(state, Event.verify_documents, verify(state), late) is Code.DOCUMENT_EXPIRED


def test_verification_needs_the_original_another_person_and_every_copy() -> None:
    state = in_review()
    unseen = verify(state).model_copy(update={"original_seen": False})
    assert refused(state, Event.verify_documents, unseen) is Code.ORIGINAL_NOT_SEEN
    assert refused(state, Event.verify_documents, verify(state, CLERK)) is Code.SAME_PERSON
    fewer = verify(state).model_copy(update={"copies": ()})
    assert refused(state, Event.verify_documents, fewer) is Code.DOCUMENT_DIGEST_MISMATCH


def test_returned_documents_go_and_their_defects_stand_until_the_document_is_back() -> None:
    state = in_review(road=Road.reissued)
    both = tuple(
        Defect(document=kind, problem="不清晰")
        for kind in (DocumentKind.resident_id_card, DocumentKind.police_certificate)
    )
    returned = move(state, Event.return_documents, ReturnDocuments(actor=VERIFIER, defects=both))
    assert (returned.status, returned.documents, returned.defects) == (Status.awaiting_documents, (), both)
    one_back = move(returned, Event.add_documents, adds(document(copy="2")))
    assert one_back.defects == both[1:]
    all_back = move(one_back, Event.add_documents, adds(document(DocumentKind.police_certificate, "2")))
    assert (all_back.status, all_back.defects) == (Status.in_review, ())


def test_a_defect_of_a_document_that_no_law_demands_keeps_nobody_from_review() -> None:
    defect = Defect(document=DocumentKind.proxy_authorisation, problem="未签名")
    brought = in_review(ID_CARD, document(DocumentKind.proxy_authorisation))
    returned = move(brought, Event.return_documents, ReturnDocuments(actor=VERIFIER, defects=(defect,)))
    assert returned.status is Status.awaiting_documents
    assert move(returned, Event.add_documents, adds(document(copy="2"))).status is Status.in_review


def test_no_answer_closes_the_case_without_stopping_a_benefit() -> None:
    state = move(received(number_change()), Event.screened)
    closed = move(state, Event.supplement_expired)
    assert (closed.status, closed.ended_because) == (Status.closed_no_response, Code.NO_RESPONSE)
    assert Effect.hold_benefits not in decide(state, Event.supplement_expired, None, NOW).effects


def returns(*kinds: DocumentKind) -> ReturnDocuments:
    defects = tuple(Defect(document=kind, problem="复印件不清晰") for kind in kinds)
    return ReturnDocuments(actor=VERIFIER, defects=defects)


ID, PHOTOGRAPH = DocumentKind.resident_id_card, DocumentKind.photograph
REGIONS = [OFFICE, SOUTH]


def filed(kind: Kind, region: str) -> CaseState:
    """A complete filing that a clerk has before them, with one paper that nobody asked for."""
    if kind is Kind.id_number_change:
        return in_review(ID_CARD, document(PHOTOGRAPH), region=region)
    papers = (ID_CARD, document(DocumentKind.old_card), document(PHOTOGRAPH))
    return move(received(replacement(*papers, region=region), road=None), Event.checked)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", Kind)
class TestANotice:
    def test_comes_within_five_working_days_or_the_filing_counts_as_complete(self, kind: Kind, region: str) -> None:
        state = filed(kind, region)
        assert state.notice is not None
        assert state.notice.due_at == due(NOW, Budget(5), CALENDAR).at
        last = state.notice.due_at - timedelta(seconds=1)
        assert move(state, Event.return_documents, returns(ID), last).status is Status.awaiting_documents
        # Whether the end of the period was noticed already makes no difference.
        assert refused(state, Event.return_documents, returns(ID), last + timedelta(seconds=1)) is Code.NOTICE_TOO_LATE
        passed = move(state, Event.notice_period_passed, None, state.notice.due_at)
        assert (passed.status, passed.notice) == (state.status, None)
        for later in (state.notice.due_at, state.notice.due_at + timedelta(days=30)):
            assert refused(passed, Event.return_documents, returns(ID), later) is Code.NOTICE_TOO_LATE
        assert Event.return_documents not in possible_events(passed, NOW)
        assert {Event.verify_documents, Event.reject} <= set(possible_events(passed, NOW))
        assert move(passed, Event.reject).status is Status.rejected
        assert move(passed, Event.verify_documents, verify(passed)).status is not Status.in_review

    def test_names_all_defects_for_what_is_not_named_counts_as_complete(self, kind: Kind, region: str) -> None:
        state = filed(kind, region)
        waiting = move(state, Event.return_documents, returns(ID))
        back = move(waiting, Event.add_documents, adds(document(ID, "2")))
        assert back.status is Status.in_review
        if state.terms.supplement_rounds > 1:
            assert refused(back, Event.return_documents, returns(PHOTOGRAPH)) is Code.DEFECT_NOT_NAMED
            assert refused(back, Event.return_documents, returns(ID, PHOTOGRAPH)) is Code.DEFECT_NOT_NAMED
            # What came in since may have its defects.
            assert move(back, Event.return_documents, returns(ID)).status is Status.awaiting_documents

    def test_names_nothing_that_no_rule_demands_and_nobody_brought(self, kind: Kind, region: str) -> None:
        state = filed(kind, region)
        screening = state.screening
        assert screening is not None
        demanded = {demand.document for demand in screening.demands}
        brought = {copy.kind for copy in state.documents}
        for named in DocumentKind:
            back = returns(named)
            if named in demanded | brought:
                assert move(state, Event.return_documents, back).status is Status.awaiting_documents
            else:
                assert refused(state, Event.return_documents, back) is Code.DOCUMENT_NOT_DEMANDED
                assert refused(state, Event.return_documents, returns(ID, named)) is Code.DOCUMENT_NOT_DEMANDED

    def test_is_given_as_often_as_the_policy_says_and_then_the_case_is_decided(self, kind: Kind, region: str) -> None:
        state = filed(kind, region)
        for round_ in range(state.terms.supplement_rounds):
            waiting = move(state, Event.return_documents, returns(ID))
            assert waiting.notice is None
            state = move(waiting, Event.add_documents, adds(document(ID, f"again-{round_}")))
            assert state.status is Status.in_review
        assert refused(state, Event.return_documents, returns(ID)) is Code.SUPPLEMENT_ROUNDS_USED
        assert Event.return_documents not in possible_events(state, NOW)
        assert move(state, Event.reject).status is Status.rejected
        assert move(state, Event.verify_documents, verify(state)).status is not Status.in_review

    def test_is_offered_from_the_day_on_which_a_copy_has_expired_and_verifying_until_then(
        self, kind: Kind, region: str
    ) -> None:
        last = date(2026, 11, 20)
        state = filed(kind, region)
        state = move(state, Event.add_documents, adds(document(ID, "short").model_copy(update={"expires_on": last})))
        assert state.notice is not None
        passed = move(state, Event.notice_period_passed, None, state.notice.due_at)
        view = view_of(passed, NOW)
        assert set(view.conditions) == {
            Condition(event=Event.return_documents, since=last + timedelta(days=1)),
            Condition(event=Event.verify_documents, until=last),
            Condition(event=Event.report_loss, proviso=Proviso.card_in_use),
        }
        both = {Event.return_documents, Event.verify_documents}
        for days, offered in ((0, Event.verify_documents), (1, Event.return_documents), (60, Event.return_documents)):
            at = datetime(last.year, last.month, last.day, 15, 59, tzinfo=UTC) + timedelta(days=days)
            later = view_of(passed, at)
            assert set(later.events) & both == {offered}
            assert {event for event in both if is_offered(view, event, last + timedelta(days=days))} == {offered}
            assert both & {each.event for each in later.conditions} == (both if days == 0 else set())
            verified = move if offered is Event.verify_documents else refused
            assert verified(passed, Event.verify_documents, verify(passed), at)
            named = refused if offered is Event.verify_documents else move
            assert named(passed, Event.return_documents, returns(ID), at)

    def test_may_still_name_a_copy_that_has_expired_since(self, kind: Kind, region: str) -> None:
        expires = document(ID, "short").model_copy(update={"expires_on": date(2026, 11, 20)})
        state = filed(kind, region)
        state = move(state, Event.add_documents, adds(expires))
        assert state.notice is not None
        passed = move(state, Event.notice_period_passed, None, state.notice.due_at)
        late = NOW + timedelta(days=30)
        assert refused(passed, Event.return_documents, returns(PHOTOGRAPH), late) is Code.NOTICE_TOO_LATE
        assert move(passed, Event.return_documents, returns(ID), late).status is Status.awaiting_documents

    def test_stands_still_on_hold_and_has_what_is_left_afterwards(self, kind: Kind, region: str) -> None:
        state = filed(kind, region)
        three_days_on = NOW + timedelta(days=3)
        held = move(state, Event.hold, at=three_days_on)
        assert held.upcoming is not None
        assert held.upcoming.event is Event.hold_expired
        assert refused(held, Event.notice_period_passed) is Code.EVENT_NOT_ALLOWED
        resumed = NOW + timedelta(days=24)
        back = move(held, Event.resume, at=resumed)
        assert back.notice is not None
        assert back.notice.due_at == due(resumed, Budget(2), CALENDAR).at

    def test_of_what_comes_in_after_the_period_has_its_own_time(self, kind: Kind, region: str) -> None:
        state = filed(kind, region)
        assert state.notice is not None
        passed = move(state, Event.notice_period_passed, None, state.notice.due_at)
        later = state.notice.due_at + timedelta(days=2)
        more = move(passed, Event.add_documents, adds(document(DocumentKind.proxy_authorisation)), later)
        assert more.notice is not None
        assert more.notice.due_at == due(later, Budget(5), CALENDAR).at
        assert refused(more, Event.return_documents, returns(PHOTOGRAPH), later) is not None
        named = returns(DocumentKind.proxy_authorisation)
        assert move(more, Event.return_documents, named, later).status is Status.awaiting_documents


def test_a_second_officer_may_name_defects_in_the_same_time_and_no_longer() -> None:
    state = awaiting_approval()
    assert state.notice is not None
    assert move(state, Event.return_documents, returns(ID)).status is Status.awaiting_documents
    assert refused(state, Event.return_documents, returns(ID), state.notice.due_at) is Code.NOTICE_TOO_LATE
    passed = move(state, Event.notice_period_passed, None, state.notice.due_at)
    assert passed.status is Status.awaiting_approval


def test_what_was_verified_is_not_asked_for_again_when_a_change_is_taken_back() -> None:
    state = move(applying(), Event.commit_refused)
    assert (state.status, state.notice) == (Status.in_review, None)
    assert refused(state, Event.return_documents, returns(ID)) is Code.NOTICE_TOO_LATE
