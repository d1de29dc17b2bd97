"""Workbooks, whatever their format: the sheet in which the headings stand, and what stands below them."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Final, Self

from cases.errors import CaseError, Code
from intake.applications import InputRefused, Problem
from intake.files.columns import Headings, HeadingsRefused, Layout, Slot, find_headings, place_name
from intake.files.foreign import ForeignBook
from intake.files.packages import Package, Room, is_package, open_archive, open_file
from intake.files.rows import Finding, Record, broken, findings_of_headings
from intake.files.sheets import LAST_ROW, Book, Merged, Sheet, SheetRow
from intake.remedies import FileAdvice

_MOST_SHEETS: Final = 20
"""Sheets in which the headings are looked for."""


class Workbook:
    """A workbook that was opened at one of its sheets, and whose headings were read.

    `most` is how many rows it may have. Raises `CaseError` FILE_PROTECTED, FILE_NOT_A_WORKBOOK, FILE_TOO_LARGE,
    FILE_UNREADABLE; `InputRefused` for headings that do not do.
    """

    def __init__(self, path: Path, layout: Layout, *, sheet: str | None, most: int = LAST_ROW) -> None:
        self._rows = self._done = 0
        with ExitStack() as opened:
            book = _open_book(opened, path, Room.for_rows(most))
            merged, self._cells, headings = self._found(book, _candidates(book.sheets, sheet), layout)
            opened.enter_context(closing(self._cells))
            self._columns = headings.places
            self._named = {at: place for at, place in enumerate(self._columns, start=1) if not isinstance(place, Slot)}
            # A merged cell shows one value for several people, and holds it for the first of them only.
            areas = {
                position: deque(_rows_of(merged, position))
                for position, place in self._named.items()
                if place not in layout.not_read
            }
            self._merged = {position: rows for position, rows in areas.items() if rows}
            self._opened = opened.pop_all()
        self.findings = (
            *((Finding(0, None, FileAdvice.SHEETS_NOT_READ, refused=False),) if len(book.sheets) > 1 else ()),
            *(() if book.tells_all else (Finding(0, None, FileAdvice.CELLS_AS_SHOWN, refused=False),)),
            *findings_of_headings(headings),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    @property
    def at_most(self) -> int:
        """As many rows as it may have: whatever in the sheet begins as one does."""
        return self._rows

    @property
    def fraction(self) -> float:
        """How much of the sheet was read, 0 to 1."""
        return self._done / max(self._rows, 1)

    def __iter__(self) -> Iterator[Record]:
        for number, hidden, cells in self._cells:
            self._done += 1
            if cells is None:
                yield broken(number)
            elif any(map(_has_content, cells.values())):
                yield self._record(number, cells, hidden=hidden)
        self._done = self._rows

    def _found(
        self, book: Book, sheets: Iterable[Sheet], layout: Layout
    ) -> tuple[list[Merged], Generator[SheetRow, None, None], Headings]:
        """Merged cells of the first sheet that holds the headings, the rows below these, and where they were found."""
        nearest: HeadingsRefused | None = None
        for sheet in sheets:
            merged, self._rows, rows = book.open(sheet)
            self._done = 0
            try:
                return merged, rows, find_headings(layout, self._in_their_places(rows))
            except HeadingsRefused as refused:
                rows.close()
                if nearest is None or refused.missing < nearest.missing:
                    nearest = refused
            except CaseError:
                rows.close()
                raise
        if nearest is None:
            raise CaseError(Code.FILE_UNREADABLE)
        raise nearest

    def _in_their_places(self, rows: Iterable[SheetRow]) -> Iterator[tuple[int, list[object] | None]]:
        for number, _, cells in rows:
            self._done += 1
            last = max(cells, default=0) if cells is not None else 0
            yield number, None if cells is None else [cells.get(column) for column in range(1, last + 1)]

    def _record(self, number: int, cells: Mapping[int, object], *, hidden: bool) -> Record:
        findings: tuple[Finding, ...] = ()
        if hidden:
            findings = (Finding(number, None, FileAdvice.ROW_HIDDEN, refused=False),)
        refusals = [
            Finding(number, self._named[position], Code.ROW_BROKEN, refused=True)
            for position in self._merged
            if self._is_merged(position, number)
        ]
        # One such cell is told: there may be thousands of them in each row.
        if not cells.keys() <= self._named.keys():
            refusals += islice(self._beyond(number, cells), 1)
        if refusals:
            return Record(number, None, (*findings, *refusals))
        return Record(number, {place: cells.get(position) for position, place in self._named.items()}, findings)

    def _is_merged(self, position: int, number: int) -> bool:
        """Whether a cell is part of a merged one. Rows are asked for in their order."""
        areas = self._merged[position]
        while areas and areas[0][1] < number:
            areas.popleft()
        return bool(areas) and areas[0][0] <= number

    def _beyond(self, number: int, cells: Mapping[int, object]) -> Iterator[Finding]:
        """Cells over which nothing stands, and in which something does."""
        for position, cell in cells.items():
            beyond = position > len(self._columns) or self._columns[position - 1] is Slot.unnamed
            if beyond and _has_content(cell):
                yield Finding(number, place_name(position), Code.ROW_BROKEN, refused=True)


def _open_book(opened: ExitStack, path: Path, room: Room) -> Book:
    """What a workbook is stands in it, and not in its name."""
    file = open_file(opened, path)
    if not is_package(file):
        return ForeignBook(opened, path)
    archive = open_archive(opened, file, room)
    return Package(archive, room) if archive.holds_xlsx else ForeignBook(opened, path)


def _candidates(sheets: Sequence[Sheet], named: str | None) -> list[Sheet]:
    """The sheets in which the headings may stand: the one that was named, or those that somebody sees."""
    chosen = [sheet for sheet in sheets if (sheet.visible if named is None else sheet.name == named)]
    if named is not None and not chosen:
        raise InputRefused([Problem("sheet", Code.FIELD_INVALID)])
    # A part that has several names is looked at once.
    return list({sheet.part: sheet for sheet in reversed(chosen)}.values())[::-1][:_MOST_SHEETS]


def _rows_of(merged: Iterable[Merged], position: int) -> Iterator[tuple[int, int]]:
    """From which row to which cells of a column are merged ones, in their order and apart from each other."""
    begun: tuple[int, int] | None = None
    for first, last in sorted(area[:2] for area in merged if area.first_column <= position <= area.last_column):
        if begun is None or first > begun[1]:
            if begun is not None:
                yield begun
            begun = first, last
        else:
            begun = begun[0], max(begun[1], last)
    if begun is not None:
        yield begun


def _has_content(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None
