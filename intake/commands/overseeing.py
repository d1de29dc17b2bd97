"""How the caller's offices stand, in figures."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cases.delivery import Tongue
from cases.figures import Cell, Figures, tables
from cases.text import visible
from intake.commands.door import service
from intake.commands.invoking import Invocation, add_command
from intake.commands.saying import Exit, Format, Usage, WrongUsage
from runtime.workbook import workbook

_WORKBOOK = ".xlsx"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    add_command(app, "overview", overview)


async def overview(
    invocation: Invocation,
    *,
    region: Annotated[
        str | None,
        typer.Option(
            help="An office within the caller's: six digits; a municipality or a province stands for all below it."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=92, help="In and out over so many days, today included.")] = 30,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a workbook with plots instead: .xlsx; not over another.")
    ] = None,
) -> Exit:
    """How the caller's office and all below it stand: open, late, in and out, time taken, what is left of the campaign.

    For supervisors and operators. Counted from the register at this moment; nothing says whom a case is about.
    """
    if to is not None and to.suffix.lower() != _WORKBOOK:
        raise WrongUsage(Usage.value, f"--to <FILE{_WORKBOOK}>")
    async with service() as offices:
        figures = await offices.read_overview(region, days=days)
    tongue = Tongue(invocation.say.language.value)
    if to is not None:
        content = workbook(figures.model_dump(), tongue)
        try:
            with to.open("xb") as file:
                file.write(content)
        except FileExistsError:
            raise WrongUsage(Usage.exists, "--to") from None
    elif invocation.say.format is Format.table:
        for table in tables(figures.model_dump(), tongue):
            invocation.say.drawing(_drawn(table))
    else:
        invocation.say.one(figures)
    return Exit.fine


def _drawn(figures: Figures) -> Table:
    table = Table(title=figures.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, heading in enumerate(figures.headings):
        is_number = any(isinstance(row[number], int | float) for row in figures.rows)
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in figures.rows:
        table.add_row(*(Text(_text(cell)) for cell in row))
    return table


def _text(cell: Cell) -> str:
    return "" if cell is None else visible(str(cell))
