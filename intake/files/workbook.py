"""XLSX, read as a stream (ECMA-376): one sheet, row by row, in memory that does not grow with the file.

The parts of a workbook that a register needs are few, so they are read here. Readers in general use keep all shared
strings in memory, say nothing of hidden rows and merged cells while streaming, and put values into warnings.
"""

import io
import math
import posixpath
import re
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, Final, NamedTuple, Self
from xml.parsers import expat

from cases.errors import CaseError, Code
from intake.applications import InputRefused, Problem
from intake.files.columns import Headings, HeadingsRefused, Layout, Slot, find_headings, place_name
from intake.files.memory import memory_file
from intake.files.rows import Finding, Record, Special, broken, findings_of_headings
from intake.remedies import FileAdvice

LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = 16_384
LONGEST_CELL: Final = 64 * 1024
"""Characters; a cell with more is not used."""
LONGEST_ROW: Final = 64 * 1024
"""Characters; a row with more is broken, as a line of text is (`lines.LONGEST_LINE`)."""
MOST_MERGED: Final = 100_000
_LARGEST_DIRECTORY: Final = 1024 * 1024
"""Bytes of an archive's list of its parts, which is read at once; a workbook has a few hundred of them."""
_LARGEST_SMALL_PART: Final = 1024 * 1024
_LONGEST_TOKEN: Final = 256 * 1024
"""Bytes of a tag or a comment: the parser keeps one until it is whole, and begins it anew with each piece."""
_DEEPEST: Final = 64
_MOST_ATTRIBUTES: Final = 64
"""Of one element."""
_MOST_NAMES: Final = 4096
"""Different names of elements and attributes in a part, and as many prefixes: the parser keeps each."""
_END: Final = struct.Struct("<Q")
_CHUNK: Final = 64 * 1024
_MIB: Final = 1024 * 1024
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MARKS: Final = b"<=&\r\n"
_ARCHIVE: Final = b"PK"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
_ENCRYPTED: Final = 1
"""The flag of an encrypted entry (APPNOTE 4.4.4)."""
_WORKBOOK_STREAM: Final = "Workbook".encode("utf-16-le")
_MOST_SHEETS: Final = 20
"""Sheets in which the headings are looked for."""

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


class Room(NamedTuple):
    """How much a workbook of so many rows may come to. A row of twenty columns needs half of what it may have."""

    unpacked: int
    """Bytes of all parts together."""
    marks: int
    """Tags, attributes, entities and line breaks of a part, which are what parsing takes its time for."""
    strings: int
    """Bytes of all shared strings, and of where each ends."""

    @classmethod
    def for_rows(cls, rows: int) -> Self:
        """The room of a workbook; a small one may have much beside its rows."""
        return cls(16 * _MIB + 2048 * rows, 2**20 + 256 * rows, 8 * _MIB + 1024 * rows)


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


SheetRow = tuple[int, bool, dict[int, object] | None]
"""Row number, whether it is hidden, and its cells by column number, None for a row that is too long; cells without a
value are left out."""


