"""JSON of programs: one meaning, or a code."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.errors import CaseError, Code
from cases.facts import HoldBenefits, VerifyDocuments
from intake.applications import InputRefused, NumberChangeApplication, Problem, ReplacementApplication, checked
from intake.requests import LARGEST_REQUEST, application_of, read_json, read_object
from tests.intake.applying import NEW, fields_of, number_change, replacement

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


def code_of(raw: bytes) -> Code:
    with pytest.raises(CaseError) as refused:
        read_json(raw)
    return refused.value.code


def problems_of(fields: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(InputRefused) as refused:
        application_of(read_object(json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")))
    return refused.value.problems


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.REQUEST_NOT_JSON),
        (b"{", Code.REQUEST_NOT_JSON),
        (b"{'a': 1}", Code.REQUEST_NOT_JSON),
        (b'{"a": 1} {"b": 2}', Code.REQUEST_NOT_JSON),
        (b"\xff\xfe{\0}\0", Code.REQUEST_NOT_JSON),
        ('{"a": "测"}'.encode("gb18030"), Code.REQUEST_NOT_JSON),
        (b'{"a": 1, "a": 1}', Code.REQUEST_NOT_JSON),
        (b'{"a": {"b": 1, "b": 2}}', Code.REQUEST_NOT_JSON),
        (b'{"a": 1, "\\u0061": 2}', Code.REQUEST_NOT_JSON),
        (b'{"a": NaN}', Code.REQUEST_NOT_JSON),
        (b'{"a": Infinity}', Code.REQUEST_NOT_JSON),
        (b'{"a": -Infinity}', Code.REQUEST_NOT_JSON),
        (b'{"a": "\x01"}', Code.REQUEST_NOT_JSON),
        (b"[" * 9 + b"]" * 9, Code.REQUEST_NOT_JSON),
        (b"[" * 30_000, Code.REQUEST_NOT_JSON),
        (b'{"a":' * 10_000, Code.REQUEST_NOT_JSON),
        (b'{"a": 1e999}', Code.FIELD_INVALID),
        (b'{"a": ' + b"9" * 5_000 + b"}", Code.FIELD_INVALID),
        (b'{"a": -' + b"9" * 21 + b"}", Code.FIELD_INVALID),
        (b'{"a": "\\ud842"}', Code.TEXT_FORBIDDEN_CHARACTERS),
        (b'{"\\udfb7": 1}', Code.TEXT_FORBIDDEN_CHARACTERS),
        (b'"' + b"a" * LARGEST_REQUEST + b'"', Code.REQUEST_TOO_LARGE),
    ],
)
def test_what_is_not_plainly_json_is_refused_by_its_code(raw: bytes, code: Code) -> None:
    assert code_of(raw) is code


def test_exactly_64_kib_are_taken() -> None:
    raw = b'"' + b"a" * (LARGEST_REQUEST - 2) + b'"'
    assert len(read_json(raw)) == LARGEST_REQUEST - 2


def test_brackets_inside_text_are_no_nesting() -> None:
    assert read_json(b'{"a": "' + b"[" * 50 + b'\\"[["}') == {"a": "[" * 50 + '"[['}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize("raw", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_where_an_object_is_meant_nothing_else_will_do(raw: bytes) -> None:
    with pytest.raises(CaseError) as refused:
        read_object(raw)
    assert refused.value.code is Code.FIELD_INVALID


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from([json.dumps, partial(json.dumps, ensure_ascii=False)]),
)
def test_whatever_json_writes_is_read_as_it_was(value: Any, dumps: Callable[[Any], str]) -> None:
    assert read_json(dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_whatever_give_anything_but_a_value_or_a_code(raw: bytes) -> None:
    with suppress(CaseError):
        read_json(raw)


def test_an_application_is_read_as_its_kind_says() -> None:
    for application in (number_change(), replacement()):
        raw = json.dumps(fields_of(application), ensure_ascii=False).encode()
        assert application_of(read_object(raw)) == application


@pytest.mark.parametrize("kind", ["card_replacement", "CardReplacement"])
def test_a_kind_may_be_given_by_either_of_its_names(kind: str) -> None:
    raw = json.dumps(fields_of(replacement()) | {"kind": kind}).encode()
    assert isinstance(application_of(read_object(raw)), ReplacementApplication)


def test_an_application_without_a_kind_is_a_number_change() -> None:
    fields = fields_of(number_change())
    del fields["kind"]
    assert isinstance(application_of(read_object(json.dumps(fields).encode())), NumberChangeApplication)


@pytest.mark.parametrize("kind", ["Campaign", "", None, 1, ["card_replacement"]])
def test_an_unknown_kind_is_refused(kind: object) -> None:
    with pytest.raises(CaseError) as refused:
        application_of(read_object(json.dumps(fields_of(number_change()) | {"kind": kind}).encode()))
    assert (refused.value.field, refused.value.code) == ("kind", Code.FIELD_INVALID)


def test_types_are_not_turned_into_each_other() -> None:
    fields = fields_of(number_change())
    fields["documents"][0]["size"] = "4096"
    assert problems_of(fields) == (Problem("documents.0.size", Code.FIELD_INVALID),)
    fields["documents"][0]["size"] = True
    assert problems_of(fields) == (Problem("documents.0.size", Code.FIELD_INVALID),)


def test_a_number_given_as_a_json_integer_is_refused_as_a_spreadsheets() -> None:
    problems = problems_of(fields_of(number_change()) | {"new_number": int(NEW[:17] + "0")})
    assert problems == (Problem("new_number", Code.NUMBER_SPREADSHEET_DAMAGED),)


def test_no_field_of_an_opening_can_be_set_from_outside() -> None:
    fields = fields_of(number_change()) | {"reopen": True, "person": "a" * 26, "number_token": "a" * 26}
    unknown = ("number_token", "person", "reopen")
    assert sorted(problems_of(fields)) == [Problem(name, Code.FIELD_UNKNOWN) for name in unknown]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"original_seen": "yes"}, Problem("original_seen", Code.FIELD_INVALID)),
        ({"original_seen": 1}, Problem("original_seen", Code.FIELD_INVALID)),
        ({"copies": ["x"]}, Problem("copies.0", Code.DOCUMENT_DIGEST_INVALID)),
        ({"note": "x" * 501}, Problem("note", Code.TEXT_TOO_LONG)),
        ({"note": f"见 {NEW}"}, Problem("note", Code.PII_IN_TEXT)),
        ({"note": "a\u202eb"}, Problem("note", Code.TEXT_FORBIDDEN_CHARACTERS)),
        ({"approved": True}, Problem("approved", Code.FIELD_UNKNOWN)),
    ],
)
def test_a_fact_is_held_to_the_same_strictness(fields: dict[str, Any], problem: Problem) -> None:
    fact = {
        "actor": {"id": "clerk-2", "role": "clerk", "office": "110105"},
        "original_seen": True,
        "copies": [],
    } | fields
    with pytest.raises(InputRefused) as refused:
        checked(VerifyDocuments, read_object(json.dumps(fact).encode()))
    assert refused.value.problems == (problem,)


@pytest.mark.parametrize("day", ["2026-02-30", "02/03/2026", "2026-02-03T24:00:00", "2026-02-03T00:00:00Z", 20_000])
def test_a_date_of_a_fact_is_a_plain_iso_day(day: object) -> None:
    fact = {
        "actor": {"id": "officer-1", "role": "officer", "office": "110105"},
        "legal_basis": "示例文件第一号",
        "notice": "notice-1",
        "served_on": day,
    }
    with pytest.raises(InputRefused) as refused:
        checked(HoldBenefits, read_object(json.dumps(fact).encode()))
    assert [problem.code for problem in refused.value.problems] == [Code.DATE_INVALID]
