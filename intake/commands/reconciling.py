"""The command that compares register and runs at any time, shows what differed, and mends what a restore left."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from activities.reconciliation.comparing import Comparing, Kind, newest_differences, total
from cases.names import TASK_QUEUE_CASES
from cases.occasions import Reconciled, Scheduled
from intake import interventions
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation
from intake.commands.saying import Exit, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep

_SHOWN: Final = ("kind", "case_id", "generation", "version", "run_version", "run_id", "found_at")
_GRAVE: Final = frozenset({Kind.behind, Kind.without_row})


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = typer.Typer(no_args_is_help=False, help="Compare the register with Temporal, and bring cases into step.")
    add_upkeep(group, "run", run, Needs.register, Needs.temporal)
    add_upkeep(group, "list", list_differences, Needs.register)
    add_upkeep(group, "register-holds", register_holds, Needs.caller, Needs.register, Needs.temporal)
    app.add_typer(group, name="reconcile")


async def run(
    invocation: Invocation,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look; bring nothing into step.")] = False,
) -> Exit:
    """Compare every open case and every run now, as every night; a worker does it, unless it is a dry run.

    A case whose run knows less than the register, or that nothing runs, is brought into step. The exit code is 1 where
    a register stands behind a run, or does not know it: somebody has to decide then.
    """
    if not dry_run:
        async with upkeep.engine() as client:
            done: Reconciled = await client.execute_workflow(
                Scheduled.full_reconciliation.value,
                id=f"full-reconciliation-{uuid4()}",
                task_queue=TASK_QUEUE_CASES,
                result_type=Reconciled,
            )
        invocation.say.one(done)
        return _exit_of(done)
    answer, found = Reconciled(compared=0), []
    async with upkeep.register() as pool, upkeep.engine() as client:
        now = datetime.now(UTC)
        async for _, compared in Comparing(pool, client, only_look=True).all(now):
            answer = total(answer, compared)
            found += [each._asdict() for each in compared.differences]
    invocation.say.many([{**each, "found_at": now} for each in found], _SHOWN)
    invocation.say.note(f"已核对 {answer.compared} 件在办案件。", f"{answer.compared} open cases were compared.")
    return Exit.fine if answer.agrees else Exit.refused


async def list_differences(
    invocation: Invocation, *, limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100
) -> Exit:
    """The newest differences that were found, each of which is written down once."""
    async with upkeep.register() as pool:
        invocation.say.many(await newest_differences(pool, limit), _SHOWN)
    return Exit.fine


async def register_holds(
    invocation: Invocation,
    case: Annotated[list[str], typer.Argument(metavar="CASE…", show_default=False, help="Cases that stand still.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal. (required)")],
) -> Exit:
    """Say of cases with REGISTER_BEHIND that the register holds: each goes on in a new run, where the register stands.

    What its run knew beyond that is gone: tell it again.
    """
    if not case:
        raise WrongUsage("CASE")
    actor = await checked_actor()
    taken_up: list[dict[str, Any]] = []
    async with upkeep.register() as pool, upkeep.engine() as client:
        for each in dict.fromkeys(case):
            await interventions.terminate(client, pool, actor, each, reason)
            await Comparing(pool, client).start(each)
            taken_up.append({"case_id": each})
    invocation.say.many(taken_up, ("case_id",))
    return Exit.fine


def _exit_of(done: Reconciled) -> Exit:
    return Exit.refused if any(getattr(done, kind.value) for kind in _GRAVE) else Exit.fine