class Strings:
    """The shared strings of a workbook, which are names and numbers: in memory, and on no disk."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._texts: IO[bytes] = memory_file()
        self._ends: IO[bytes] = memory_file()
        self._ends.write(_END.pack(0))
        self._size = self._count = 0

    def close(self) -> None:
        """Forget them."""
        self._texts.close()
        self._ends.close()

    def append(self, text: str) -> None:
        """Add the next one. Raises `CaseError` FILE_TOO_LARGE."""
        raw = text.encode("utf-8", "surrogatepass")
        self._size += len(raw)
        self._count += 1
        if self._size + self._count * _END.size > self._largest:
            raise CaseError(Code.FILE_TOO_LARGE)
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
    """A workbook that was opened at one of its sheets, and whose headings were read.

    `most` is how many rows it may have. Whoever makes a workbook says in a few kilobytes what takes its reader
    gigabytes, so that each thing that may be repeated in one has a bound. Raises `CaseError` FILE_TOO_LARGE,
    FILE_UNREADABLE; `InputRefused` for headings that do not do.
    """

    def __init__(self, path: Path, layout: Layout, *, sheet: str | None, most: int = LAST_ROW) -> None:
        self._done = 0
        room = Room.for_rows(most)
        with ExitStack() as opened:
            archive = _archive(opened, path, room)
            sheets, strings_part = _contents(archive)
            strings = opened.enter_context(closing(Strings(room.strings)))
            if strings_part is not None and strings_part in archive:
                _weigh(archive, strings_part, room.marks)
                _read_strings(archive, strings_part, strings)
            merged, self._cells, headings = self._found(archive, _candidates(sheets, sheet), strings, layout, room)
            opened.enter_context(closing(self._cells))
            self._columns = headings.places
            # A merged cell shows one value for several people, and holds it for the first of them only.
            self._merged = {
                position: deque(_rows_of(merged, position))
                for position, place in enumerate(self._columns, start=1)
                if not isinstance(place, Slot) and place not in layout.not_read
            }
            self._opened = opened.pop_all()
        self.findings = (
            *((Finding(0, None, FileAdvice.SHEETS_NOT_READ, refused=False),) if len(sheets) > 1 else ()),
            *findings_of_headings(headings),
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
        for number, hidden, cells in self._cells:
            self._done += 1
            if cells is None:
                yield broken(number)
            elif any(_has_content(cell) for cell in cells.values()):
                yield self._record(number, cells, hidden=hidden)

    def _found(
        self, archive: "_Parts", sheets: Iterable[Sheet], strings: Strings, layout: Layout, room: Room
    ) -> tuple[list[Merged], Generator[SheetRow, None, None], Headings]:
        """Merged cells of the first sheet that holds the headings, the rows below these, and where they were found."""
        nearest: HeadingsRefused | None = None
        for sheet in sheets:
            _weigh(archive, sheet.part, room.marks)
            merged, self._rows = _structure(archive, sheet.part)
            rows = _rows(archive, sheet.part, strings)
            self._done = 0
            try:
                return merged, rows, find_headings(layout, self._in_their_places(rows))
            except HeadingsRefused as refused:
                rows.close()
                if nearest is None or refused.missing < nearest.missing:
                    nearest = refused
            except CaseError:
                rows.close()
                raise
        if nearest is None:
            raise CaseError(Code.FILE_UNREADABLE)
        raise nearest

    def _in_their_places(self, rows: Iterable[SheetRow]) -> Iterator[tuple[int, list[object] | None]]:
        for number, _, cells in rows:
            self._done += 1
            last = max(cells, default=0) if cells is not None else 0
            yield number, None if cells is None else [cells.get(column) for column in range(1, last + 1)]

    def _record(self, number: int, cells: Mapping[int, object], *, hidden: bool) -> Record:
        findings: tuple[Finding, ...] = ()
        if hidden:
            findings = (Finding(number, None, FileAdvice.ROW_HIDDEN, refused=False),)
        named: dict[StrEnum, object] = {}
        refusals: list[Finding] = []
        for position, place in enumerate(self._columns, start=1):
            if not isinstance(place, Slot):
                named[place] = cells.get(position)
                if self._is_merged(position, number):
                    refusals.append(Finding(number, place, Code.ROW_BROKEN, refused=True))
        # One such cell is told: there may be thousands of them in each row.
        refusals += islice(self._beyond(number, cells), 1)
        if refusals:
            return Record(number, None, (*findings, *refusals))
        return Record(number, named, findings)

    def _is_merged(self, position: int, number: int) -> bool:
        """Whether a cell is part of a merged one. Rows are asked for in their order."""
        areas = self._merged.get(position, _NO_ROWS)
        while areas and areas[0][1] < number:
            areas.popleft()
        return bool(areas) and areas[0][0] <= number

    def _beyond(self, number: int, cells: Mapping[int, object]) -> Iterator[Finding]:
        """Cells over which nothing stands, and in which something does."""
        for position, cell in cells.items():
            beyond = position > len(self._columns) or self._columns[position - 1] is Slot.unnamed
            if beyond and _has_content(cell):
                yield Finding(number, place_name(position), Code.ROW_BROKEN, refused=True)


_NO_ROWS: Final[deque[tuple[int, int]]] = deque()


class _File(io.FileIO):
    """An archive on its way to its reader, which is given no more at once than its list of parts may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        """See base class. Raises `BadZipFile`."""
        read = super().read(_LARGEST_DIRECTORY + 1 if size is None or size < 0 else min(size, _LARGEST_DIRECTORY + 1))
        if len(read or b"") > _LARGEST_DIRECTORY:
            raise zipfile.BadZipFile
        return read or b""


