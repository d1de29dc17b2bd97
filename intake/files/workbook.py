"""XLSX, read as a stream (ECMA-376): one sheet, row by row, in memory that does not grow with the file.

The parts of a workbook that a register needs are few, so they are read here. Readers in general use keep all shared
strings in memory, say nothing of hidden rows and merged cells while streaming, and put values into warnings.
"""

import io
import math
import posixpath
import re
import zipfile
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import islice, product
from pathlib import Path
from string import ascii_uppercase
from typing import IO, Final, NamedTuple, Self
from xml.parsers import expat

from cases.errors import CaseError, Code
from intake.applications import InputRefused, Problem
from intake.files.columns import Headings, HeadingsRefused, Layout, Slot, find_headings, place_name
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
_CHUNK: Final = 64 * 1024
_MIB: Final = 1024 * 1024
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MARKS: Final = b"<=&\r\n"
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be")
_ROWS: Final = tuple("<row".encode(each) for each in _ENCODINGS)
_PREFIXED_ROWS: Final = tuple(":row".encode(each) for each in _ENCODINGS)
"""Of which each may be found at its end again."""
_MERGED: Final = tuple("mergeCell".encode(each) for each in _ENCODINGS)
"""Of merged cells there are at least three tags, of which two pieces of a part divide one at most."""
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
    """The shared strings of a workbook, end to end: millions of them as objects would take four times the memory."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._texts = bytearray()
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        """Add the next one. Raises `CaseError` FILE_TOO_LARGE."""
        self._texts += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._texts))
        if len(self._texts) + len(self._ends) * self._ends.itemsize > self._largest:
            raise CaseError(Code.FILE_TOO_LARGE)

    def get(self, index: int) -> str | Special:
        """The string of an index from 0."""
        if index + 1 >= len(self._ends):
            return Special.unusable
        return self._texts[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogatepass")


class Workbook:
    """A workbook that was opened at one of its sheets, and whose headings were read.

    `most` is how many rows it may have. Whoever makes a workbook says in a few kilobytes what takes its reader
    gigabytes, so that each thing that may be repeated in one has a bound. Raises `CaseError` FILE_TOO_LARGE,
    FILE_UNREADABLE; `InputRefused` for headings that do not do.
    """

    def __init__(self, path: Path, layout: Layout, *, sheet: str | None, most: int = LAST_ROW) -> None:
        self._rows = self._done = 0
        room = Room.for_rows(most)
        with ExitStack() as opened:
            archive = _archive(opened, path, room)
            sheets, strings_part = _contents(archive)
            strings = Strings(room.strings)
            if strings_part is not None and strings_part in archive:
                _weigh(archive, strings_part, room.marks)
                _read_strings(archive, strings_part, strings)
            merged, self._cells, headings = self._found(archive, _candidates(sheets, sheet), strings, layout, room)
            opened.enter_context(closing(self._cells))
            self._columns = headings.places
            self._named = {at: place for at, place in enumerate(self._columns, start=1) if not isinstance(place, Slot)}
            # A merged cell shows one value for several people, and holds it for the first of them only.
            areas = {
                position: deque(_rows_of(merged, position))
                for position, place in self._named.items()
                if place not in layout.not_read
            }
            self._merged = {position: rows for position, rows in areas.items() if rows}
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
        """As many rows as it may have: whatever in the sheet begins as one does."""
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
            elif any(map(_has_content, cells.values())):
                yield self._record(number, cells, hidden=hidden)
        self._done = self._rows

    def _found(
        self, archive: "_Parts", sheets: Iterable[Sheet], strings: Strings, layout: Layout, room: Room
    ) -> tuple[list[Merged], Generator[SheetRow, None, None], Headings]:
        """Merged cells of the first sheet that holds the headings, the rows below these, and where they were found."""
        nearest: HeadingsRefused | None = None
        for sheet in sheets:
            weight = _weigh(archive, sheet.part, room.marks)
            self._rows = weight.rows
            merged = _merged_cells(archive, sheet.part) if weight.has_merged_cells else []
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
        refusals = [
            Finding(number, self._named[position], Code.ROW_BROKEN, refused=True)
            for position in self._merged
            if self._is_merged(position, number)
        ]
        # One such cell is told: there may be thousands of them in each row.
        if not cells.keys() <= self._named.keys():
            refusals += islice(self._beyond(number, cells), 1)
        if refusals:
            return Record(number, None, (*findings, *refusals))
        return Record(number, {place: cells.get(position) for position, place in self._named.items()}, findings)

    def _is_merged(self, position: int, number: int) -> bool:
        """Whether a cell is part of a merged one. Rows are asked for in their order."""
        areas = self._merged[position]
        while areas and areas[0][1] < number:
            areas.popleft()
        return bool(areas) and areas[0][0] <= number

    def _beyond(self, number: int, cells: Mapping[int, object]) -> Iterator[Finding]:
        """Cells over which nothing stands, and in which something does."""
        for position, cell in cells.items():
            beyond = position > len(self._columns) or self._columns[position - 1] is Slot.unnamed
            if beyond and _has_content(cell):
                yield Finding(number, place_name(position), Code.ROW_BROKEN, refused=True)


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


class Weight(NamedTuple):
    """What a part comes to, as far as that is seen without taking it apart."""

    rows: int
    """No fewer than it has."""
    has_merged_cells: bool
    """Whether it may have any."""


def _weigh(archive: _Parts, part: str, most: int) -> Weight:
    """Look over a part before it is parsed, which takes a hundred times as long. Raises `CaseError` FILE_TOO_LARGE."""
    marks = plain = prefixed = pieces = 0
    merged = False
    with _readable(), archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            marks += len(chunk) - len(chunk.translate(None, _MARKS))
            if marks > most:
                raise CaseError(Code.FILE_TOO_LARGE)
            # One may begin in one piece and end in the next.
            pieces += 1
            plain += sum(map(chunk.count, _ROWS))
            prefixed += sum(map(chunk.count, _PREFIXED_ROWS))
            if plain + prefixed // 2 > LAST_ROW:
                raise CaseError(Code.FILE_UNREADABLE)
            merged = merged or any(each in chunk for each in _MERGED)
    return Weight(plain + prefixed + pieces, merged)


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


def _merged_cells(archive: _Parts, part: str) -> list[Merged]:
    """They stand behind the rows, and are needed before them."""
    merged: list[Merged] = []

    def start(element: str, attributes: dict[str, str]) -> None:
        if _ELEMENTS.get(element) == "mergeCell":
            if len(merged) == MOST_MERGED:
                raise CaseError(Code.FILE_UNREADABLE)
            first, _, last = attributes.get("ref", "").partition(":")
            (first_column, first_row), (last_column, last_row) = _position(first), _position(last or first)
            merged.append(Merged(first_row, last_row, first_column, last_column))

    _feed(archive, part, start)
    return merged


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
    ready: deque[SheetRow] = deque()
    with closing(_fed(archive, part, *_handlers(strings, ready))) as pieces:
        more = True
        while more:
            damage = None
            try:
                more = next(pieces, _END_OF_PART) is not _END_OF_PART
            except CaseError as found:
                damage = found
            # Rows that stand before a damage in the same piece are whole.
            while ready:
                yield ready.popleft()
            if damage is not None:
                raise damage


def _handlers(strings: Strings, ready: deque[SheetRow]) -> tuple[Start, End, Text]:  # noqa: C901, PLR0915 - for the reason that follows
    """The handlers of a sheet; rows that are complete wait in `ready`.

    They are called some thirty times for each row, so what they keep are variables and no attributes of an object.
    """
    row = column = depth = 0
    numbered = hidden = False
    row_name = ""
    cells: dict[int, object] = {}
    row_length = 0
    kind = holder = text_in = ""
    pieces: list[str] = []
    length = times_held = 0
    in_cell = wanted = phonetic = formula = has_value = False

    def start_row(attributes: dict[str, str]) -> None:
        nonlocal row, row_name, numbered, hidden, column, cells, row_length
        given = attributes.get("r")
        following = row + 1 if given is None else _whole_number(given)
        if not row < following <= LAST_ROW:
            raise CaseError(Code.FILE_UNREADABLE)
        row, numbered = following, given is not None
        row_name = str(row)
        hidden = attributes.get("hidden", "0") not in ("0", "false")
        cells, column, row_length = {}, 0, 0

    def place(name: str | None) -> int:
        """The column of a cell. A row that has no number has that of its first cell."""
        nonlocal row, row_name, numbered
        if name is None:
            return column + 1
        found = _COLUMNS.get(name.removesuffix(row_name))
        if found is not None:
            return found
        found, given = _position(name)
        if given != row:
            if numbered or column or given < row:
                raise CaseError(Code.FILE_UNREADABLE)
            row, row_name, numbered = given, str(given), True
        return found

    def start(element: str, attributes: dict[str, str]) -> None:  # noqa: C901 - as above
        nonlocal column, kind, holder, text_in, length, times_held, in_cell, wanted, phonetic, formula, has_value, depth
        depth += 1
        if depth > _DEEPEST or len(attributes) > _MOST_ATTRIBUTES:
            raise CaseError(Code.FILE_UNREADABLE)
        name = _ELEMENTS.get(element)
        if name == "c":
            column = place(attributes.get("r"))
            if column > LAST_COLUMN:
                raise CaseError(Code.FILE_UNREADABLE)
            kind = attributes.get("t", "n")
            # Of an inline string only the string counts, and of every other cell only its value (18.3.1.4, 18.3.1.96).
            holder, text_in = ("is", "t") if kind == "inlineStr" else ("v", "v")
            length = times_held = 0
            in_cell = True
            formula = has_value = phonetic = False
            pieces.clear()
        elif name == "row":
            start_row(attributes)
        elif in_cell:
            if name == holder:
                times_held += 1
            if name == text_in:
                if not phonetic:
                    wanted = has_value = True
            elif name == "f":
                formula = True
            elif name == "rPh":
                phonetic = True

    def end(element: str) -> None:
        nonlocal wanted, in_cell, phonetic, row_length, depth
        depth -= 1
        wanted = False
        name = _ELEMENTS.get(element)
        if name == "c":
            in_cell = False
            if (formula or has_value) and row_length <= LONGEST_ROW:
                cells[column] = found = value()
                row_length += len(found) if isinstance(found, str) else length
        elif name == "row":
            ready.append((row, hidden, cells if row_length <= LONGEST_ROW else None))
        elif name == "rPh":
            phonetic = False

    def text(piece: str) -> None:
        nonlocal length
        if wanted and length <= LONGEST_CELL:
            pieces.append(piece)
            length += len(piece)

    def value() -> object:
        if formula:
            return Special.formula
        # Of two values, which one somebody sees depends on their program.
        if length > LONGEST_CELL or times_held > 1:
            return Special.unusable
        said = pieces[0] if len(pieces) == 1 else "".join(pieces)
        if kind in ("inlineStr", "str"):
            return _unescaped(said)
        said = said.strip()
        if not said:
            return None
        if kind == "s":
            return strings.get(int(said)) if said.isascii() and said.isdigit() else Special.unusable
        return _number(said) if kind == "n" else Special.unusable

    return start, end, text


_COLUMNS: Final = {
    **{first: place for place, first in enumerate(ascii_uppercase, start=1)},
    **{
        first + second: place
        for place, (first, second) in enumerate(product(ascii_uppercase, repeat=2), start=len(ascii_uppercase) + 1)
    },
}
"""The first columns by their letters; those beyond are computed."""


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CaseError(Code.FILE_UNREADABLE)
    return int(text)


def _number(text: str) -> float | Special:
    """A number as XML writes it, and not as Python does."""
    try:
        number = math.nan if "_" in text else float(text)
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
