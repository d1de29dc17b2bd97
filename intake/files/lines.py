"""Lines of text files: which encoding, how lines end, read one at a time, none longer than a request may be."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self, TypeAlias

from cases.errors import CaseError, Code

LONGEST_LINE: Final = 64 * 1024
"""Characters."""
Encoding: TypeAlias = Literal["utf-8", "gb18030", "utf-16"]
"""Those that are read, as somebody names them who knows which one a file has."""
_SAMPLE: Final = 1024 * 1024
_BOM: Final = "\ufeff"
_BOM_OF: Final = {
    b"\xef\xbb\xbf": "utf-8",
    b"\x84\x31\x95\x33": "gb18030",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_BOMS_32: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_COMPRESSED: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_END_OF_FILE: Final = "\x1a"
"""With which programs of long ago end a file."""
_NOT_DECODED: Final = re.compile("[\ud800-\udfff]")
_PLAIN: Final = re.compile(
    "[\u0000-\u007f\u00b7\u2010-\u2027\u2e80-\u9fff\ue000-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]*"
)
"""What stands in a register of Chinese names; the letters of other alphabets may, and prove nothing."""


class Line(NamedTuple):
    """One physical line."""

    number: int
    text: str | None
    """None where it is too long to be read."""
    sound: bool
    """Whether the text is what was written: of the file's encoding, without NUL and without carriage returns inside."""
    whole: bool = True
    """Whether it ends; the last one of a file that was cut off does not."""


class Form(NamedTuple):
    """How a file was written."""

    encoding: str
    """A codec of Python's."""
    end: str
    """Of a line: a line feed, or a carriage return where there is no line feed at all."""


def form_of(path: Path, encoding: Encoding | None = None) -> Form:
    """The encoding of a file and how its lines end; `encoding` where somebody knows it.

    A mark at the beginning decides; else the first line where it is not plain ASCII, because headings are Chinese or
    English words; else the rows do, by majority, so that a broken row does not turn the whole file into another
    encoding. Short words of GB18030 may be letters of UTF-8 too: what may be read as either is not guessed.

    Raises `CaseError`: FILE_ENCODING where it is none of these or may be two of them, FILE_TYPE_UNKNOWN for a workbook
    or an archive under a wrong name, FILE_UNREADABLE.
    """
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
            whole = not file.read(1)
    except OSError:
        raise CaseError(Code.FILE_UNREADABLE) from None
    if sample.startswith(_COMPRESSED):
        raise CaseError(Code.FILE_TYPE_UNKNOWN)
    codec = _by_its_mark(sample) or _utf16_of(sample)
    if encoding is not None and not (codec or "").startswith(encoding):
        # UTF-16 without a mark that does not look like it either: the order of its bytes would be a guess.
        if encoding == "utf-16" or codec is not None:
            raise CaseError(Code.FILE_ENCODING)
        codec = encoding
    codec = codec or _by_its_lines(sample, whole=whole)
    feed, back = ("\n".encode(codec), "\r".encode(codec))
    return Form(codec, "\r" if back in sample and feed not in sample else "\n")


def _by_its_mark(sample: bytes) -> str | None:
    if sample.startswith(_BOMS_32):
        raise CaseError(Code.FILE_ENCODING)
    return next((codec for mark, codec in _BOM_OF.items() if sample.startswith(mark)), None)


def _utf16_of(sample: bytes) -> str | None:
    """Numbers and separators are half of a register: of UTF-16, every other byte of them is NUL."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if (even + odd) * 2 > len(sample):
        # UTF-32, or nothing at all.
        raise CaseError(Code.FILE_ENCODING)
    if max(even, odd) * 8 < len(sample) or min(even, odd) * 20 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _by_its_lines(sample: bytes, *, whole: bool) -> str:
    lines = sample.splitlines()
    if not whole and len(lines) > 1:
        lines.pop()
    telling = [line for line in lines if not line.isascii()]
    if not telling:
        return "utf-8"
    if not lines[0].isascii():
        telling = [lines[0]]
    votes = [_vote(line) for line in telling]
    for codec in ("utf-8", "gb18030"):
        if 0 < sum(vote == codec for vote in votes) * 2 >= sum(vote is not None for vote in votes):
            return codec
    raise CaseError(Code.FILE_ENCODING)


def _vote(line: bytes) -> str | None:
    """The encoding in which a line was written; None where it may be either, and `""` where it is neither."""
    utf8, gb18030 = _decoded(line, "utf-8"), _decoded(line, "gb18030")
    if utf8 is None:
        return "" if gb18030 is None else "gb18030"
    if gb18030 is None:
        return "utf-8"
    # Read as GB18030, the Chinese of UTF-8 is made of rare characters; what else is both may be meant as either.
    return "utf-8" if _PLAIN.fullmatch(utf8) is not None and not _in_gb2312(gb18030) else None


def _decoded(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


def _in_gb2312(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


class Lines:
    """The lines of a text file, one at a time. Carriage returns before the line feed are dropped."""

    def __init__(self, path: Path, encoding: Encoding | None = None) -> None:
        self._path = path
        self._form = form_of(path, encoding)
        self._size = max(path.stat().st_size, 1)
        # What is not of the encoding becomes lone surrogates, and in UTF-16, where there may be such, U+FFFD.
        self._errors = "replace" if self._form.encoding.startswith("utf-16") else "surrogateescape"
        self._text = io.TextIOWrapper(path.open("rb"), self._form.encoding, self._errors, newline=self._form.end)
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._position / self._size

    @property
    def at_most(self) -> int:
        """How many lines there are, the last one counted whether or not it ends."""
        end = self._form.end.encode()
        with self._path.open("rb") as file:
            return 1 + sum(piece.count(end) for piece in iter(lambda: file.read(_SAMPLE), b""))

    def __iter__(self) -> Iterator[Line]:
        number = 0
        end = self._form.end
        while text := self._read(LONGEST_LINE + 1):
            number += 1
            whole = text.endswith(end)
            if not whole and len(text) > LONGEST_LINE:
                whole = self._skip_to_line_end()
                yield Line(number, None, sound=False, whole=whole)
                continue
            if number == 1:
                text = text.lstrip(_BOM)
            text = text.removesuffix(end).rstrip("\r") if whole else text.rstrip("\r").removesuffix(_END_OF_FILE)
            sound = "\0" not in text and "\r" not in text and _NOT_DECODED.search(text) is None
            yield Line(number, text, sound, whole)

    def _skip_to_line_end(self) -> bool:
        while text := self._read(LONGEST_LINE):
            if text.endswith(self._form.end):
                return True
        return False

    def _read(self, most: int) -> str:
        text = self._text.readline(most)
        self._position += len(text.encode(self._form.encoding, self._errors))
        return text
