"""The scanner proves itself: a leak in each form is found, wherever it lies, and nothing else is."""

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from samples.people import with_check_digit
from tests.canary import scanner
from tests.canary.forms import DIGITS, Form, Kind, Planted
from tests.canary.scanner import Hit, Scanner

OLD = "632726020518042"
NEW = with_check_digit("63272619020518042")
WITH_X = next(number for at in range(100) if (number := with_check_digit(f"632726190304{at:02}118")).endswith("X"))
NAME = "合成鸬鹚鸮"
PHONE = "10003000042"
PEOPLE = (
    Planted("one", Kind.number, OLD),
    Planted("one", Kind.number, NEW),
    Planted("one", Kind.name, NAME),
    Planted("one", Kind.phone, PHONE),
    Planted("another", Kind.number, WITH_X),
)
WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")

FORMS: dict[str, tuple[Form, Callable[[str], bytes]]] = {
    "raw": (Form.raw, str.encode),
    "in UTF-16, little end first": (Form.utf_16_le, lambda text: text.encode("utf-16-le")),
    "in UTF-16, big end first": (Form.utf_16_be, lambda text: text.encode("utf-16-be")),
    "in hexadecimal": (Form.hexadecimal, lambda text: text.encode().hex().encode()),
    "in capital hexadecimal": (Form.hexadecimal, lambda text: text.encode().hex().upper().encode()),
    "every byte escaped in a URL": (
        Form.url_escaped,
        lambda text: "".join(f"%{b:02x}" for b in text.encode()).encode(),
    ),
    "every character escaped in JSON": (
        Form.json_escaped,
        lambda text: "".join(f"\\u{ord(each):04x}" for each in text).encode(),
    ),
    "base64, beginning with a group": (Form.base64, lambda text: base64.b64encode(b"abc" + text.encode() + b"}")),
    "base64, one byte later": (Form.base64, lambda text: base64.b64encode(b"abcd" + text.encode() + b'"}')),
    "base64, two bytes later": (Form.base64, lambda text: base64.b64encode(b"abcde" + text.encode() + b"\xff\xff\xff")),
    "base64 for URLs": (Form.base64, lambda text: base64.urlsafe_b64encode(b"\xff\xfe" + text.encode())),
    "base64 of UTF-16": (Form.base64, lambda text: base64.b64encode(text.encode("utf-16"))),
    "MD5": (Form.md5, lambda text: hashlib.md5(text.encode()).hexdigest().encode()),  # noqa: S324 - what is looked for
    "SHA-1": (Form.sha1, lambda text: hashlib.sha1(text.encode()).hexdigest().upper().encode()),  # noqa: S324 - the same
    "SHA-256": (Form.sha256, lambda text: hashlib.sha256(text.encode()).digest()),
    "SM3": (Form.sm3, lambda text: base64.b64encode(hashlib.new("sm3", text.encode()).digest())),
}
OF_NAMES: dict[str, tuple[Form, Callable[[str], bytes]]] = {
    "in GB18030": (Form.gb18030, lambda text: text.encode("gb18030")),
    "escaped in a URL": (Form.url_escaped, lambda text: quote(text).encode()),
    "escaped in JSON": (Form.json_escaped, lambda text: json.dumps({"a": text}).encode()),
    "escaped in JSON, in base64": (Form.base64, lambda text: base64.b64encode(json.dumps({"a": text}).encode())),
}
OF_NUMBERS: dict[str, tuple[Form, Callable[[str], bytes]]] = {
    "full-width": (Form.full_width, lambda text: text.translate(WIDE).encode()),
    "full-width, in UTF-16": (Form.full_width, lambda text: text.translate(WIDE).encode("utf-16-be")),
    "full-width, escaped in a URL": (Form.url_escaped, lambda text: quote(text.translate(WIDE)).encode()),
    "full-width, escaped in JSON": (Form.json_escaped, lambda text: json.dumps(text.translate(WIDE)).encode()),
    "full-width, in base64": (Form.base64, lambda text: base64.b64encode(b"-" + text.translate(WIDE).encode() + b"-")),
}


