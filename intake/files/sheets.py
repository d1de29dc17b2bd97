"""What the readers of workbooks hand over, whatever the format: sheets, their rows and their merged cells."""

from collections.abc import Generator
from typing import Final, NamedTuple, Protocol

LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = 16_384
LONGEST_CELL: Final = 64 * 1024
"""Characters; a cell with more is not used."""
LONGEST_ROW: Final = 64 * 1024
"""Characters; a row with more is broken, as a line of text is (`lines.LONGEST_LINE`)."""
MOST_MERGED: Final = 100_000


class Merged(NamedTuple):
    """A range of merged cells, all ends included, counted from 1."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


class Sheet(NamedTuple):
    """A worksheet as the workbook lists it."""

    name: str
    visible: bool
    part: str


SheetRow = tuple[int, bool, dict[int, object] | None]
"""Row number, whether it is hidden, and its cells by column number, None for a row that is too long; cells without a
value are left out."""


class Contents(NamedTuple):
    """What stands in a sheet."""

    merged: list[Merged]
    at_most: int
    """No fewer rows than there are."""
    rows: Generator[SheetRow, None, None]


class Book(Protocol):
    """A workbook that is open."""

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """In their order; what is no sheet of cells is not among them."""

    @property
    def tells_all(self) -> bool:
        """Whether formulas, errors and hidden rows are told."""

    def open(self, sheet: Sheet) -> Contents:
        """Open one of its sheets. Raises `CaseError` FILE_TOO_LARGE, FILE_UNREADABLE."""
