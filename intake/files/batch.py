"""Batches of events as systems hand them in: the bureau's nightly results, a bank's returns, a row for each outcome.

Each row names its case, and may name its event and a key of its own; the other columns are the fields of the event's
fact. Headings and words may be Chinese or English, as in a register.
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from cases.delivery import Tongue
from cases.errors import CaseError, Code
from cases.events import EVENTS, FACTS, Event
from cases.facts import CardFunction, HandOver, PersonEndedReason
from cases.forms import closed_sets_of
from cases.models import System
from cases.words import WORDS, field_word
from intake.files.apart import open_apart
from intake.files.columns import Layout, plain_heading
from intake.files.rows import Finding, Record, Special, is_blank, read_documents
from intake.files.seen import Seen
from intake.files.tables import Records, Table


class BatchColumn(StrEnum):
    """A column; the value is its English heading, and the name of the fact's field."""

    case = "case"
    event = "event"
    key = "key"
    order = "order"
    publication = "publication"
    system = "system"
    confirmed = "confirmed"
    reference = "reference"
    produced = "produced"
    batch = "batch"
    card_number = "card_number"
    by = "by"
    function = "function"
    evidence = "evidence"
    record = "record"
    reason = "reason"
    documents = "documents"
    original_seen = "original_seen"
    note = "note"

    @property
    def zh(self) -> str:
        """The Chinese heading."""
        return _BESIDE_FACTS.get(self) or field_word(self.value, Tongue.zh)


_BESIDE_FACTS: Final = {BatchColumn.case: "案件编号", BatchColumn.event: "事项", BatchColumn.key: "流水号"}
_COLUMN_OF_HEADING: Final = {
    plain_heading(heading): column for column in BatchColumn for heading in (column.value, column.zh)
}
_HEADING: Final = frozenset({BatchColumn.case, BatchColumn.event, BatchColumn.key})
_TRUTH: Final = {
    **dict.fromkeys(("是", "成功", "true", "yes"), True),
    **dict.fromkeys(("否", "失败", "false", "no"), False),
}
_TRUTH_OF: Final = frozenset({BatchColumn.confirmed, BatchColumn.produced, BatchColumn.original_seen})
_EVENT_OF_WORD: Final = {word: event for event in FACTS for word in (EVENTS[event].zh, event.value)}
_WORDS_OF: Final[Mapping[type[StrEnum], Mapping[str, Any]]] = {
    members: {word: member for member, zh in WORDS[members].items() for word in (zh, member.value)}
    for members in (System, CardFunction, HandOver, PersonEndedReason)
}
_BLANKS: Final = " \t\r\n\u00a0\u3000"
_LINE_BREAKS: Final = re.compile("[\r\n]+")


class Line(NamedTuple):
    """A row of a batch: what is to be told, unless one of its findings refuses it."""

    number: int
    findings: tuple[Finding, ...]
    case: str = ""
    event: Event | None = None
    key: str | None = None
    fields: Mapping[str, Any] | None = None
    """Of the fact, as they were read; None where the row is refused."""


def batch_column_of(heading: str) -> BatchColumn | None:
    """The column of a batch that a heading names."""
    return _COLUMN_OF_HEADING.get(plain_heading(heading))


