"""Commands about releases: which of them Temporal gives work to, and to which from now on."""

from typing import Annotated, Final

import typer

from intake.commands import upkeep
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Failed
from intake.commands.upkeep import Needs, add_upkeep
from runtime import releases
from runtime.build import build_id

_SHOWN: Final = ("build", "state", "current_at", "seen_at", "is_this")
_NO_WORKERS: Final = "没有该版本的工作进程在运行，未作变更。No worker of this release is running; nothing was changed."

_NOT_EVERYWHERE: Final = "已设为当前版本，尚未全部生效，可重复执行。It is current, and not everywhere yet; repeat it."


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("Releases: which of them is given work (CARDCASE_VERSIONED).")
    add_upkeep(group, "list", list_releases, Needs.temporal)
    add_upkeep(group, "make-current", make_current, Needs.temporal)
    app.add_typer(group, name="release")


async def list_releases(invocation: Invocation) -> Exit:
    """The releases whose workers ever asked for work, the newest first: which is current, and which is this code."""
    async with upkeep.engine() as client:
        listed = await releases.releases(client)
    invocation.say.many([each._asdict() for each in listed], _SHOWN)
    return Exit.fine


async def make_current(
    invocation: Invocation,
    build: Annotated[
        str | None, typer.Argument(metavar="[BUILD]", show_default=False, help="As listed; this code's where left out.")
    ] = None,
    *,
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait for its workers.")] = 0.0,
) -> Exit:
    """Have Temporal give all work to one release, of which workers are running; open cases go over to it by themselves.

    A release goes back in the same way: start workers of the one before, and name its build.
    """
    async with upkeep.engine() as client:
        try:
            await releases.make_current(client, build or build_id(), patience=wait)
        except releases.ReleaseUnknown:
            raise Failed(Exit.refused, (), text=_NO_WORKERS) from None
        except releases.NotYetEverywhere:
            raise Failed(Exit.unavailable, (), text=_NOT_EVERYWHERE) from None
        listed = await releases.releases(client)
    invocation.say.many([each._asdict() for each in listed if each.state == "current"], _SHOWN)
    return Exit.fine
