"""Workbooks that are no XLSX (.xls, .xlsb, .ods), read by python-calamine.

It hands over what somebody sees, a whole sheet at once. Of a formula it tells the value, of an error nothing, and no
row is hidden to it; so whoever hands such a file in is told.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from cases.errors import CaseError, Code
from intake.files.rows import Special
from intake.files.sheets import LONGEST_CELL, LONGEST_ROW, Contents, Merged, Sheet, SheetRow


class ForeignBook:
    """A workbook of another format. Raises `CaseError` FILE_PROTECTED, FILE_UNREADABLE."""

    tells_all: Final = False

    def __init__(self, opened: ExitStack, path: Path) -> None:
        with _readable():
            file = opened.enter_context(path.open("rb"))
            self._book = opened.enter_context(CalamineWorkbook.from_filelike(file))
        self.sheets: Final = tuple(
            Sheet(each.name, each.visible is SheetVisibleEnum.Visible, str(number))
            for number, each in enumerate(self._book.sheets_metadata)
            if each.typ is SheetTypeEnum.WorkSheet
        )

    def open(self, sheet: Sheet) -> Contents:
        """See `Book`."""
        with _readable():
            read = self._book.get_sheet_by_index(int(sheet.part))
            merged = [
                Merged(first[0] + 1, last[0] + 1, first[1] + 1, last[1] + 1)
                for first, last in read.merged_cell_ranges or ()
            ]
        return Contents(merged, read.total_height + 1, _rows(read))


@contextmanager
def _readable() -> Iterator[None]:
    """Raises `CaseError` for a workbook in which the library finds its way no more."""
    try:
        yield
    except PasswordError:
        raise CaseError(Code.FILE_PROTECTED) from None
    except (CalamineError, OSError, ValueError):
        raise CaseError(Code.FILE_UNREADABLE) from None
    except Exception:
        raise
    # BLE001: what a panic of Rust's becomes is no Exception, and has no name that could be imported.
    except BaseException as panic:
        if isinstance(panic, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise CaseError(Code.FILE_UNREADABLE) from None


def _rows(sheet: CalamineSheet) -> Generator[SheetRow, None, None]:
    if sheet.start is None:
        return
    first = sheet.start[1] + 1
    # It begins at the first row of the sheet, and at the first column in which something stands.
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = {column: _cell(value) for column, value in enumerate(row, start=first) if value != ""}
        length = sum(len(cell) for cell in cells.values() if isinstance(cell, str))
        yield number, False, cells if length <= LONGEST_ROW else None


def _cell(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return Special.unusable
    return Special.unusable if isinstance(value, str) and len(value) > LONGEST_CELL else value
