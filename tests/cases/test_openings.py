"""Openings: each of its own kind, sealed, with its documents."""

import pytest

from cases.documents import MAX_DOCUMENTS
from cases.openings import NumberChangeOpening, ReplacementOpening
from tests.cases.refusing import NUMBER, as_data, refusal
from tests.scenes import ID_CARD, SEALED, number_change, replacement


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
