"""Feeds the readers of files with whatever reaches code that nothing has reached before (libFuzzer, by atheris).

    python -m tests.fuzz.files FOLDER [options of libFuzzer]

The corpus is written into the folder from the files of `tests/intake`; what is found stays in it. A file may be read or
refused. It may not end a reader otherwise, have rows out of their order, say something for which there is no remedy, or
be changed on its way between processes; and where the library reads an XLSX as well, both read the same texts.
"""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["intake.files"]):
    from intake.files import apart, columns, foreign, packages, sheets, tables
    from intake.files.register import Register
    from intake.files.rows import Record, Terms

from cases.errors import CaseError
from intake.applications import InputRefused
from intake.files.memory import memory_file, path_of
from intake.remedies import remedy_of
from tests.intake.archives import archive_of, part_of
from tests.intake.foreigners import ods_of, xls_of
from tests.intake.test_files_as_they_come import BOOKS, FURTHER, FURTHER_BOOKS, HEADING, PLAIN, TROUBLES, book, row

LAYOUT: Final = columns.register_layout(ignore_unknown=False, has_submitter=True)
TERMS: Final = Terms(date(2026, 11, 2), submitter="clerk-1")
MOST: Final = 1000
WIDEST: Final = 100
"""Rows and columns up to which the library is asked: it keeps a place for each cell that might be."""
_BETWEEN: Final = b"\n--strings--\n"
_SHEET, _STRINGS, _CONTENT = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "content.xml"
_ROWS: Final = [HEADING, row(0), row(1)]


def _parts_of(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


_XLSX, _ODS = _parts_of(book(PLAIN)), _parts_of(ods_of(_ROWS))


def _with(parts: Mapping[str, bytes], changed: Mapping[str, bytes]) -> bytes:
    return archive_of(part_of(name, [changed.get(name, whole)]) for name, whole in parts.items())


def _xlsx_of(raw: bytes) -> bytes:
    sheet, _, strings = raw.partition(_BETWEEN)
    return _with(_XLSX, {_SHEET: sheet, _STRINGS: strings or _XLSX[_STRINGS]})


KINDS: Final[Mapping[bytes, tuple[tables.Format, Callable[[bytes], bytes]]]] = {
    b"c": (tables.Format.separated, bytes),
    b"j": (tables.Format.json_lines, bytes),
    b"w": (tables.Format.workbook, bytes),
    # Of a workbook that is packed hardly a byte may be changed; so its parts are changed before they are packed.
    b"x": (tables.Format.workbook, _xlsx_of),
    b"o": (tables.Format.workbook, lambda raw: _with(_ODS, {_CONTENT: raw})),
}
"""By the first byte: what the rest is a file of, and how it becomes one."""


def write_corpus(folder: Path) -> None:
    """Everything that is known to trouble a reader, and what does not."""
    found = [b"c" + trouble.content for trouble in (TROUBLES | FURTHER).values()]
    found += [b"w" + trouble.content for trouble in (BOOKS | FURTHER_BOOKS).values()]
    found += [b"w" + made(_ROWS) for made in (xls_of, ods_of)]
    found.append(b"o" + _ODS[_CONTENT])
    objects = (dict(zip(HEADING, cells, strict=True)) for cells in _ROWS[1:])
    found += [b"j" + json.dumps(each, ensure_ascii=False).encode() for each in objects]
    for trouble in (BOOKS | FURTHER_BOOKS).values():
        parts = _parts_of(trouble.content) if zipfile.is_zipfile(io.BytesIO(trouble.content)) else {}
        if _SHEET in parts:
            found.append(b"x" + parts[_SHEET] + _BETWEEN + parts.get(_STRINGS, b""))
    folder.mkdir(parents=True, exist_ok=True)
    for each in found:
        (folder / hashlib.sha256(each).hexdigest()[:16]).write_bytes(each)


def read_one(data: bytes) -> None:
    """Read one file, and hold its reader to what no file may make of it."""
    if (kind := KINDS.get(data[:1])) is None:
        return
    form, made = kind
    with memory_file() as file:
        file.write(made(data[1:]))
        file.flush()
        _read(tables.Table(path_of(file), form))
        if form is tables.Format.workbook:
            _compare(path_of(file))


def _read(table: tables.Table) -> None:
    last = 0
    try:
        records = tables.open_here(table, LAYOUT, most=MOST)
        with Register(Sent(records), TERMS) as register:
            for each in register:
                assert each.number > last, "rows out of their order"
                last = each.number
                assert (each.application is None) == any(finding.refused for finding in each.findings)
                assert all(remedy_of(finding.code).zh for finding in each.findings)
    except (CaseError, InputRefused):
        return


class Sent:
    """Records as they come from another process."""

    def __init__(self, records: tables.Records) -> None:
        self._records = records
        self.findings = records.findings

    @property
    def fraction(self) -> float:
        assert self._records.fraction >= 0
        return self._records.fraction

    def close(self) -> None:
        self._records.close()

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            sent = apart.as_row(record)
            assert apart.from_row(json.loads(json.dumps(sent))) == record, "changed on its way"
            yield record


def _compare(path: Path) -> None:
    with ExitStack() as opened:
        try:
            file = packages.open_file(opened, path)
            if not packages.is_package(file):
                return
            room = packages.Room.for_rows(MOST)
            archive = packages.open_archive(opened, file, room)
            if not archive.holds_xlsx:
                return
            ours = [_texts(each) for each in _cells(packages.Package(archive, room))]
        except CaseError:
            return
        if any(max(place, default=(0, 0)) > (WIDEST,) or any(column > WIDEST for _, column in place) for place in ours):
            return
        try:
            theirs = [_texts(each) for each in _cells(foreign.ForeignBook(opened, path))]
        except CaseError:
            return
        for mine, other in zip(ours, theirs, strict=False):
            for place in mine.keys() & other.keys():
                assert mine[place].strip() == other[place].strip(), "two readers, two texts"


def _cells(book: sheets.Book) -> list[dict[tuple[int, int], object]]:
    return [
        {(number, column): cell for number, _, cells in book.open(sheet).rows for column, cell in (cells or {}).items()}
        for sheet in book.sheets
    ]


def _texts(cells: Mapping[tuple[int, int], object]) -> dict[tuple[int, int], str]:
    """What the library cannot tell, and what it tells otherwise, is not compared: escapes, numbers, what is no text."""
    return {place: cell for place, cell in cells.items() if isinstance(cell, str) and "_x" not in cell}


def main() -> None:
    """Go on until an option says that it is enough."""
    folder = Path(sys.argv[1])
    write_corpus(folder)
    atheris.Setup([sys.argv[0], str(folder), f"-artifact_prefix={folder}/found-", *sys.argv[2:]], read_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
