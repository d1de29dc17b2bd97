"""How offices stand: figures with plots, and the same as a workbook."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, ValidationError

from activities.registry.overview import OVERSEES, CampaignEnds, Overview, overview, within
from activities.registry.pool import Pool
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.figures import Cell, Figures, tables
from cases.models import Contract, RegionCode
from desk.visitors import Visitor

MOST_ROWS: Final = 200
"""Of a table on the page; the workbook holds all of them."""


class Chosen(Contract):
    """What stands in the address of the figures."""

    region: RegionCode | None = None
    days: Annotated[int, Field(ge=1, le=92)] = 30


class Bar(NamedTuple):
    """One bar of a plot, in units of its height and of a bar's width."""

    x: float
    y: float
    height: float
    series: int
    says: str


class Drawing(NamedTuple):
    """A plot as a page draws it: bars beside each other, for each row one of each series."""

    width: int
    bars: tuple[Bar, ...]
    series: tuple[str, ...]
    most: str
    first: str
    last: str


HEIGHT: Final = 120


async def figures_of(
    pool: Pool, visitor: Visitor, query: Mapping[str, str], at: datetime, ends: CampaignEnds
) -> tuple[Chosen, Overview]:
    """The figures that somebody asks for.

    Raises `CaseError` ROLE_NOT_ALLOWED, FIELD_INVALID, OFFICE_NOT_COMPETENT, or where the register is away.
    """
    if visitor.actor.role not in OVERSEES:
        raise CaseError(Code.ROLE_NOT_ALLOWED)
    try:
        chosen = Chosen.model_validate_strings({name: value for name, value in query.items() if value})
    except ValidationError:
        raise CaseError(Code.FIELD_INVALID) from None
    office = within(visitor.actor.office, chosen.region)
    if office is None:
        raise CaseError(Code.OFFICE_NOT_COMPETENT)
    return chosen, await overview(pool, office, at, days=chosen.days, ends=ends)


def shown(found: Overview, visitor: Visitor) -> dict[str, Any]:
    """What the page shows of them."""
    made = tables(found.model_dump(), visitor.tongue)
    return {
        "found": found,
        "tables": [(figures, read(figures), drawn(figures), numbers_in(figures)) for figures in made],
        "open": sum(each.cases for each in found.open),
        "overdue": sum(each.overdue for each in found.open),
        "remaining": sum(each.remaining for each in found.campaign),
        "in_time": sum(each.in_time for each in found.campaign),
        "height": HEIGHT,
    }


def read(figures: Figures) -> tuple[tuple[Cell, ...], ...]:
    """The rows as they are read: of days the newest first."""
    rows = figures.rows[:MOST_ROWS]
    return rows[::-1] if figures.plot is not None and figures.plot.kind == "line" else rows


def numbers_in(figures: Figures) -> frozenset[int]:
    """Which columns hold numbers."""
    return frozenset(
        place
        for place in range(len(figures.headings))
        if any(isinstance(row[place], int | float) for row in figures.rows)
    )


def drawn(figures: Figures) -> Drawing | None:
    """The plot of a table; None where it has none or holds nothing to draw."""
    if figures.plot is None:
        return None
    rows, series = figures.rows[:MOST_ROWS], figures.plot.series
    most = max((_height(row[place]) for row in rows for place in series), default=0.0)
    if not most:
        return None
    wide = len(series) + 1
    bars = [
        Bar(
            x=number * wide + beside,
            y=HEIGHT - HEIGHT * _height(row[place]) / most,
            height=HEIGHT * _height(row[place]) / most,
            series=beside,
            says=f"{row[figures.plot.along]} {figures.headings[place]}: {row[place]}",
        )
        for number, row in enumerate(rows)
        for beside, place in enumerate(series)
    ]
    return Drawing(
        width=len(rows) * wide,
        bars=tuple(bars),
        series=tuple(figures.headings[place] for place in series),
        most=f"{most:g}",
        first=str(rows[0][figures.plot.along]),
        last=str(rows[-1][figures.plot.along]),
    )


def _height(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def named(found: Overview) -> str:
    """What the workbook is called."""
    return f"cardcase-{found.office}-{found.at.astimezone(SHANGHAI):%Y%m%d}.xlsx"
