"""Commands about the directory of offices and posts: load a reviewed file, see who is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from activities.supervision.contacts import replace_contacts
from activities.supervision.directory import Changes, read_directory, replace_directory, told_about
from cases.errors import CaseError, Code
from cases.offices import Directory, chain_of
from intake.client import today_in_shanghai
from intake.commands import upkeep
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit
from intake.commands.upkeep import Needs, add_upkeep
from intake.files.contacts import read_contacts
from intake.files.directory import read_directory as read_directory_file
from intake.files.rows import Finding
from intake.remedies import remedy_of
from runtime.keys import sealer_of
from runtime.settings import ClientSettings, read_settings

OfficeArgument = Annotated[
    str | None, typer.Argument(metavar="OFFICE", help="Only who is told about this agency: six digits.")
]

_FINDINGS: Final = ("row", "column", "code", "refused", "remedy")
_CHANGES: Final = ("entries", "added", "changed", "removed", "unchanged")
_TOLD: Final = ("recipient", "office", "office_name", "role", "staff", "rank", "present")
_POSTS: Final = (
    "office",
    "level",
    "parent",
    "name",
    "address",
    "hours",
    "phone",
    "role",
    "staff",
    "rank",
    "absent_from",
    "absent_to",
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("Offices and posts: who is told about late cases.")
    add_upkeep(group, "load", load, Needs.register)
    add_upkeep(group, "show", show, Needs.register)
    add_upkeep(group, "contacts", contacts, Needs.register, Needs.keys)
    app.add_typer(group, name="directory")


async def load(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Reviewed directory: .toml, .csv or .xlsx.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check the file only; needs no register.")] = False,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, instead of the first visible one.")] = None,
) -> Exit:
    """Make the directory what a reviewed file says, wholly or not at all. Repeating it changes nothing."""
    read = read_directory_file(file, sheet=sheet)
    _say_findings(invocation, read.findings)
    if read.refused:
        return Exit.data
    if check:
        listed = read.directory
        counts = {"offices": len(listed.offices), "posts": len(listed.posts), "bearers": len(listed.bearers)}
        invocation.say.one({name: str(count) for name, count in counts.items()})
    else:
        async with upkeep.register() as pool:
            replaced = await replace_directory(pool, read.directory, dry_run=dry_run)
        changes: dict[str, Changes] = replaced._asdict()
        invocation.say.many([{"entries": name, **each._asdict()} for name, each in changes.items()], _CHANGES)
    return Exit.fine


async def show(invocation: Invocation, office: OfficeArgument = None) -> Exit:
    """The directory; or, for one agency, who is told about its cases today, level by level."""
    async with upkeep.register() as pool:
        directory = await read_directory(pool)
    if office is None:
        invocation.say.many(_lines(directory), _POSTS)
        return Exit.fine
    if not chain_of(directory.offices, office):
        raise CaseError(Code.OFFICE_UNKNOWN, "office")
    told = told_about(directory, office, today_in_shanghai())
    invocation.say.many([each._asdict() for each in told], _TOLD)
    return Exit.fine


async def contacts(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Contacts of all staff: .csv or .xlsx.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, instead of the first visible one.")] = None,
) -> Exit:
    """Make the contacts of staff what a file says, wholly or not at all; addresses are sealed. Repeating is safe.

    Whoever is at a post and cannot be reached is listed.
    """
    read = read_contacts(file, sheet=sheet)
    _say_findings(invocation, read.findings)
    if read.refused:
        return Exit.data
    settings = read_settings(ClientSettings)
    sealer = sealer_of(settings.key_file, settings.person_keys)
    async with upkeep.register() as pool:
        replaced = await replace_contacts(pool, sealer, read.contacts, dry_run=dry_run)
    invocation.say.one({**replaced.contacts._asdict(), "unreachable": replaced.unreachable})
    return Exit.fine


def _say_findings(invocation: Invocation, findings: Sequence[Finding]) -> None:
    """What is wrong with a file, by place and code."""
    said = [
        {**finding._asdict(), "code": finding.code.value, "remedy": invocation.say.words(remedy_of(finding.code))}
        for finding in findings
    ]
    if said:
        invocation.say.many(said, _FINDINGS)


def _lines(directory: Directory) -> list[dict[str, object]]:
    """Offices, each followed by its posts, as a table of the directory has them."""
    lines: list[dict[str, object]] = []
    for office in sorted(directory.offices, key=lambda office: (-office.level.height, office.code)):
        described = office.model_dump(mode="json")
        lines.append({"office": described.pop("code"), **described})
        lines += [post.model_dump(mode="json") for post in directory.posts if post.office == office.code]
        lines += [bearer.model_dump(mode="json") for bearer in directory.bearers if bearer.office == office.code]
    return lines
