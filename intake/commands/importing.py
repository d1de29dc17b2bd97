"""The command that opens a case for every row of a register."""

import asyncio
import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Final, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cases.errors import CaseError, Code, Remedy
from cases.text import safe_for_spreadsheet
from intake.applications import Application, InputRefused
from intake.client import IN_FLIGHT, CaseClient, EngineError, Opened, Unavailable, today_in_shanghai
from intake.commands import upkeep
from intake.commands.invoking import Invocation
from intake.commands.saying import Exit, Format, Speaker
from intake.commands.upkeep import Needs, add_upkeep
from intake.files import Finding, Register, Row, Terms, open_register
from intake.files.columns import Column
from intake.remedies import remedy_of

SHOWN: Final = 50
"""Findings that a table shows; all of them stand in the error file and in JSON."""

HostOption = Annotated[
    list[str] | None,
    typer.Option("--document-host", metavar="HOST", help="A host from which https documents may come; repeatable."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_upkeep(app, "import", import_register, Needs.gate, Needs.temporal)


async def import_register(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Register: .xlsx, .csv (UTF-8, GB18030) or .jsonl.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report only; needs no engine.")] = False,
    errors: Annotated[Path | None, typer.Option(metavar="CSV", help="Write refused rows to this file.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, instead of the first visible one.")] = None,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Pass over unknown columns.")] = False,
    submitter: Annotated[str | None, typer.Option(help="Staff ID, where the file has no such column.")] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=64, help="Opens at the same time.")] = IN_FLIGHT,
    document_host: HostOption = None,
) -> Exit:
    """Open a case for every row of a register, and report every row that is refused, by number and code.

    Repeating it is safe and goes on where it was interrupted: what was opened answers as it did.
    """
    hosts = frozenset(document_host or ())
    terms = Terms(today_in_shanghai(), submitter, hosts)
    report = Report(invocation.say)
    with (
        open_register(file, terms, sheet=sheet, ignore_unknown=ignore_unknown) as register,
        ErrorFile.at(errors) as error_file,
        Bar() as progress,
    ):
        rows = Rows(register, report, error_file, progress)
        report.found(register.findings)
        try:
            if dry_run:
                deque(rows.applications(), maxlen=0)
            else:
                async with upkeep.cases(hosts, confirming=True) as cases:
                    report.confirmed = cases.confirms
                    await _open_all(cases, rows, in_flight)
        except asyncio.CancelledError:
            report.close()
            invocation.say.note("已中断；重复同一命令即可继续。", "Interrupted; repeat the command to go on.")
            raise
    report.close()
    return report.exit


async def _open_all(cases: CaseClient, rows: "Rows", in_flight: int) -> None:
    """Open what the rows hold. An engine that answers nobody any more is left in peace."""
    unanswered = 0
    async with aclosing(cases.open_each(rows.applications(), in_flight=in_flight)) as all_opened:
        async for opened in all_opened:
            rows.answered(opened)
            unanswered = unanswered + 1 if isinstance(opened.error, Unavailable) else 0
            if unanswered == in_flight:
                break


@dataclass
class Report:
    """What became of the rows, in numbers, and what was found in them."""

    say: Speaker
    readable: int = 0
    opened: int = 0
    repeated: int = 0
    refused_rows: int = 0
    refused_by_case: int = 0
    unanswered: int = 0
    confirmed: bool | None = None
    """Whether receipts were compared with the register; None where nothing was opened."""
    codes: Counter[str] = field(default_factory=Counter)
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def found(self, findings: Iterable[Finding]) -> None:
        """Take in what was noticed about a row or the file."""
        for finding in findings:
            self.codes[finding.code.value] += 1
            self._keep(
                {
                    "row": finding.row,
                    "column": finding.column,
                    "code": finding.code.value,
                    "refused": finding.refused,
                    "remedy": self.say.words(remedy_of(finding.code)),
                }
            )

    def receipt(self, row: int, opened: Opened) -> None:
        """Take in an answer. A table shows none: the cases are in the list."""
        self.opened += 1
        if opened.receipt is not None and self.say.format is not Format.table:
            receipt = opened.receipt
            self._keep({"row": row, "case_id": receipt.case_id, "status": receipt.status.value})

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
                self._total({**numbers, "codes": dict(self.codes), "rows": self._kept})
            case Format.jsonl:
                self._total({**numbers, "codes": dict(self.codes)})
            case Format.table:
                self.say.many(self._kept, ("row", "column", "code", "refused", "remedy"))
                hidden = sum(self.codes.values()) - len(self._kept)
                if hidden > 0:
                    self.say.note(
                        f"……另有 {hidden} 条，见 --errors 或 -o jsonl", f"… {hidden} more; see --errors or -o jsonl"
                    )
                self._total({name: str(number) for name, number in numbers.items()})
        if self.unanswered:
            self.say.note(
                "引擎未答复部分行；请重复同一命令。", "The engine did not answer for some rows; repeat the command."
            )

    def _total(self, total: dict[str, Any]) -> None:
        self.say.one(total if self.confirmed is None else {**total, "confirmed": self.confirmed})


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


class Rows:
    """Takes applications out of a register and remembers, while they are under way, which row each came from."""

    def __init__(self, register: Register, report: Report, error_file: ErrorFile | None, progress: "Bar") -> None:
        self._register = register
        self._report = report
        self._error_file = error_file
        self._progress = progress
        self._row_of: dict[int, int] = {}

    def applications(self) -> Iterator[Application]:
        """The applications of the rows that hold one; the others are reported."""
        place = 0
        for row in self._until_damaged():
            self._progress.at(self._register.fraction)
            self._report.found(row.findings)
            for finding in row.findings:
                self._write(finding)
            if row.application is not None:
                self._report.readable += 1
                self._row_of[place] = row.number
                place += 1
                yield row.application
            elif any(finding.code is Code.ROW_REPEATED for finding in row.findings):
                self._report.repeated += 1
            else:
                self._report.refused_rows += 1

    def _until_damaged(self) -> Iterator[Row]:
        try:
            yield from self._register
        except CaseError as damaged:
            # Further on the file turned out to be broken. What stands before that is opened all the same.
            yield Row(0, None, (Finding(0, damaged.field, damaged.code, refused=True),))

    def answered(self, opened: Opened) -> None:
        """Take in what became of an application."""
        row = self._row_of.pop(opened.place)
        match opened.error:
            case None:
                self._report.receipt(row, opened)
            case InputRefused() as refused:
                self._report.refused_rows += 1
                for problem in refused.problems:
                    self.note(Finding(row, problem.field or None, problem.code, refused=True))
            case EngineError() as error:
                if isinstance(error, Unavailable):
                    self._report.unanswered += 1
                else:
                    self._report.refused_by_case += 1
                self.note(Finding(row, None, error.code, refused=True))

    def note(self, finding: Finding) -> None:
        """Report something that was found after the row was read."""
        self._report.found([finding])
        self._write(finding)

    def _write(self, finding: Finding) -> None:
        if self._error_file is not None and finding.refused:
            self._error_file.write(finding.row, finding.column, finding.code.value, remedy_of(finding.code))


class Bar:
    """A progress bar on standard error, where somebody is looking."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def at(self, fraction: float) -> None:
        """Show how far the file was read."""
        self._progress.update(self._task, completed=fraction)
