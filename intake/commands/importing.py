"""The command that opens a case for every row of a register: handed in whole, done row by row by the service."""

import asyncio
import csv
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any, Final, NamedTuple, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cardcase_client import AsyncClient
from cardcase_client.calls import FileType, Reading
from cardcase_client.models import Job, JobRow, RowState
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code, Remedy
from cases.text import safe_for_spreadsheet
from intake.commands.door import service
from intake.commands.invoking import Invocation, add_command
from intake.commands.saying import Exit, Format, Speaker
from intake.files import Finding, Register, Row, Terms, open_register
from intake.files.columns import Column
from intake.files.lines import Encoding
from intake.remedies import remedy_here, remedy_of

SHOWN: Final = 50
"""Findings that a table shows; all of them stand in the error file and in JSON."""

_TYPES: Final = {
    ".xlsx": FileType.xlsx,
    ".xlsm": FileType.xlsx,
    ".xls": FileType.xls,
    ".xlsb": FileType.xlsb,
    ".ods": FileType.ods,
    ".csv": FileType.csv,
    ".jsonl": FileType.json_lines,
}
_LOOK_AGAIN: Final = 2
"""Seconds after which the bar moves on."""
_IN_A_PAGE: Final = 500


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_command(app, "import", import_register)


async def import_register(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Register: .xlsx, .xls, .xlsb, .ods, .csv or .jsonl.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report only; asks nobody.")] = False,
    errors: Annotated[Path | None, typer.Option(metavar="CSV", help="Write refused rows to this file.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, instead of the first visible one.")] = None,
    encoding: Annotated[Encoding | None, typer.Option(help="Of a text file whose bytes do not say it.")] = None,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Pass over unknown columns.")] = False,
    submitter: Annotated[str | None, typer.Option(help="Staff ID, where the file has no such column.")] = None,
    document_host: Annotated[
        list[str] | None,
        typer.Option(
            "--document-host", metavar="HOST", help="In a dry run: a host of https documents that the service knows."
        ),
    ] = None,
) -> Exit:
    """Open a case for every row of a register, and report every row that is refused, by number and code.

    Repeating it is safe: what was opened answers as it did. Where it is interrupted no further row is begun.
    """
    report = Report(invocation.say)
    with ErrorFile.at(errors) as error_file:
        report.error_file = error_file
        if dry_run:
            terms = Terms(datetime.now(SHANGHAI).date(), submitter, frozenset(document_host or ()))
            opened = open_register(file, terms, sheet=sheet, encoding=encoding, ignore_unknown=ignore_unknown)
            with opened as register, Bar() as bar:
                _read(register, report, bar)
        else:
            kind, content = content_of(file)
            how = Reading(sheet=sheet, ignore_unknown=ignore_unknown, encoding=encoding, submitter=submitter)
            async with service() as cases:
                await _import(cases, kind, content, how, report)
    report.close()
    return report.exit


def content_of(file: Path) -> tuple[FileType, bytes]:
    """Raises `CaseError` FILE_TYPE_UNKNOWN, FILE_UNREADABLE."""
    kind = _TYPES.get(file.suffix.lower())
    if kind is None:
        raise CaseError(Code.FILE_TYPE_UNKNOWN)
    try:
        return kind, file.read_bytes()
    except OSError:
        # Its text quotes the path.
        raise CaseError(Code.FILE_UNREADABLE) from None


async def _import(cases: AsyncClient, kind: FileType, content: bytes, how: Reading, report: "Report") -> None:
    # The key is that of this one call: repeated by hand, it is another job, which judges anew what was refused.
    handing_in = asyncio.ensure_future(
        cases.hand_in_register(content, kind, key=f"import-{secrets.token_hex(8)}", how=how)
    )
    try:
        job = await asyncio.shield(handing_in)
        await ended(cases, job)
    except asyncio.CancelledError:
        # A file that the service has may become a job whether or not anybody hears of it: only its answer says which.
        await cases.cancel_job((await handing_in).id)
        report.say.note("已中断；重复同一命令即可继续。", "Interrupted; repeat the command to go on.")
        raise
    async for row in cases.job_rows(job.id, at_once=_IN_A_PAGE):
        report.answered(row)


async def ended(cases: AsyncClient, job: Job) -> Job:
    """Wait for the end of a job; a bar moves meanwhile where somebody looks: how far, how fast, how long still."""
    with Bar() as bar:
        while job.ended_at is None:
            job = await cases.read_job(job.id, wait=_LOOK_AGAIN)
            settled = job.rows.read - job.rows.waiting
            bar.at(settled / max(job.rows.read, 1), rows=settled, refused=job.rows.refused)
    return job


def _read(register: Register, report: "Report", bar: "Bar") -> None:
    """A register as it is here; nobody is asked."""
    report.file(register.findings)
    try:
        for row in register:
            bar.at(register.fraction)
            report.read(row)
    except CaseError as damaged:
        # Further on the file turned out to be broken. What stands before that was read all the same.
        report.read(Row(0, None, (Finding(0, damaged.field, damaged.code, refused=True),)))


class Noticed(NamedTuple):
    """What was found in a row, here or by the service, which may know more codes."""

    column: str | None
    code: str
    refused: bool
    remedy: Remedy

    @classmethod
    def of(cls, finding: Finding) -> "Noticed":
        """What was found here."""
        return cls(finding.column, finding.code.value, finding.refused, remedy_of(finding.code))


