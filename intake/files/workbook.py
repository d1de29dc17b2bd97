"""XLSX, read as a stream (ECMA-376): one sheet, row by row, in memory that does not grow with the file.

The parts of a workbook that a register needs are few, so they are read here. Readers in general use keep all shared
strings in memory, say nothing of hidden rows and merged cells while streaming, and put values into warnings.
"""

import math
import posixpath
import re
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, NamedTuple, Self
from xml.parsers import expat

from cases.errors import CaseError, Code
from intake.applications import InputRefused, Problem
from intake.files.columns import Layout, Slot, place_name
from intake.files.memory import memory_file
from intake.files.rows import Finding, Record, Special
from intake.remedies import FileAdvice

LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = 16_384
LONGEST_CELL: Final = 64 * 1024
"""Characters; a cell with more is not used."""
MOST_MERGED: Final = 100_000
LARGEST_UNPACKED: Final = 2 * 1024 * 1024 * 1024
"""Bytes of all parts together; a million rows need half of it."""
LARGEST_STRINGS: Final = 512 * 1024 * 1024
"""Bytes of all shared strings."""
_LARGEST_SMALL_PART: Final = 16 * 1024 * 1024
_END: Final = struct.Struct("<Q")
_CHUNK: Final = 64 * 1024

_SPREADSHEET: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_ELEMENTS: Final = {
    f"{namespace} {name}": name
    for namespace in _SPREADSHEET
    for name in ("c", "f", "is", "mergeCell", "r", "rPh", "row", "sheet", "si", "t", "v")
}
_CELL_NAME: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


class Merged(NamedTuple):
    """A range of merged cells, all ends included, counted from 1."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


class Sheet(NamedTuple):
    """A worksheet as the workbook lists it."""

    name: str
    visible: bool
    part: str


class Strings:
    """The shared strings of a workbook, which are names and numbers: in memory, and on no disk."""

    def __init__(self) -> None:
        self._texts: IO[bytes] = memory_file()
        self._ends: IO[bytes] = memory_file()
        self._ends.write(_END.pack(0))
        self._size = self._count = 0

    def close(self) -> None:
        """Forget them."""
        self._texts.close()
        self._ends.close()

    def append(self, text: str) -> None:
        """Add the next one."""
        raw = text.encode("utf-8", "surrogatepass")
        self._size += len(raw)
        self._count += 1
        if self._size > LARGEST_STRINGS:
            raise CaseError(Code.FILE_UNREADABLE)
        self._texts.write(raw)
        self._ends.write(_END.pack(self._size))

    def get(self, index: int) -> str | Special:
        """The string of an index."""
        if not 0 <= index < self._count:
            return Special.unusable
        self._ends.seek(index * _END.size)
        start, end = struct.unpack("<QQ", self._ends.read(2 * _END.size))
        self._texts.seek(start)
        return self._texts.read(end - start).decode("utf-8", "surrogatepass")


class Workbook:
    """A workbook that was opened at one of its sheets, and whose headings were read."""

    def __init__(self, path: Path, layout: Layout, *, sheet: str | None) -> None:
        self._not_read = layout.not_read
        self._done = 0
        with ExitStack() as opened:
            archive = opened.enter_context(_archive(path))
            sheets, strings_part = _contents(archive)
            part = _chosen(sheets, sheet).part
            strings = opened.enter_context(closing(Strings()))
            if strings_part is not None:
                _read_strings(archive, strings_part, strings)
            self._merged, self._rows = _structure(archive, part)
            self._cells = opened.enter_context(closing(_rows(archive, part, strings)))
            self._columns = layout.places(*self._headings())
            self._opened = opened.pop_all()
        self.findings = (
            *((Finding(0, None, FileAdvice.SHEETS_NOT_READ, refused=False),) if len(sheets) > 1 else ()),
            *(
                Finding(0, place_name(number), FileAdvice.COLUMN_IGNORED, refused=False)
                for number, place in enumerate(self._columns, start=1)
                if place is Slot.ignored
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and forget its strings."""
        self._opened.close()

    @property
    def at_most(self) -> int:
        """As many rows as it may have: those that the sheet has room for."""
        return self._rows

    @property
    def fraction(self) -> float:
        """How much of the sheet was read, 0 to 1."""
        return self._done / max(self._rows, 1)

    def __iter__(self) -> Iterator[Record]:
        merged = deque(sorted(self._merged))
        touching: list[Merged] = []
        for number, hidden, cells in self._cells:
            self._done += 1
            while merged and merged[0].first_row <= number:
                touching.append(merged.popleft())
            touching = [area for area in touching if area.last_row >= number]
            if not any(_has_content(cell) for cell in cells.values()):
                continue
            yield self._record(number, cells, touching, hidden=hidden)

    def _headings(self) -> tuple[list[object], int]:
        """The headings, and in which row they stand."""
        for number, _, cells in self._cells:
            self._done += 1
            if any(_has_content(cell) for cell in cells.values()):
                return [cells.get(column) for column in range(1, max(cells) + 1)], number
        return [], 1

    def _record(self, number: int, cells: Mapping[int, object], touching: list[Merged], *, hidden: bool) -> Record:
        findings: tuple[Finding, ...] = ()
        if hidden:
            findings = (Finding(number, None, FileAdvice.ROW_HIDDEN, refused=False),)
        named: dict[StrEnum, object] = {}
        refusals: list[Finding] = []
        for position, place in enumerate(self._columns, start=1):
            if not isinstance(place, Slot):
                named[place] = cells.get(position)
                # A merged cell shows one value for several people, and holds it for the first of them only.
                if place not in self._not_read and any(
                    area.first_column <= position <= area.last_column for area in touching
                ):
                    refusals.append(Finding(number, place, Code.ROW_BROKEN, refused=True))
        for position, cell in cells.items():
            beyond = position > len(self._columns) or self._columns[position - 1] is Slot.unnamed
            if beyond and _has_content(cell):
                refusals.append(Finding(number, place_name(position), Code.ROW_BROKEN, refused=True))
        if refusals:
            return Record(number, None, (*findings, *refusals))
        return Record(number, named, findings)


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        raise CaseError(Code.FILE_UNREADABLE) from None
    # What a part says of its size is the most that is read of it.
    if sum(part.file_size for part in archive.infolist()) > LARGEST_UNPACKED:
        archive.close()
        raise CaseError(Code.FILE_UNREADABLE)
    return archive


