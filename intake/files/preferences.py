"""How applicants want to be reached, as a table in CSV, XLSX or JSON Lines: one row for each person.

A column for each channel holds the address, and `order` names the channels from the preferred one on. Whoever names no
order is reached in the order of the channels below; channels that the order does not name come after those it does.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from pydantic import Field

from cases.delivery import Channel, Tongue, fits
from cases.errors import CaseError, Code
from cases.models import Contract
from intake.applications import InputRefused, PersonalNumber, Problem, checked
from intake.files.apart import open_apart
from intake.files.columns import Layout, plain_heading
from intake.files.contacts import CHANNEL_ZH, TONGUE_ZH
from intake.files.lines import Encoding
from intake.files.rows import Finding, Record, Special, is_blank, is_rounded
from intake.files.seen import Seen
from intake.files.tables import Records, Table, format_of


class Column(StrEnum):
    """A column; the value is its English heading."""

    personal_number = "personal_number"
    order = "order"
    language = "language"
    sms = Channel.sms.value
    mail = Channel.mail.value
    dingtalk = Channel.dingtalk.value
    wecom = Channel.wecom.value
    feishu = Channel.feishu.value
    webhook = Channel.webhook.value


COLUMN_ZH: Final[Mapping[Column, str]] = {
    Column.personal_number: "个人编号",
    Column.order: "渠道顺序",
    Column.language: "语言",
    **{Column(channel.value): zh for channel, zh in CHANNEL_ZH.items()},
}

_COLUMN_OF: Final = {
    plain_heading(heading): column for column in Column for heading in (column.value, COLUMN_ZH[column])
}
_CHANNEL_OF: Final = {word: channel for channel, zh in CHANNEL_ZH.items() for word in (zh, channel.value)}
_TONGUE_OF: Final = {word: tongue for tongue, zh in TONGUE_ZH.items() for word in (zh, tongue.value)}
_BETWEEN: Final = re.compile(r"[\s,，、;；>→]+")


class Applicant(Contract):
    """One row: who, and how they want to be reached."""

    personal_number: PersonalNumber = Field(repr=False)
    ways: tuple[tuple[Channel, str], ...] = Field(repr=False)
    """Channel and address, the preferred first; no channel twice."""
    tongue: Tongue = Tongue.zh


class Row(NamedTuple):
    """An applicant, unless one of the row's findings refuses it."""

    number: int
    applicant: Applicant | None
    findings: tuple[Finding, ...]


class PreferencesFile:
    """An open file. Iterating reads it, once; memory does not grow with its length."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.findings: Final = records.findings
        """What was noticed about the file as a whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._records.close()

    def __iter__(self) -> Iterator[Row]:
        """Rows that are not empty, in order; of somebody who stands there twice the first counts.

        Raises `CaseError` FILE_UNREADABLE where the file turns out to be damaged further on.
        """
        seen = Seen()
        try:
            for record in self._records:
                if record.cells is not None and is_blank(record.cells):
                    continue
                row = _read(record)
                if row.applicant is not None and not seen.add(row.applicant.personal_number):
                    repeated = Finding(row.number, Column.personal_number, Code.PERSON_REPEATED, refused=True)
                    row = Row(row.number, None, (*row.findings, repeated))
                yield row
        finally:
            seen.close()


def open_preferences(
    path: Path, *, sheet: str | None = None, encoding: Encoding | None = None, ignore_unknown: bool = False
) -> PreferencesFile:
    """Open a file whose name ends in .xlsx, .csv or .jsonl. Raises as `open_register`."""
    layout = Layout(_column_of, (Column.personal_number,), ignore_unknown=ignore_unknown)
    return PreferencesFile(open_apart(Table(path, format_of(path), sheet, encoding), layout))


def _column_of(heading: str) -> Column | None:
    return _COLUMN_OF.get(plain_heading(heading))


def _read(record: Record) -> Row:
    number, cells, findings = record
    if cells is None:
        return Row(number, None, findings)
    try:
        applicant = _applicant(cells)
    except InputRefused as wrong:
        refusals = (Finding(number, field or None, code, refused=True) for field, code in dict.fromkeys(wrong.problems))
        return Row(number, None, (*findings, *refusals))
    return Row(number, applicant, findings)


def _applicant(cells: Mapping[StrEnum, object]) -> Applicant:
    problems: list[Problem] = []
    texts: dict[Column, str] = {}
    for column in Column:
        try:
            text = _text(column, cells.get(column))
        except CaseError as wrong:
            problems.append(Problem(column, wrong.code))
        else:
            if text:
                texts[column] = text
    addresses = {channel: texts[Column(channel.value)] for channel in Channel if Column(channel.value) in texts}
    problems += [
        Problem(channel.value, Code.ADDRESS_INVALID)
        for channel, address in addresses.items()
        if not fits(channel, address)
    ]
    order, unmet = _order(texts.get(Column.order, ""), addresses)
    problems += unmet
    if not addresses and not problems:
        problems.append(Problem(Column.order, Code.CONTACT_MISSING))
    tongue = _TONGUE_OF.get(texts.get(Column.language, Tongue.zh.value))
    if tongue is None:
        problems.append(Problem(Column.language, Code.FIELD_INVALID))
    fields: dict[str, Any] = {
        "personal_number": texts.get(Column.personal_number),
        "ways": tuple((channel, addresses[channel]) for channel in order),
        "tongue": tongue or Tongue.zh,
    }
    try:
        applicant = checked(Applicant, {name: value for name, value in fields.items() if value is not None})
    except InputRefused as refused:
        known = {problem.field for problem in problems}
        raise InputRefused([*problems, *(each for each in refused.problems if each.field not in known)]) from None
    if problems:
        raise InputRefused(problems)
    return applicant


def _order(text: str, addresses: Mapping[Channel, str]) -> tuple[list[Channel], list[Problem]]:
    """The channels with addresses in the order that is wished for, and what is wrong with the wish."""
    wished: list[Channel] = []
    problems: list[Problem] = []
    for word in filter(None, _BETWEEN.split(text)):
        channel = _CHANNEL_OF.get(word)
        if channel is None or channel in wished:
            problems.append(Problem(Column.order, Code.FIELD_INVALID))
        elif channel not in addresses:
            problems.append(Problem(channel.value, Code.FIELD_MISSING))
        else:
            wished.append(channel)
    return [*wished, *(channel for channel in addresses if channel not in wished)], problems


_IN_PHONES: Final = re.compile("[\\s()\u2010-\u2015\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff-]+")
"""What people write between the digits of a phone, and what programs leave around them."""
_NO_PHONE: Final = re.compile("0[0-9]*|[0-9]{15}")
"""A fixed line gets no SMS; and fifteen digits without a country's code are somebody's old ID number."""


def _text(column: Column, cell: object) -> str:
    """What stands in a cell, blanks around it left out. Raises `CaseError`."""
    if cell is Special.formula:
        raise CaseError(Code.CELL_FORMULA)
    if cell is None:
        return ""
    if column is Column.personal_number and is_rounded(cell):
        # A zero at its beginning is gone, or its end: it may be another person's.
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED)
    if (isinstance(cell, float) and cell.is_integer()) or isinstance(cell, int):
        # A phone that a spreadsheet kept as a number.
        cell = str(int(cell))
    if not isinstance(cell, str):
        raise CaseError(Code.FIELD_INVALID)
    if column is not Column.sms:
        return cell.strip()
    phone = _IN_PHONES.sub("", unicodedata.normalize("NFKC", cell))
    if _NO_PHONE.fullmatch(phone):
        raise CaseError(Code.ADDRESS_INVALID)
    return phone
