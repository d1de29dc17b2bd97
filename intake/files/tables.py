"""A file with a table in it: its format, and its rows as the reader of the format hands them over."""

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cases.errors import CaseError, Code
from intake.files.columns import Layout
from intake.files.json_lines import JsonLinesFile
from intake.files.lines import Encoding
from intake.files.rows import Finding, Record, is_blank
from intake.files.separated import SeparatedFile
from intake.files.sheets import LAST_ROW
from intake.files.workbook import Workbook


class Records(Protocol):
    """The rows of a table."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed about the file as a whole."""

    @property
    def fraction(self) -> float:
        """How much was read, 0 to 1."""

    def close(self) -> None:
        """Close the file."""

    def __iter__(self) -> Iterator[Record]: ...


class Countable(Records, Protocol):
    """What the readers of the formats have in common."""

    @property
    def at_most(self) -> int:
        """As many rows as there may be; to know it nothing is taken apart."""


class Format(StrEnum):
    """The formats of files; the value is how their names end, of the usual one of several."""

    workbook = ".xlsx"
    separated = ".csv"
    json_lines = ".jsonl"


FORMAT_OF_ENDING: Final[Mapping[str, Format]] = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), Format.workbook),
    ".csv": Format.separated,
    ".jsonl": Format.json_lines,
}
"""What a workbook is stands in it: many that are named `.xls` are not."""


def format_of(path: Path) -> Format:
    """The format of a file by its name. Raises `CaseError` FILE_TYPE_UNKNOWN."""
    found = FORMAT_OF_ENDING.get(path.suffix.lower())
    if found is None:
        raise CaseError(Code.FILE_TYPE_UNKNOWN)
    return found


class Table(NamedTuple):
    """A file with a table in it, and how it is read."""

    path: Path
    written_as: Format
    sheet: str | None = None
    encoding: Encoding | None = None


def open_here(table: Table, layout: Layout, *, most: int | None = None) -> Countable:
    """Open a table of any layout in this process, which `apart` has made for it. Raises as `open_register`."""
    records = _open(table, layout, most)
    # No sheet has so many lines, and blank ones cost as much to read as others; those of a workbook are bounded by it.
    if most is not None and table.written_as is not Format.workbook and records.at_most > max(most, LAST_ROW):
        records.close()
        raise CaseError(Code.ROWS_TOO_MANY)
    # Rows are counted only where there may be too many: blank ones, which do not count, are among those there may be.
    if most is not None and records.at_most > most:
        with closing(_open(table, layout, most)) as counted:
            if _count(counted, most + 1) > most:
                records.close()
                raise CaseError(Code.ROWS_TOO_MANY)
    return records


def _count(records: Countable, enough: int) -> int:
    """How many rows are not blank, up to a number; of a file that is damaged further on, those before that."""
    rows = 0
    with suppress(CaseError):
        for record in records:
            rows += record.cells is None or not is_blank(record.cells)
            if rows == enough:
                break
    return rows


def _open(table: Table, layout: Layout, most: int | None) -> Countable:
    match table.written_as:
        case Format.workbook:
            return Workbook(table.path, layout, sheet=table.sheet, most=LAST_ROW if most is None else most)
        case Format.separated:
            return SeparatedFile(table.path, layout, encoding=table.encoding)
        case Format.json_lines:
            return JsonLinesFile(table.path, layout, encoding=table.encoding)
