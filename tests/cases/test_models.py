"""Contracts: what is accepted, what is refused, and that nothing refused is repeated."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cases.documents import Defect, Document
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import HoldBenefits, Reject
from cases.models import (
    Actor,
    Contract,
    IdempotencyKey,
    LegalBasis,
    Note,
    Record,
    Reference,
    RegionCode,
    Sealed,
    Sha256,
    StaffId,
    Token,
    distinct,
)
from cases.state import CaseState
from tests.cases.refusing import NUMBER, PLANTED, as_data, refusal
from tests.scenes import FACTS as SAMPLES
from tests.scenes import ID_CARD, number_change, received, replacement

# --- words ----------------------------------------------------------------------------------------------------------

WORDS: list[tuple[Any, list[str], list[str]]] = [
    (
        Token,
        ["a" * 26, "abcdefghijklmnopqrstuvwx27"],
        ["a" * 25, "a" * 27, "A" * 26, "a" * 25 + "1", "a" * 25 + "0"],
    ),
    (
        Sealed,
        ["k1." + "A" * 38, "a-1." + "_-9z" * 500],
        [
            "k1." + "A" * 37,
            "k1." + "A" * 2001,
            "K1." + "A" * 40,
            "." + "A" * 40,
            "k" * 17 + "." + "A" * 40,
            "A" * 40,
            "k1." + "=" * 40,
        ],
    ),
    (Sha256, ["0" * 64, "9af" + "0" * 61], ["0" * 63, "0" * 65, "A" * 64, "g" * 64]),
    (RegionCode, ["110105", "990000"], ["010105", "11010", "1101055", "11010x", "１１０１０５", "١١٠١٠٥"]),
    (StaffId, ["ab", "clerk-1", "a" * 32, "a_b"], ["a", "1ab", "Clerk", "a" * 33, "a b", "张三", "a.b", "-ab"]),
    (IdempotencyKey, ["a", "A.b_c:d-9", "x" * 128], ["", "x" * 129, "a b", "ключ", "键", "a/b", "ａ"]),
]
WORD_NAMES = ["Token", "Sealed", "Sha256", "RegionCode", "StaffId", "IdempotencyKey"]


@pytest.mark.parametrize(("word", "right", "wrong"), WORDS, ids=WORD_NAMES)
def test_words_of_the_wire_have_one_form(word: Any, right: list[str], wrong: list[str]) -> None:
    adapter = TypeAdapter(word)
    for text in right:
        assert adapter.validate_python(text) == text
    # A pattern that stops at the end of a line would let the next one through.
    around = [changed for text in right for changed in (text + "\n", "\n" + text, text + "\0", text + " ")]
    for text in (*wrong, *around):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
    for other in (None, 1, True, ["a"]):
        with pytest.raises(ValidationError):
            adapter.validate_python(other)


@given(text=st.text(max_size=60))
def test_no_word_takes_anything_that_is_not_ascii(text: str) -> None:
    for word, _right, _wrong in WORDS:
        try:
            taken = TypeAdapter(word).validate_python(text)
        except ValidationError:
            continue
        assert taken.isascii()
        assert taken.isprintable()


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"证号{NUMBER}不符", Code.PII_IN_TEXT),
        ("x" * 501, Code.TEXT_TOO_LONG),
        ("a\u202eb", Code.TEXT_FORBIDDEN_CHARACTERS),
        ("a\0b", Code.TEXT_FORBIDDEN_CHARACTERS),
    ],
)
def test_a_note_with_personal_data_or_hidden_characters_is_refused(text: str, code: Code) -> None:
    with pytest.raises(CaseError) as refused:
        TypeAdapter(Note).validate_python(text)
    assert refused.value.code is code
    assert text not in str(refused.value)


def test_a_note_may_be_empty_and_loses_its_line_breaks() -> None:
    assert TypeAdapter(Note).validate_python("") == ""
    assert TypeAdapter(Note).validate_python("一\n二") == "一 二"


@pytest.mark.parametrize("blank", ["", "   ", "        ", "\u3000" * 8, "法", "x" * 201])
def test_a_legal_basis_that_says_nothing_is_none(blank: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(LegalBasis).validate_python(blank)
    assert refusal(Reject, as_data(SAMPLES[Event.reject], legal_basis=blank)) in {"string_too_short", "string_too_long"}


def test_a_defect_says_what_is_wrong() -> None:
    for blank in ("", "  ", "\u3000"):
        assert refusal(Defect, {"document": "old_card", "problem": blank}) == "string_too_short"
    assert refusal(Defect, {"document": "old_card", "problem": NUMBER}) == Code.PII_IN_TEXT


# --- every contract -------------------------------------------------------------------------------------------------

CONTRACTS: list[Contract] = [
    *SAMPLES.values(),
    ID_CARD,
    number_change(ID_CARD),
    replacement(ID_CARD),
    SAMPLES[Event.withdraw].actor,
]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
def test_an_unknown_field_is_refused_and_not_repeated(contract: Contract) -> None:
    assert refusal(type(contract), as_data(contract, status=PLANTED)) == "extra_forbidden"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
def test_a_contract_survives_the_wire_and_cannot_be_changed(contract: Contract) -> None:
    assert type(contract).model_validate_json(contract.model_dump_json(exclude_unset=True)) == contract
    assert type(contract).model_validate(as_data(contract)) == contract
    with pytest.raises(ValidationError):
        setattr(contract, next(iter(type(contract).model_fields)), None)


FREE_TEXTS = {
    *("note", "problem", "legal_basis", "because"),
    *("evidence", "reference", "notice", "record", "batch", "edition"),
}


@pytest.mark.parametrize(
    "text", ["a", "police/2026-1", "石公函〔2026〕11号", "京人社发(2026)第 7 号", "№ 12—3", "B20260831", "x" * 100]
)
def test_a_reference_is_what_offices_write(text: str) -> None:
    assert TypeAdapter(Reference).validate_python(f" {text} ") == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.REFERENCE_EMPTY),
        ("  ", Code.REFERENCE_EMPTY),
        ("公" * 101, Code.REFERENCE_TOO_LONG),
        ("石公函 11010519491231002X", Code.PII_IN_TEXT),
        ("石公函 138-0013-8000", Code.PII_IN_TEXT),
        ("社保卡C00000042", Code.PII_IN_TEXT),
        ("石公函\u202e11号", Code.TEXT_FORBIDDEN_CHARACTERS),
    ],
)
def test_a_reference_is_short_and_holds_nothing_of_a_person(text: str, code: Code) -> None:
    with pytest.raises(CaseError) as refused:
        TypeAdapter(Reference).validate_python(text)
    assert refused.value.code is code


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
@pytest.mark.parametrize("wrong", [PLANTED + "\n", {"value": PLANTED}, [PLANTED], -1, 1.5])
def test_no_field_takes_a_wrong_value_or_repeats_it(contract: Contract, wrong: Any) -> None:
    for field in type(contract).model_fields:
        if field in FREE_TEXTS and isinstance(wrong, str):
            continue
        refusal(type(contract), as_data(contract, **{field: wrong}))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
def test_every_required_field_is_required(contract: Contract) -> None:
    required = [name for name, field in type(contract).model_fields.items() if field.is_required()]
    assert required
    for name in required:
        data = as_data(contract)
        del data[name]
        assert refusal(type(contract), data) == "missing"


def test_a_record_of_another_release_is_read_all_the_same() -> None:
    state = received(number_change(ID_CARD))
    newer = {**state.model_dump(mode="json", exclude_unset=True), "field_of_tomorrow": 1}
    assert CaseState.model_validate(newer) == state
    assert issubclass(CaseState, Record)


# --- dates, numbers, yes and no -------------------------------------------------------------------------------------


OTHER_DAYS: dict[str, Any] = {
    "zero": 0,
    "seconds": 1767225600,
    "seconds as text": "1767225600",
    "fraction": 1.5,
    "yes": True,
    "basic form": "20260101",
    "short": "2026-1-1",
    "American": "01/01/2026",
    "moment": "2026-01-01T00:00:00",
    "blank behind": "2026-01-01 ",
    "line break behind": "2026-01-01\n",
    "week date": "2026-W01-1",
    "full width": "２０２６-01-01",
    "Chinese": "2026年1月1日",
    "list": [2026, 1, 1],
    "moment of the library": datetime(2026, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("day", OTHER_DAYS.values(), ids=OTHER_DAYS)
def test_a_day_is_written_in_one_way(day: Any) -> None:
    assert refusal(Document, as_data(ID_CARD, issued_on=day)) == Code.DATE_INVALID
    assert refusal(HoldBenefits, as_data(SAMPLES[Event.hold_benefits], served_on=day)) == Code.DATE_INVALID


@pytest.mark.parametrize("day", ["2026-02-29", "2026-13-01", "2026-00-10", "0000-01-01", "2026-01-32"])
def test_a_day_that_does_not_exist_is_refused(day: str) -> None:
    assert refusal(Document, as_data(ID_CARD, expires_on=day)).startswith("date")


def test_a_day_is_read_from_its_text_and_taken_as_it_is() -> None:
    for day in ("2026-02-28", date(2026, 2, 28)):
        assert Document.model_validate(as_data(ID_CARD, expires_on=day)).expires_on == date(2026, 2, 28)


@given(people=st.lists(st.sampled_from(["a1", "b1", "c1", None])))
def test_people_are_distinct_if_nobody_is_named_twice(people: list[str | None]) -> None:
    named = [each for each in people if each]
    assert distinct(people) is all(named.count(each) == 1 for each in named)


def test_an_actor_has_no_name() -> None:
    assert set(Actor.model_fields) == {"id", "role", "office"}
