"""Registers as offices' programs export them: each trouble is read rightly, or refused by name and never guessed.

The files are written here, after troubles that people reported. `CARDCASE_TEST_FILES` names a folder with others of the
same names (`c01-….csv`), which are held to the same. Everything is synthetic.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cases.errors import CaseError
from cases.numbers import derive
from intake.applications import InputRefused
from intake.files import Terms, open_register
from intake.files.lines import Encoding
from intake.files.preferences import open_preferences
from intake.remedies import remedy_of
from tests.intake.registering import TODAY

ELSEWHERE: Final = os.environ.get("CARDCASE_TEST_FILES")
TERMS: Final = Terms(TODAY, submitter="clerk-1")
HEADINGS: Final = "个人编号,姓名,证件号码,经办机构区划"
NAMES: Final = ("测乙", "测丙", "测丁", "测戊", "测己", "测庚")
NUMBERS: Final = tuple(
    derive(old)
    for old in (
        *("110105110202101", "110105120303102", "110105130404103"),
        *("110105140505104", "110105150606105", "110105160707106"),
    )
)
TWO: Final = ("测乙", "测丙")

Outcome = str | tuple[str, ...]
"""Of a row: the name that was read, or `(code, column, …)` of what refuses it."""


@dataclass(frozen=True)
class Trouble:
    """A file, and what is right: the rows that come out, or the code that refuses the whole."""

    content: bytes
    right: tuple[Outcome, ...] | str
    told: frozenset[str] = frozenset()
    """What is told besides, of rows that are read."""


def row(person: int, name: str | None = None, number: str | None = None, personal: str | None = None) -> list[str]:
    return [personal or f"T{person + 1:07}", name or NAMES[person], number or NUMBERS[person], "110105"]


def table(*rows: list[str], headings: str = HEADINGS, at: str = ",", end: str = "\r\n") -> str:
    return end.join((headings.replace(",", at), *(at.join(each) for each in rows))) + end


def plain(change: Callable[[str], str] = str, encoding: str = "utf-8", **how: str) -> bytes:
    return change(table(row(0), row(1), **how)).encode(encoding)


def of_names(*names: str) -> bytes:
    return table(*(row(place, name) for place, name in enumerate(names))).encode()


def of_numbers(*numbers: str) -> bytes:
    return table(*(row(place, number=number) for place, number in enumerate(numbers))).encode()


LOST: Final = ("VALUE_LOST", "name")
TROUBLES: Final[dict[str, Trouble]] = {
    "c01": Trouble(plain(end="\r\r\n"), TWO),
    "c02": Trouble(plain(end="\r"), TWO),
    "c03": Trouble(plain(lambda text: "sep=,\r\n" + text), TWO),
    "c04": Trouble(b"\xef\xbb\xbf\xef\xbb\xbf" + plain(), TWO),
    "c05": Trouble(b"\x84\x31\x95\x33" + plain(encoding="gb18030"), TWO),
    "c06": Trouble(
        table(
            row(0, number=f'="{NUMBERS[0]}"', personal='="0012345"'),
            row(1, number=f'"=""{NUMBERS[1]}"""', personal='"=""0012346"""'),
        ).encode(),
        TWO,
    ),
    "c07": Trouble(
        table(*([f"{cell}\t" for cell in row(person)] for person in range(3))).encode(), ("测乙", "测丙", "测丁")
    ),
    "c08": Trouble(plain(lambda text: ",,,\r\n" + text), TWO),
    "c09": Trouble(
        table([*row(0), "合成"], row(1), [*row(2), ""], headings=HEADINGS + ",备注").encode(), ("测乙", "测丙", "测丁")
    ),
    "c10": Trouble(table([*row(0), ""], [*row(1), ""]).encode(), TWO),
    "c11": Trouble(plain(headings=HEADINGS + ","), TWO),
    "c12": Trouble(plain() + b"\x1a", TWO),
    "c13": Trouble(plain(encoding="gb18030") + bytes(40), (*TWO, ("ROW_BROKEN", ""))),
    "c14": Trouble(plain() + "\u3000,\u3000\u3000,\u3000,\u3000\r\n".encode(), TWO),
    # Two characters whose bytes are a Greek and a Latin letter of UTF-8.
    "c15": Trouble(
        table(row(0, "未卯"), headings="personal_number,name,number,region")
        .encode("gb18030")
        .replace("未卯".encode("gb18030"), b"\xce\xb4\xc3\xae"),
        "FILE_ENCODING",
    ),
    "c19": Trouble(
        table(
            *(row(place, name) for place, name in enumerate(("#N/A", "#REF!", "NULL", "\\N"))),
            row(4, personal="#N/A"),
            row(5, "0"),
        ).encode(),
        (LOST, LOST, LOST, LOST, ("VALUE_LOST", "personal_number"), LOST),
    ),
    "c20": Trouble(
        table(row(0, "测*"), row(1, "**甲"), row(2, number=NUMBERS[2][:6] + "********" + NUMBERS[2][14:])).encode(),
        (("VALUE_MASKED", "name"), ("VALUE_MASKED", "name"), ("VALUE_MASKED", "number")),
    ),
    "c21": Trouble(plain(at=";"), TWO),
    "c22": Trouble(plain(at="\t"), TWO),
    "c23": Trouble(plain(at="\t", encoding="utf-16"), TWO),
    "c24": Trouble(table([*row(0), '"一\n二"'], [*row(1), ""], headings=HEADINGS + ",备注").encode(), TWO),
    "c26": Trouble(
        table(row(0, number=f"'{NUMBERS[0]}", personal="'0012345"), row(1)).encode(), TWO, frozenset({"CELL_CLEANED"})
    ),
    "c31": Trouble(
        of_numbers(
            *(f"\u200b{NUMBERS[0]}", f"\u202d{NUMBERS[1]}\u202c", f"\ufeff{NUMBERS[2]}"),
            *(f"\u2003{NUMBERS[3]}", f"\u00a0{NUMBERS[4]}"),
        ),
        NAMES[:5],
        frozenset({"CELL_CLEANED"}),
    ),
    "c32": Trouble(plain(headings="*个人编号,姓名（必填）,【必填】证件号码,经办机构区划"), TWO),
    "c33": Trouble(
        table(row(0, "测甲"), row(0, "测甲  "), row(0, "测\u3000甲")).encode(),
        ("测甲", ("ROW_REPEATED", ""), ("ROW_REPEATED", "")),
    ),
    "c35": Trouble(
        table([*row(0), "a\0\0\0"], [*row(1), "a\0\0\0"], [*row(2), "b"], headings=HEADINGS + ",备注").encode(
            "gb18030"
        ),
        (("ROW_BROKEN", ""), ("ROW_BROKEN", ""), "测丁"),
    ),
    "c37": Trouble(plain(headings='个人编号,姓名,"证件\n号码",经办机构区划'), TWO),
    "c38": Trouble(
        table(["\x1f" + cell for cell in row(0)], row(1)).encode(),
        (
            (
                *("PERSONAL_NUMBER_INVALID", "personal_number", "TEXT_FORBIDDEN_CHARACTERS", "name"),
                *("REGION_INVALID", "region", "NUMBER_CHARACTERS", "number"),
            ),
            "测丙",
        ),
    ),
    "c39": Trouble(of_names("测乙&nbsp;", "测丙"), (LOST, "测丙")),
}
"""By the names under which other files may be handed in."""
FURTHER: Final[dict[str, Trouble]] = {
    "a character that could not be written": Trouble(of_names("测?", "？乙", "测丙"), (LOST, LOST, "测丙")),
    "marks that stand for nothing": Trouble(
        of_names("-", "N/A", "nan", "None", "#VALUE!", "......"), (LOST, LOST, LOST, LOST, LOST, LOST)
    ),
    "titles above the headings": Trouble(
        plain(lambda text: f"合成市参保人员登记表,,,\r\n填表日期：2026年,,,\r\n{text}"), TWO, frozenset()
    ),
    "headings over two rows": Trouble(
        table(row(0), row(1), headings="个人编号,姓名,身份信息,\r\n,,证件号码,经办机构区划").encode(), TWO
    ),
    "a row of totals": Trouble((table(row(0), row(1)) + "合计,2人,,\r\n").encode(), (*TWO, ("ROW_OF_TOTALS", ""))),
    "a personal number that lost its end": Trouble(
        table(row(0, personal="123456789012345000"), row(1, personal="1.23457E+11"), row(2)).encode(),
        (
            ("NUMBER_SPREADSHEET_DAMAGED", "personal_number"),
            ("NUMBER_SPREADSHEET_DAMAGED", "personal_number"),
            "测丁",
        ),
    ),
    "UTF-16 of the other order, without a mark": Trouble(plain(at="\t", encoding="utf-16-be"), TWO),
    "a file that was cut off in its last row": Trouble(
        table([*row(0), "a"], [*row(1), "b"], headings=HEADINGS + ",备注").encode()[:-4], ("测乙", ("ROW_BROKEN", ""))
    ),
    "a letter that is two bytes of UTF-8, and a character of GB18030": Trouble(
        table(row(0, "José"), headings="personal_number,name,number,region").encode(), "FILE_ENCODING"
    ),
}
PHONES: Final = {
    "10000000001": "10000000001",
    "+86 100 0000 0001": "+8610000000001",
    "100-0000-0002": "10000000002",
    "１００００００００７０": "10000000070",
    "10000000008\u202c": "10000000008",
    "1.0000000003E10": None,
    "10000000009.0": None,
    "010-12345678": None,
    "110105191102021": None,
}


