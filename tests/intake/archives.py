"""Workbooks made to trouble whoever reads them: each is small, and asks for much. Everything is synthetic.

They are put together by hand: what writes workbooks does not write these, and a gigabyte that is written honestly takes
longer than its refusal.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.intake.registering import ZH, row_of

MEGABYTE: Final = 1024 * 1024
_BLOCK: Final = 64 * 1024
_CHECKED: Final = 256 * MEGABYTE

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_DEFLATED: Final = 8
_LZMA: Final = 14

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

SHEET, STRINGS, BOOK = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"
_BEGINNING: Final = f'<worksheet xmlns="{_MAIN}"><sheetData>'.encode()
_ENDING: Final = b"</sheetData></worksheet>"


class Run(NamedTuple):
    """Bytes that are repeated."""

    what: bytes
    times: int


Content = Iterable[bytes | Run]


class Part(NamedTuple):
    """A part of an archive as it is stored."""

    name: str
    packed: bytes
    size: int
    checksum: int
    method: int = _DEFLATED


def part_of(name: str, content: Content) -> Part:
    """A part; what is repeated is deflated once. Its checksum is right, unless it is too long to be read so far."""
    packed, size, checksum = [], 0, 0
    for piece in content:
        what, times = piece if isinstance(piece, Run) else (piece, 1)
        together = min(max(_BLOCK // len(what), 1), times)
        for raw, often in ((what * together, times // together), (what * (times % together), 1)):
            deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            packed.append((deflater.compress(raw) + deflater.flush(zlib.Z_FULL_FLUSH)) * often)
            size += len(raw) * often
            for _ in range(often if size < _CHECKED else 0):
                checksum = zlib.crc32(raw, checksum)
    packed.append(zlib.compressobj(wbits=-zlib.MAX_WBITS).flush())
    return Part(name, b"".join(packed), size, checksum)


def archive_of(parts: Iterable[Part]) -> bytes:
    """A ZIP archive."""
    written, listed, offset, count = [], [], 0, 0
    for name, packed, size, checksum, method in parts:
        raw = name.encode()
        head = (20, 0x800, method, 0, 0, checksum, len(packed), size, len(raw))
        local = _LOCAL.pack(b"PK\x03\x04", *head, 0) + raw
        listed.append(_CENTRAL.pack(b"PK\x01\x02", 20, *head, 0, 0, 0, 0, 0, offset) + raw)
        written += [local, packed]
        offset += len(local) + len(packed)
        count += 1
    directory = b"".join(listed)
    # More parts than the old form can count are counted in the new one; what reads the directory goes by its length.
    end = _END.pack(b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), offset, 0)
    return b"".join(written) + directory + end


def _row(number: int, cells: Iterable[object]) -> bytes:
    inside = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)
    return f'<row r="{number}">{inside}</row>'.encode()


HEADINGS: Final = _row(1, ZH)
PERSON: Final = _row(2, row_of(1))


def workbook_of(
    sheet: Content,
    *,
    begins: bytes = HEADINGS,
    strings: Content | None = None,
    book: Content = (),
    more: Iterable[Part] = (),
) -> bytes:
    """A workbook with one sheet, of which all is as it should be but what is given."""
    relation = '<Relationship Id="{}" Type="' + _OFFICE + '/{}" Target="{}"/>'
    begin, end = f'<Relationships xmlns="{_RELATIONS}">', "</Relationships>"
    related = relation.format("r1", "worksheet", "worksheets/sheet1.xml")
    related += relation.format("r2", "sharedStrings", "sharedStrings.xml")
    parts = [
        part_of("_rels/.rels", [(begin + relation.format("r1", "officeDocument", BOOK) + end).encode()]),
        part_of("xl/_rels/workbook.xml.rels", [(begin + related + end).encode()]),
        part_of(
            BOOK,
            [
                f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'.encode(),
                *book,
                b'<sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
            ],
        ),
        part_of(SHEET, [_BEGINNING, begins, *sheet]),
        part_of(STRINGS, [f'<sst xmlns="{_MAIN}">'.encode(), *(strings or ()), b"</sst>"]),
    ]
    return archive_of([*parts, *more])


def _numbered(pattern: str, times: int) -> bytes:
    return "".join(pattern.format(number) for number in range(times)).encode()


def _whole(*pieces: bytes | Run) -> bytes:
    return workbook_of([*pieces, _ENDING])


def _many_parts() -> bytes:
    return workbook_of([PERSON, _ENDING], more=(Part(f"{number:x}", b"", 0, 0) for number in range(300_000)))


def _merged_without_end() -> bytes:
    rows = b"".join(_row(number, row_of(number)) for number in range(2, 2002))
    areas = Run(b'<mergeCell ref="A1:XFD1048576"/>', 90_000)
    return workbook_of([rows, b"</sheetData><mergeCells>", areas, b"</mergeCells></worksheet>"])


def _same_string_everywhere() -> bytes:
    long = "字".encode() * 60_000
    row = b"<row>" + b'<c t="s"><v>0</v></c>' * 16_384 + b"</row>"
    return workbook_of([row, _ENDING], strings=[b"<si><t>", long, b"</t></si>"])


def _another_compression() -> bytes:
    # The head of such a part says how large a dictionary the reader is to keep: here nearly four gigabytes.
    packed = struct.pack("<BBH", 9, 4, 5) + struct.pack("<BL", 0x5D, 0xFFFFFF00) + b"\0" * 64
    return archive_of([Part("_rels/.rels", packed, 4096, 0, _LZMA)])


def _one_name_twice() -> bytes:
    other = part_of(SHEET, [_BEGINNING, HEADINGS, _row(2, row_of(2)), _ENDING])
    return workbook_of([PERSON, _ENDING], more=[other])


HOSTILE: Final[dict[str, Callable[[], bytes]]] = {
    "blanks without end": lambda: _whole(Run(b" ", 1800 * MEGABYTE)),
    "line breaks without end": lambda: _whole(Run(b"\n", 500 * MEGABYTE)),
    "a cell without end": lambda: _whole(b"<row><c><v>", Run(b"7", 1500 * MEGABYTE), b"</v></c></row>"),
    "elements without end": lambda: _whole(Run(b"<x/>", 60_000_000)),
    "elements in elements": lambda: _whole(Run(b"<x>", 12_000_000)),
    "elements in elements before the headings": lambda: workbook_of([Run(b"<x>", 12_000_000)], begins=b" "),
    "one sheet under many names": lambda: workbook_of(
        [Run(b"<x/>", 1_500_000), _ENDING],
        begins=b" ",
        book=[b"<sheets>", Run(b'<sheet name="s" sheetId="1" r:id="r1"/>', 500), b"</sheets>"],
    ),
    "names without end": lambda: _whole(_numbered("<a{:x}/>", 1_000_000)),
    "prefixes without end": lambda: _whole(_numbered('<a xmlns:p{:x}="u"/>', 700_000)),
    "a tag without end": lambda: _whole(b'<row a="', Run(b"a", 200 * MEGABYTE), b'"/>'),
    "a comment without end": lambda: _whole(b"<!--", Run(b"a", 200 * MEGABYTE), b"-->"),
    "attributes without end": lambda: _whole(b"<row ", _numbered('a{:x}="" ', 600_000), b"/>"),
    "attributes everywhere": lambda: _whole(Run(b"<c " + _numbered('a{:x}="" ', 200) + b"/>", 90_000)),
    "cells without end": lambda: _whole(b"<row>", Run(b"<c><v>1</v></c>", 8_000_000), b"</row>"),
    "rows without end": lambda: _whole(Run(b"<row/>", 20_000_000)),
    "entities without end": lambda: _whole(b"<row><c><v>", Run(b"&amp;", 90_000_000), b"</v></c></row>"),
    "empty strings without end": lambda: workbook_of([PERSON, _ENDING], strings=[Run(b"<si/>", 60_000_000)]),
    "a string without end": lambda: workbook_of(
        [PERSON, _ENDING], strings=[b"<si><t>", Run("字".encode(), 250 * MEGABYTE), b"</t></si>"]
    ),
    "strings without end": lambda: workbook_of(
        [PERSON, _ENDING], strings=[Run(b"<si><t>" + b"a" * 60_000 + b"</t></si>", 8_000)]
    ),
    "sheets without end": lambda: workbook_of(
        [PERSON, _ENDING], book=[b"<sheets>", Run(b"<sheet/>", 2_000_000), b"</sheets>"]
    ),
    "one string in every cell of a row": _same_string_everywhere,
    "merged cells upon merged cells": _merged_without_end,
    "parts without end": _many_parts,
    "a compression with a large dictionary": _another_compression,
    "one name for two parts": _one_name_twice,
}
"""What asks for much, by what it has too much of."""


def write_hostile(folder: Path) -> Iterator[tuple[str, Path]]:
    """All of them, one after the other."""
    for number, (what, made) in enumerate(HOSTILE.items()):
        path = folder / f"{number}.xlsx"
        path.write_bytes(made())
        yield what, path
