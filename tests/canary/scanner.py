"""Finds planted values in anything, in every form: two hundred thousand patterns, at the speed of the disk.

Hyperscan, as the wheel of python-hyperscan brings it, because it was made for this: with 140,000 patterns it reads some
600 MB a second where an Aho-Corasick automaton of the same patterns, too large for the processor's caches, reads 1 to 8
(measured with pyahocorasick 2.3 and ahocorasick-rs 1.0). The compiled patterns are told apart by number, so that a hit
says whose value it is and in which form.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import hyperscan

from tests.canary.forms import HASHED, Form, Kind, Planted, leaked, sought

CHUNK: Final = 16 * 1024 * 1024
"""Bytes of a file that are read at once."""

AROUND: Final = 256
"""Bytes; no form of twelve digits is longer."""


class Hit(NamedTuple):
    """A planted value that was found. It says whose and where, and not which."""

    owner: str
    kind: Kind
    form: Form
    where: str
    """The place, and the file or the like in it."""
    end: int
    """Where in it the value ends, in bytes."""


class Scanner:
    """Looks for the values of some people.

    First for what the parts of a number have in common, which takes a quarter of the patterns; where such a probe
    stands, it is looked whether a part stands around it.
    """

    def __init__(self, planted: Iterable[Planted]) -> None:
        values: dict[bytes, dict[Planted, Form]] = {}
        for value in planted:
            for form, content in sought(value):
                # The same bytes can be of several people, and several forms of one value; the plainest form is named.
                values.setdefault(content, {}).setdefault(value, form)
        self._values = list(values.values())
        self._parts: dict[Planted, dict[bytes, Form]] = {}
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        # Escaped, because the library takes patterns as text that ends with a NUL.
        patterns = ["".join(f"\\x{octet:02x}" for octet in content).encode() for content in values]
        self._database.compile(
            expressions=patterns, ids=range(len(patterns)), elements=len(patterns), flags=[0] * len(patterns)
        )

    def __len__(self) -> int:
        """How many patterns are looked for."""
        return len(self._values)

    def search(self, content: bytes, where: str) -> list[Hit]:
        """What is found in some bytes."""
        return sorted(set(self._found(content, where, 0)))

    def search_file(self, path: Path, where: str) -> tuple[int, list[Hit]]:
        """How many bytes a file has, and what is found in it; what lies across two reads as well."""
        hits: set[Hit] = set()
        kept, read = b"", 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                hits.update(self._found(kept + chunk, where, read - len(kept)))
                read += len(chunk)
                kept = (kept + chunk)[-2 * AROUND :]
        return read, sorted(hits)

    def _found(self, content: bytes, where: str, begin: int) -> Iterator[Hit]:
        matches: list[tuple[int, int]] = []

        def matched(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            matches.append((pattern, end))

        self._database.scan(content, match_event_handler=matched)
        for pattern, end in matches:
            for value, form in self._values[pattern].items():
                if value.kind is not Kind.number or form in HASHED:
                    yield Hit(value.owner, value.kind, form, where, begin + end)
                else:
                    yield from self._around(content, value, where, begin, end)

    def _around(self, content: bytes, value: Planted, where: str, begin: int, end: int) -> Iterator[Hit]:
        """Hits of whole parts at a probe."""
        if value not in self._parts:
            self._parts[value] = {}
            for form, part in leaked(value):
                self._parts[value].setdefault(part, form)
        first = max(end - AROUND, 0)
        around = content[first : end + AROUND]
        for part, form in self._parts[value].items():
            at = around.find(part)
            if at >= 0:
                yield Hit(value.owner, value.kind, form, where, begin + first + at + len(part))