class _Parts:
    """The parts of an archive by their names, whose letter case and kind of slash do not count (ECMA-376, part 2)."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        parts = archive.infolist()
        self._by_name = {_part_name(part.orig_filename): part for part in parts}
        # Of two parts of one name another program may read the other one.
        if len(self._by_name) < len(parts):
            raise CaseError(Code.FILE_UNREADABLE)

    def __contains__(self, name: str) -> bool:
        return _part_name(name) in self._by_name

    def size(self, name: str) -> int:
        """Bytes of a part, as it says. Raises `KeyError`."""
        return self._by_name[_part_name(name)].file_size

    def open(self, name: str) -> IO[bytes]:
        """Raises `KeyError`, and what `zipfile` raises of a damaged archive."""
        return self._archive.open(self._by_name[_part_name(name)])


def _part_name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


def _archive(opened: ExitStack, path: Path, room: Room) -> _Parts:
    with _readable():
        file = opened.enter_context(_File(path))
        _check_kind(file)
        archive = opened.enter_context(zipfile.ZipFile(file))
    parts = archive.infolist()
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise CaseError(Code.FILE_PROTECTED)
    # No other compression is part of the standard.
    if any(part.compress_type not in _PACKED for part in parts):
        raise CaseError(Code.FILE_UNREADABLE)
    # What a part says of its size is the most that is read of it.
    if sum(part.file_size for part in parts) > room.unpacked:
        raise CaseError(Code.FILE_TOO_LARGE)
    return _Parts(archive)


def _check_kind(file: "_File") -> None:
    """Tell what else a file is that is named as a workbook.

    Raises `CaseError` FILE_PROTECTED for one with a password, which is a compound file around an encrypted package
    (MS-OFFCRYPTO 2.1); FILE_TYPE_UNKNOWN for a workbook of the format before, which is one around a stream that is
    called so (MS-XLS 2.1.2); FILE_NOT_A_WORKBOOK for anything else.
    """
    beginning = file.read(_LARGEST_DIRECTORY)
    if beginning.startswith(_COMPOUND):
        file.seek(max(-_LARGEST_DIRECTORY, -file.seek(0, io.SEEK_END)), io.SEEK_END)
        is_of_old = _WORKBOOK_STREAM in beginning or _WORKBOOK_STREAM in file.read(_LARGEST_DIRECTORY)
        raise CaseError(Code.FILE_TYPE_UNKNOWN if is_of_old else Code.FILE_PROTECTED)
    if not beginning.startswith(_ARCHIVE):
        raise CaseError(Code.FILE_NOT_A_WORKBOOK if beginning else Code.FILE_UNREADABLE)
    file.seek(0)


# --- parts ------------------------------------------------------------------------------------------------------------


@contextmanager
def _readable() -> Iterator[None]:
    """Raises `CaseError` FILE_UNREADABLE where what is read in the block is damaged."""
    try:
        yield
    except (KeyError, RuntimeError, NotImplementedError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        raise CaseError(Code.FILE_UNREADABLE) from None
    except (expat.ExpatError, ValueError):
        raise CaseError(Code.FILE_UNREADABLE) from None


def _weigh(archive: _Parts, part: str, most: int) -> None:
    """Look over a part before it is parsed, which takes a hundred times as long. Raises `CaseError` FILE_TOO_LARGE."""
    marks = 0
    with _readable(), archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            marks += len(chunk) - len(chunk.translate(None, _MARKS))
            if marks > most:
                raise CaseError(Code.FILE_TOO_LARGE)


def _feed(archive: _Parts, part: str, start: Start, end: End | None = None, text: Text | None = None) -> None:
    """Parse a part whole, elements too deep or too wide refused. Raises as `_fed`."""
    for _ in _fed(archive, part, *_bounded(start, end), text):
        pass


def _fed(
    archive: _Parts, part: str, start: Start, end: End | None = None, text: Text | None = None
) -> Generator[None, None, None]:
    """Parse a part piece by piece. Raises `CaseError` FILE_UNREADABLE, for a document type declaration too."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartNamespaceDeclHandler = _Prefixes().add
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    given = 0
    with _readable(), archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)  # noqa: FBT003 - expat takes it by position
            given += len(chunk)
            if given - parser.CurrentByteIndex > _LONGEST_TOKEN or len(parser.intern) > _MOST_NAMES:
                raise CaseError(Code.FILE_UNREADABLE)
            yield
        parser.Parse(b"", True)  # noqa: FBT003 - as above
        yield


