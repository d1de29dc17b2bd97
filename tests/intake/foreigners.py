"""Workbooks of other formats than XLSX, written by hand as small as they can be. Everything is synthetic."""

import struct
from collections.abc import Sequence
from typing import Final

from tests.intake.archives import archive_of, part_of

_SECTOR: Final = 512
_SMALLEST: Final = 4096
"""Bytes of a stream that stands in sectors of its own."""
_FREE, _CHAIN_ENDS, _OF_THE_TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NOTHING: Final = 0xFFFFFFFF


def ods_of(rows: Sequence[Sequence[str]], *, encrypted: bool = False) -> bytes:
    """A sheet in OpenDocument; `encrypted` says that its manifest tells of a password."""
    names = "urn:oasis:names:tc:opendocument:xmlns"
    declared = " ".join(f"xmlns:{each}='{names}:{each}:1.0'" for each in ("office", "table", "text"))

    def cell_of(text: str) -> str:
        return f"<table:table-cell office:value-type='string'><text:p>{text}</text:p></table:table-cell>"

    inside = "".join(f"<table:table-row>{''.join(map(cell_of, row))}</table:table-row>" for row in rows)
    content = (
        f"<office:document-content {declared}><office:body><office:spreadsheet><table:table table:name='s'>{inside}"
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    secret = "<m:encryption-data/>" if encrypted else ""
    entry = f"<m:file-entry m:full-path='content.xml'>{secret}</m:file-entry>"
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": content,
        "META-INF/manifest.xml": f"<m:manifest xmlns:m='{names}:manifest:1.0'>{entry}</m:manifest>",
    }
    return archive_of(part_of(name, [text.encode()]) for name, text in parts.items())


def xls_of(rows: Sequence[Sequence[str]], *, encrypted: bool = False) -> bytes:
    """A sheet as Excel 97 writes it; `encrypted` says that a password is told of."""

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    def label(row: int, column: int, text: str) -> bytes:
        return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le"))

    ended = record(0x000A, b"")
    before = begin(0x0005) + (record(0x002F, struct.pack("<HHH", 1, 1, 1) + bytes(48)) if encrypted else b"")
    named = record(0x0085, struct.pack("<IBBBB", 0, 0, 0, 1, 0) + b"s")
    offset = len(before) + len(named) + len(ended)
    named = record(0x0085, struct.pack("<IBBBB", offset, 0, 0, 1, 0) + b"s")
    cells = b"".join(label(row, column, text) for row, each in enumerate(rows) for column, text in enumerate(each))
    return compound_of("Workbook", before + named + ended + begin(0x0010) + cells + ended)


def compound_of(name: str, stream: bytes) -> bytes:
    """A compound file of one stream (MS-CFB)."""
    stream = stream.ljust(_SMALLEST, b"\0")
    sectors = -(-len(stream) // _SECTOR)
    # The first sector is the table of sectors, the second the directory, and the rest is the stream.
    chain = [_OF_THE_TABLE, _CHAIN_ENDS, *range(3, sectors + 2), _CHAIN_ENDS]
    chain += [_FREE] * (_SECTOR // 4 - len(chain))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, _SMALLEST, _CHAIN_ENDS, 0, _CHAIN_ENDS, 0)
    head += struct.pack("<I", 0) + struct.pack("<I", _FREE) * 108

    def entry(title: str, kind: int, child: int, first: int, size: int) -> bytes:
        written = title.encode("utf-16-le") + b"\0\0"
        return written.ljust(64, b"\0") + struct.pack(
            "<HBBIII36xIQ", len(written) if title else 0, kind, 1, _NOTHING, _NOTHING, child, first, size
        )

    directory = entry("Root Entry", 5, 1, _CHAIN_ENDS, 0) + entry(name, 2, _NOTHING, 2, len(stream))
    directory += entry("", 0, _NOTHING, 0, 0) * 2
    return head + struct.pack(f"<{len(chain)}I", *chain) + directory + stream.ljust(sectors * _SECTOR, b"\0")
