"""A register file of any format: opened by its name's ending, read row by row, a repeated row noticed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from cases.errors import Code
from cases.numbers import normalise
from cases.text import fold_name
from intake.applications import APPLICATIONS, Application, ApplicationCitizen
from intake.files.apart import open_apart
from intake.files.columns import register_layout
from intake.files.lines import Encoding
from intake.files.rows import Finding, Row, Terms, is_blank, read_row
from intake.files.seen import Seen
from intake.files.tables import Format, Records, Table, format_of


class Register:
    """An open register. Iterating reads it, once; memory does not grow with its length."""

    def __init__(self, records: Records, terms: Terms) -> None:
        self._records = records
        self._terms = terms
        self.findings: Final = records.findings
        """What was noticed about the file as a whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(self._records.fraction, 1.0)

    def __iter__(self) -> Iterator[Row]:
        """Rows that are not empty, in order.

        Raises `CaseError` FILE_UNREADABLE where the file turns out to be damaged further on.
        """
        seen = Seen()
        try:
            for record in self._records:
                if record.cells is not None and is_blank(record.cells):
                    continue
                row = read_row(record, self._terms)
                if row.application is not None and not seen.add(_said_by(row.application)):
                    repeated = Finding(row.number, None, Code.ROW_REPEATED, refused=True)
                    row = Row(row.number, None, (*row.findings, repeated))
                yield row
        finally:
            seen.close()


def _said_by(application: Application) -> str:
    """What an application says, however its name and its numbers were typed: the same again is a repetition.

    The order of documents and when somebody's identity was checked do not count, as in `content_of`, which is slower.
    """
    number = normalise(application.number_applied_with).text
    submitter = application.submitter
    said_by = submitter.number if isinstance(submitter, ApplicationCitizen) else None
    documents = sorted({each.sha256: each.model_dump_json() for each in application.documents}.items())
    rest = application.model_dump_json(exclude=_SAID_APART[type(application)])
    parts = (fold_name(application.name), number, said_by and normalise(said_by).text, *documents, rest)
    return repr(parts)


_SAID_APART: Final[Mapping[type[Application], Mapping[str, Any]]] = {
    model: {**dict.fromkeys(("key", "identity", "name", "documents", model.NUMBER), True), "submitter": {"number"}}
    for model in APPLICATIONS.values()
}


def open_register(
    path: Path,
    terms: Terms,
    *,
    sheet: str | None = None,
    encoding: Encoding | None = None,
    ignore_unknown: bool = False,
    written_as: Format | None = None,
    most: int | None = None,
) -> Register:
    """Open a file of a format, by default that by which its name ends: .xlsx, .csv or .jsonl.

    `sheet` names a sheet of a workbook; without it the first that is visible is read. `encoding` is that of a text
    whose bytes do not say it. `ignore_unknown` passes over columns that are not known. Raises `InputRefused` for
    headings that do not do, `CaseError` FILE_TYPE_UNKNOWN, FILE_ENCODING, FILE_UNREADABLE or
    FILE_TOO_LARGE; ROWS_TOO_MANY for more rows than `most`, before any of them is looked at.
    """
    layout = register_layout(ignore_unknown=ignore_unknown, has_submitter=terms.submitter is not None)
    table = Table(path, written_as or format_of(path), sheet, encoding)
    return Register(open_apart(table, layout, most=most), terms)
