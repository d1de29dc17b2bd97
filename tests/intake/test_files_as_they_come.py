"""Registers as offices' programs export them: each trouble is read rightly, or refused by name and never guessed.

The files are written here, after troubles that people reported. `CARDCASE_TEST_FILES` names a folder with others of the
same names (`c01-….csv`), which are held to the same. Everything is synthetic.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cases.errors import CaseError
from cases.numbers import derive
from intake.applications import InputRefused
from intake.files import Terms, open_register
from intake.files.preferences import open_preferences
from intake.remedies import remedy_of
from tests.intake.archives import archive_of, part_of
from tests.intake.foreigners import ods_of, xls_of
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
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEADING: Final = tuple(HEADINGS.split(","))
DAMAGED: Final = ("NUMBER_SPREADSHEET_DAMAGED", "number")


def inline(cell: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{cell}</t></is></c>' if cell else "<c/>"


def sheet(*rows: Sequence[str] | str) -> str:
    """A sheet of rows of texts, or of rows as they are written."""
    written = (each if isinstance(each, str) else f"<row>{''.join(map(inline, each))}</row>" for each in rows)
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(written)}</sheetData></worksheet>'


def book(*sheets: str, strings: str | None = None, named: Callable[[str], str] = str, missing: str = "") -> bytes:
    """A workbook of some sheets; `named` says how the archive writes the names of its parts."""

    def relations(*related: tuple[str, str]) -> str:
        inside = "".join(
            f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
            for number, (kind, target) in enumerate(related, start=1)
        )
        return f'<Relationships xmlns="{_RELATIONS}">{inside}</Relationships>'

    listed = "".join(f'<sheet name="s{n}" sheetId="{n}" r:id="r{n}"/>' for n in range(1, len(sheets) + 1))
    related = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    parts = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/_rels/workbook.xml.rels": relations(*related, ("sharedStrings", "sharedStrings.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        **{f"xl/worksheets/sheet{n}.xml": each for n, each in enumerate(sheets, start=1)},
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings or ""}</sst>',
    }
    return archive_of(part_of(named(name), [text.encode()]) for name, text in parts.items() if name != missing)


def with_cell(cell: str, headings: Sequence[str] = (*HEADING, "人员类别")) -> bytes:
    """A workbook whose first person has a cell more, as it is written."""
    first = "".join(map(inline, row(0)))
    return book(sheet(headings, f"<row>{first}{cell}</row>", row(1)))


def with_name(cell: str, strings: str | None = None) -> bytes:
    """A workbook whose first person's name is a cell as it is written."""
    personal, _, *more = map(inline, row(0))
    return book(sheet(HEADING, f"<row>{personal}{cell}{''.join(more)}</row>", row(1)), strings=strings)


def with_number(cell: str) -> bytes:
    personal, name, _, region = map(inline, row(0))
    return book(sheet(HEADING, f"<row>{personal}{name}{cell}{region}</row>", row(1)))


