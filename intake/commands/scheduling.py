"""Commands about the schedules: bring them in step with the release, look at them, let one rest."""

from typing import Annotated, Final

import typer

from intake import schedules
from intake.commands import upkeep
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Format
from intake.commands.upkeep import Needs, add_upkeep

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As `schedules list` shows it.", show_default=False)]

_LISTED: Final = ("name", "state", "in_step", "next", "last", "note")
_APPLIED: Final = ("schedule", "deed", "differences")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("Schedules: digests, sweeps, checks, invitations.")
    add_upkeep(group, "apply", apply, Needs.temporal)
    add_upkeep(group, "list", list_schedules, Needs.temporal)
    add_upkeep(group, "pause", pause, Needs.temporal)
    add_upkeep(group, "resume", resume, Needs.temporal)
    app.add_typer(group, name="schedules")


async def apply(
    invocation: Invocation,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
) -> Exit:
    """Create, mend and remove schedules until they are what this release says. Repeating it changes nothing.

    Schedules of others are left alone; one of ours that is paused stays so.
    """
    async with upkeep.engine() as client:
        applied = await schedules.apply(client, dry_run=dry_run)
    invocation.say.many([_shown(each, invocation.say.format) for each in applied], _APPLIED)
    return Exit.fine


async def list_schedules(invocation: Invocation) -> Exit:
    """The schedules of this release: whether they are there, run or rest, and when."""
    async with upkeep.engine() as client:
        listed = await schedules.list_schedules(client)
    invocation.say.many([each._asdict() for each in listed], _LISTED)
    return Exit.fine


async def pause(
    invocation: Invocation,
    name: NameArgument,
    *,
    note: Annotated[str | None, typer.Option(help="Why; shown in the list and in the Web UI.")] = None,
) -> Exit:
    """Let one schedule rest until it is resumed. What was due meanwhile is not made up for."""
    async with upkeep.engine() as client:
        await schedules.pause(client, name, note)
    return await list_schedules(invocation)


async def resume(invocation: Invocation, name: NameArgument) -> Exit:
    """Let a schedule that rests go on."""
    async with upkeep.engine() as client:
        await schedules.resume(client, name)
    return await list_schedules(invocation)


def _shown(applied: schedules.Applied, form: Format) -> dict[str, object]:
    """A table has one line for each difference; programs get its parts."""
    differences: list[object] = [
        f"{aspect}: {found or '-'} → {wanted or '-'}" if form is Format.table else change._asdict()
        for change in applied.differences
        for aspect, found, wanted in [change]
    ]
    return {"schedule": applied.schedule, "deed": applied.deed.value, "differences": differences}