class _Prefixes:
    """The different prefixes that a part declares."""

    def __init__(self) -> None:
        self._declared: set[str | None] = set()

    def add(self, prefix: str | None, _uri: str | None) -> None:
        self._declared.add(prefix)
        if len(self._declared) > _MOST_NAMES:
            raise CaseError(Code.FILE_UNREADABLE)


def _bounded(start: Start, end: End | None) -> tuple[Start, End]:
    """The handlers, for elements that are neither too deep nor too wide: the parser keeps all that are open."""
    depth = 0

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST or len(attributes) > _MOST_ATTRIBUTES:
            raise CaseError(Code.FILE_UNREADABLE)
        start(name, attributes)

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name)

    return opened, closed


def _refuse_doctype(*_: object) -> None:
    raise CaseError(Code.FILE_UNREADABLE)


def _elements(archive: _Parts, part: str, wanted: str) -> list[dict[str, str]]:
    """The attributes of all elements of one local name in a small part."""
    found: list[dict[str, str]] = []
    with _readable():
        if archive.size(part) > _LARGEST_SMALL_PART:
            raise CaseError(Code.FILE_TOO_LARGE)

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] == wanted:
            found.append(attributes)

    _feed(archive, part, start)
    return found


def _relations(archive: _Parts, of_part: str) -> dict[str, tuple[str, str]]:
    """Relations of a part: ID to the last word of the type, and the part."""
    folder, name = posixpath.split(of_part)
    related: dict[str, tuple[str, str]] = {}
    for attributes in _elements(archive, posixpath.join(folder, "_rels", f"{name}.rels"), "Relationship"):
        if attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "").replace("\\", "/")
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            related[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target)
    return related


def _contents(archive: _Parts) -> tuple[list[Sheet], str | None]:
    """The worksheets of a workbook in their order, and the part that holds its shared strings."""
    book = next((part for kind, part in _relations(archive, "").values() if kind == "officeDocument"), None)
    if book is None:
        raise CaseError(Code.FILE_UNREADABLE)
    related = _relations(archive, book)
    sheets = []
    for attributes in _elements(archive, book, "sheet"):
        relation = next((value for key, value in attributes.items() if key.endswith(" id")), "")
        kind, part = related.get(relation, ("", ""))
        if kind == "worksheet":
            visible = attributes.get("state", "visible") == "visible"
            sheets.append(Sheet(attributes.get("name", ""), visible, part))
    strings = next((part for kind, part in related.values() if kind == "sharedStrings"), None)
    return sheets, strings


def _candidates(sheets: list[Sheet], named: str | None) -> list[Sheet]:
    """The sheets in which the headings may stand: the one that was named, or those that somebody sees."""
    chosen = [sheet for sheet in sheets if (sheet.visible if named is None else sheet.name == named)]
    if named is not None and not chosen:
        raise InputRefused([Problem("sheet", Code.FIELD_INVALID)])
    # A part that has several names is looked at once.
    return list({sheet.part: sheet for sheet in reversed(chosen)}.values())[::-1][:_MOST_SHEETS]


def _read_strings(archive: _Parts, part: str, strings: Strings) -> None:
    """Each item is its texts in order, rich or plain, without the reading aids (`rPh`)."""
    pieces: list[str] = []
    length = 0
    wanted = phonetic = False

    def start(element: str, _attributes: dict[str, str]) -> None:
        nonlocal length, wanted, phonetic
        name = _ELEMENTS.get(element)
        if name == "si":
            pieces.clear()
            length = 0
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
        nonlocal length
        if wanted and length <= LONGEST_CELL:
            pieces.append(piece)
            length += len(piece)

    _feed(archive, part, start, end, text)


