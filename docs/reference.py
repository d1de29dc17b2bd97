"""Prints what somebody looks up who hands files in or is refused something: headings, their words, and every code.

    python -m docs.reference

writes `docs/reference.md`. A test fails when the committed file is not what this prints.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cases.errors import Advice, Code
from cases.events import EVENTS, FACTS
from cases.rules.people import PROGRAMS
from intake.files.batch import BatchColumn, words_of_batch
from intake.files.columns import REQUIRED, WORDS_OF_COLUMN, Column
from intake.remedies import FileAdvice, Reported, remedy_over_http
from intake.service.problems import STATUS

PAGE: Final = Path(__file__).with_name("reference.md")

_INTRODUCTION: Final = """\
# Headings of files, and codes

Written by `python -m docs.reference` from the code that reads files and refuses; a test fails when they differ. How all
of it is used stands in [integrating](integrating.md).

A heading may be Chinese or English, and so may a word in a cell; capitals, full width, blanks around it and asterisks
beside it do not count. Numbers and dates are text. Columns may stand in any order.
"""
_OF_A_BATCH: Final = """\
`POST /v1/event-batches`: a row for each event. `case` (案件编号) is needed, and `event` (事项) unless it is named for
the whole file (`?event=`). `key` (流水号) is the row's own idempotency key. The other columns are the fields of the
event:
"""
_OF_CODES: Final = """\
Of a refusal (`application/problem+json`), of a field in its `errors`, of a row of a job, of a line of
`POST /v1/persons`. The status is that of a refusal with this code.
"""

_ROWS_OF_DOCUMENTS: Final = "`kind|uri|media_type|size|sha256`, several with `;` between them"
_FREE: Final[Mapping[Column, str]] = {
    Column.personal_number: "个人编号 of the person: 4 to 20 digits or capital letters",
    Column.name: "as the register has it",
    Column.new_name: "where the name changes as well (number change)",
    Column.old_number: "for whoever reads the report: what is in force stands in the register",
    Column.number: "the 18-digit number that is applied for; of a replacement the one that is shown",
    Column.region: "six-digit code of the agency (GB/T 2260)",
    Column.documents: _ROWS_OF_DOCUMENTS,
    Column.submitter: "staff ID of who took it in; may be named for the whole file (`?submitter=`)",
    Column.submitter_number: "resident ID number of an agent or guardian",
    Column.authority: "SHA-256 of the document that gives an agent or guardian their authority",
    Column.authority_until: "its last day, YYYY-MM-DD",
    Column.identity_provider: "who checked electronically who applies",
    Column.identity_at: "when, RFC 3339 with a zone",
    Column.identity_reference: "the provider's reference of the check",
    Column.phone: "passed over",
    Column.note: "passed over",
}


def page() -> str:
    """The whole page."""
    return "\n".join((_INTRODUCTION, *_register(), *_batch(), *_codes()))


def _register() -> Iterator[str]:
    yield "## A register\n"
    yield "`POST /v1/registers`, and `starter.py import`: a row for each application.\n"
    yield from _table(
        ("中文", "English", "needed", "what stands there"),
        ((column.zh, f"`{column.value}`", _needed(column), _stands(column)) for column in Column),
    )


def _needed(column: Column) -> str:
    if column is Column.submitter:
        return "unless named for the file"
    return "yes" if column in REQUIRED else ""


def _stands(column: Column) -> str:
    words = WORDS_OF_COLUMN.get(column)
    return _FREE[column] if words is None else _words(words)


def _words(words: Mapping[str, Any]) -> str:
    """The words of a closed set: for each member all that may be written."""
    members: dict[Any, list[str]] = {}
    for word, member in words.items():
        members.setdefault(member, []).append(f"`{word}`" if word.isascii() else word)
    return "; ".join(" ".join(dict.fromkeys(each)) for each in members.values())


def _batch() -> Iterator[str]:
    yield "## A batch of events\n"
    yield _OF_A_BATCH
    fields = [column for column in BatchColumn if column not in (BatchColumn.case, BatchColumn.event, BatchColumn.key)]
    yield from _table(
        ("中文", "English", "what stands there", "of the events"),
        ((column.zh, f"`{column.value}`", _of_batch(column), _events_with(column)) for column in fields),
    )
    yield "An event is named by either word:\n"
    yield from _table(
        ("中文", "English", "what it is"),
        ((EVENTS[event].zh, f"`{event.value}`", EVENTS[event].description) for event in _TOLD_IN_FILES),
    )


_TOLD_IN_FILES: Final = tuple(event for event in FACTS if not PROGRAMS.isdisjoint(EVENTS[event].roles))
"""What programs tell; what a person decides stands in no file."""


def _of_batch(column: BatchColumn) -> str:
    if column is BatchColumn.documents:
        return _ROWS_OF_DOCUMENTS
    words = words_of_batch(column)
    return "as it was asked" if not words and column.value in {"order", "publication"} else _words(words)


def _events_with(column: BatchColumn) -> str:
    having = [event for event in _TOLD_IN_FILES if column.value in FACTS[event].model_fields]
    return "all" if len(having) == len(_TOLD_IN_FILES) else ", ".join(f"`{event.value}`" for event in having)


def _codes() -> Iterator[str]:
    yield "## Codes\n"
    yield _OF_CODES
    told = sorted(Code, key=lambda code: (STATUS[code], code.value))
    yield from _table(
        ("status", "code", "怎么办", "what to do"), (_code(str(int(STATUS[code])), code) for code in told)
    )
    yield "Advice refuses nothing; it stands in `findings` of a row with `refused: false`.\n"
    advised: tuple[Reported, ...] = (*Advice, *FileAdvice)
    yield from _table(("advice", "怎么办", "what to do"), (_code(None, advice) for advice in advised))


def _code(status: str | None, reported: Reported) -> tuple[str, ...]:
    remedy = remedy_over_http(reported)
    row = (f"`{reported.value}`", remedy.zh, remedy.en)
    return row if status is None else (status, *row)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"| {' | '.join('---' for _ in headings)} |"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
