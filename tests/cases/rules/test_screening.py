"""Screening and pre-check: where what the register found leads."""

import pytest

from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.machines.machine import Status
from cases.numbers import Road
from cases.screening import Finding
from cases.views import outcome_of, receipt_of
from tests.cases.moving import OLD_CARD, move
from tests.scenes import (
    ID_CARD,
    number_change,
    received,
    replacement,
)


@pytest.mark.parametrize(
    ("finding", "status", "reason"),
    [
        (Finding.unknown, Status.ended, Code.PERSON_UNKNOWN),
        (Finding.deceased, Status.ended, Code.PERSON_DECEASED),
        (Finding.not_needed, Status.not_needed, Code.ALREADY_18_DIGITS),
    ],
)
def test_a_case_that_needs_nothing_or_nobody_ends_at_once_and_its_receipt_says_why(
    finding: Finding, status: Status, reason: Code
) -> None:
    state = move(received(number_change(ID_CARD), finding), Event.screened)
    assert (state.status, outcome_of(state).reason) == (status, reason)
    receipt = receipt_of(state)
    assert (receipt.status, receipt.reason, receipt.due_at) == (status, reason, None)


@pytest.mark.parametrize(
    ("finding", "status", "reason"),
    [
        (Finding.unknown, Status.rejected, Code.PRECHECK_PERSON_UNKNOWN),
        (Finding.deceased, Status.ended, Code.PERSON_DECEASED),
        (Finding.duplicate, Status.rejected, Code.PRECHECK_DUPLICATE),
        (Finding.not_allowed, Status.rejected, Code.PRECHECK_NOT_ALLOWED),
        (Finding.differs, Status.on_hold, None),
    ],
)
def test_the_pre_check_of_a_replacement_answers_with_its_code(
    finding: Finding, status: Status, reason: Code | None
) -> None:
    state = move(received(replacement(ID_CARD, OLD_CARD), finding, None), Event.checked)
    assert (state.status, state.ended_because) == (status, reason)
    assert state.last_error is (Code.PRECHECK_PERSON_DIFFERS if status is Status.on_hold else None)


def test_a_receipt_names_what_is_missing_and_by_when() -> None:
    state = move(received(number_change(), road=Road.reissued), Event.screened)
    receipt = receipt_of(state)
    assert [demand.document for demand in receipt.missing] == [
        DocumentKind.resident_id_card,
        DocumentKind.police_certificate,
    ]
    assert state.timer is not None
    assert receipt.due_at == state.timer.due_at
