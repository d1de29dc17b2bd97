"""Documents: brought in, verified, returned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cases.decide import decide
from cases.documents import MAX_DOCUMENTS, Defect, Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    ReturnDocuments,
)
from cases.machines.machine import Effect, Status
from cases.numbers import Road
from tests.cases.moving import COURT, TODAY, adds, in_review, move, refused, verify
from tests.scenes import (
    CERTIFICATE,
    CLERK,
    ID_CARD,
    NOW,
    VERIFIER,
    document,
    number_change,
    person,
    received,
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
    returned = move(in_review(), Event.return_documents, ReturnDocuments(actor=VERIFIER, defects=(defect,)))
    assert returned.status is Status.awaiting_documents
    assert move(returned, Event.add_documents, adds(document(copy="2"))).status is Status.in_review


def test_no_answer_closes_the_case_without_stopping_a_benefit() -> None:
    state = move(received(number_change()), Event.screened)
    closed = move(state, Event.supplement_expired)
    assert (closed.status, closed.ended_because) == (Status.closed_no_response, Code.NO_RESPONSE)
    assert Effect.hold_benefits not in decide(state, Event.supplement_expired, None, NOW).effects
