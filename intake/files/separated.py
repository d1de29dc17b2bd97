"""CSV as agencies export it: commas, semicolons or tabs, double quotes, whatever encoding and line ends.

A record is one line, or several where a cell in quotes holds line breaks. A quote that is never closed looks the same
at first. The two are told apart because lines that belong to a cell must never be read as rows of their own: whoever
may write into a cell could write a row; and because rows must not vanish into a cell.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Self

from intake.applications import InputRefused
from intake.files.columns import ROWS_BEFORE_HEADINGS, Layout, Slot, find_headings
from intake.files.lines import Encoding, Line, Lines
from intake.files.rows import Record, broken, findings_of_headings

LONGEST_CELL: Final = 100
"""Lines within which a quote that was opened may be closed; beyond, it was left open by mistake."""
DELIMITERS: Final = (",", "\t", ";")
_SAID: Final = re.compile(r"sep=(.)", re.IGNORECASE)
"""A first line by which a spreadsheet is told the delimiter."""
_WRAPPED: Final = re.compile(r'="([^"]*)"')
"""A text that a spreadsheet was to leave as it is."""
_LEFT_OPEN: Final = re.compile(r'=?"((?:[^"]|"")*)')
_STAYS_OPEN: Final = re.compile(r'(?:[^"]|"")*')


class _Grammar(NamedTuple):
    """What lines are made of at one delimiter."""

    cell: re.Pattern[str]
    closes: re.Pattern[str]
    """The rest of a cell that began on an earlier line."""

    @classmethod
    def at(cls, delimiter: str) -> Self:
        # Blanks and tabs between a quote and the delimiter mean nothing, unless they are the delimiter.
        between, at = (r"[ \t]*" if delimiter != "\t" else " *"), re.escape(delimiter)
        return cls(
            re.compile(rf'(?:=?"((?:[^"]|"")*)"{between}|([^"{at}]*))(?:({at})|\Z)'),
            re.compile(rf'((?:[^"]|"")*)"{between}(?={at}|\Z)'),
        )


_GRAMMARS: Final[Mapping[str, _Grammar]] = {each: _Grammar.at(each) for each in DELIMITERS}


class _Taken(NamedTuple):
    """One record: its cells, None where it cannot be taken apart, and the lines that it takes up."""

    lines: tuple[Line, ...]
    cells: list[str] | None


class SeparatedFile:
    """A CSV file that was opened, and whose headings were read."""

    def __init__(self, path: Path, layout: Layout, *, encoding: Encoding | None = None) -> None:
        self._lines = Lines(path, encoding)
        self._required = layout.required
        self._source = iter(self._lines)
        self._ahead: deque[Line] = deque()
        self._columns: tuple[StrEnum | Slot, ...] = ()
        try:
            self._delimiter = self._told() or self._likeliest(layout)
            self._records = self._taken()
            headings = find_headings(layout, ((lines[0].number, cells) for lines, cells in self._records))
        except InputRefused:
            self.close()
            raise
        self._columns = headings.places
        self.findings = findings_of_headings(headings)

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
        for lines, cells in self._records:
            if cells is None:
                yield from (broken(line.number) for line in lines)
            elif any(cell.strip() for cell in cells):
                yield self._record(lines, cells)

    def _record(self, lines: tuple[Line, ...], cells: list[str]) -> Record:
        """What stands under which heading: programs leave empty cells out at the end of a row, or add some."""
        number, columns = lines[0].number, self._columns
        # The last line of a file that was cut off lacks more than empty cells.
        left_out = columns[len(cells) :]
        if any(cell.strip() for cell in cells[len(columns) :]) or (left_out and not lines[-1].whole):
            return broken(number)
        if any(place in self._required for place in left_out):
            return broken(number)
        named: dict[StrEnum, object] = dict.fromkeys((each for each in left_out if not isinstance(each, Slot)), "")
        for place, cell in zip(columns, cells, strict=False):
            if place is Slot.unnamed and cell.strip():
                return broken(number)
            if not isinstance(place, Slot):
                wrapped = _WRAPPED.fullmatch(cell.strip()) if "=" in cell else None
                named[place] = cell if wrapped is None else wrapped[1]
        return Record(number, named)

    # --- where the cells are ----------------------------------------------------------------------------------------

    def _told(self) -> str | None:
        """What the first line says of the delimiter, where it does; it is no row then."""
        for first in self._look_ahead(1):
            said = _SAID.fullmatch((first.text or "").strip(" \r"))
            if said is not None and said[1] in DELIMITERS:
                self._ahead.popleft()
                return said[1]
        return None

    def _likeliest(self, layout: Layout) -> str:
        """The delimiter at which one of the first lines holds most headings of the layout."""
        most = 0, DELIMITERS[0]
        for line in self._look_ahead(ROWS_BEFORE_HEADINGS):
            for delimiter in DELIMITERS:
                cells = split(line.text or "", delimiter).cells
                known = sum(layout.column_of(cell) is not None for cell in cells)
                most = max(most, (known, delimiter), key=lambda each: each[0])
            if most[0] >= len(layout.required):
                break
        return most[1]

    def _taken(self) -> Iterator[_Taken]:
        while self._ahead or self._has_more():
            line = self._ahead.popleft()
            if line.text is None:
                yield _Taken((line,), None)
                continue
            cells, rest = split(line.text, self._delimiter)
            if rest is None:
                yield _Taken((line,), cells if line.sound else None)
            else:
                yield self._over_lines(line, cells, rest)

    def _over_lines(self, first: Line, cells: list[str], rest: str) -> _Taken:
        """A record whose cell is not closed on its first line: whole with the lines of that cell, or broken alone."""
        opened = _LEFT_OPEN.fullmatch(rest)
        lines = [first]
        if opened is None:
            return _Taken((first,), None)
        pieces = [opened[1]]
        for line in self._look_ahead(LONGEST_CELL):
            lines.append(line)
            if line.text is None:
                # Too long to be looked into. Where a cell is open, what follows belongs to it until it is closed.
                continue
            closing = _GRAMMARS[self._delimiter].closes.match(line.text)
            if closing is not None:
                pieces.append(closing[1])
                cells.append("\n".join(pieces).replace('""', '"'))
                more, rest_of_line = split('""' + line.text[closing.end() :], self._delimiter)
                cells += more[1:]
                if rest_of_line is None and self._fits(cells):
                    for _ in lines[1:]:
                        self._ahead.popleft()
                    whole = all(each.sound for each in lines) and not self._hold_a_row(cells)
                    return _Taken(tuple(lines), cells if whole else None)
                opened = None if rest_of_line is None else _LEFT_OPEN.fullmatch(rest_of_line)
                if opened is None:
                    break
                pieces = [opened[1]]
            elif _STAYS_OPEN.fullmatch(line.text):
                pieces.append(line.text)
            else:
                break
        return _Taken((first,), None)

    def _fits(self, cells: list[str]) -> bool:
        """Whether a record of several lines is as long as it has to be, where that is known."""
        return not self._columns or len(cells) == len(self._columns)

    def _hold_a_row(self, cells: list[str]) -> bool:
        """Whether a line of a cell has as many parts as a row: then a row would vanish into the cell."""
        parts = max(len(self._columns) - 1, 1)
        return any(line.count(self._delimiter) >= parts for cell in cells for line in cell.split("\n")[1:])

    def _look_ahead(self, lines: int) -> Iterator[Line]:
        for position in range(lines):
            if position == len(self._ahead) and not self._has_more():
                return
            yield self._ahead[position]

    def _has_more(self) -> bool:
        line = next(self._source, None)
        if line is not None:
            self._ahead.append(line)
        return line is not None


class Split(NamedTuple):
    """The cells of a line up to the first that cannot be read; `rest` is what was not read, None where nothing is."""

    cells: list[str]
    rest: str | None


def split(text: str, delimiter: str = ",") -> Split:
    """Take one line apart."""
    if '"' not in text:
        return Split(text.split(delimiter), None)
    cells: list[str] = []
    position = 0
    cell = _GRAMMARS[delimiter].cell
    while found := cell.match(text, position):
        quoted, plain, more = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        position = found.end()
        if more is None:
            return Split(cells, None)
    return Split(cells, text[position:])