def _structure(archive: _Parts, part: str) -> tuple[list[Merged], int]:
    """What stands behind the rows or is needed before them: the merged cells, and how many rows there are."""
    merged: list[Merged] = []
    rows = 0

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal rows
        name = _ELEMENTS.get(element)
        if name == "row":
            rows += 1
            if rows > LAST_ROW:
                raise CaseError(Code.FILE_UNREADABLE)
        elif name == "mergeCell":
            if len(merged) == MOST_MERGED:
                raise CaseError(Code.FILE_UNREADABLE)
            first, _, last = attributes.get("ref", "").partition(":")
            (first_column, first_row), (last_column, last_row) = _position(first), _position(last or first)
            merged.append(Merged(first_row, last_row, first_column, last_column))

    _feed(archive, part, start)
    return merged, rows


def _rows_of(merged: Iterable[Merged], position: int) -> Iterator[tuple[int, int]]:
    """From which row to which cells of a column are merged ones, in their order and apart from each other."""
    begun: tuple[int, int] | None = None
    for first, last in sorted(area[:2] for area in merged if area.first_column <= position <= area.last_column):
        if begun is None or first > begun[1]:
            if begun is not None:
                yield begun
            begun = first, last
        else:
            begun = begun[0], max(begun[1], last)
    if begun is not None:
        yield begun


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


def _rows(archive: _Parts, part: str, strings: Strings) -> Generator[SheetRow, None, None]:
    reader = _RowReader(strings)
    # How deep and how wide elements are `_structure` has looked at: to do so again takes an eighth of the time.
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
        self._row = self._column = self._row_length = 0
        self._hidden = False
        self._cells: dict[int, object] = {}
        self._type = ""
        self._pieces: list[str] = []
        self._length = 0
        self._in_cell = self._wanted = self._phonetic = self._formula = self._has_value = False
        self._holder = self._text_in = ""
        self._times_held = 0

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
            elif name == self._holder:
                self._times_held += 1
            if name == self._text_in and not self._phonetic:
                self._wanted = self._has_value = True

    def end(self, element: str) -> None:
        name = _ELEMENTS.get(element)
        self._wanted = False
        if name == "c":
            self._in_cell = False
            if (self._formula or self._has_value) and self._row_length <= LONGEST_ROW:
                self._cells[self._column] = self._counted(self._value())
        elif name == "row":
            self.ready.append((self._row, self._hidden, self._cells if self._row_length <= LONGEST_ROW else None))
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
        self._row, self._column, self._row_length = row, 0, 0
        self._hidden = attributes.get("hidden", "0") not in ("0", "false")
        self._cells = {}

    def _start_cell(self, attributes: dict[str, str]) -> None:
        name = attributes.get("r")
        self._column = self._column + 1 if name is None else _position(name)[0]
        if self._column > LAST_COLUMN:
            raise CaseError(Code.FILE_UNREADABLE)
        self._type = attributes.get("t", "n")
        # Of an inline string only the string counts, and of every other cell only its value (18.3.1.4, 18.3.1.96).
        self._holder, self._text_in = ("is", "t") if self._type == "inlineStr" else ("v", "v")
        self._times_held = 0
        self._in_cell = True
        self._formula = self._has_value = False
        self._pieces.clear()
        self._length = 0

    def _counted(self, value: object) -> object:
        self._row_length += len(value) if isinstance(value, str) else self._length
        return value

    def _value(self) -> object:
        if self._formula:
            return Special.formula
        # Of two values, which one somebody sees depends on their program.
        if self._length > LONGEST_CELL or self._times_held > 1:
            return Special.unusable
        text = "".join(self._pieces)
        if self._type in ("inlineStr", "str"):
            return _unescaped(text)
        return self._read(text) if text.strip() else None

    def _read(self, text: str) -> object:
        """What a value says, which is no text itself."""
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
