"""Numbers of people in free texts: of a phone, of a card; and the numbers that offices write, which are none."""

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.personal_data import holds_personal_data

BANK_CARD = "6222021234567890128"
"""Of nobody: a bank's digits, counted upwards, and their check digit."""


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "电话13800138000",
        "请联系 138 0013 8000。",
        "138-0013-8000",
        "1380-013-8000",
        "138－0013－8000",
        "１３８００１３８０００",
        "\u0661\u0663\u0668\u0660\u0660\u0661\u0663\u0668\u0660\u0660\u0660",
        "+8613800138000",
        "+86 138 0013 8000",
        "0086-13800138000",
        "Tel13800138000",
        "PHONE19900138000",
        "石公函〔2026〕11号，13800138000",
        "13800138000号",
        "第2号 13800138000",
        "两个电话：13800138000、19900138000",
    ],
)
def test_a_mobile_number_is_seen_however_it_is_written(text: str) -> None:
    assert holds_personal_data(text)


@pytest.mark.parametrize(
    "text",
    [
        BANK_CARD,
        f"卡{BANK_CARD}已挂失",
        "6222 0212 3456 7890 128",
        "622202-1234567890128",
        "社保卡号 6222021234567890123",  # a wrong check digit
        "6222021234567894",
        "社保卡 C00000042",
        "卡号：A12345678",
        "银行卡号为 4000001234567890",
        "card no. C00000042",
        "Card Number: 123456789",
    ],
)
def test_the_number_of_a_card_is_seen_by_its_check_digit_or_its_name(text: str) -> None:
    assert holds_personal_data(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "石公函〔2026〕11号",
        "京人社发(2026)第 7 号",
        "公(户)证字第13010200011号",
        "京公（户）字〔2026〕第 13010200011 号",
        "11010500123",  # a serial of Beijing
        "12010100123",  # and of Tianjin
        "20260831001",
        "B20260831",
        "C00000042",  # a batch, as far as anybody can tell
        "batch-1",
        "№ 12—3",
        "2026-08-31 10:30:00",
        "13-2026-0001-11",
        "010-12345678",
        "4008001234",
        "138001380001",  # one digit too many
        "1380013800",
        "社保卡20260831到期",
        "社保卡2026年第1批",
        "卡号尾号1234",
        "6201022026083101",  # a serial of Gansu: division, day, two digits
        "6201022026083104",
        "6222021234567890123",  # a wrong check digit, and no word that says it is a card
        "回执 202608311230001",
        "13,800,138,000",
        hashlib.sha256(b"13800138000").hexdigest(),
        "a13800138000f",
    ],
)
def test_the_numbers_of_documents_are_left_alone(text: str) -> None:
    assert not holds_personal_data(text)


@given(st.integers(min_value=1300000, max_value=1999999), st.integers(min_value=0, max_value=9999))
def test_every_mobile_number_is_seen_between_words(first: int, last: int) -> None:
    assert holds_personal_data(f"联系电话（{first}{last:04}），请回电")


@given(st.integers(min_value=0, max_value=10**10 - 1))
def test_of_ten_numbers_that_differ_in_the_last_digit_one_is_a_card(body: int) -> None:
    # No day stands in it, neither of a serial nor of somebody's birth.
    assert [holds_personal_data(f"见62229999{body:010}{last}") for last in range(10)].count(True) == 1


@given(st.uuids(version=4))
def test_an_identifier_of_a_system_holds_nobodys_number(identifier: uuid.UUID) -> None:
    assert not holds_personal_data(str(identifier))
    assert not holds_personal_data(identifier.hex)


@given(st.sampled_from(["石公函", "京人社发", "冀公证字", "穗社保函"]), st.integers(2020, 2030), st.integers(1, 99999))
def test_a_document_number_is_what_offices_write(issuer: str, year: int, serial: int) -> None:
    assert not holds_personal_data(f"{issuer}〔{year}〕{serial}号")
