"""The forms in which a planted value can leak, as bytes: what `security.md` demands, and combinations of it.

A number counts as leaked when any twelve of its digits stand together; a name when all but its first character do,
because one character may be shown; an address when it stands there whole.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, SM3, Hash, HashAlgorithm

DIGITS: Final = 12
"""So many digits of a number in a row are a leak."""

_FULL_WIDTH: Final = {ord(character): 0xFF10 + place for place, character in enumerate("0123456789")} | {
    ord("X"): 0xFF38,
    ord("x"): 0xFF58,
}


class Kind(StrEnum):
    """What was planted."""

    number = "number"
    """A resident ID number of 15 or 18 characters."""
    name = "name"
    personal_number = "personal_number"
    """The agency's own number of a person (个人编号)."""
    phone = "phone"
    address = "address"
    """Of mail."""


class Form(StrEnum):
    """In which form a value was found."""

    raw = "raw"
    lower_x = "lower_x"
    full_width = "full_width"
    utf_16_le = "utf_16_le"
    utf_16_be = "utf_16_be"
    gb18030 = "gb18030"
    """What the files of agencies are written in."""
    url_escaped = "url_escaped"
    json_escaped = "json_escaped"
    hexadecimal = "hexadecimal"
    """As `pg_dump` writes bytes."""
    base64 = "base64"
    """As histories in JSON hold payloads: in all three alignments, of either alphabet."""
    md5 = "md5"
    sha1 = "sha1"
    sha256 = "sha256"
    sm3 = "sm3"


_HASHES: Final[dict[Form, HashAlgorithm]] = {
    Form.md5: MD5(),  # noqa: S303 - a hash that somebody may have thought good enough
    Form.sha1: SHA1(),  # noqa: S303 - the same
    Form.sha256: SHA256(),
    Form.sm3: SM3(),
}


@dataclass(frozen=True)
class Planted:
    """One value of a synthetic person, which must not be found anywhere. Numbers are written with a capital X."""

    owner: str
    """Whose it is; a label that stands in messages."""
    kind: Kind
    text: str = field(repr=False)

    @property
    def parts(self) -> Iterator[str]:
        """The shortest texts that count as a leak."""
        match self.kind:
            case Kind.number:
                yield from (self.text[at : at + DIGITS] for at in range(len(self.text) - DIGITS + 1))
            case Kind.name:
                yield self.text[1:]
            case _:
                yield self.text

    @property
    def probes(self) -> Iterator[str]:
        """Fewer and shorter texts, one of which stands in each of the parts: these are what is looked for first."""
        match self.kind:
            case Kind.number if len(self.text) > DIGITS:
                # What the first half of the parts have in common, and what the second half have.
                halves = (len(self.text) - DIGITS + 1) // 2
                for first in range(0, len(self.text) - DIGITS + 1, halves + 1):
                    last = min(first + halves, len(self.text) - DIGITS)
                    yield self.text[last : first + DIGITS]
            case _:
                yield from self.parts


class Spelling(NamedTuple):
    """One form of one planted value."""

    form: Form
    content: bytes


def sought(planted: Planted) -> Iterator[Spelling]:
    """The probes of a value and its hashes, in all forms; some come twice."""
    for probe in planted.probes:
        yield from _spelled(probe)
    yield from _hashed(planted)


def leaked(planted: Planted) -> Iterator[Spelling]:
    """What counts as a leak of a value's own characters, in all forms; some come twice."""
    for part in planted.parts:
        yield from _spelled(part)
        if part.endswith("X"):
            lower = part[:-1] + "x"
            yield Spelling(Form.lower_x, lower.encode())
            yield from _spelled(lower)


def _spelled(text: str) -> Iterator[Spelling]:
    yield Spelling(Form.raw, text.encode())
    yield Spelling(Form.utf_16_le, text.encode("utf-16-le"))
    yield Spelling(Form.utf_16_be, text.encode("utf-16-be"))
    yield Spelling(Form.gb18030, text.encode("gb18030"))
    yield from _escaped(text)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "gb18030"):
        yield from _wrapped(text.encode(encoding))
    # A converter that escapes what is not ASCII, under the base64 of a history.
    for escaped in _json_escapes(text):
        yield from _in_base64(escaped)
    if text.isascii() and any(character.isdigit() for character in text):
        wide = text.translate(_FULL_WIDTH)
        yield Spelling(Form.full_width, wide.encode())
        yield Spelling(Form.full_width, wide.encode("utf-16-le"))
        yield Spelling(Form.full_width, wide.encode("utf-16-be"))
        yield Spelling(Form.full_width, wide.encode("gb18030"))
        yield from _escaped(wide)
        yield from _wrapped(wide.encode())


def _escaped(text: str) -> Iterator[Spelling]:
    for escaped in _json_escapes(text):
        yield Spelling(Form.json_escaped, escaped)
    every = "".join(f"%{octet:02X}" for octet in text.encode())
    for escaped_url in (every, quote(text, safe="")):
        if escaped_url != text:
            yield Spelling(Form.url_escaped, escaped_url.encode())
            yield Spelling(Form.url_escaped, _lower_hexadecimal(escaped_url).encode())


def _lower_hexadecimal(escaped: str) -> str:
    """Percent escapes in lower case; what is not escaped stays as it is."""
    first, *rest = escaped.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _json_escapes(text: str) -> Iterator[bytes]:
    units = [text.encode("utf-16-be")[at : at + 2].hex() for at in range(0, len(text.encode("utf-16-be")), 2)]
    yield "".join(f"\\u{unit}" for unit in units).encode()
    yield "".join(f"\\u{unit.upper()}" for unit in units).encode()


def _wrapped(content: bytes) -> Iterator[Spelling]:
    yield Spelling(Form.hexadecimal, content.hex().encode())
    yield Spelling(Form.hexadecimal, content.hex().upper().encode())
    yield from _in_base64(content)


def _in_base64(content: bytes) -> Iterator[Spelling]:
    """What is sure to stand in any base64 of a text that contains this content, by where it begins there."""
    for before in range(3):
        bits_before, bits = 8 * before, 8 * (before + len(content))
        encoded = base64.b64encode(bytes(before) + content)[-(-bits_before // 6) : bits // 6]
        yield Spelling(Form.base64, encoded)
        yield Spelling(Form.base64, encoded.replace(b"+", b"-").replace(b"/", b"_"))


def _hashed(planted: Planted) -> Iterator[Spelling]:
    for text in {planted.text, planted.text.lower()}:
        for form, algorithm in _HASHES.items():
            hashing = Hash(algorithm)
            hashing.update(text.encode())
            digest = hashing.finalize()
            yield Spelling(form, digest)
            yield Spelling(form, digest.hex().encode())
            yield Spelling(form, digest.hex().upper().encode())
            yield Spelling(form, base64.b64encode(digest).rstrip(b"="))
            yield Spelling(form, base64.urlsafe_b64encode(digest).rstrip(b"="))


HASHED: Final = frozenset(_HASHES)
"""Forms that are hashes of a whole value."""
