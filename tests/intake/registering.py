"""Register files for tests, written as agencies' programs write them. Everything is synthetic."""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from cases.numbers import derive
from intake.files import Row, Terms, open_register

TODAY = date(2026, 11, 2)
TERMS = Terms(TODAY)
HEADINGS = {
    "personal_number": "个人编号",
    "name": "姓名",
    "kind": "申请事项",
    "old_number": "原证件号码",
    "number": "证件号码",
    "phone": "手机号",
    "region": "经办机构区划",
    "category": "人员类别",
    "reason": "补换卡原因",
    "documents": "材料清单",
    "submitter": "受理人",
    "note": "备注",
}
ZH = tuple(HEADINGS.values())
EN = tuple(HEADINGS)


def old_of(person: int) -> str:
    return (
        f"110105{person % 31:02}{person // 31 % 12 + 1:02}{person // 372 % 28 + 1:02}{100 + person // 10416 % 800:03}"
    )


def cells_of(person: int, **changed: Any) -> dict[str, Any]:
    """The cells of one synthetic person's row, by English heading."""
    cells = {
        "personal_number": f"T{person:07}",
        "name": f"合成人{person}",
        "kind": "号码变更",
        "old_number": old_of(person),
        "number": derive(old_of(person)),
        "phone": f"1000{person:07}",
        "region": "110105",
        "category": "异地安置",
        "reason": "",
        "documents": f"居民身份证|doc://sample/{person}|image/png|4096|{person:064x}",
        "submitter": "clerk-1",
        "note": "合成数据",
    }
    return cells | changed


def row_of(person: int, **changed: Any) -> list[Any]:
    return list(cells_of(person, **changed).values())


def csv_of(rows: Iterable[Sequence[Any]], headings: Sequence[str] = ZH, end: str = "\r\n") -> str:
    return end.join(",".join(map(str, row)) for row in (headings, *rows)) + end


def write_csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def write_xlsx(
    path: Path,
    rows: Iterable[Sequence[Any]],
    headings: Sequence[Any] = ZH,
    change: Callable[[Worksheet, Workbook], None] | None = None,
) -> Path:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in (headings, *rows):
        sheet.append(list(row))
    if change is not None:
        change(sheet, book)
    book.save(path)
    return path


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any] | str], end: str = "\n") -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(line + end for line in lines), encoding="utf-8")
    return path


def read(path: Path, terms: Terms = TERMS, **options: Any) -> list[Row]:
    with open_register(path, terms, **options) as register:
        return list(register)


def refusals(rows: Iterable[Row]) -> list[tuple[int, str | None, str]]:
    return [(found.row, found.column, found.code.value) for row in rows for found in row.findings if found.refused]


def advice(rows: Iterable[Row]) -> list[tuple[int, str | None, str]]:
    return [(found.row, found.column, found.code.value) for row in rows for found in row.findings if not found.refused]


def people(rows: Iterable[Row]) -> list[str]:
    return [row.application.personal_number for row in rows if row.application is not None]


def rewritten(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one of its parts changed; the change must find what it changes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    changed = change(parts[part])
    assert changed != parts[part]
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in (parts | {part: changed}).items():
            archive.writestr(name, raw)
    return path
