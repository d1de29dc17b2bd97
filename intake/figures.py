"""The figures of an office as tables in words, and as a workbook with plots, for whoever would rather look.

One set of tables serves the command line, workbooks and pages.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final, NamedTuple

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.ladder import Rung
from cases.machines.machine import Status
from cases.models import Category, Role
from cases.names import Kind
from cases.words import word

Cell = str | int | float | date | None


class Plot(NamedTuple):
    """How a table is drawn: its rows along the axis, and these columns as series."""

    kind: str
    """`line`, or `column` with the series on top of each other."""
    along: int
    series: tuple[int, ...]


class Figures(NamedTuple):
    """One table: each row has a cell for each heading; numbers are numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    plot: Plot | None = None


class _Column(NamedTuple):
    zh: str
    en: str
    cell: Callable[[Mapping[str, Any], Tongue], Cell]


def _plain(zh: str, en: str, field: str) -> _Column:
    return _Column(zh, en, lambda row, _tongue: _cell(row[field]))


def _worded(zh: str, en: str, field: str, of: type[StrEnum]) -> _Column:
    return _Column(zh, en, lambda row, tongue: word(of(row[field]), tongue))


def _cell(value: Any) -> Cell:
    return round(value, 1) if isinstance(value, float) else value


def _rung(row: Mapping[str, Any], tongue: Tongue) -> Cell:
    rung = Rung(row["rung"])
    return rung.zh if tongue is Tongue.zh else rung.name.replace("_", " ")


def _in_time(row: Mapping[str, Any], tongue: Tongue) -> Cell:
    if row["in_time"]:
        return "能" if tongue is Tongue.zh else "yes"
    return "不能" if tongue is Tongue.zh else "no"


class _Table(NamedTuple):
    field: str
    zh: str
    en: str
    columns: tuple[_Column, ...]
    plot: Plot | None = None


_OFFICE: Final = _plain("经办机构", "office", "region")
_CASES: Final = _plain("件数", "cases", "cases")
_KIND: Final = _worded("种类", "kind", "kind", Kind)

_TABLES: Final = (
    _Table(
        "open",
        "在办",
        "Open",
        (
            _OFFICE,
            _KIND,
            _worded("状态", "status", "status", Status),
            _CASES,
            _plain("其中超期", "of them overdue", "overdue"),
        ),
    ),
    _Table("late", "预警", "Late", (_OFFICE, _Column("级别", "rung", _rung), _CASES)),
    _Table(
        "days",
        "每日收结",
        "In and out",
        (_plain("日期", "day", "day"), _plain("收件", "in", "opened"), _plain("办结", "out", "closed")),
        Plot("line", 0, (1, 2)),
    ),
    _Table(
        "durations",
        "办理时长",
        "Time to done",
        (
            _KIND,
            _CASES,
            _plain("中位数（天）", "median, days", "median_days"),
            _plain("九成以内（天）", "p90, days", "p90_days"),
        ),
    ),
    _Table(
        "remaining",
        "尚存十五位号码",
        "15-digit numbers that remain",
        (
            _OFFICE,
            _worded("人员类别", "group", "category", Category),
            _plain("人数", "persons", "persons"),
            _plain("其中在办", "of them with a case", "with_case"),
        ),
    ),
    _Table(
        "campaign",
        "变更进度",
        "The campaign",
        (
            _OFFICE,
            _plain("剩余人数", "persons left", "remaining"),
            _plain("日均变更", "changed a day", "a_day"),
            _plain("预计完成", "done on", "done_on"),
            _plain("截止日期", "ends on", "ends_on"),
            _Column("能否按期", "in time", _in_time),
        ),
        Plot("column", 0, (1,)),
    ),
    _Table(
        "decisions",
        "人员办理量",
        "What the staff did",
        (
            _plain("经办机构", "office", "office"),
            _plain("工号", "staff", "actor"),
            _worded("身份", "role", "role", Role),
            _plain("办理次数", "decisions", "decisions"),
            _plain("涉及件数", "cases", "cases"),
        ),
    ),
)


def tables(overview: Mapping[str, Any], tongue: Tongue) -> tuple[Figures, ...]:
    """The tables of an overview, as `activities.registry.overview` and the service answer it, in one language."""
    return tuple(_made(table, overview[table.field], tongue) for table in _TABLES)


def _made(table: _Table, rows: Iterable[Mapping[str, Any]], tongue: Tongue) -> Figures:
    chinese = tongue is Tongue.zh
    return Figures(
        title=table.zh if chinese else table.en,
        headings=tuple(column.zh if chinese else column.en for column in table.columns),
        rows=tuple(tuple(column.cell(row, tongue) for column in table.columns) for row in rows),
        plot=table.plot,
    )


_SHORTEST, _LONGEST, _BESIDE = 8, 40, 2
_OF_CHINESE: Final = 2
"""A Chinese character is as wide as two others."""
_FIRST_OF_CHINESE: Final = "\u2e80"
_MEDIA_ROWS: Final = 1_048_575
"""Of a sheet, without the headings."""


def workbook(overview: Mapping[str, Any], tongue: Tongue) -> bytes:
    """The same as an .xlsx file, a sheet for each table, with plots. No cell is a formula or a link, whatever it holds.

    Raises ValueError where a table has more rows than a sheet.
    """
    content = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(content, {"in_memory": True, "default_date_format": "yyyy-mm-dd", **plain}) as book:
        # The moment that the figures are of, and not the one at which somebody saved them.
        at: datetime = overview["at"]
        book.set_properties({"title": f"{overview['office']} {at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", "created": at})
        heading = book.add_format({"bold": True, "bottom": 1})
        for figures in tables(overview, tongue):
            if len(figures.rows) > _MEDIA_ROWS:
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