# --- parts ------------------------------------------------------------------------------------------------------------


def _feed(archive: zipfile.ZipFile, part: str, start: Start, end: End | None = None, text: Text | None = None) -> None:
    for _ in _fed(archive, part, start, end, text):
        pass


def _fed(
    archive: zipfile.ZipFile, part: str, start: Start, end: End | None = None, text: Text | None = None
) -> Generator[None, None, None]:
    """Parse a part piece by piece. Raises `CaseError` FILE_UNREADABLE, for a document type declaration too."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse_doctype
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        with archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk, False)  # noqa: FBT003 - expat takes it by position
                yield
            parser.Parse(b"", True)  # noqa: FBT003 - as above
            yield
    except (KeyError, RuntimeError, NotImplementedError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        raise CaseError(Code.FILE_UNREADABLE) from None
    except (expat.ExpatError, ValueError):
        raise CaseError(Code.FILE_UNREADABLE) from None


def _refuse_doctype(*_: object) -> None:
    raise CaseError(Code.FILE_UNREADABLE)


def _elements(archive: zipfile.ZipFile, part: str) -> list[tuple[str, dict[str, str]]]:
    """All elements of a small part: local name and attributes."""
    elements: list[tuple[str, dict[str, str]]] = []
    try:
        if archive.getinfo(part).file_size > _LARGEST_SMALL_PART:
            raise CaseError(Code.FILE_UNREADABLE)
    except KeyError:
        raise CaseError(Code.FILE_UNREADABLE) from None
    _feed(archive, part, lambda name, attributes: elements.append((name.rpartition(" ")[2], attributes)))
    return elements


def _relations(archive: zipfile.ZipFile, of_part: str) -> dict[str, tuple[str, str]]:
    """Relations of a part: ID to the last word of the type, and the part."""
    folder, name = posixpath.split(of_part)
    related: dict[str, tuple[str, str]] = {}
    for element, attributes in _elements(archive, posixpath.join(folder, "_rels", f"{name}.rels")):
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
            related[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target)
    return related


def _contents(archive: zipfile.ZipFile) -> tuple[list[Sheet], str | None]:
    """The worksheets of a workbook in their order, and the part that holds its shared strings."""
    book = next((part for kind, part in _relations(archive, "").values() if kind == "officeDocument"), None)
    if book is None:
        raise CaseError(Code.FILE_UNREADABLE)
    related = _relations(archive, book)
    sheets = []
    for element, attributes in _elements(archive, book):
        if element == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            kind, part = related.get(relation, ("", ""))
            if kind == "worksheet":
                visible = attributes.get("state", "visible") == "visible"
                sheets.append(Sheet(attributes.get("name", ""), visible, part))
    strings = next((part for kind, part in related.values() if kind == "sharedStrings"), None)
    return sheets, strings


def _chosen(sheets: list[Sheet], named: str | None) -> Sheet:
    if named is None:
        chosen = next((sheet for sheet in sheets if sheet.visible), None)
        if chosen is None:
            raise CaseError(Code.FILE_UNREADABLE)
        return chosen
    chosen = next((sheet for sheet in sheets if sheet.name == named), None)
    if chosen is None:
        raise InputRefused([Problem("sheet", Code.FIELD_INVALID)])
    return chosen


def _read_strings(archive: zipfile.ZipFile, part: str, strings: Strings) -> None:
    """Each item is its texts in order, rich or plain, without the reading aids (`rPh`)."""
    pieces: list[str] = []
    wanted = phonetic = False

    def start(element: str, _attributes: dict[str, str]) -> None:
        nonlocal wanted, phonetic
        name = _ELEMENTS.get(element)
        if name == "si":
            pieces.clear()
        phonetic = phonetic or name == "rPh"
        wanted = name == "t" and not phonetic

    def end(element: str) -> None:
        nonlocal wanted, phonetic
        wanted = False
        name = _ELEMENTS.get(element)
        if name == "rPh":
            phonetic = False
        elif name == "si":
            strings.append(_unescaped("".join(pieces))[: LONGEST_CELL + 1])

    def text(piece: str) -> None:
        if wanted and len(pieces) <= LONGEST_CELL:
            pieces.append(piece[: LONGEST_CELL + 1])

    _feed(archive, part, start, end, text)


def _structure(archive: zipfile.ZipFile, part: str) -> tuple[list[Merged], int]:
    """What stands behind the rows or is needed before them: the merged cells, and how many rows there are."""
    merged: list[Merged] = []
    rows = 0

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal rows
        name = _ELEMENTS.get(element)
        if name == "row":
            rows += 1
        elif name == "mergeCell":
            if len(merged) == MOST_MERGED:
                raise CaseError(Code.FILE_UNREADABLE)
            first, _, last = attributes.get("ref", "").partition(":")
            (first_column, first_row), (last_column, last_row) = _position(first), _position(last or first)
            merged.append(Merged(first_row, last_row, first_column, last_column))

    _feed(archive, part, start)
    return merged, rows


def _position(cell: str) -> tuple[int, int]:
    """Column and row of a cell's name, from 1."""
    found = _CELL_NAME.fullmatch(cell)
    if found is None:
        raise CaseError(Code.FILE_UNREADABLE)
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    row = int(found[2])
    if column > LAST_COLUMN or row > LAST_ROW:
        raise CaseError(Code.FILE_UNREADABLE)
    return column, row


