"""Files with a row for each outcome: what is read, and what refuses a row or the file; never a value."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from cases.errors import Code
from cases.events import Event
from cases.facts import CardFunction, HandOver
from cases.models import System
from intake.applications import InputRefused, Problem
from intake.files.batch import BatchColumn, Line, open_batch
from intake.files.tables import Table, format_of
from intake.remedies import Reported
from tests.intake.registering import csv_of, write_csv, write_jsonl, write_xlsx

PAGE = Path(__file__).parents[2] / "docs" / "integrating.md"
CASE = "crc-" + "a" * 26
ENGLISH = [column.value for column in BatchColumn]
CHINESE = [column.zh for column in BatchColumn]
MADE = {
    "case": CASE,
    "event": "制卡结果",
    "order": "ord-1",
    "produced": "成功",
    "batch": "B1",
    "card_number": "C55443322",
}

Write = Callable[[Path, list[dict[str, Any]]], Path]


def cells(rows: Iterable[dict[str, Any]]) -> list[list[Any]]:
    return [[row.get(name, "") for name in ENGLISH] for row in rows]


def csv_file(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write_csv(folder / "batch.csv", csv_of(cells(rows), CHINESE), "gb18030")


def workbook(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write_xlsx(folder / "batch.xlsx", cells(rows), ENGLISH)


def json_lines(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write_jsonl(folder / "batch.jsonl", rows)


def read(path: Path, event: Event | None = None, **options: Any) -> list[Line]:
    with open_batch(Table(path, format_of(path)), event, **options) as batch:
        return list(batch)


def refused(lines: Iterable[Line]) -> list[tuple[str | None, Reported]]:
    return [(found.column, found.code) for line in lines for found in line.findings if found.refused]


@pytest.mark.parametrize("write", [csv_file, workbook, json_lines])
def test_a_row_is_the_same_outcome_in_every_format(write: Write, tmp_path: Path) -> None:
    (line,) = read(write(tmp_path, [MADE | {"key": "night-1"}]))
    fields = {"order": "ord-1", "produced": True, "batch": "B1", "card_number": "C55443322"}
    assert (line.case, line.event, line.key, line.fields) == (CASE, Event.card_produced, "night-1", fields)


def test_programs_and_people_say_it_each_in_their_own_words(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"case": CASE, "event": "card_handed_over", "by": "柜台领取"},
        {"case": CASE, "event": "card_activated", "function": "bank"},
        {"case": CASE, "event": "confirm_downstream", "system": "medical_insurance", "confirmed": True},
        {"case": CASE, "event": "confirm_downstream", "confirmed": "否"},
    ]
    assert [line.fields for line in read(json_lines(tmp_path, rows))] == [
        {"by": HandOver.counter},
        {"function": CardFunction.bank},
        {"system": System.medical_insurance, "confirmed": True},
        {"confirmed": False},
    ]


@pytest.mark.parametrize(
    ("changed", "column", "code"),
    [
        ({"case": ""}, "case", Code.FIELD_MISSING),
        ({"event": ""}, "event", Code.FIELD_MISSING),
        ({"event": "screened"}, "event", Code.FIELD_INVALID),
        ({"event": "planted"}, "event", Code.FIELD_INVALID),
        ({"produced": "planted"}, "produced", Code.FIELD_INVALID),
        ({"evidence": "counter/1"}, "evidence", Code.FIELD_UNKNOWN),
        ({"card_number": 55443322}, "card_number", Code.NUMBER_SPREADSHEET_DAMAGED),
        ({"order": True}, "order", Code.FIELD_INVALID),
        ({"batch": "B1\n,planted"}, "batch", Code.ROW_BROKEN),
        ({"planted": "planted"}, None, Code.FIELD_UNKNOWN),
    ],
)
def test_a_row_that_is_wrong_is_refused_by_column_and_code(
    tmp_path: Path, changed: dict[str, Any], column: str | None, code: Code
) -> None:
    lines = read(json_lines(tmp_path, [MADE | changed, MADE]))
    assert refused(lines) == [(column, code)]
    assert [line.fields is None for line in lines] == [True, False]
    assert "planted" not in repr(lines[0])


def test_a_formula_is_no_value(tmp_path: Path) -> None:
    assert refused(read(workbook(tmp_path, [MADE | {"card_number": "=A1"}]))) == [("card_number", Code.CELL_FORMULA)]


def test_the_same_row_counts_once_and_a_key_stands_for_one_row(tmp_path: Path) -> None:
    other = MADE | {"batch": "B2"}
    rows = [MADE, other, MADE, MADE | {"key": "k"}, other | {"key": "k"}, other | {"key": "l"}]
    lines = read(csv_file(tmp_path, rows))
    assert [line.number for line in lines if line.fields is None] == [4, 6]
    assert refused(lines) == [(None, Code.ROW_REPEATED)] * 2


def test_the_event_may_be_said_for_the_whole_file(tmp_path: Path) -> None:
    text = f"案件编号,制卡单号,是否制卡成功,制卡批次\n{CASE},ord-1,失败,B1\n"
    (line,) = read(write_csv(tmp_path / "batch.csv", text), Event.card_produced)
    assert (line.event, line.fields) == (Event.card_produced, {"order": "ord-1", "produced": False, "batch": "B1"})


@pytest.mark.parametrize(
    ("headings", "problem"),
    [
        ("case", Problem("event", Code.COLUMN_MISSING)),
        ("event", Problem("case", Code.COLUMN_MISSING)),
        ("case,event,案件编号", Problem("case", Code.COLUMN_DUPLICATE)),
    ],
)
def test_headings_that_do_not_do_refuse_the_file(tmp_path: Path, headings: str, problem: Problem) -> None:
    with pytest.raises(InputRefused) as wrong:
        read(write_csv(tmp_path / "batch.csv", f"{headings}\nplanted,planted,planted\n"))
    assert wrong.value.problems == (problem,)


def test_a_line_that_is_none_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    path = json_lines(tmp_path, [MADE])
    path.write_bytes(b'["planted"]\n{"planted": \n' + path.read_bytes())
    lines = read(path)
    assert refused(lines) == [(None, Code.FIELD_INVALID), (None, Code.ROW_BROKEN)]
    assert [line.case for line in lines] == ["", "", CASE]


def test_the_files_that_the_page_for_back_offices_shows_are_read(tmp_path: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Whole files")[2].partition("\n## ")[0]
    shown = [block for block in section.split("\n\n") if block.startswith("    案件编号")]
    lines = [
        line
        for place, block in enumerate(shown)
        for line in read(write_csv(tmp_path / f"{place}.csv", block.replace("    ", "")))
    ]
    assert refused(lines) == []
    assert [line.event for line in lines] == [Event.card_produced, Event.card_produced, Event.confirm_downstream]
