"""Commands that look at cases, and one that waits."""

from enum import StrEnum
from typing import Annotated, Final

import typer

from cases.kinds import KINDS
from cases.machines.machine import Milestone, Status
from cases.names import Kind
from cases.views import as_seen_by
from intake.commands.acting import actor_at_hand
from intake.commands.invoking import CaseArgument, Invocation, add_command
from intake.commands.saying import Exit

_KINDS: Final = ", ".join(kind.name for kind in KINDS)


def _kind_named(name: str) -> Kind:
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise typer.BadParameter(f"choose from {_KINDS}")


class Attention(StrEnum):
    """Why an operator should look at a case."""

    hold = "hold"
    dispute = "dispute"
    duplicate = "duplicate"
    repair = "repair"
    overdue = "overdue"
    decision = "decision"
    yellow = "yellow"
    orange = "orange"
    red = "red"
    deadline = "deadline"
    after_deadline = "after_deadline"


_LISTED: Final = ("case_id", "kind", "status", "milestone", "region", "category", "attention", "due_at", "closed")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add_command(app, "show", show)
    add_command(app, "progress", progress)
    add_command(app, "history", history)
    add_command(app, "list", list_cases)
    add_command(app, "wait", wait)


async def show(invocation: Invocation, case: CaseArgument) -> Exit:
    """Everything about a case that may be shown without opening personal data.

    Of what it may be told now that is named which the caller may tell, where an identity token says who that is.
    """
    async with invocation.cases() as cases:
        viewer = await actor_at_hand()
        view = await cases.view(case)
    invocation.say.one(view if viewer is None else as_seen_by(view, viewer))
    return Exit.fine


async def progress(invocation: Invocation, case: CaseArgument) -> Exit:
    """How far it is, over all cases of the person, in words for the applicant: what to do next, and by when."""
    async with invocation.cases() as cases:
        told = await cases.progress(case)
    invocation.say.one(told)
    return Exit.fine


async def history(invocation: Invocation, case: CaseArgument) -> Exit:
    """The transitions of a case so far, oldest first."""
    async with invocation.cases() as cases:
        transitions = await cases.history(case)
    invocation.say.many(transitions, ("version", "at", "event", "status", "to", "actor"))
    return Exit.fine


async def wait(invocation: Invocation, case: CaseArgument) -> Exit:
    """Wait until a case is closed, and show its outcome."""
    async with invocation.cases(confirming=True) as cases:
        invocation.say.answer(await cases.wait(case), confirmed=cases.confirms)
    return Exit.fine


async def list_cases(
    invocation: Invocation,
    *,
    status: Annotated[Status | None, typer.Option(help="Only cases in this status.")] = None,
    milestone: Annotated[Milestone | None, typer.Option(help="Only cases at this milestone.")] = None,
    region: Annotated[str | None, typer.Option(help="Only cases of this agency: six digits.")] = None,
    attention: Annotated[Attention | None, typer.Option(help="Only cases that need attention for this.")] = None,
    kind: Annotated[
        Kind | None, typer.Option(parser=_kind_named, metavar="KIND", help=f"Only cases of this kind: {_KINDS}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 100,
) -> Exit:
    """Cases by what they show; lags behind the cases by a moment."""
    async with invocation.cases() as cases:
        found = await cases.cases(
            status=status,
            milestone=milestone,
            region=region,
            attention=attention,
            kind=kind,
            limit=limit,
        )
    invocation.say.many([summary._asdict() for summary in found], _LISTED)
    return Exit.fine
