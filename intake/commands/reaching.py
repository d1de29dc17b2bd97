"""How applicants want to be reached: a file of their channels, loaded."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from activities.notifications.preferences import Fate, Preferences, Way, write_preferences
from activities.registry.pool import Pool
from activities.sealing import Sealer
from cases.errors import CaseError, Code
from intake.commands import upkeep
from intake.commands.importing import SHOWN, ErrorFile
from intake.commands.invoking import Invocation
from intake.commands.saying import Exit, Format
from intake.commands.upkeep import Needs, add_upkeep
from intake.files.lines import Encoding
from intake.files.preferences import Column, PreferencesFile, Row, open_preferences
from intake.files.rows import Finding
from intake.remedies import remedy_of
from runtime.keys import sealer_of
from runtime.settings import ClientSettings, read_settings

BATCH: Final = 500
"""Persons in one transaction."""

_FINDINGS: Final = ("row", "column", "code", "refused", "remedy")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_upkeep(app, "contacts", contacts, Needs.register, Needs.keys)


async def contacts(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Contacts: .xlsx, .xls, .xlsb, .ods, .csv or .jsonl.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    errors: Annotated[Path | None, typer.Option(metavar="CSV", help="Write refused rows to this file.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, instead of the first visible one.")] = None,
    encoding: Annotated[Encoding | None, typer.Option(help="Of a text file whose bytes do not say it.")] = None,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Pass over unknown columns.")] = False,
) -> Exit:
    """Say how applicants want to be reached: one row for each, with an address for each channel and their order.

    Columns: personal_number, order, language, sms, mail, dingtalk, wecom, feishu, webhook, or their Chinese headings.
    Whoever stands in the file is reached in these ways from now on and no others; whoever does not is left alone.
    Addresses are sealed. A row that is wrong is reported and the others go through; repeating it changes nothing.
    """
    settings = read_settings(ClientSettings)
    sealer = sealer_of(settings.key_file, settings.person_keys)
    opened = open_preferences(file, sheet=sheet, encoding=encoding, ignore_unknown=ignore_unknown)
    with opened as rows, ErrorFile.at(errors) as error_file:
        report = Report(invocation, error_file)
        report.found(rows.findings)
        async with upkeep.register() as pool:
            await _load(pool, sealer, rows, report, dry_run=dry_run)
    return report.close()


async def _load(pool: Pool, sealer: Sealer, rows: PreferencesFile, report: "Report", *, dry_run: bool) -> None:
    readable = report.readable(rows)
    while batch := list(islice(readable, BATCH)):
        people = [_preferences(sealer, row) for row in batch]
        fates = await write_preferences(pool, sealer, people, dry_run=dry_run)
        for row, fate in zip(batch, fates, strict=True):
            report.fate(row.number, fate)


def _preferences(sealer: Sealer, row: Row) -> Preferences:
    if row.applicant is None:
        raise CaseError(Code.INTERNAL)
    person = sealer.person_token(row.applicant.personal_number)
    ways = tuple(Way(channel, address) for channel, address in row.applicant.ways)
    return Preferences(person, ways, row.applicant.tongue)


@dataclass
class Report:
    """What became of the rows, in numbers, and what was found in them; no value of theirs."""

    invocation: Invocation
    error_file: ErrorFile | None
    refused: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    _kept: list[dict[str, object]] = field(default_factory=list)

    def readable(self, rows: PreferencesFile) -> Iterator[Row]:
        """The rows that hold an applicant; the others are reported."""
        try:
            for row in rows:
                self.found(row.findings)
                if row.applicant is None:
                    self.refused += 1
                else:
                    yield row
        except CaseError as damaged:
            # What stands before the damage is loaded all the same.
            self.refused += 1
            self.found([Finding(0, damaged.field, damaged.code, refused=True)])

    def fate(self, row: int, fate: Fate) -> None:
        """What became of a row that could be read."""
        if fate is Fate.unknown:
            self.refused += 1
            self.found([Finding(row, Column.personal_number, Code.PERSON_UNKNOWN, refused=True)])
        else:
            self.fates[fate] += 1

    def found(self, findings: Iterable[Finding]) -> None:
        """Take in what was noticed about a row or the file."""
        for finding in findings:
            code, remedy = finding.code.value, remedy_of(finding.code)
            self.codes[code] += 1
            if self.error_file is not None and finding.refused:
                self.error_file.write(finding.row, finding.column, code, remedy)
            line = {**finding._asdict(), "code": code, "remedy": self.invocation.say.words(remedy)}
            if self.invocation.say.format is Format.jsonl:
                self.invocation.say.line(line)
            elif self.invocation.say.format is Format.json or len(self._kept) < SHOWN:
                self._kept.append(line)

    def close(self) -> Exit:
        """Say how it ended."""
        say = self.invocation.say
        loaded = {fate.value: self.fates[fate] for fate in (Fate.changed, Fate.unchanged)}
        numbers = {**loaded, "refused": self.refused}
        match say.format:
            case Format.json:
                say.one({**numbers, "codes": dict(self.codes), "rows": self._kept})
            case Format.jsonl:
                say.line({**numbers, "codes": dict(self.codes)})
            case Format.table:
                say.many(self._kept, _FINDINGS)
                say.one({name: str(number) for name, number in numbers.items()})
        return Exit.data if self.refused else Exit.fine
