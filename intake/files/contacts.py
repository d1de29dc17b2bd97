"""Contacts of staff as a table in CSV or XLSX: who, through which channel, where."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from activities.supervision.contacts import StaffContact
from cases.delivery import Channel, Tongue
from cases.errors import CaseError, Code
from intake.applications import InputRefused, checked
from intake.files.apart import Apart, open_apart
from intake.files.columns import Layout, plain_heading
from intake.files.rows import Finding, Record, is_blank
from intake.files.tables import Format, Table, format_of


class Column(StrEnum):
    """A column; the value is its English heading and the field it fills."""

    staff = "staff"
    channel = "channel"
    address = "address"
    rank = "rank"
    language = "language"


COLUMN_ZH: Final[Mapping[Column, str]] = {
    Column.staff: "工号",
    Column.channel: "渠道",
    Column.address: "地址",
    Column.rank: "顺位",
    Column.language: "语言",
}
CHANNEL_ZH: Final[Mapping[Channel, str]] = {
    Channel.sms: "短信",
    Channel.mail: "邮件",
    Channel.dingtalk: "钉钉",
    Channel.wecom: "企业微信",
    Channel.feishu: "飞书",
    Channel.webhook: "网络回调",
}
TONGUE_ZH: Final = {Tongue.zh: "中文", Tongue.en: "英文"}

_COLUMN_OF: Final = {
    plain_heading(heading): column for column in Column for heading in (column.value, COLUMN_ZH[column])
}
_WORDS: Final[Mapping[Column, Mapping[str, str]]] = {
    Column.channel: {zh: channel.value for channel, zh in CHANNEL_ZH.items()},
    Column.language: {zh: tongue.value for tongue, zh in TONGUE_ZH.items()},
}


def _column_of(heading: str) -> Column | None:
    return _COLUMN_OF.get(plain_heading(heading))


LAYOUT: Final = Layout(_column_of, (Column.staff, Column.channel, Column.address))
"""Rank and language may be left out."""


class Read(NamedTuple):
    """The contacts of a file, and everything that is wrong with it."""

    contacts: tuple[StaffContact, ...]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether they may not be used."""
        return any(finding.refused for finding in self.findings)


def read_contacts(path: Path, *, sheet: str | None = None) -> Read:
    """The contacts of a file whose name ends in .csv or .xlsx.

    Raises `InputRefused` for headings that do not do; `CaseError` FILE_TYPE_UNKNOWN, FILE_ENCODING, FILE_UNREADABLE.
    """
    contacts: dict[tuple[str, Channel], StaffContact] = {}
    findings: list[Finding] = []
    with open_table(path, LAYOUT, sheet) as table:
        findings += table.findings
        for record in table:
            findings += record.findings
            if record.cells is None or is_blank(record.cells):
                continue
            try:
                contact = _contact(record)
            except InputRefused as wrong:
                findings += [
                    Finding(record.number, problem.field or None, _code(problem.field, problem.code), refused=True)
                    for problem in wrong.problems
                ]
                continue
            if (contact.staff, contact.channel) in contacts:
                findings.append(Finding(record.number, Column.channel, Code.CONTACT_REPEATED, refused=True))
            contacts[contact.staff, contact.channel] = contact
    return Read(tuple(contacts.values()), tuple(findings))


def open_table(path: Path, layout: Layout, sheet: str | None = None) -> Apart:
    """Open a table that somebody reviewed row by row. Raises as `open_register`."""
    written_as = format_of(path)
    if written_as is Format.json_lines:
        raise CaseError(Code.FILE_TYPE_UNKNOWN)
    return open_apart(Table(path, written_as, sheet), layout)


def _contact(record: Record) -> StaffContact:
    cells = record.cells or {}
    fields = {column.value: value for column in Column if (value := _cell(column, cells.get(column))) is not None}
    return checked(StaffContact, fields)


def _cell(column: Column, cell: object) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        # A phone or a rank that a spreadsheet kept as a number.
        cell = str(int(cell))
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    return _WORDS.get(column, {}).get(text, text) or None


def _code(field: str, code: Code) -> Code:
    return Code.ADDRESS_INVALID if (field, code) == (Column.address, Code.FIELD_INVALID) else code
