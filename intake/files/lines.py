"""Lines of text files: which encoding, read one at a time, none longer than a request may be."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

from cases.errors import CaseError, Code

LONGEST_LINE: Final = 64 * 1024
"""Bytes."""
_SAMPLE: Final = 1024 * 1024
_BOM_8: Final = b"\xef\xbb\xbf"
_BOMS_16_AND_32: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_LINE_ENDS_16: Final = (b"\n\0", b"\0\n", b"\0\r", b"\r\0")
_COMPRESSED: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class Line(NamedTuple):
    """One physical line."""

    number: int
    text: str | None
    """None where it is too long to be read."""
    sound: bool
    """Whether the text is what was written: of the file's encoding, without NUL and without carriage returns inside."""


def detect_encoding(path: Path) -> str:
    """`utf-8` or `gb18030`.

    The first line decides where it is not plain ASCII, because headings are Chinese or English words; else the rows do,
    by majority, so that a broken row does not turn the whole file into another encoding.

    Raises `CaseError`: FILE_ENCODING for UTF-16, UTF-32 and anything else that is neither, FILE_TYPE_UNKNOWN for a
    workbook or an archive under a wrong name, FILE_UNREADABLE.
    """
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
            whole = not file.read(1)
    except OSError:
        raise CaseError(Code.FILE_UNREADABLE) from None
    if sample.startswith(_COMPRESSED):
        raise CaseError(Code.FILE_TYPE_UNKNOWN)
    if sample.startswith(_BOMS_16_AND_32) or _looks_like_utf16(sample):
        raise CaseError(Code.FILE_ENCODING)
    if sample.startswith(_BOM_8):
        return "utf-8"
    lines = sample.split(b"\n")
    if not whole and len(lines) > 1:
        lines.pop()
    telling = [line for line in lines if not line.isascii()]
    if not telling:
        return "utf-8"
    if not lines[0].isascii():
        telling = [lines[0]]
    return _encoding_of(telling)


def _looks_like_utf16(sample: bytes) -> bool:
    return sample.count(0) > 1 and any(end in sample for end in _LINE_ENDS_16)


def _encoding_of(lines: list[bytes]) -> str:
    utf8 = sum(_decodes(line, "utf-8") for line in lines)
    if utf8 * 2 >= len(lines):
        return "utf-8"
    if sum(_decodes(line, "gb18030") for line in lines) * 2 >= len(lines):
        return "gb18030"
    raise CaseError(Code.FILE_ENCODING)


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


class Lines:
    """The lines of a text file, one at a time. A carriage return before the line feed is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = detect_encoding(path)
        self._size = max(path.stat().st_size, 1)
        self._file: BinaryIO = path.open("rb")
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._position / self._size

    @property
    def at_most(self) -> int:
        """How many lines there are, the last one counted whether or not it ends."""
        with self._path.open("rb") as file:
            return 1 + sum(piece.count(b"\n") for piece in iter(lambda: file.read(_SAMPLE), b""))

    def __iter__(self) -> Iterator[Line]:
        number = 0
        while raw := self._file.readline(LONGEST_LINE + 1):
            number += 1
            complete = len(raw) <= LONGEST_LINE or raw.endswith(b"\n")
            self._position += len(raw) if complete else len(raw) + self._skip_to_line_end()
            if number == 1:
                raw = raw.removeprefix(_BOM_8)
            yield self._line(number, raw) if complete else Line(number, None, sound=False)

    def _skip_to_line_end(self) -> int:
        skipped = 0
        while raw := self._file.readline(LONGEST_LINE):
            skipped += len(raw)
            if raw.endswith(b"\n"):
                break
        return skipped

    def _line(self, number: int, raw: bytes) -> Line:
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            return Line(number, raw.decode(self._encoding, "replace"), sound=False)
        return Line(number, text, sound="\0" not in text and "\r" not in text)
