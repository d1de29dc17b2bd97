"""How text lies on a terminal: lines that break where a reader expects it, tables that break between cells.

Widths are those of terminals, where a Chinese character takes two columns.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.cells import cell_len

_BETWEEN: Final = 2
"""Columns between two cells; and by so many what belongs to the line above is set in."""
_WIDE: Final = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_PIECES: Final = re.compile(rf"\s+|[（《「『“‘]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[，。；：、！？）》」』”’]*")
"""What stays on one line: a word or a Chinese character, with the marks that may end no line or begin none."""


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, none wider than that: broken at blanks and between Chinese characters, else anywhere."""
    return [line for paragraph in text.split("\n") for line in _broken(paragraph, width)]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    """The lines of a table.

    Where a row is wider than the terminal it goes on below, set in, from the cell that has no room; a cell is broken
    only where it has no room on a line of its own.
    """
    cells = [list(headings), *map(list, rows)]
    columns = zip(*cells, strict=True)
    widths = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in columns]
    bands = list(_bands(widths, width))
    for row in cells:
        for band in bands:
            indent = _BETWEEN if band.start else 0
            yield from _side_by_side([(row[at], min(widths[at], width - indent)) for at in band], indent)


def pairs(fields: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """The lines of names with what they stand for."""
    named = list(fields)
    room = max((cell_len(name) for name, _ in named), default=0)
    for name, value in named:
        yield from _side_by_side([(name, room), (value, max(width - room - _BETWEEN, 1))])


def _bands(widths: Sequence[int], width: int) -> Iterator[range]:
    """Which columns stand beside each other."""
    start, used = 0, 0
    for column, own in enumerate(widths):
        indent = _BETWEEN if start else 0
        if column > start and indent + used + _BETWEEN + own > width:
            yield range(start, column)
            start, used = column, own
        else:
            used += own + (_BETWEEN if column > start else 0)
    yield range(start, len(widths))


def _side_by_side(cells: Sequence[tuple[str, int]], indent: int = 0) -> Iterator[str]:
    lines = [wrapped(text, room) for text, room in cells]
    for height in range(max(map(len, lines))):
        parts = [column[height] if height < len(column) else "" for column in lines]
        padded = (part + " " * (room - cell_len(part)) for part, (_, room) in zip(parts, cells, strict=True))
        yield (" " * indent + (" " * _BETWEEN).join(padded)).rstrip()


def _broken(text: str, width: int) -> Iterator[str]:
    line = ""
    for piece in _PIECES.findall(text):
        if cell_len(line + piece.rstrip()) <= width:
            line += piece
            continue
        if line.strip():
            yield line.rstrip()
        line = piece.lstrip()
        while cell_len(line) > width:
            fits = next(end for end in range(len(line), 0, -1) if cell_len(line[:end]) <= width or end == 1)
            yield line[:fits]
            line = line[fits:]
    yield line.rstrip()
