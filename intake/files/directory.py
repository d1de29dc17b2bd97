"""The directory of offices and posts as somebody reviewed it: TOML, or a table in CSV or XLSX.

In a table a row without a post describes an office, and a row with one somebody at a post of it. What is wrong is said
for the whole file at once: by row, or by the number of an entry in TOML, by column, and by code.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from cases.errors import CaseError, Code
from cases.offices import Bearer, Directory, Duty, Level, Office, Post, faults_of
from cases.text import check_text
from intake.applications import InputRefused, Problem, checked
from intake.files.columns import Layout, plain_heading
from intake.files.contacts import open_table
from intake.files.rows import Finding, Record, is_blank

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a TOML file; some ten times those of a directory of all counties."""


class Column(StrEnum):
    """A column of the table; the value is its English heading and the field it fills."""

    office = "office"
    level = "level"
    parent = "parent"
    name = "name"
    role = "role"
    staff = "staff"
    rank = "rank"
    absent_from = "absent_from"
    absent_to = "absent_to"
    address = "address"
    hours = "hours"
    phone = "phone"


COLUMN_ZH: Final[Mapping[Column, str]] = {
    Column.office: "机构代码",
    Column.level: "层级",
    Column.parent: "上级机构代码",
    Column.name: "机构名称",
    Column.role: "岗位",
    Column.staff: "工号",
    Column.rank: "顺位",
    Column.absent_from: "缺勤起始日",
    Column.absent_to: "缺勤截止日",
    Column.address: "办公地址",
    Column.hours: "办公时间",
    Column.phone: "咨询电话",
}
LEVEL_ZH: Final[Mapping[Level, str]] = {
    Level.agency: "经办机构",
    Level.municipality: "市级",
    Level.province: "省级",
    Level.ministry: "部级",
}
DUTY_ZH: Final[Mapping[Duty, str]] = {
    Duty.clerk: "经办人",
    Duty.team_lead: "组长",
    Duty.supervisor: "督办人",
    Duty.head: "负责人",
}

_COLUMN_OF: Final = {
    plain_heading(heading): column for column in Column for heading in (column.value, COLUMN_ZH[column])
}
_WORDS: Final[Mapping[Column, Mapping[str, str]]] = {
    Column.level: {zh: level.value for level, zh in LEVEL_ZH.items()},
    Column.role: {zh: duty.value for duty, zh in DUTY_ZH.items()},
}
_TEXTS: Final = (Column.name, Column.address, Column.hours)
_OF_OFFICES: Final = (Column.level, Column.parent, *_TEXTS, Column.phone)
_OF_POSTS: Final = (Column.role, Column.staff, Column.rank, Column.absent_from, Column.absent_to)
_CODES: Final = frozenset({Column.office, Column.parent, Column.rank, Column.phone})
"""Digits that a spreadsheet may have kept as numbers."""
_DATES: Final = (Column.absent_from.value, Column.absent_to.value)
Kind = type[Office] | type[Post] | type[Bearer]
_TABLES: Final[Mapping[str, Kind]] = {"offices": Office, "posts": Post, "bearers": Bearer}
"""Bearers stand in TOML alone: what a row of a table is about is told by its columns, and theirs are those of posts."""


def _column_of(heading: str) -> Column | None:
    return _COLUMN_OF.get(plain_heading(heading))


LAYOUT: Final = Layout(_column_of, tuple(Column)[:6])
"""Rank, absences, and what people are told of an office, may be left out."""


class Entry(NamedTuple):
    """What stands at one place of a file about an office, a post or a bearer."""

    row: int
    kind: Kind
    fields: Mapping[str, Any]
    array: str = ""
    """The array of TOML in which it is counted."""
    misplaced: tuple[Column, ...] = ()
    """Columns in which something stands that belongs to rows of the other kind."""

    def finding(self, field: str, code: Code) -> Finding:
        """What is wrong with a field of it."""
        column = ".".join(part for part in (self.array, field) if part)
        return Finding(self.row, column or None, code, refused=True)


