"""From the cells of one row to an application, or to what is wrong with it: row, column and code, never a value."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple

from cases.errors import Advice, CaseError, Code
from cases.models import Role
from cases.names import Kind
from cases.numbers import normalise, spreadsheet_damage, validate
from cases.submitters import SubmitterKind
from intake.applications import (
    APPLICATIONS,
    Application,
    InputRefused,
    Problem,
    check,
    checked,
)
from intake.files.columns import (
    DOCUMENT_OF_WORD,
    NOT_READ,
    WORDS_OF_COLUMN,
    Column,
    Headings,
    Slot,
    place_name,
)
from intake.remedies import FileAdvice, Reported


class Special(Enum):
    """A cell that holds something else than text or a number."""

    formula = "formula"
    unusable = "unusable"
    """An error value, a truth value or a date."""


class Finding(NamedTuple):
    """What was noticed in a row. `row` is 0 where the file as a whole is meant."""

    row: int
    column: str | None
    code: Reported
    refused: bool
    """Whether nothing is opened because of it."""


class Record(NamedTuple):
    """A row as a reader of one format hands it over. `cells` is None where the row cannot be taken apart."""

    number: int
    """As the program counts that people look at the file with: from 1, headings included."""
    cells: Mapping[StrEnum, object] | None
    findings: tuple[Finding, ...] = ()


class Row(NamedTuple):
    """A row of a register: an application, unless one of its findings refuses it."""

    number: int
    application: Application | None
    findings: tuple[Finding, ...]


class Terms(NamedTuple):
    """What holds for every row of a file."""

    today: date
    """The day in Shanghai."""
    submitter: str | None = None
    """Who took the applications in, where the file has no column for it."""
    document_hosts: AbstractSet[str] = frozenset()


def broken(number: int) -> Record:
    """A row that cannot be taken apart."""
    return Record(number, None, (Finding(number, None, Code.ROW_BROKEN, refused=True),))


def findings_of_headings(headings: Headings) -> tuple[Finding, ...]:
    """What is to be said of the headings as they were found."""
    below = (Finding(headings.row, None, FileAdvice.HEADINGS_BELOW, refused=False),) if headings.has_rows_above else ()
    return below + tuple(
        Finding(0, place_name(number), FileAdvice.COLUMN_IGNORED, refused=False)
        for number, place in enumerate(headings.places, start=1)
        if place is Slot.ignored
    )


def is_blank(cells: Mapping[StrEnum, object]) -> bool:
    """Whether nothing stands in any cell."""
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells.values())


def read_row(record: Record, terms: Terms) -> Row:
    """The application of a row, or why there is none; advice in any case."""
    number, cells, findings = record
    if cells is None:
        return Row(number, None, findings)
    if _holds_totals(cells):
        return Row(number, None, (*findings, Finding(number, None, Code.ROW_OF_TOTALS, refused=True)))
    cells, cleaned = _cleaned(cells)
    advice = [*findings, *(Finding(number, each, FileAdvice.CELL_CLEANED, refused=False) for each in cleaned)]
    advice += _about_old_number(number, cells.get(Column.old_number))
    try:
        application = _application(cells, terms)
        advised = check(application, terms.today, document_hosts=terms.document_hosts)
    except InputRefused as wrong:
        return Row(number, None, (*advice, *_refusals(number, wrong.problems)))
    except CaseError as wrong:
        of_column = by_column(Problem(wrong.field or Column.number, wrong.code))
        return Row(number, None, (*advice, *_refusals(number, [of_column])))
    if _ends_in_zeros(cells.get(Column.number)):
        advice.append(Finding(number, Column.number, FileAdvice.MAY_BE_ROUNDED, refused=False))
    about = (Column.name if code is Advice.PRIVATE_USE_CHARACTERS else Column.number for code in advised)
    advice += [Finding(number, column, code, refused=False) for column, code in zip(about, advised, strict=True)]
    return Row(number, application, tuple(advice))


_LINE_BREAKS: Final = re.compile("[\n\r\0]")
_BLANKS: Final = (
    " \t\r\n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_OUTSIDE: Final = f"[{_BLANKS}'\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]+"
_AROUND: Final = re.compile(rf"\A{_OUTSIDE}|{_OUTSIDE}\Z")
"""Blanks, the apostrophe by which a spreadsheet is told that a text follows, and what nobody sees."""
_LOST: Final = re.compile(
    r"#(?:n/a|ref!|value!|name\?|div/0!|num!|null!|spill!|calc!|#+)|null|\\n|n/a|nan|none|undefined|nil|0+|[-—/.]+|.*[?？\ufffd].*"
    r"|.*&(?:[a-z]{2,8}|#[0-9]{1,6});.*",
    re.IGNORECASE | re.DOTALL,
)
"""What an export writes where it has no value, or could not write the one it had."""
_MASKED: Final = re.compile("[*＊]")
_TOTALS: Final = re.compile("(?:合计|总计|小计|共计|总数|total|sum)[:：]?.{0,20}", re.IGNORECASE)
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_SEPARATORS: Final = re.compile("[;；]")
_PARTS_OF_DOCUMENT: Final = ("kind", "uri", "media_type", "size", "sha256")
_NAMES: Final = frozenset({Column.personal_number, Column.number, Column.submitter_number, Column.name})
"""Taken to the application as they are; it reads them itself."""


_IDENTIFIES: Final = _NAMES | {Column.new_name, Column.region}
"""What says who somebody is: a value that was lost or damaged on the way must not be taken for another."""


def _holds_totals(cells: Mapping[StrEnum, object]) -> bool:
    """Whether a row says that it sums up the others, and names nobody."""
    if cells.get(Column.number):
        return False
    named = [each for each in cells.values() if isinstance(each, str) and each.strip()]
    return bool(named) and _TOTALS.fullmatch(named[0].strip()) is not None


def _cleaned(cells: Mapping[StrEnum, object]) -> tuple[Mapping[StrEnum, object], list[StrEnum]]:
    """The cells of a row without what means nothing around those that identify; and of which that is to be told."""
    found: dict[StrEnum, object] = dict(cells)
    told: list[StrEnum] = []
    for column in _IDENTIFIES:
        cell = cells.get(column)
        if isinstance(cell, str) and cell and not cell.isalnum():
            found[column] = text = _AROUND.sub("", cell)
            if len(text) < len(cell.strip(_BLANKS)):
                told.append(column)
    return found, sorted(told)


_ROUNDED: Final = re.compile("[0-9]{15}0+")
_ZEROS: Final = re.compile("[0-9]{15}000")


def _check_source(column: Column, cell: object) -> None:
    """Hold a cell to what its source held, above all one that identifies somebody. Raises `CaseError`."""
    if isinstance(cell, Special):
        raise CaseError(Code.CELL_FORMULA if cell is Special.formula else Code.FIELD_INVALID)
    if isinstance(cell, str) and _LINE_BREAKS.search(cell.strip(_BLANKS)):
        raise CaseError(Code.ROW_BROKEN)
    if column not in _IDENTIFIES:
        return
    if isinstance(cell, str) and (cell.isascii() or not cell.isalpha()):
        if _LOST.fullmatch(cell):
            raise CaseError(Code.VALUE_LOST)
        if _MASKED.search(cell):
            raise CaseError(Code.VALUE_MASKED)
    if column is Column.personal_number and is_rounded(cell):
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED)


def _ends_in_zeros(cell: object) -> bool:
    return isinstance(cell, str) and _ZEROS.fullmatch(cell) is not None


def is_rounded(cell: object) -> bool:
    """Whether a number without a check digit is what a spreadsheet left of it: then it may name somebody else."""
    if isinstance(cell, str):
        return _ROUNDED.fullmatch(cell.strip(_BLANKS)) is not None or spreadsheet_damage(cell)
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _not_of_the_kind(fields: dict[str, Any], model: type[Application]) -> list[Problem]:
    """What stands in columns that this kind of application does not have; it is taken out."""
    strange = [each for each in (Column.delivery, Column.new_name) if each in fields and each not in model.model_fields]
    for column in strange:
        del fields[column]
    return [Problem(column, Code.FIELD_INVALID) for column in strange]


def _application(cells: Mapping[StrEnum, object], terms: Terms) -> Application:
    problems: list[Problem] = []
    fields: dict[str, Any] = {}
    for column, field in _READ:
        cell = cells.get(column)
        if cell is None or cell == "":
            continue
        try:
            value = _read_cell(column, cell)
        except CaseError as wrong:
            problems.append(Problem(column, wrong.code))
        else:
            if value is not None:
                fields[field] = value
    kind = fields.pop(Column.kind, Kind.id_number_change)
    problems += _name_submitter(fields, terms)
    said = {name: fields.pop(column) for name, column in _IDENTITY.items() if column in fields}
    if said:
        fields["identity"] = said
    model = APPLICATIONS[kind]
    if Column.reason not in model.model_fields:
        if Column.reason in fields and not cells.get(Column.kind):
            # A reason for a new card, and nobody said what is applied for: a number change would be a guess.
            problems.append(Problem(Column.kind, Code.FIELD_MISSING))
        fields.pop(Column.reason, None)
    problems += _not_of_the_kind(fields, model)
    number = fields.pop(Column.number, None)
    fields[model.NUMBER] = number
    fields.setdefault(Column.name, "")
    return _checked(model, fields, problems)


_READ: Final = tuple(
    (column, column.value) for column in Column if column not in NOT_READ and column is not Column.old_number
)
"""The columns that are read, and the fields that they fill."""


def _name_submitter(fields: dict[str, Any], terms: Terms) -> list[Problem]:
    """Put who hands the application in in the place of the columns that say so, and say what contradicts itself."""
    kind = fields.pop(Column.submitter_kind, SubmitterKind.staff)
    number = fields.pop(Column.submitter_number, None)
    authority = {name: fields.pop(column) for name, column in _AUTHORITY.items() if column in fields}
    if kind is SubmitterKind.staff:
        submitter = fields.get(Column.submitter, terms.submitter)
        if isinstance(submitter, str):
            fields[Column.submitter] = {"id": submitter, "role": Role.clerk, "office": fields.get(Column.region)}
        surplus = [] if number is None else [Column.submitter_number]
        surplus += [_AUTHORITY[name] for name in authority]
        return [Problem(column, Code.FIELD_INVALID) for column in surplus]
    problems = [Problem(Column.submitter, Code.FIELD_INVALID)] if Column.submitter in fields else []
    fields[Column.submitter] = (
        {"kind": kind}
        | ({} if number is None else {"number": number})
        | ({"authority": authority} if authority else {})
    )
    return problems


_AUTHORITY: Final = {"document": Column.authority, "until": Column.authority_until}
_IDENTITY: Final = {
    "provider": Column.identity_provider,
    "at": Column.identity_at,
    "reference": Column.identity_reference,
}
_COLUMN_OF_FIELD: Final = {
    "submitter.number": Column.submitter_number,
    "submitter.authority": Column.authority,
    **{f"submitter.authority.{name}": column for name, column in _AUTHORITY.items()},
    "identity": Column.identity_provider,
    **{f"identity.{name}": column for name, column in _IDENTITY.items()},
}


def _checked(model: type[Application], fields: dict[str, Any], problems: list[Problem]) -> Application:
    try:
        application = checked(model, fields)
    except InputRefused as wrong:
        known = {problem.field for problem in problems}
        problems += [problem for problem in map(by_column, wrong.problems) if problem.field not in known]
        # The submitter's office is the row's region, which speaks for itself.
        if any(problem.field == Column.region for problem in problems):
            problems = [problem for problem in problems if problem != (Column.submitter, Code.REGION_INVALID)]
        raise InputRefused(problems) from None
    if problems:
        raise InputRefused(problems)
    return application


def by_column(problem: Problem) -> Problem:
    """What is wrong with a field of an application, as it is with the column that the field was read from."""
    if (column := _COLUMN_OF_FIELD.get(problem.field)) is not None:
        return Problem(column, problem.code)
    first = problem.field.partition(".")[0]
    of_a_number = any(first == model.NUMBER for model in APPLICATIONS.values())
    return Problem(Column.number if of_a_number else first, problem.code)


def _refusals(number: int, problems: tuple[Problem, ...] | list[Problem]) -> tuple[Finding, ...]:
    return tuple(Finding(number, field or None, code, refused=True) for field, code in dict.fromkeys(problems))


def _read_cell(column: Column, cell: object) -> Any:
    """The value of a cell, None where it is empty. Raises `CaseError`."""
    _check_source(column, cell)
    if column in _NAMES:
        return None if cell == "" and column is not Column.name else cell
    if isinstance(cell, int | float) and column is Column.region:
        return str(int(cell)) if cell == int(cell) else cell
    if column is Column.documents:
        return read_documents(cell)
    text = cell.strip(_BLANKS) if isinstance(cell, str) else cell
    if text is None or text == "":
        return None
    words = WORDS_OF_COLUMN.get(column)
    if words is None:
        return text
    if not isinstance(text, str) or (value := words.get(text)) is None:
        raise CaseError(Code.FIELD_INVALID)
    return value


def read_documents(cell: object) -> Any:
    """Entries `kind|uri|media_type|size|sha256` with semicolons between them; lists of objects come from JSON."""
    if cell is None or isinstance(cell, list):
        return cell
    if not isinstance(cell, str):
        raise CaseError(Code.FIELD_INVALID)
    return [_document(entry) for entry in map(str.strip, _SEPARATORS.split(cell)) if entry]


def _document(entry: str) -> dict[str, object]:
    parts = [part.strip() for part in entry.split("|")]
    if len(parts) != len(_PARTS_OF_DOCUMENT):
        raise CaseError(Code.FIELD_INVALID)
    fields: dict[str, object] = dict(zip(_PARTS_OF_DOCUMENT, parts, strict=True))
    fields["kind"] = DOCUMENT_OF_WORD.get(parts[0], parts[0])
    fields["size"] = int(parts[3]) if _WHOLE_NUMBER.fullmatch(parts[3]) else None
    fields["sha256"] = parts[4].lower()
    return fields


def _about_old_number(row: int, cell: object) -> tuple[Finding, ...]:
    """The old number is only for the reader of the report: what is in force stands in the register."""
    if cell is None or (isinstance(cell, str) and not cell.strip(_BLANKS)):
        return ()
    try:
        if cell is Special.formula:
            raise CaseError(Code.CELL_FORMULA)
        if spreadsheet_damage(cell):
            raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED)
        validate(normalise(cell).text, date.max)
    except CaseError as doubtful:
        return (Finding(row, Column.old_number, doubtful.code, refused=False),)
    return ()
