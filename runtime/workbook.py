"""Figures as a workbook with plots, for whoever would rather look."""

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.figures import Cell, Figures, Plot, tables

_SHORTEST, _LONGEST, _BESIDE = 8, 40, 2
_OF_CHINESE: Final = 2
"""A Chinese character is as wide as two others."""
_FIRST_OF_CHINESE: Final = "\u2e80"
_MOST_ROWS: Final = 1_048_575
"""Of a sheet, without the headings."""


def workbook(overview: Mapping[str, Any], tongue: Tongue) -> bytes:
    """The tables of an overview as an .xlsx file, a sheet for each, with plots.

    No cell is a formula or a link, whatever it holds. Raises ValueError where a table has more rows than a sheet.
    """
    content = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(content, {"in_memory": True, "default_date_format": "yyyy-mm-dd", **plain}) as book:
        # The moment that the figures are of, and not the one at which somebody saved them.
        at: datetime = overview["at"]
        book.set_properties({"title": f"{overview['office']} {at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", "created": at})
        heading = book.add_format({"bold": True, "bottom": 1})
        for figures in tables(overview, tongue):
            if len(figures.rows) > _MOST_ROWS:
                raise ValueError("more rows than a sheet has")
            sheet = book.add_worksheet(figures.title)
            _fill(sheet, figures, heading)
            if figures.plot is not None and figures.rows:
                _draw(book, sheet, figures, figures.plot)
    return content.getvalue()


def _fill(sheet: Worksheet, figures: Figures, heading: Any) -> None:
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, figures.headings, heading)
    for number, row in enumerate(figures.rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                sheet.write_datetime(number, column, datetime.combine(cell, time()))
            elif isinstance(cell, str):
                sheet.write_string(number, column, cell)
            elif cell is not None:
                sheet.write_number(number, column, cell)
    sheet.autofilter(0, 0, len(figures.rows), len(figures.headings) - 1)
    for column, name in enumerate(figures.headings):
        sheet.set_column(column, column, _width([name, *(row[column] for row in figures.rows)]))


def _width(cells: Sequence[Cell]) -> int:
    longest = max(sum(_OF_CHINESE if each >= _FIRST_OF_CHINESE else 1 for each in str(cell)) for cell in cells)
    return min(max(longest, _SHORTEST), _LONGEST) + _BESIDE


def _draw(book: xlsxwriter.Workbook, sheet: Worksheet, figures: Figures, plot: Plot) -> None:
    chart = book.add_chart({"type": plot.kind} | ({"subtype": "stacked"} if plot.kind == "column" else {}))
    if chart is None:
        raise ValueError(f"no plot is called {plot.kind}")
    last = len(figures.rows)
    for column in plot.series:
        chart.add_series(
            {
                "name": [figures.title, 0, column],
                "categories": [figures.title, 1, plot.along, last, plot.along],
                "values": [figures.title, 1, column, last, column],
            }
        )
    chart.set_title({"name": figures.title})
    sheet.insert_chart(0, len(figures.headings) + 1, chart, {"x_scale": 1.6, "y_scale": 1.3})
