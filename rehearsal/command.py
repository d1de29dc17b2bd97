"""`starter.py rehearse`: a season on the real engine, its figures and its plot.

Servers and plots come with the extra `rehearsal`. Nothing of them is imported before the command is called: the other
commands neither need them nor wait for them.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from intake.commands.invoking import Invocation
from intake.commands.saying import Exit, Format
from intake.commands.upkeep import Needs, add_upkeep
from runtime.logs import configure_logging

if TYPE_CHECKING:
    from rehearsal.figures import Figures

_DAY: Final = ["%Y-%m-%d"]
_FINDINGS_SHOWN: Final = 20


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_upkeep(app, "rehearse", rehearse, Needs.servers)


async def rehearse(
    invocation: Invocation,
    *,
    first: Annotated[datetime, typer.Option("--from", formats=_DAY, help="First day of the season.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DAY, help="Its last day.")],
    policy: Annotated[list[str], typer.Option(help="A policy pack by name, or a file of one; twice to compare two.")],
    persons: Annotated[int, typer.Option(min=1, max=100_000, help="So many synthetic persons.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same persons and the same fates.")] = 1,
    change: Annotated[
        str | None,
        typer.Option(
            metavar="DAY=FILE",
            help="From a day on, cases follow another version of their policy, not the one made for the season.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where figures and plot go; by default a folder of the season.")
    ] = None,
) -> Exit:
    """Play a season with synthetic persons on servers of its own, check every rung and date, and draw it.

    Ends with 1 where the checker found anything.
    """
    try:
        from rehearsal.plot import draw  # noqa: PLC0415 - see the module
        from rehearsal.rehearse import Change, Pack, Rehearsal  # noqa: PLC0415 - see the module
    except ModuleNotFoundError as missing:
        invocation.say.note(
            f"缺少 {missing.name}：请安装 extra `rehearsal`。",
            f"{missing.name} is missing: install the extra `rehearsal`.",
        )
        return Exit.configuration
    configure_logging("console", "ERROR")
    packs = [Pack.named(name) for name in policy]
    rehearsal = Rehearsal(first.date(), last.date(), persons, seed, Change.read(change) if change is not None else None)
    folder = out or Path(f"season-{rehearsal.first}")
    folder.mkdir(parents=True, exist_ok=True)
    peak = packs[0].policy.campaign.ends
    seasons = []
    for pack in packs:
        with _progress(pack.policy.pin, persons) as on_progress:
            seasons.append(await rehearsal.play(pack, peak, on_progress))
    _write(seasons, folder)
    _say(invocation, seasons)
    for file in draw(seasons, folder):
        invocation.say.note(str(file), str(file))
    return Exit.refused if any(season.findings for season in seasons) else Exit.fine


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, *times, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _write(seasons: "Sequence[Figures]", folder: Path) -> None:
    dumped = [season.dump() for season in seasons]
    text = json.dumps(dumped, ensure_ascii=False, indent=1, default=datetime.isoformat)
    (folder / "figures.json").write_text(f"{text}\n", encoding="utf-8")


def _say(invocation: Invocation, seasons: "Sequence[Figures]") -> None:
    if invocation.say.format is not Format.table:
        invocation.say.many([season.dump() for season in seasons], ())
        return
    from rehearsal.figures import table  # noqa: PLC0415 - see the module

    invocation.say.many(table(seasons), ("figure", *(season.policy for season in seasons)))
    for season in seasons:
        for finding in season.findings[:_FINDINGS_SHOWN]:
            invocation.say.one(finding)
