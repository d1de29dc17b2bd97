"""The command that compares register and runs at any time, shows what differed, and mends what a restore left."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from activities.reconciliation.comparing import Comparing, Kind, newest_differences, total
from activities.reconciliation.watching import shown
from cases.kinds import read_case_id
from cases.names import TASK_QUEUE_CASES
from cases.occasions import Reconciled, Scheduled
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Usage, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep
from intake.holding import Held, Said, hold_over, hold_over_all

_SHOWN: Final = ("kind", "case_id", "generation", "version", "run_version", "run_id", "found_at")
_FOUND: Final = ("kind", "case_id", "generation", "version", "run_version", "run_id", "event", "told_as", "at")
_GRAVE: Final = frozenset({Kind.behind, Kind.without_row, Kind.stranger, Kind.failing})
_STANDING: Final = ("kind", "subject", "what", "office", "since", "found_at", "is_told", "ended_at")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("Compare the register with Temporal, and bring cases into step.")
    add_upkeep(group, "run", run, Needs.register, Needs.temporal)
    add_upkeep(group, "list", list_differences, Needs.register)
    add_upkeep(group, "standstills", list_standstills, Needs.register)
    add_upkeep(group, "register-holds", register_holds, Needs.caller, Needs.register, Needs.temporal)
    app.add_typer(group, name="reconcile")


async def run(
    invocation: Invocation,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look; bring nothing into step.")] = False,
) -> Exit:
    """Compare every open case and every run now, as every night; a worker does it, unless it is a dry run.

    A case whose run knows less than the register, or that nothing runs, is brought into step. The exit code is 1 where
    a register stands behind a run, or does not know it, or where tasks of a case fail: somebody has to act then.
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
        async for compared in Comparing(pool, client, only_look=True).all(now):
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


async def list_standstills(
    invocation: Invocation,
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Also what goes on again.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
) -> Exit:
    """What does not go on although it should: cases, messages, events, scheduled work.

    The exit code is 1 where there is any.
    """
    async with upkeep.register() as pool:
        standing = await shown(pool, limit, ended=ended)
    invocation.say.many(standing, _STANDING)
    return Exit.refused if any(each["ended_at"] is None for each in standing) else Exit.fine


async def register_holds(
    invocation: Invocation,
    those: Annotated[list[str] | None, typer.Argument(metavar="CASE…", help="Cases that stand still.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All cases, and the pair of register and Temporal.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; kept in the journal. (required but for a dry run)")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look; with --all.")] = False,
) -> Exit:
    """Say that the register holds: cases go on in new runs where it stands. What runs knew beyond that is gone.

    With --all of every case, after either side was restored or lost: workers and the intake service start again then.
    Named is what differed, and as `missing` each fact that was told to a run and that the register never had: have it
    told again. A run of which the register knows nothing is ended.
    """
    cases = tuple(dict.fromkeys(those or ()))
    if bool(cases) == every or (dry_run and not every):
        raise WrongUsage(Usage.together, "CASE", "--all", "--dry-run")
    for case in cases:
        read_case_id(case)
    if reason is None and not dry_run:
        raise WrongUsage(Usage.lacking, "--reason")
    said = None if dry_run or reason is None else Said(await checked_actor(), reason)
    async with upkeep.register() as pool, upkeep.engine() as client:
        if every:
            return _say(invocation, await hold_over_all(pool, client, said), only_looked=said is None)
        if said is None:
            raise WrongUsage(Usage.lacking, "--reason")
        for case in cases:
            await hold_over(pool, client, case, said)
    invocation.say.many([{"case_id": case} for case in cases], ("case_id",))
    return Exit.fine


def _say(invocation: Invocation, held: Held, *, only_looked: bool) -> Exit:
    """What differed, what is to be told again, and whether both fit."""
    rows: list[dict[str, Any]] = [each._asdict() for each in held.differences]
    rows += [{"kind": "missing", **each._asdict()} for each in held.missing]
    invocation.say.many(rows, _FOUND)
    invocation.say.note(
        f"已核对 {held.compared} 件在办案件；{len(held.differences)} 处不一致；需重新告知 {len(held.missing)} 项。",
        f"{held.compared} open cases were compared; {len(held.differences)} differ; "
        f"{len(held.missing)} facts are to be told again.",
    )
    misfit = held.pairing.misfit
    if misfit is not None:
        zh = "登记库与 Temporal 不匹配" + ("。" if only_looked else "；现以登记库为准。")
        invocation.say.note(zh, f"{misfit.value}." + ("" if only_looked else " Now the register holds."))
    return Exit.refused if only_looked and (rows or misfit is not None) else Exit.fine


def _exit_of(done: Reconciled) -> Exit:
    return Exit.refused if any(getattr(done, kind.value) for kind in _GRAVE) else Exit.fine
