"""Openings: each of its own kind, sealed, with its documents."""

from typing import Any

import pytest

from cases.documents import MAX_DOCUMENTS
from cases.errors import Code
from cases.openings import Correction, CorrectionReason, NumberChangeOpening, ReplacementOpening
from cases.submitters import SubmitterKind
from tests.cases.refusing import NUMBER, PLANTED, as_data, refusal
from tests.scenes import CLERK, ID_CARD, SEALED, number_change, replacement


@pytest.mark.parametrize("kind", [NumberChangeOpening, ReplacementOpening])
def test_an_opening_takes_twenty_documents(kind: type[NumberChangeOpening]) -> None:
    opening = number_change() if kind is NumberChangeOpening else replacement()
    copies = [as_data(ID_CARD, sha256=f"{copy:064x}") for copy in range(MAX_DOCUMENTS + 1)]
    assert len(kind.model_validate(as_data(opening, documents=copies[:-1])).documents) == MAX_DOCUMENTS
    assert refusal(kind, as_data(opening, documents=copies)) == "too_long"


def test_an_opening_is_of_its_own_kind_alone() -> None:
    assert refusal(NumberChangeOpening, as_data(number_change(), kind="CardReplacement")) == "literal_error"
    assert refusal(ReplacementOpening, as_data(replacement(), kind="IdNumberChange")) == "literal_error"


def test_a_name_in_clear_is_no_sealed_name() -> None:
    for clear in ("张三", NUMBER, SEALED.replace(".", ""), ""):
        assert refusal(NumberChangeOpening, as_data(number_change(), name=clear)) == "string_pattern_mismatch"


def test_whoever_handed_an_application_in_is_staff_or_a_keyed_token() -> None:
    person, other = number_change().person, "b" * 26
    authority = {"document": "0" * 64, "until": "2026-12-31"}
    staff = NumberChangeOpening.model_validate(as_data(number_change()))
    assert (staff.submitter, staff.submitter_kind, staff.taken_in_by) == (CLERK, SubmitterKind.staff, CLERK.id)
    taken: list[dict[str, Any]] = [
        {"kind": "applicant", "ref": person},
        {"kind": "agent", "ref": other, "authority": authority},
    ]
    for submitter in taken:
        opening = NumberChangeOpening.model_validate(as_data(number_change(), submitter=submitter))
        assert (opening.submitter_kind, opening.taken_in_by) == (submitter["kind"], None)
        assert NumberChangeOpening.model_validate_json(opening.model_dump_json()) == opening
    assert refusal(NumberChangeOpening, as_data(number_change(), channel=PLANTED)) == "enum"
    for wrong, said in (
        ({"kind": "applicant", "ref": other}, Code.FIELD_INVALID),
        ({"kind": "agent", "ref": person}, Code.FIELD_INVALID),
        ({"kind": "guardian", "ref": person}, Code.FIELD_INVALID),
        ({"kind": "applicant", "ref": person, "authority": authority}, Code.FIELD_INVALID),
        ({"kind": "applicant", "ref": "clerk-1"}, "string_pattern_mismatch"),
        ({"kind": "agent", "id": PLANTED, "ref": other}, "extra_forbidden"),
        ({"kind": PLANTED, "ref": other}, "literal_error"),
        ({"kind": [PLANTED], "ref": other}, "literal_error"),
        ({"ref": other}, "missing"),
        (PLANTED, "model_type"),
    ):
        assert refusal(NumberChangeOpening, as_data(number_change(), submitter=wrong)) == said


def test_what_is_corrected_is_reopened() -> None:
    correction = Correction(
        reason=CorrectionReason.wrong_number, legal_basis="社会保险经办条例第十条", reference="review-1"
    )
    told = as_data(number_change(), correction=correction.model_dump(mode="json"))
    assert refusal(NumberChangeOpening, told) == Code.FIELD_INVALID
    assert NumberChangeOpening.model_validate(told | {"reopen": True}).corrects is CorrectionReason.wrong_number
