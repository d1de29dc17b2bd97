"""Commands for one decision on many cases: plan it from a query, look at it, run it."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cases.errors import REMEDIES
from cases.events import Event
from intake import bulk
from intake.bulk import ALONE, Considered, Told
from intake.client import today_in_shanghai
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation, group_of
from intake.commands.opening import read_input
from intake.commands.saying import Exit, Usage, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep
from intake.requests import read_object
from intake.views import VIEWS, query_of

ViewName = StrEnum("ViewName", [(view.name.replace("-", "_"), view.name) for view in VIEWS])  # type: ignore[misc]  # from the views themselves
BulkEvent = StrEnum("BulkEvent", [(event.name, event.value) for event in Event if event in bulk.IN_BULK])  # type: ignore[misc]  # from the list itself

_CONSIDERED: Final = ("case_id", "status", "possible")
_TOLD: Final = ("case_id", "told", "status", "code", "remedy")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("One decision for many cases.")
    add_upkeep(group, "plan", plan, Needs.caller, Needs.register, Needs.temporal)
    add_upkeep(group, "run", run, Needs.caller, Needs.gate, Needs.register, Needs.temporal)
    app.add_typer(group, name="bulk")


async def plan(
    invocation: Invocation,
    event: Annotated[BulkEvent, typer.Argument(metavar="EVENT", help="What the cases are to be told.")],
    *,
    view: Annotated[ViewName | None, typer.Option(help="Cases of a saved view.")] = None,
    region: Annotated[str | None, typer.Option(help="With a view: only cases of this office.")] = None,
    query: Annotated[str | None, typer.Option(metavar="QUERY", help="Cases of a query of the Web UI.")] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The fact's other fields, - for standard input.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the journal. (required)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cases; write nothing down.")] = False,
) -> Exit:
    """Choose cases by a view or a query, and write down what they are to be told. Nothing is told yet.

    Cases in whose status the event is not possible are shown and left out.
    """
    if (view is None) is (query is None) or (region is not None and view is None):
        raise WrongUsage(Usage.together, "--view", "--query", "--region")
    if reason is None and not dry_run:
        raise WrongUsage(Usage.lacking, "--reason")
    actor = await checked_actor()
    fact = bulk.fact_of(Event(event.value), read_object(read_input(json)) if json is not None else {}, actor)
    asked = query if query is not None else _query_of_view(str(view), region)
    async with upkeep.register() as pool, upkeep.engine() as client:
        considered = await bulk.consider(client, asked, Event(event.value))
        possible = [case.case_id for case in considered if case.possible]
        if dry_run:
            _show(invocation, considered)
        else:
            written = await bulk.write_plan(
                pool, actor, Event(event.value), fact, possible, reason or "", datetime.now(UTC)
            )
            invocation.say.one(
                {"plan": written.key, "cases": len(written.cases), "second_person": written.second_person}
            )
    if len(possible) > ALONE:
        invocation.say.note(
            f"共 {len(possible)} 件，超过 {ALONE} 件，须由另一人执行。",
            f"{len(possible)} cases are more than {ALONE}: somebody else has to run the plan.",
        )
    return Exit.fine


async def run(
    invocation: Invocation,
    key: Annotated[str, typer.Argument(metavar="PLAN", help="Plan to run: bulk:….")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; tell nobody.")] = False,
) -> Exit:
    """Tell every case of a plan, in the name of the caller; list the result of each.

    The exit code is 1 where any case refused. Repeating it tells no case twice.
    """
    actor = await checked_actor()
    async with upkeep.register() as pool:
        planned = await bulk.read_plan(pool, key)
        if dry_run:
            invocation.say.one({**planned._asdict(), "event": planned.event.value})
            return Exit.fine
        results: list[Told] = []
        async with (
            upkeep.cases(pool) as cases,
            aclosing(bulk.run(cases, pool, planned, actor, datetime.now(UTC))) as told,
        ):
            async for each in told:
                results.append(each)  # noqa: PERF401 - what was told is kept where the rest fails
    failed = sum(each.code is not None for each in results)
    ordered = sorted(results, key=lambda each: (each.code is None, each.case_id))
    invocation.say.many([_line(invocation, each) for each in ordered], _TOLD)
    invocation.say.note(
        f"共 {len(results)} 件，成功 {len(results) - failed} 件，未成功 {failed} 件。",
        f"{len(results)} cases: {len(results) - failed} told, {failed} not.",
    )
    return Exit.refused if failed else Exit.fine


def _query_of_view(name: str, region: str | None) -> str:
    (view,) = [each for each in VIEWS if each.name == name]
    return query_of(view, region, today_in_shanghai())


def _show(invocation: Invocation, considered: Sequence[Considered]) -> None:
    invocation.say.many([case._asdict() for case in considered], _CONSIDERED)


def _line(invocation: Invocation, told: Told) -> dict[str, Any]:
    return {
        "case_id": told.case_id,
        "told": told.code is None,
        "status": told.answer.status.value if told.answer is not None else None,
        "code": told.code.value if told.code is not None else None,
        "remedy": invocation.say.words(REMEDIES[told.code]) if told.code is not None else None,
    }