class EventBatch:
    """An open batch. Iterating reads it, once; memory does not grow with its length."""

    def __init__(self, records: Records, event: Event | None) -> None:
        self._records = records
        self._event = event
        self.findings: Final = records.findings
        """What was noticed about the file as a whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._records.close()

    def __iter__(self) -> Iterator[Line]:
        """Rows that are not empty, in order. Raises `CaseError` FILE_UNREADABLE where the file is damaged later on."""
        seen = Seen()
        try:
            for record in self._records:
                if record.cells is not None and is_blank(record.cells):
                    continue
                line = read_line(record, self._event)
                if line.fields is not None and not all(map(seen.add, _identities(line))):
                    repeated = Finding(line.number, None, Code.ROW_REPEATED, refused=True)
                    line = Line(line.number, (*line.findings, repeated))
                yield line
        finally:
            seen.close()


def open_batch(
    table: Table, event: Event | None, *, ignore_unknown: bool = False, most: int | None = None
) -> EventBatch:
    """Open a batch. `event` is what rows tell that do not say so. Raises as `open_register`."""
    required = (BatchColumn.case,) if event is not None else (BatchColumn.case, BatchColumn.event)
    layout = Layout(batch_column_of, required, ignore_unknown=ignore_unknown, has_truth_values=True)
    return EventBatch(open_apart(table, layout, most=most), event)


def _identities(line: Line) -> Iterator[str]:
    """What may stand in a file once: a key, or a content that has none."""
    if line.key is not None:
        yield json.dumps(["key", line.case, line.key])
    else:
        yield json.dumps([line.case, line.event, line.fields], sort_keys=True, default=str)


def read_line(record: Record, event: Event | None) -> Line:
    """What a row tells, or why it cannot be told."""
    number, cells, findings = record
    if cells is None:
        return Line(number, findings)
    refusals: list[Finding] = []
    said: dict[str, Any] = {}
    told = _read(BatchColumn.event, cells, None, refusals, number)
    if told is None and not refusals:
        told = event
    if told is None and not refusals:
        refusals.append(Finding(number, BatchColumn.event, Code.FIELD_MISSING, refused=True))
    for column in BatchColumn:
        if column is BatchColumn.event or not isinstance(told, Event):
            continue
        value = _read(column, cells, told, refusals, number)
        if value is None:
            continue
        if column not in _HEADING and column not in FACTS[told].model_fields:
            refusals.append(Finding(number, column, Code.FIELD_UNKNOWN, refused=True))
        said[column.value] = value
    case, key = said.pop(BatchColumn.case, None), said.pop(BatchColumn.key, None)
    if case is None and not refusals:
        refusals.append(Finding(number, BatchColumn.case, Code.FIELD_MISSING, refused=True))
    if refusals or not isinstance(told, Event):
        return Line(number, (*findings, *refusals))
    return Line(number, findings, case, told, key, said)


def _read(
    column: BatchColumn, cells: Mapping[StrEnum, object], told: Event | None, refusals: list[Finding], number: int
) -> Any:
    """The value of a cell, None where it is empty or refused."""
    try:
        return _value(column, cells.get(column), told)
    except CaseError as wrong:
        refusals.append(Finding(number, column, wrong.code, refused=True))
        return None


def _value(column: BatchColumn, cell: object, told: Event | None) -> Any:
    """Raises `CaseError`."""
    if cell is Special.formula:
        raise CaseError(Code.CELL_FORMULA)
    if column is BatchColumn.documents:
        return read_documents(cell) or None
    if isinstance(cell, bool) and column in _TRUTH_OF:
        return cell
    if cell is None or (isinstance(cell, str) and not cell.strip(_BLANKS)):
        return None
    if not isinstance(cell, str):
        # A number or a card's number that became a number has lost its zeros and its end.
        damaged = isinstance(cell, int | float) and not isinstance(cell, bool)
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED if damaged else Code.FIELD_INVALID)
    text = cell.strip(_BLANKS)
    if column is BatchColumn.note:
        text = _LINE_BREAKS.sub(" ", text)
    if any(mark in text for mark in "\r\n\0"):
        raise CaseError(Code.ROW_BROKEN)
    words = _words_of(column, told)
    if words is None:
        return text
    if (value := words.get(text)) is None:
        raise CaseError(Code.FIELD_INVALID)
    return value


def words_of_batch(column: BatchColumn) -> Mapping[str, Any]:
    """The words that may stand in a column of a batch, of whatever event; none where anything may."""
    found: dict[str, Any] = {}
    for event in FACTS:
        if column.value in FACTS[event].model_fields:
            found |= _words_of(column, event) or {}
    return found


def _words_of(column: BatchColumn, told: Event | None) -> Mapping[str, Any] | None:
    if column is BatchColumn.event:
        return _EVENT_OF_WORD
    if column in _TRUTH_OF:
        return _TRUTH
    members = closed_sets_of(told).get(column.value) if told is not None else None
    return None if members is None else _WORDS_OF.get(members)
