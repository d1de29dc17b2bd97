"""Case IDs and tokens: opaque, keyed, read back, and nothing else accepted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.errors import CaseError, Code
from cases.names import (
    TOKEN_LENGTH,
    Kind,
    case_id,
    content_token,
    number_token,
    person_token,
    read_case_id,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(reversed(range(32)))
PERSONAL_NUMBERS = st.from_regex(r"[0-9A-Z]{4,20}", fullmatch=True)
TOKEN = re.compile(r"[a-z2-7]{26}")


@given(personal_number=PERSONAL_NUMBERS)
@pytest.mark.parametrize("kind", Kind)
def test_a_case_id_is_read_back_as_it_was_made(kind: Kind, personal_number: str) -> None:
    person = person_token(KEY, personal_number)
    assert read_case_id(case_id(kind, person)) == (kind, person)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "idc-",
        "abc-" + "a" * 26,
        "IDC-" + "a" * 26,
        "idc-" + "A" * 26,
        "idc-" + "a" * 25,
        "idc-" + "a" * 27,
        "idc-" + "a" * 25 + "1",
        "idc-" + "a" * 25 + "\0",
        "idc-" + "a" * 26 + "\n",
        "\nidc-" + "a" * 26,
        "idc-" + "a" * 25 + "/",
        "idc/" + "a" * 26,
        "idc-" + "a" * 25 + "а",  # Cyrillic
        "idc-" + "２" * 26,
        "idc-" + "a" * 25 + "\u200b",
        " idc-" + "a" * 26,
        "idc-" + "a" * 100_000,
    ],
)
def test_anything_else_is_no_case_id_and_is_not_repeated(wrong: str) -> None:
    with pytest.raises(CaseError) as refused:
        read_case_id(wrong)
    assert (refused.value.code, str(refused.value)) == (Code.CASE_ID_INVALID, "CASE_ID_INVALID (case_id)")


@given(personal_number=PERSONAL_NUMBERS)
def test_a_token_has_26_characters_and_depends_on_the_key_and_the_purpose(personal_number: str) -> None:
    tokens = {
        person_token(KEY, personal_number),
        person_token(OTHER_KEY, personal_number),
        number_token(KEY, personal_number),
        content_token(KEY, personal_number),
    }
    assert len(tokens) == 4
    assert all(TOKEN.fullmatch(token) and len(token) == TOKEN_LENGTH for token in tokens)
    assert not any(personal_number.lower() in token for token in tokens if len(personal_number) > 6)


def test_tokens_never_change_from_release_to_release() -> None:
    """Cases, look-ups and the uniqueness of numbers rest on them."""
    assert person_token(KEY, "T0001") == "wfyjytdtqvrlzxxwxrap3r5jop"
    assert number_token(KEY, "11010519491231002X") == "yfihrjehp4atzpym6auq6ruoqg"
    assert content_token(KEY, "{}") == "yelsadymv6yhtqa6yfiefbjz53"


@given(one=PERSONAL_NUMBERS, other=PERSONAL_NUMBERS)
def test_different_people_have_different_tokens(one: str, other: str) -> None:
    assert (person_token(KEY, one) == person_token(KEY, other)) is (one == other)


@pytest.mark.parametrize(
    "wrong", ["", "123", "1" * 21, "abc1", "12 34", "1234\n", "12/34", "１２３４", "12\x0034", "张1234", "-1234"]
)
def test_what_is_no_personal_number_gets_no_token_and_is_not_repeated(wrong: str) -> None:
    with pytest.raises(CaseError) as refused:
        person_token(KEY, wrong)
    assert str(refused.value) == "PERSONAL_NUMBER_INVALID (personal_number)"