@dataclass
class Report:
    """What became of the rows, in numbers, and what was found in them."""

    say: Speaker
    error_file: "ErrorFile | None" = None
    readable: int = 0
    opened: int = 0
    repeated: int = 0
    refused_rows: int = 0
    refused_by_case: int = 0
    unanswered: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def file(self, findings: Sequence[Finding]) -> None:
        """Take in what was noticed about the file as a whole."""
        for finding in findings:
            self._found(finding.row, [Noticed.of(finding)])

    def read(self, row: Row) -> None:
        """Take in a row as it was read here."""
        noticed = [Noticed.of(finding) for finding in row.findings]
        self._found(row.number, noticed)
        self._count(noticed, is_readable=row.application is not None)

    def answered(self, row: JobRow) -> None:
        """Take in what became of a row. A table shows no receipts: the cases are in the list."""
        noticed = [
            Noticed(
                found.column,
                found.code,
                found.refused,
                remedy_here(found.code, Remedy(found.remedy.en, found.remedy.zh)),
            )
            for found in row.findings
        ]
        self._found(row.row, noticed)
        # Of what could be read it is known what it does.
        self._count(noticed, is_readable=row.event is not None)
        if row.event is None:
            return
        match row.state:
            case RowState.done:
                self.opened += 1
                if self.say.format is not Format.table:
                    self._keep({"row": row.row, "case_id": row.case_id, "status": row.status})
            case RowState.refused:
                self.refused_by_case += 1
            case _:
                self.unanswered += 1

    def _count(self, noticed: Sequence[Noticed], *, is_readable: bool) -> None:
        if is_readable:
            self.readable += 1
        elif any(each.code == Code.ROW_REPEATED for each in noticed):
            self.repeated += 1
        elif any(each.refused for each in noticed):
            self.refused_rows += 1

    def _found(self, row: int, noticed: Sequence[Noticed]) -> None:
        for column, code, refused, remedy in noticed:
            self.codes[code] += 1
            if self.error_file is not None and refused:
                self.error_file.write(row, column, code, remedy)
            self._keep(
                {"row": row, "column": column, "code": code, "refused": refused, "remedy": self.say.words(remedy)}
            )

    def _keep(self, line: dict[str, Any]) -> None:
        if self.say.format is Format.jsonl:
            self.say.line(line)
        elif self.say.format is Format.json or len(self._kept) < SHOWN:
            self._kept.append(line)

    @property
    def exit(self) -> Exit:
        """What a script learns."""
        if self.unanswered:
            return Exit.unavailable
        if self.refused_rows:
            return Exit.data
        return Exit.refused if self.refused_by_case else Exit.fine

    def close(self) -> None:
        """Say how it ended."""
        numbers = {
            "readable": self.readable,
            "opened": self.opened,
            "repeated": self.repeated,
            "refused_rows": self.refused_rows,
            "refused_by_case": self.refused_by_case,
            "unanswered": self.unanswered,
        }
        match self.say.format:
            case Format.json:
                self.say.one({**numbers, "codes": dict(self.codes), "rows": self._kept})
            case Format.jsonl:
                self.say.one({**numbers, "codes": dict(self.codes)})
            case Format.table:
                self.say.many(self._kept, ("row", "column", "code", "refused", "remedy"))
                hidden = sum(self.codes.values()) - len(self._kept)
                if hidden > 0:
                    self.say.note(
                        f"……另有 {hidden} 条，见 --errors 或 -o jsonl", f"… {hidden} more; see --errors or -o jsonl"
                    )
                self.say.one({name: str(number) for name, number in numbers.items()})
        if self.unanswered:
            self.say.note("部分行未办理；请重复同一命令。", "Some rows were not opened; repeat the command.")


class ErrorFile:
    """A CSV file with the refused rows: row, column, code, remedies. No value stands in it."""

    HEADINGS: Final = ("row", "column", "code", "remedy_zh", "remedy_en")

    def __init__(self, path: Path) -> None:
        """Spreadsheet programs take a file without a byte order mark for one of another encoding."""
        try:
            self._file: IO[str] = path.open("w", encoding="utf-8-sig", newline="")
        except OSError:
            raise CaseError(Code.FILE_UNREADABLE, "--errors") from None
        self._writer = csv.writer(self._file)
        self._writer.writerow(self.HEADINGS)

    @classmethod
    def at(cls, path: Path | None) -> "AbstractContextManager[ErrorFile | None]":
        """The file of a path, or none."""
        return nullcontext() if path is None else cls(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, row: int, column: str | None, code: str, remedy: Remedy) -> None:
        """One refused row, or one of several faults of it."""
        texts = (_bilingual(column), code, remedy.zh, remedy.en)
        self._writer.writerow((row, *map(safe_for_spreadsheet, texts)))


def _bilingual(column: str | None) -> str:
    try:
        known = Column(column or "")
    except ValueError:
        return column or ""
    return f"{known.zh}/{known.value}"


class Bar:
    """A progress bar on standard error, where somebody is looking."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[counted]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0, counted="")
        self._first: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def at(self, fraction: float, *, rows: int | None = None, refused: int = 0) -> None:
        """Show how far it is; with `rows` also how many are done, how many a second, and how many were refused."""
        counted = ""
        if rows is not None:
            now = time.monotonic()
            begun, before = self._first = self._first or (now, rows)
            rate = (rows - before) / (now - begun) if now > begun else 0.0
            counted = f"{rows} ({rate:.1f}/s) ✗ {refused}"
        self._progress.update(self._task, completed=fraction, counted=counted)
