"""JSON Lines: one object a line, its keys the headings of a table, Chinese or English."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from cases.errors import CaseError, Code
from intake.files.columns import Layout
from intake.files.lines import Encoding, Lines
from intake.files.rows import Finding, Record, Special, broken
from intake.remedies import FileAdvice
from intake.requests import read_object


class JsonLinesFile:
    """A file of JSON Lines that was opened. There are no headings: each row is judged by itself."""

    findings: Final[tuple[Finding, ...]] = ()

    def __init__(self, path: Path, layout: Layout, *, encoding: Encoding | None = None) -> None:
        self._lines = Lines(path, encoding)
        self._layout = layout

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
        for line in self._lines:
            if line.text is None or not line.sound:
                yield broken(line.number)
            elif line.text.strip():
                yield self._record(line.number, line.text)

    def _record(self, number: int, text: str) -> Record:
        try:
            fields = read_object(text.encode())
        except CaseError as wrong:
            code = Code.ROW_BROKEN if wrong.code is Code.REQUEST_NOT_JSON else wrong.code
            return Record(number, None, (Finding(number, None, code, refused=True),))
        return self._named(number, fields)

    def _named(self, number: int, fields: Mapping[str, Any]) -> Record:
        cells: dict[StrEnum, object] = {}
        findings: list[Finding] = []
        for key, value in fields.items():
            column = self._layout.column_of(key)
            if column is None and self._layout.ignore_unknown:
                findings.append(Finding(number, None, FileAdvice.COLUMN_IGNORED, refused=False))
            elif column is None:
                findings.append(Finding(number, None, Code.FIELD_UNKNOWN, refused=True))
            elif column in cells:
                findings.append(Finding(number, column, Code.COLUMN_DUPLICATE, refused=True))
            else:
                unusable = isinstance(value, bool) and not self._layout.has_truth_values
                cells[column] = Special.unusable if unusable else value
        refused = any(finding.refused for finding in findings)
        return Record(number, None if refused else cells, tuple(dict.fromkeys(findings)))
