"""Commands that use Temporal's own means on a case, written down with who and why; one finds what went past them."""

from typing import Annotated, Final

import typer

from intake import interventions
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import CaseArgument, Invocation, group_of
from intake.commands.saying import Exit
from intake.commands.upkeep import Needs, add_upkeep

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the journal. (required)")]

_FOUND: Final = ("kind", "case_id", "at", "seen_as", "facts")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("Reset and terminate cases, safely and written down.")
    add_upkeep(group, "reset", reset, Needs.caller, Needs.register, Needs.temporal)
    add_upkeep(group, "terminate", terminate, Needs.caller, Needs.register, Needs.temporal)
    add_upkeep(group, "found", found, Needs.register, Needs.temporal)
    app.add_typer(group, name="intervene")


async def reset(invocation: Invocation, case: CaseArgument, *, reason: ReasonOption) -> Exit:
    """Restart the run of a case; it asks the register where it stands, and repeats nothing."""
    actor = await checked_actor()
    async with upkeep.register() as pool, upkeep.engine() as client:
        run_id = await interventions.reset(client, pool, actor, case, reason)
    invocation.say.one({"case_id": case, "run_id": run_id})
    return Exit.fine


async def terminate(invocation: Invocation, case: CaseArgument, *, reason: ReasonOption) -> Exit:
    """End the run of a case. It stays open in the register; sending its application again takes it up."""
    actor = await checked_actor()
    async with upkeep.register() as pool, upkeep.engine() as client:
        await interventions.terminate(client, pool, actor, case, reason)
    invocation.say.one({"case_id": case})
    return Exit.fine


async def found(invocation: Invocation) -> Exit:
    """Write down resets and terminations that were made past these commands, and name open cases that nobody moves.

    The exit code is 1 where there are any.
    """
    async with upkeep.register() as pool, upkeep.engine() as client:
        seen = await interventions.found(client, pool)
    invocation.say.many([entry.model_dump(mode="json") for entry in seen.written], _FOUND)
    if seen.adrift:
        invocation.say.note(
            "以下案件在登记库中在办，但没有运行中的流程：" + "、".join(seen.adrift),
            "open in the register, and nobody moves them: " + ", ".join(seen.adrift),
        )
    return Exit.refused if seen.written or seen.adrift else Exit.fine
