"""Commands that look at cases, and one that waits."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import typer

from cardcase_client import Filter, models
from cases.divisions import is_region
from cases.errors import CaseError, Code
from cases.kinds import KINDS
from cases.machines.machine import Milestone, Status
from cases.names import Kind
from cases.offices import MINISTRY
from intake.commands.door import service
from intake.commands.invoking import CaseArgument, Invocation, add_command
from intake.commands.saying import Exit

KindName = StrEnum("KindName", [(kind.name, kind.name) for kind in KINDS])  # type: ignore[misc]  # from the kinds themselves


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


class Leftover(StrEnum):
    """What is left when a question, or a case, is over."""

    late_answer = "late_answer"
    surplus_card = "surplus_card"


_LISTED: Final = (
    *("due_at", "case_id", "generation", "kind", "status", "milestone"),
    *("region", "category", "attention", "closed_at"),
)
_LEFT: Final = ("case_id", "generation", "kind", "region", "status", "attention", "closed_at")
_STEPS: Final = ("version", "at", "event", "status", "to", "actor")
_IN_A_PAGE: Final = 500

RegionOption = Annotated[
    str | None,
    typer.Option(
        help="Only cases of this agency: six digits, or the first of them; a municipality or a province stands for "
        "all below it."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add_command(app, "show", show)
    add_command(app, "progress", progress)
    add_command(app, "history", history)
    add_command(app, "list", list_cases)
    add_command(app, "leftovers", leftovers)
    add_command(app, "wait", wait)


async def show(invocation: Invocation, case: CaseArgument) -> Exit:
    """Everything about a case that may be shown without opening personal data.

    Of what it may be told now that is named which the caller may tell.
    """
    async with service() as cases:
        invocation.say.one(await cases.read_case(case))
    return Exit.fine


async def progress(invocation: Invocation, case: CaseArgument) -> Exit:
    """How far it is, over all cases of the person, in words for the applicant: what to do next, and by when."""
    async with service() as cases:
        invocation.say.one(await cases.read_progress(case, speaker="applicant"))
    return Exit.fine


async def history(invocation: Invocation, case: CaseArgument) -> Exit:
    """The transitions of a case so far, of all its generations, oldest first."""
    async with service() as cases:
        transitions = (await cases.read_history(case)).transitions
        # Hardly any case has one.
        refused = ("refused",) if any(each.refused for each in transitions) else ()
        invocation.say.many(transitions, (*_STEPS, *refused))
    return Exit.fine


async def wait(invocation: Invocation, case: CaseArgument) -> Exit:
    """Wait until a case is closed, and show its outcome."""
    async with service() as cases:
        await cases.wait_for(case)
        invocation.say.one(await cases.read_outcome(case))
    return Exit.fine


async def list_cases(
    invocation: Invocation,
    *,
    status: Annotated[Status | None, typer.Option(help="Only cases in this status.")] = None,
    milestone: Annotated[Milestone | None, typer.Option(help="Only cases at this milestone.")] = None,
    region: RegionOption = None,
    attention: Annotated[Attention | None, typer.Option(help="Only cases that need attention for this.")] = None,
    kind: Annotated[KindName | None, typer.Option(help="Only cases of this kind.")] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="DIGITS", help="Only the case of these eight digits of a receipt or a message."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> Exit:
    """Cases of the caller's region by their due dates, open ones first, each generation of a case by itself."""
    which = Filter(
        kind=None if kind is None else models.Kind(Kind[kind.value].value),
        status=None if status is None else models.Status(status.value),
        milestone=None if milestone is None else models.Milestone(milestone.value),
        region=_checked_region(region),
        attention=attention,
        reference=reference,
        sort="due",
    )
    _list(invocation, await _found(which, limit), _LISTED)
    return Exit.fine


async def leftovers(
    invocation: Invocation,
    *,
    what: Annotated[Leftover, typer.Option(help="Of what kind.")] = Leftover.late_answer,
    region: RegionOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> Exit:
    """Cases, closed ones too, that were answered when what they asked was over, or whose surplus card still exists."""
    which = Filter(attention=what.value, region=_checked_region(region), sort="due")
    _list(invocation, await _found(which, limit), _LEFT)
    return Exit.fine


def _checked_region(region: str | None) -> str | None:
    """Raises `CaseError` REGION_INVALID for what is no code, or one of no municipality there is or was."""
    if region is not None and region != MINISTRY and not is_region(region):
        raise CaseError(Code.REGION_INVALID, "region")
    return region


def _list(invocation: Invocation, found: Sequence[models.CaseRow], columns: tuple[str, ...]) -> None:
    invocation.say.many([{**row.model_dump(), "closed": row.closed_at is not None} for row in found], columns)
    if not found:
        invocation.say.note("没有符合条件的案件。", "No case is like that, or you see none.")


async def _found(which: Filter, limit: int) -> list[models.CaseRow]:
    found: list[models.CaseRow] = []
    cursor: str | None = None
    async with service() as cases:
        while True:
            page = await cases.list_cases(which, cursor=cursor, limit=min(limit - len(found), _IN_A_PAGE))
            found += page.cases
            cursor = page.next
            if cursor is None or len(found) == limit:
                return found
