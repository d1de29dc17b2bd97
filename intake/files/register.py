"""A register file of any format: opened by its name's ending, read row by row, a repeated row noticed."""

from collections.abc import Iterator
from contextlib import closing, suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self

from cases.errors import CaseError, Code
from cases.text import fold_name
from intake.applications import Application, content_of
from intake.files.columns import Layout, register_layout
from intake.files.json_lines import JsonLinesFile
from intake.files.lines import Encoding
from intake.files.rows import Finding, Record, Row, Terms, is_blank, read_row
from intake.files.seen import Seen
from intake.files.separated import SeparatedFile
from intake.files.workbook import LAST_ROW, Workbook


class Records(Protocol):
    """What the readers of the formats have in common."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed about the file as a whole."""

    @property
    def fraction(self) -> float:
        """How much was read, 0 to 1."""

    @property
    def at_most(self) -> int:
        """As many rows as there may be; to know it nothing is taken apart."""

    def close(self) -> None:
        """Close the file."""

    def __iter__(self) -> Iterator[Record]: ...


class Register:
    """An open register. Iterating reads it, once; memory does not grow with its length."""

    def __init__(self, records: Records, terms: Terms) -> None:
        self._records = records
        self._terms = terms
        self.findings: Final = records.findings
        """What was noticed about the file as a whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(self._records.fraction, 1.0)

    def __iter__(self) -> Iterator[Row]:
        """Rows that are not empty, in order.

        Raises `CaseError` FILE_UNREADABLE where the file turns out to be damaged further on.
        """
        seen = Seen()
        try:
            for record in self._records:
                if record.cells is not None and is_blank(record.cells):
                    continue
                row = read_row(record, self._terms)
                if row.application is not None and not seen.add(_said_by(row.application)):
                    repeated = Finding(row.number, None, Code.ROW_REPEATED, refused=True)
                    row = Row(row.number, None, (*row.findings, repeated))
                yield row
        finally:
            seen.close()


def _said_by(application: Application) -> str:
    """What an application says, however its name was typed: the same again is a repetition."""
    return content_of(application.model_copy(update={"name": fold_name(application.name)}))


class Format(StrEnum):
    """The formats of files; the value is how their names end."""

    workbook = ".xlsx"
    separated = ".csv"
    json_lines = ".jsonl"


def format_of(path: Path) -> Format:
    """The format of a file by its name. Raises `CaseError` FILE_TYPE_UNKNOWN."""
    try:
        return Format(path.suffix.lower())
    except ValueError:
        raise CaseError(Code.FILE_TYPE_UNKNOWN) from None


def open_register(
    path: Path,
    terms: Terms,
    *,
    sheet: str | None = None,
    encoding: Encoding | None = None,
    ignore_unknown: bool = False,
    written_as: Format | None = None,
    most: int | None = None,
) -> Register:
    """Open a file of a format, by default that by which its name ends: .xlsx, .csv or .jsonl.

    `sheet` names a sheet of a workbook; without it the first that is visible is read. `encoding` is that of a text
    whose bytes do not say it. `ignore_unknown` passes over columns that are not known. Raises `InputRefused` for
    headings that do not do, `CaseError` FILE_TYPE_UNKNOWN, FILE_ENCODING, FILE_UNREADABLE or
    FILE_TOO_LARGE; ROWS_TOO_MANY for more rows than `most`, before any of them is looked at.
    """
    layout = register_layout(ignore_unknown=ignore_unknown, has_submitter=terms.submitter is not None)
    table = Table(path, written_as or format_of(path), sheet, encoding)
    return Register(open_records(table, layout, most=most), terms)


class Table(NamedTuple):
    """A file with a table in it, and how it is read."""

    path: Path
    written_as: Format
    sheet: str | None = None
    encoding: Encoding | None = None


def open_records(table: Table, layout: Layout, *, most: int | None = None) -> Records:
    """Open a table of any layout. Raises as `open_register`."""
    records = _open(table, layout, most)
    # Rows are counted only where there may be too many: blank ones, which do not count, are among those there may be.
    if most is not None and records.at_most > most:
        with closing(_open(table, layout, most)) as counted:
            if _count(counted, most + 1) > most:
                records.close()
                raise CaseError(Code.ROWS_TOO_MANY)
    return records


def _count(records: Records, enough: int) -> int:
    """How many rows are not blank, up to a number; of a file that is damaged further on, those before that."""
    rows = 0
    with suppress(CaseError):
        for record in records:
            rows += record.cells is None or not is_blank(record.cells)
            if rows == enough:
                break
    return rows


def _open(table: Table, layout: Layout, most: int | None) -> Records:
    match table.written_as:
        case Format.workbook:
            return Workbook(table.path, layout, sheet=table.sheet, most=LAST_ROW if most is None else most)
        case Format.separated:
            return SeparatedFile(table.path, layout, encoding=table.encoding)
        case Format.json_lines:
            return JsonLinesFile(table.path, layout, encoding=table.encoding)
