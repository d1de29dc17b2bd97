"""XLSX, read as a stream (ECMA-376): a sheet row by row, in memory that does not grow with the file.

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
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import IO, BinaryIO, Final, NamedTuple, Self
from xml.parsers import expat

from cases.errors import CaseError, Code
from intake.files.rows import Special
from intake.files.sheets import (
    LAST_COLUMN,
    LAST_ROW,
    LONGEST_CELL,
    LONGEST_ROW,
    MOST_MERGED,
    Contents,
    Merged,
    Sheet,
    SheetRow,
)

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
_WORKBOOK_STREAMS: Final = tuple(f"{name}\0".encode("utf-16-le") for name in ("Workbook", "Book"))
_FILE_PASS: Final = re.compile(rb"\x09\x08\x10\0\0\x06.{14}\x2f\0", re.DOTALL)
"""The beginning of a workbook of Excel 97 and later, and what follows it where there is a password."""
_MANIFEST: Final = "META-INF/manifest.xml"
_ENCRYPTED_PART: Final = b"encryption-data"
"""As OpenDocument tells that a part has a password (part 2, 4.4)."""
_BINARY: Final = "xl/workbook.bin"
_OPEN_DOCUMENT: Final = "content.xml"
"""The main parts of a binary workbook and of one in OpenDocument."""
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


class Package:
    """An XLSX whose shared strings were read.

    Whoever makes a workbook says in a few kilobytes what takes its reader gigabytes, so that each thing that may be
    repeated in one has a bound. Raises `CaseError` FILE_TOO_LARGE, FILE_UNREADABLE.
    """

    tells_all: Final = True

    def __init__(self, archive: "Archive", room: Room) -> None:
        self._archive = archive
        self._room = room
        sheets, strings_part = _contents(archive)
        self.sheets: Final = tuple(sheets)
        self._strings = Strings(room.strings)
        if strings_part is not None and strings_part in archive:
            _weigh(archive, strings_part, room.marks)
            _read_strings(archive, strings_part, self._strings)

    def open(self, sheet: Sheet) -> Contents:
        """See `Book`."""
        weight = _weigh(self._archive, sheet.part, self._room.marks)
        merged = _merged_cells(self._archive, sheet.part) if weight.has_merged_cells else []
        return Contents(merged, weight.rows, _rows(self._archive, sheet.part, self._strings))


class _File(io.FileIO):
    """An archive on its way to its reader, which is given no more at once than its list of parts may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        """See base class. Raises `BadZipFile`."""
        read = super().read(_LARGEST_DIRECTORY + 1 if size is None or size < 0 else min(size, _LARGEST_DIRECTORY + 1))
        if len(read or b"") > _LARGEST_DIRECTORY:
            raise zipfile.BadZipFile
        return read or b""


class Archive:
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

    @property
    def holds_xlsx(self) -> bool:
        """Whether it is read here."""
        return _BINARY not in self and _OPEN_DOCUMENT not in self

    def size(self, name: str) -> int:
        """Bytes of a part, as it says. Raises `KeyError`."""
        return self._by_name[_part_name(name)].file_size

    def open(self, name: str) -> IO[bytes]:
        """Raises `KeyError`, and what `zipfile` raises of a damaged archive."""
        return self._archive.open(self._by_name[_part_name(name)])


def _part_name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


def open_file(opened: ExitStack, path: Path) -> BinaryIO:
    """A file that may be a workbook. Raises `CaseError` FILE_UNREADABLE."""
    with _readable():
        return opened.enter_context(_File(path))


def open_archive(opened: ExitStack, file: BinaryIO, room: Room) -> Archive:
    """The archive in a file. Raises `CaseError` FILE_PROTECTED, FILE_TOO_LARGE, FILE_UNREADABLE."""
    with _readable():
        archive = opened.enter_context(zipfile.ZipFile(file))
    parts = archive.infolist()
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise CaseError(Code.FILE_PROTECTED)
    # No other compression is part of the standards.
    if any(part.compress_type not in _PACKED for part in parts):
        raise CaseError(Code.FILE_UNREADABLE)
    # What a part says of its size is the most that is read of it.
    if sum(part.file_size for part in parts) > room.unpacked:
        raise CaseError(Code.FILE_TOO_LARGE)
    found = Archive(archive)
    if _MANIFEST in found and _ENCRYPTED_PART in _beginning(found, _MANIFEST):
        raise CaseError(Code.FILE_PROTECTED)
    if _OPEN_DOCUMENT in found:
        # Whoever reads it passes over what is no XML, and over rows with it.
        _weigh(found, _OPEN_DOCUMENT, room.marks)
        _feed(found, _OPEN_DOCUMENT, lambda _element, _attributes: None)
    return found


def _beginning(archive: Archive, part: str) -> bytes:
    with _readable(), archive.open(part) as stream:
        return stream.read(_LARGEST_SMALL_PART)


def is_package(file: BinaryIO) -> bool:
    """Whether a file is an archive; else it is a workbook of the format before.

    Raises `CaseError` FILE_PROTECTED for one with a password, which is a compound file around an encrypted package
    (MS-OFFCRYPTO 2.1), or around a workbook stream (MS-XLS 2.1.2) that begins with FilePass (2.4.117);
    FILE_NOT_A_WORKBOOK for anything else.
    """
    with _readable():
        beginning = file.read(_LARGEST_DIRECTORY)
        if beginning.startswith(_COMPOUND):
            file.seek(max(-_LARGEST_DIRECTORY, -file.seek(0, io.SEEK_END)), io.SEEK_END)
            ending = file.read(_LARGEST_DIRECTORY)
            if not any(stream in part for stream in _WORKBOOK_STREAMS for part in (beginning, ending)):
                raise CaseError(Code.FILE_PROTECTED)
            if _FILE_PASS.search(beginning) or _FILE_PASS.search(ending):
                raise CaseError(Code.FILE_PROTECTED)
            return False
        if not beginning.startswith(_ARCHIVE):
            raise CaseError(Code.FILE_NOT_A_WORKBOOK if beginning else Code.FILE_UNREADABLE)
        file.seek(0)
    return True


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


def _weigh(archive: Archive, part: str, most: int) -> Weight:
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


def _feed(archive: Archive, part: str, start: Start, end: End | None = None, text: Text | None = None) -> None:
    """Parse a part whole, elements too deep or too wide refused. Raises as `_fed`."""
    for _ in _fed(archive, part, *_bounded(start, end), text):
        pass


def _fed(
    archive: Archive, part: str, start: Start, end: End | None = None, text: Text | None = None
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


def _elements(archive: Archive, part: str, wanted: str) -> list[dict[str, str]]:
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


def _relations(archive: Archive, of_part: str) -> dict[str, tuple[str, str]]:
    """Relations of a part: ID to the last word of the type, and the part."""
    folder, name = posixpath.split(of_part)
    related: dict[str, tuple[str, str]] = {}
    for attributes in _elements(archive, posixpath.join(folder, "_rels", f"{name}.rels"), "Relationship"):
        if attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "").replace("\\", "/")
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            related[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target)
    return related


def _contents(archive: Archive) -> tuple[list[Sheet], str | None]:
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


def _read_strings(archive: Archive, part: str, strings: Strings) -> None:
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


def _merged_cells(archive: Archive, part: str) -> list[Merged]:
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


def _rows(archive: Archive, part: str, strings: Strings) -> Generator[SheetRow, None, None]:
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


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold are written `_xHHHH_`."""
    if "_x" not in text:
        return text
    units = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