PLAIN: Final = sheet(HEADING, row(0), row(1))
BOOKS: Final[dict[str, Trouble]] = {
    "x00": Trouble(book(PLAIN), TWO),
    "x01": Trouble(book(PLAIN, named=lambda name: name.replace("/", "\\")), TWO),
    "x03": Trouble(book(PLAIN, named=str.upper), TWO),
    "x05": Trouble(with_cell("<c><v></v></c>"), TWO),
    "x06": Trouble(with_cell("<c><v></v></c>", HEADING), TWO),
    "x08": Trouble(book(sheet(HEADING, row(0), row(1), "<row><c><v/></c><c><v> </v></c></row>" * 3)), TWO),
    "x11": Trouble(
        book(sheet('<row hidden="1"><c t="inlineStr"><is><t>A01</t></is></c></row>', HEADING, row(0), row(1))), TWO
    ),
    "x12": Trouble(book(sheet(["合成市登记表"], HEADING, row(0), row(1))), TWO),
    "x13": Trouble(book(sheet(HEADING, row(0), row(1), ["合计", "2"])), (*TWO, ("ROW_OF_TOTALS", ""))),
    "x14": Trouble(book(sheet(("个人编号", "姓名", "证件\n号码", "经办机构区划"), row(0), row(1))), TWO),
    "x15": Trouble(book(sheet(("个人编号", "姓 名", "证件号码", "经办机构区划"), row(0), row(1))), TWO),
    "x21": Trouble(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1528), "FILE_PROTECTED"),
    "x22": Trouble(b"<html><body><table></table></body></html>", "FILE_NOT_A_WORKBOOK"),
    "x27": Trouble(book(sheet(["填表说明"], ["一、请逐项填写"]), PLAIN), TWO),
    "x30": Trouble(
        book(sheet(("个人编号", "姓名", "身份信息"), ("", "", "证件号码", "经办机构区划"), row(0), row(1))), TWO
    ),
}
FURTHER_BOOKS: Final[dict[str, Trouble]] = {
    "a line break at the end of a name": Trouble(with_name(inline("测乙\n")), TWO),
    "a line break inside a name": Trouble(with_name(inline("测\n乙")), (("ROW_BROKEN", "name"), "测丙")),
    "a value beside an inline string": Trouble(
        with_name('<c t="inlineStr"><v>9</v><is><t>测乙</t></is><v>9</v></c>'), TWO
    ),
    "a string beside a value": Trouble(
        with_name('<c t="s"><is><t>测己</t></is><v>0</v></c>', "<si><t>测乙</t></si>"), TWO
    ),
    "two values": Trouble(
        with_name('<c t="s"><v>0</v><v>0</v></c>', "<si><t>测乙</t></si>"), (("FIELD_INVALID", "name"), "测丙")
    ),
    "a string in runs, with its reading beside it": Trouble(
        with_name('<c t="s"><v>0</v></c>', "<si><r><t>测</t></r><r><t>乙</t></r><rPh><t>ceyi</t></rPh></si>"), TWO
    ),
    "an index before the first string": Trouble(
        with_name('<c t="s"><v>-1</v></c>', "<si><t>测乙</t></si>"), (("FIELD_INVALID", "name"), "测丙")
    ),
    "an error in place of a name": Trouble(with_name('<c t="e"><v>#N/A</v></c>'), (("FIELD_INVALID", "name"), "测丙")),
    "a number that is a number": Trouble(with_number(f"<c><v>{NUMBERS[0]}</v></c>"), (DAMAGED, "测丙")),
    "an index that is none": Trouble(
        with_name('<c t="s"><v>\uff10</v></c>', "<si><t>测乙</t></si>"), (("FIELD_INVALID", "name"), "测丙")
    ),
    "an index behind the last string": Trouble(
        with_name('<c t="s"><v>1</v></c>', "<si><t>测乙</t></si>"), (("FIELD_INVALID", "name"), "测丙")
    ),
    "an error of newer programs": Trouble(
        with_name('<c t="e"><v>#SPILL!</v></c>'), (("FIELD_INVALID", "name"), "测丙")
    ),
    "a number as Python writes it, and no other": Trouble(
        with_cell("<c><v>1_0</v></c>", (*HEADING, "备注")), TWO, frozenset()
    ),
    "cells that are numbered, in rows that are not": Trouble(
        book(
            sheet(
                HEADING,
                "<row>"
                + "".join(
                    inline(cell).replace("<c", f'<c r="{at}5"', 1) for at, cell in zip("ABCD", row(0), strict=True)
                )
                + "</row>",
                row(1),
            )
        ),
        TWO,
    ),
    "a cell of another row": Trouble(
        book(sheet(HEADING, row(0), '<row r="3">' + inline("T0000009").replace("<c", '<c r="A4"', 1) + "</row>")),
        ("测乙", ("FILE_UNREADABLE",)),
    ),
    "no shared strings, and a relation to them": Trouble(book(PLAIN, missing="xl/sharedStrings.xml"), TWO),
    "two parts whose names differ in letter case": Trouble(
        archive_of([part_of("xl/a.xml", [b"1"]), part_of("XL/A.xml", [b"2"])]), "FILE_UNREADABLE"
    ),
    "a workbook of the format before": Trouble(xls_of([HEADING, row(0), row(1)]), TWO, frozenset()),
    "one of the format before, with a password": Trouble(xls_of([HEADING, row(0)], encrypted=True), "FILE_PROTECTED"),
    "one of the format before, cut off": Trouble(xls_of([HEADING, row(0)])[:2000], "FILE_UNREADABLE"),
    "a workbook in OpenDocument": Trouble(ods_of([["登记表"], HEADING, row(0), row(1)]), TWO, frozenset()),
    "one in OpenDocument, with a password": Trouble(ods_of([HEADING, row(0)], encrypted=True), "FILE_PROTECTED"),
    "one in OpenDocument, damaged": Trouble(ods_of([HEADING, ["<"]]), "FILE_UNREADABLE"),
    "no sheet with the headings": Trouble(book(sheet(["填表说明"]), sheet(["姓名", "年龄"])), "COLUMN_MISSING"),
}
HELD: Final[dict[str, tuple[tuple[Outcome, ...], frozenset[str]]]] = {
    **dict.fromkeys(("x04", "x31", "x32", "x33", "x34", "x35", "x37", "x40"), (TWO, frozenset())),
    "x09": (("测乙",), frozenset()),
    "x16": (("测甲", "测丙", "测丁"), frozenset()),
    "x25": ((("FIELD_INVALID", "name"), "测丙"), frozenset()),
    "x36": ((("FIELD_INVALID", "category"), "测丙"), frozenset()),
    "x38": ((DAMAGED, DAMAGED, "测丁"), frozenset()),
    "x39": (("\ue863乙",), frozenset({"PRIVATE_USE_CHARACTERS"})),
    "c40": (("䶮乙",), frozenset()),
}
"""Files from elsewhere whose like stands in other tests."""
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
        if found:
            # What stands before a damage is read all the same.
            return (*found, (refused_file.code.value,)), frozenset(told)
        return refused_file.code.value, frozenset(told)
    except InputRefused as wrong:
        return wrong.problems[0].code.value, frozenset(told)
    return tuple(found), frozenset(told)