@pytest.fixture(scope="module")
def looking() -> Scanner:
    return Scanner(PEOPLE)


def kinds_and_forms(hits: list[Hit]) -> set[tuple[str, Kind, Form]]:
    return {(hit.owner, hit.kind, hit.form) for hit in hits}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("planted", PEOPLE, ids=["15 digits", "18 digits", "name", "phone", "18 with X"])
def test_every_value_is_found_in_every_form(looking: Scanner, planted: Planted, form: str) -> None:
    expected, write = FORMS[form]
    hits = looking.search(os.urandom(1000) + write(planted.text) + os.urandom(1000), "here")
    assert (planted.owner, planted.kind, expected) in kinds_and_forms(hits)
    assert {hit.where for hit in hits} == {"here"}


@pytest.mark.parametrize("form", OF_NAMES)
def test_a_name_is_found_in_the_forms_of_texts(looking: Scanner, form: str) -> None:
    expected, write = OF_NAMES[form]
    assert kinds_and_forms(looking.search(write(NAME), "")) == {("one", Kind.name, expected)}


@pytest.mark.parametrize("form", OF_NUMBERS)
@pytest.mark.parametrize("planted", [each for each in PEOPLE if each.kind is Kind.number], ids=["15", "18", "18X"])
def test_a_number_is_found_in_wide_digits(looking: Scanner, planted: Planted, form: str) -> None:
    expected, write = OF_NUMBERS[form]
    assert (planted.owner, planted.kind, expected) in kinds_and_forms(looking.search(write(planted.text), ""))


def test_any_twelve_digits_of_a_number_are_found_and_eleven_are_not(looking: Scanner) -> None:
    for number in (OLD, NEW, WITH_X):
        for at in range(len(number) - DIGITS + 1):
            assert looking.search(b"<" + number[at : at + DIGITS].encode() + b">", "")
        for at in range(len(number) - DIGITS + 2):
            assert not looking.search(b"<" + number[at : at + DIGITS - 1].encode() + b">", "")


def test_a_small_x_is_told_apart(looking: Scanner) -> None:
    found = kinds_and_forms(looking.search(WITH_X.lower()[-DIGITS:].encode(), ""))
    assert found == {("another", Kind.number, Form.lower_x)}


def test_what_a_screen_may_show_is_no_leak(looking: Scanner) -> None:
    shown = f"{NEW[:6]} {'*' * 16}{NEW[-2:]} {NAME[0]}**** {NAME[0]}***{NAME[-1]}"
    assert looking.search(shown.encode(), "") == []


def test_noise_is_no_leak(looking: Scanner) -> None:
    assert looking.search(os.urandom(8 << 20) + os.urandom(8 << 20).hex().encode(), "") == []


def test_a_leak_across_two_reads_of_a_file_is_found_once(
    looking: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "CHUNK", 1000)
    path = tmp_path / "file"
    for before in (0, 980, 990, 999, 1000, 2995):
        content = b"." * before + NEW[:DIGITS].encode() + b"." * 3000
        path.write_bytes(content)
        read, hits = looking.search_file(path, "file")
        assert (read, {hit.end for hit in hits}) == (len(content), {before + DIGITS})


def test_a_value_of_several_people_is_said_to_be_of_all() -> None:
    both = Scanner([Planted("one", Kind.phone, PHONE), Planted("another", Kind.phone, PHONE)])
    assert {hit.owner for hit in both.search(PHONE.encode(), "")} == {"one", "another"}


def test_a_finding_does_not_repeat_what_it_found(looking: Scanner) -> None:
    said = repr(looking.search(NEW.encode() + NAME.encode(), "")) + repr(PEOPLE)
    assert looking.search(said.encode(), "") == []