def outcomes(path: Path, **how: Any) -> tuple[tuple[Outcome, ...] | str, frozenset[str]]:
    """What comes of a file, and what is told of rows that are read."""
    found: list[Outcome] = []
    told: set[str] = set()
    try:
        with open_register(path, TERMS, **how) as register:
            for each in register:
                refused = [finding for finding in each.findings if finding.refused]
                if each.application is not None:
                    found.append(each.application.name)
                    told |= {finding.code.value for finding in each.findings}
                else:
                    found.append(tuple(text for one in refused for text in (one.code.value, one.column or "")))
                # Whatever is said, somebody can act on it.
                assert all(remedy_of(finding.code).zh for finding in each.findings)
    except CaseError as refused_file:
        return refused_file.code.value, frozenset(told)
    except InputRefused as wrong:
        return wrong.problems[0].code.value, frozenset(told)
    return tuple(found), frozenset(told)


@pytest.mark.parametrize("name", [*TROUBLES, *FURTHER])
def test_a_file_is_read_rightly_or_refused(name: str, tmp_path: Path) -> None:
    trouble = (TROUBLES | FURTHER)[name]
    path = tmp_path / "register.csv"
    path.write_bytes(trouble.content)
    assert outcomes(path) == (trouble.right, trouble.told)


@pytest.mark.skipif(ELSEWHERE is None, reason="CARDCASE_TEST_FILES names no folder")
@pytest.mark.parametrize("name", TROUBLES)
def test_a_file_from_elsewhere_is_held_to_the_same(name: str) -> None:
    (path,) = Path(ELSEWHERE or "").glob(f"{name}-*")
    assert outcomes(path) == (TROUBLES[name].right, TROUBLES[name].told)


