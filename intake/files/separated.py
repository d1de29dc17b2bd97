"""CSV as agencies export it: comma, double quotes, UTF-8 or GB18030, headings in the first line that is not empty.

Every record is one line. A cell with a line break in it is a fault of its row (`ROW_BROKEN`), and so is a quote that is
never closed. The two look alike at first; they are told apart because lines that belong to a cell must never be read as
rows of their own: whoever may write into a cell could write a row.
"""

import re
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Self

from cases.errors import Code
from intake.applications import InputRefused, Problem
from intake.files.columns import Layout, Slot, place_name
from intake.files.lines import Line, Lines
from intake.files.rows import Finding, Record, broken
from intake.remedies import FileAdvice

LONGEST_CELL: Final = 100
"""Lines within which a quote that was opened may be closed; beyond, it was left open by mistake."""

_CELL: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(?:(,)|\Z)')
_LEFT_OPEN: Final = re.compile(r'"(?:[^"]|"")*')
_CLOSES: Final = re.compile(r'(?:[^"]|"")*"(?=,|\Z)')
_STAYS_OPEN: Final = re.compile(r'(?:[^"]|"")*')


class SeparatedFile:
    """A CSV file that was opened, and whose headings were read."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._lines = Lines(path)
        self._source = iter(self._lines)
        self._ahead: deque[Line] = deque()
        try:
            self._columns = layout.places(*self._headings())
        except InputRefused:
            self.close()
            raise
        self.findings = tuple(
            Finding(0, place_name(number), FileAdvice.COLUMN_IGNORED, refused=False)
            for number, place in enumerate(self._columns, start=1)
            if place is Slot.ignored
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    @property
    def at_most(self) -> int:
        """As many rows as it may have: its lines."""
        return self._lines.at_most

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._lines.fraction

    def __iter__(self) -> Iterator[Record]:
        while (line := self._next()) is not None:
            if line.text is None:
                yield broken(line.number)
            elif line.text.strip(", \t"):
                yield from self._records(line, split(line.text))

    def _headings(self) -> tuple[list[str], int]:
        """The headings, and in which row they stand."""
        while (line := self._next()) is not None:
            if line.text is None or not line.sound:
                break
            if line.text.strip():
                headings = split(line.text)
                if headings.rest is None:
                    return headings.cells, line.number
                break
        else:
            return [], 1
        raise InputRefused([Problem("", Code.FILE_UNREADABLE)])

    def _records(self, line: Line, parts: "Split") -> Iterator[Record]:
        if parts.rest is None and line.sound:
            yield self._record(line.number, parts.cells)
            return
        yield broken(line.number)
        if parts.left_open:
            for inside in self._inside_cell(len(parts.cells)):
                yield broken(inside.number)

    def _record(self, number: int, cells: list[str]) -> Record:
        if len(cells) != len(self._columns):
            return broken(number)
        named: dict[StrEnum, object] = {}
        for place, cell in zip(self._columns, cells, strict=True):
            if place is Slot.unnamed and cell.strip():
                return broken(number)
            if not isinstance(place, Slot):
                named[place] = cell
        return Record(number, named)

    def _inside_cell(self, before: int) -> list[Line]:
        """The lines of a cell that began on an earlier line, if a whole record comes out; else none of them is its."""
        inside: list[Line] = []
        for line in self._look_ahead():
            inside.append(line)
            if line.text is None:
                # Too long to be looked into. Where a cell is open, what follows belongs to it until it is closed.
                continue
            closing = _CLOSES.match(line.text)
            if closing is not None:
                parts = split('""' + line.text[closing.end() :])
                before += len(parts.cells)
                if parts.rest is None and before == len(self._columns):
                    for _ in inside:
                        self._ahead.popleft()
                    return inside
                if not parts.left_open:
                    return []
            elif not _STAYS_OPEN.fullmatch(line.text):
                return []
        return []

    def _look_ahead(self) -> Iterator[Line]:
        for position in range(LONGEST_CELL):
            if position == len(self._ahead):
                line = next(self._source, None)
                if line is None:
                    return
                self._ahead.append(line)
            yield self._ahead[position]

    def _next(self) -> Line | None:
        return self._ahead.popleft() if self._ahead else next(self._source, None)


class Split(NamedTuple):
    """The cells of a line up to the first that cannot be read; `rest` is what was not read, None where nothing is."""

    cells: list[str]
    rest: str | None

    @property
    def left_open(self) -> bool:
        """Whether a quote was opened and not closed."""
        return self.rest is not None and _LEFT_OPEN.fullmatch(self.rest) is not None


def split(text: str) -> Split:
    """Take one line apart."""
    if '"' not in text:
        return Split(text.split(","), None)
    cells: list[str] = []
    position = 0
    while found := _CELL.match(text, position):
        quoted, plain, comma = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        position = found.end()
        if comma is None:
            return Split(cells, None)
    return Split(cells, text[position:])