class Read(NamedTuple):
    """A directory, unless something of it is refused."""

    directory: Directory
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether it may not be used."""
        return any(finding.refused for finding in self.findings)


def read_directory(path: Path, *, sheet: str | None = None) -> Read:
    """The directory of a file whose name ends in .toml, .csv or .xlsx, with everything that is wrong with it.

    Raises `InputRefused` for headings that do not do; `CaseError` FILE_TYPE_UNKNOWN, FILE_ENCODING, FILE_UNREADABLE.
    """
    findings: list[Finding] = []
    if path.suffix.lower() == ".toml":
        entries = list(_of_toml(path, findings))
    else:
        with open_table(path, LAYOUT, sheet) as table:
            findings += table.findings
            entries = list(_of_table(table, findings))
    whole_offices, offices = _models(Office, entries, findings)
    whole_posts, posts = _models(Post, entries, findings)
    if not any(entry.kind is Office for entry in entries):
        findings.append(Finding(0, "offices", Code.FIELD_MISSING, refused=True))
    whole_bearers, bearers = _models(Bearer, entries, findings)
    directory = Directory(offices=offices, posts=posts, bearers=bearers)
    whole: Mapping[Kind, Sequence[Entry]] = {Office: whole_offices, Post: whole_posts, Bearer: whole_bearers}
    findings += _faults(directory, whole, entries)
    return Read(directory, tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.row)))


# --- files ------------------------------------------------------------------------------------------------------------


def _of_toml(path: Path, findings: list[Finding]) -> Iterator[Entry]:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        tables = tomllib.loads(raw.decode()) if len(raw) <= LARGEST else None
    except (OSError, ValueError, RecursionError):
        tables = None
    if tables is None:
        raise CaseError(Code.FILE_UNREADABLE)
    if tables.keys() - _TABLES.keys():
        findings.append(Finding(0, None, Code.FIELD_UNKNOWN, refused=True))
    for name, kind in _TABLES.items():
        table = tables.get(name, [])
        if not isinstance(table, list) or not all(isinstance(fields, dict) for fields in table):
            findings.append(Finding(0, name, Code.FIELD_INVALID, refused=True))
            continue
        for number, fields in enumerate(table, start=1):
            yield Entry(number, kind, fields, name)


def _of_table(table: Iterable[Record], findings: list[Finding]) -> Iterator[Entry]:
    for record in table:
        findings += record.findings
        if record.cells is not None and not is_blank(record.cells):
            yield _entry(record.number, {column: _cell(column, record.cells.get(column)) for column in Column})


def _entry(row: int, cells: Mapping[Column, Any]) -> Entry:
    is_post = cells[Column.role] is not None or cells[Column.staff] is not None
    own, others = (_OF_POSTS, _OF_OFFICES) if is_post else (_OF_OFFICES, _OF_POSTS)
    fields = {"office" if is_post else "code": cells[Column.office]}
    fields |= {column.value: cells[column] for column in own if cells[column] is not None}
    misplaced = tuple(column for column in others if cells[column] is not None)
    return Entry(row, Post if is_post else Office, fields, misplaced=misplaced)


def _cell(column: Column, cell: object) -> Any:
    if isinstance(cell, float) and column in _CODES and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int) and column in _CODES and not isinstance(cell, bool):
        cell = str(cell)
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if column is Column.rank and text.isascii() and text.isdigit():
        return int(text)
    return _WORDS.get(column, {}).get(text, text) or None


# --- entries ----------------------------------------------------------------------------------------------------------

Model = TypeVar("Model", Office, Post, Bearer)


def _models(
    model: type[Model], entries: Sequence[Entry], findings: list[Finding]
) -> tuple[list[Entry], tuple[Model, ...]]:
    """The entries of one kind that can be read, and what they are; of the others, what is wrong with each field."""
    whole: list[Entry] = []
    models: list[Model] = []
    for entry in entries:
        if entry.kind is model:
            fields, problems = _checked_fields(entry.fields)
            problems += [Problem(column, Code.FIELD_UNKNOWN) for column in entry.misplaced]
            try:
                read = checked(model, fields)
            except InputRefused as wrong:
                known = {problem.field for problem in problems}
                problems += [problem for problem in wrong.problems if problem.field not in known]
            else:
                if not problems:
                    whole.append(entry)
                    models.append(read)
            findings += [entry.finding(problem.field, problem.code) for problem in problems]
    return whole, tuple(models)


def _checked_fields(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """What is checked before the model sees it, because it would stop at the first."""
    checked_fields, problems = dict(fields), []
    for column in _TEXTS:
        text = fields.get(column.value)
        if isinstance(text, str):
            try:
                check_text(text)
            except CaseError as wrong:
                problems.append(Problem(column.value, wrong.code))
                del checked_fields[column.value]
    for field in _DATES:
        if field in fields and (day := _day(fields[field])) is not None:
            checked_fields[field] = day
        elif field in fields:
            problems.append(Problem(field, Code.DATE_INVALID))
            del checked_fields[field]
    return checked_fields, problems


def _day(given: object) -> date | None:
    if type(given) is date:
        return given
    try:
        day = date.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return None
    # Other forms of ISO 8601 are read by Python as well, and by nobody who reviews the file.
    return day if day is not None and day.isoformat() == given else None


def _faults(directory: Directory, whole: Mapping[Kind, Sequence[Entry]], entries: Sequence[Entry]) -> Iterator[Finding]:
    """What is wrong with the directory as a whole, but for what an entry that could not be read may have led to."""
    unread = {kind for kind, there in whole.items() if len(there) < sum(entry.kind is kind for entry in entries)}
    moot = {code for kind in unread for code in _LEADS_TO[kind]}
    for kind, place, field, code in faults_of(directory):
        if code not in moot:
            yield whole[kind][place].finding(field, code)


_LEADS_TO: Final[Mapping[Kind, frozenset[Code]]] = {
    Office: frozenset({Code.OFFICE_UNKNOWN, Code.POST_MISSING}),
    Post: frozenset({Code.POST_MISSING, Code.POST_HOLDER_MISSING, Code.POST_UNCOVERED}),
    Bearer: frozenset(),
}
"""What is found wrong elsewhere where an entry could not be read."""