def test_who_knows_the_encoding_says_it(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(TROUBLES["c15"].content)
    name = b"\xce\xb4\xc3\xae".decode("gb18030")
    assert outcomes(path, encoding=Encoding.gb18030) == ((name,), frozenset())
    path.write_bytes(FURTHER["a letter that is two bytes of UTF-8, and a character of GB18030"].content)
    assert outcomes(path, encoding=Encoding.utf_8) == (("José",), frozenset())
    path.write_bytes(plain(encoding="utf-16"))
    assert outcomes(path, encoding=Encoding.gb18030) == ("FILE_ENCODING", frozenset())


def test_where_the_headings_were_found_is_told(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(FURTHER["titles above the headings"].content)
    with open_register(path, TERMS) as register:
        assert [(finding.row, finding.code.value) for finding in register.findings] == [(3, "HEADINGS_BELOW")]


def test_no_number_that_a_spreadsheet_rounded_is_taken_without_a_word(tmp_path: Path) -> None:
    whole = [derive(f"110105{year:02}0101{order}") for year in range(10, 30) for order in (101, 109)]
    rounded = [f"{number[:15]}000" for number in whole]
    path = tmp_path / "register.csv"
    rows = (row(0, number=each, personal=f"T{place:07}") for place, each in enumerate(rounded))
    path.write_bytes(table(*rows).encode())
    with open_register(path, TERMS) as register:
        found = list(register)
    taken = [each for each in found if each.application is not None]
    assert len(found) == len(rounded)
    assert 0 < len(taken) < len(rounded) / 4
    assert all("MAY_BE_ROUNDED" in {finding.code.value for finding in each.findings} for each in taken)


@pytest.mark.parametrize(("typed", "read"), PHONES.items())
def test_a_phone_is_read_as_people_write_it(typed: str, read: str | None, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(f"个人编号,短信\nT0000001,{typed}\n", encoding="utf-8")
    with open_preferences(path) as rows:
        (only,) = rows
    assert (None if only.applicant is None else only.applicant.ways[0][1]) == read
    assert [finding.code.value for finding in only.findings] == ([] if read else ["ADDRESS_INVALID"])