@pytest.mark.parametrize("name", [*TROUBLES, *FURTHER])
def test_a_text_is_read_rightly_or_refused(name: str, tmp_path: Path) -> None:
    trouble = (TROUBLES | FURTHER)[name]
    path = tmp_path / "register.csv"
    path.write_bytes(trouble.content)
    assert outcomes(path) == (trouble.right, trouble.told)


@pytest.mark.parametrize("name", [*BOOKS, *FURTHER_BOOKS])
def test_a_workbook_is_read_rightly_or_refused(name: str, tmp_path: Path) -> None:
    trouble = (BOOKS | FURTHER_BOOKS)[name]
    path = tmp_path / "register.xlsx"
    path.write_bytes(trouble.content)
    assert outcomes(path) == (trouble.right, trouble.told)


@pytest.mark.parametrize("name", [*TROUBLES, *BOOKS, *HELD] if ELSEWHERE else [])
def test_a_file_from_elsewhere_is_held_to_the_same(name: str) -> None:
    (path,) = Path(ELSEWHERE or "").glob(f"{name}-*")
    known = {name: (each.right, each.told) for name, each in (TROUBLES | BOOKS).items()}
    assert outcomes(path) == (known | HELD)[name]


def test_who_knows_the_encoding_says_it(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(TROUBLES["c15"].content)
    name = b"\xce\xb4\xc3\xae".decode("gb18030")
    assert outcomes(path, encoding="gb18030") == ((name,), frozenset())
    path.write_bytes(FURTHER["a letter that is two bytes of UTF-8, and a character of GB18030"].content)
    assert outcomes(path, encoding="utf-8") == (("José",), frozenset())
    path.write_bytes(plain(encoding="utf-16"))
    assert outcomes(path, encoding="gb18030") == ("FILE_ENCODING", frozenset())


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"])
@pytest.mark.parametrize("made", [xls_of, ods_of])
def test_what_a_workbook_is_stands_in_it_and_what_its_format_cannot_tell_is_told(
    ending: str, made: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / f"register{ending}"
    path.write_bytes(made([HEADING, row(0), row(1)]))
    assert outcomes(path) == (TWO, frozenset())
    with open_register(path, TERMS) as register:
        assert [finding.code.value for finding in register.findings] == ["CELLS_AS_SHOWN"]


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


CONTACTS: Final = {
    "p01": ["NUMBER_SPREADSHEET_DAMAGED", "10000000002"],
    "p03": [
        *("+8610000000001", "10000000002", "ADDRESS_INVALID", "10000000004", "ADDRESS_INVALID", "1000000"),
        *("10000000070", "10000000008", "ADDRESS_INVALID", "ADDRESS_INVALID"),
    ],
    "p04": ["NUMBER_SPREADSHEET_DAMAGED", "NUMBER_SPREADSHEET_DAMAGED"],
}
"""Of each row the phone that is read, or the code that refuses it."""
NUMBERS_ELSEWHERE: Final = {
    "c25": {"NUMBER_SPREADSHEET_DAMAGED": 35, "MAY_BE_ROUNDED": 4},
    "n01": {
        "": 4,
        "DIVISION_ABOLISHED": 1,
        "DIVISION_UNKNOWN": 2,
        "RESIDENCE_PERMIT": 1,
        "FOREIGN_PERMANENT_RESIDENT": 1,
        "LOWER_CASE_X": 1,
        "NUMBER_CHARACTERS": 5,
        "NUMBER_BIRTH_DATE": 2,
        "NUMBER_BIRTH_IN_FUTURE": 1,
    },
}
"""How many rows are refused with a code, or read with one as advice."""


@pytest.mark.parametrize("name", CONTACTS if ELSEWHERE else [])
def test_contacts_from_elsewhere_are_read_rightly_or_refused(name: str) -> None:
    (path,) = Path(ELSEWHERE or "").glob(f"{name}-*")
    with open_preferences(path) as rows:
        found = [each.applicant.ways[0][1] if each.applicant else each.findings[0].code.value for each in rows]
    assert found == CONTACTS[name]


@pytest.mark.parametrize("name", NUMBERS_ELSEWHERE if ELSEWHERE else [])
def test_numbers_from_elsewhere_are_told_apart(name: str) -> None:
    (path,) = Path(ELSEWHERE or "").glob(f"{name}-*")
    with open_register(path, TERMS) as register:
        found = Counter(" ".join(finding.code.value for finding in each.findings) for each in register)
    assert found == NUMBERS_ELSEWHERE[name]