_END_OF_PART: Final = object()
SheetRow = tuple[int, bool, dict[int, object]]
"""Row number, whether it is hidden, and its cells by column number; cells without a value are left out."""


def _rows(archive: zipfile.ZipFile, part: str, strings: Strings) -> Generator[SheetRow, None, None]:
    reader = _RowReader(strings)
    with closing(_fed(archive, part, reader.start, reader.end, reader.text)) as pieces:
        more = True
        while more:
            damage = None
            try:
                more = next(pieces, _END_OF_PART) is not _END_OF_PART
            except CaseError as found:
                damage = found
            # Rows that stand before a damage in the same piece are whole.
            while reader.ready:
                yield reader.ready.popleft()
            if damage is not None:
                raise damage


class _RowReader:
    """Handlers of one sheet; rows that are complete wait in `ready`."""

    def __init__(self, strings: Strings) -> None:
        self.ready: deque[SheetRow] = deque()
        self._strings = strings
        self._row = self._column = 0
        self._hidden = False
        self._cells: dict[int, object] = {}
        self._type = ""
        self._pieces: list[str] = []
        self._length = 0
        self._in_cell = self._wanted = self._phonetic = self._formula = self._has_value = False

    def start(self, element: str, attributes: dict[str, str]) -> None:
        name = _ELEMENTS.get(element)
        if name == "row":
            self._start_row(attributes)
        elif name == "c":
            self._start_cell(attributes)
        elif self._in_cell:
            if name == "f":
                self._formula = True
            elif name == "rPh":
                self._phonetic = True
            elif name in ("v", "t") and not self._phonetic:
                self._wanted = self._has_value = True

    def end(self, element: str) -> None:
        name = _ELEMENTS.get(element)
        self._wanted = False
        if name == "c":
            self._in_cell = False
            if self._formula or self._has_value:
                self._cells[self._column] = self._value()
        elif name == "row":
            self.ready.append((self._row, self._hidden, self._cells))
        elif name == "rPh":
            self._phonetic = False

    def text(self, piece: str) -> None:
        if self._wanted and self._length <= LONGEST_CELL:
            self._pieces.append(piece)
            self._length += len(piece)

    def _start_row(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r")
        row = self._row + 1 if given is None else int(given)
        if not self._row < row <= LAST_ROW:
            raise CaseError(Code.FILE_UNREADABLE)
        self._row, self._column = row, 0
        self._hidden = attributes.get("hidden", "0") not in ("0", "false")
        self._cells = {}

    def _start_cell(self, attributes: dict[str, str]) -> None:
        name = attributes.get("r")
        self._column = self._column + 1 if name is None else _position(name)[0]
        self._type = attributes.get("t", "n")
        self._in_cell = True
        self._formula = self._has_value = False
        self._pieces.clear()
        self._length = 0

    def _value(self) -> object:
        if self._formula:
            return Special.formula
        if self._length > LONGEST_CELL:
            return Special.unusable
        text = "".join(self._pieces)
        if self._type in ("inlineStr", "str"):
            return _unescaped(text)
        try:
            if self._type == "s":
                return self._strings.get(int(text))
            number = float(text) if self._type == "n" else math.nan
        except ValueError:
            return Special.unusable
        return number if math.isfinite(number) else Special.unusable


def _has_content(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold are written `_xHHHH_`."""
    if "_x" not in text:
        return text
    units = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
