"""The figures of an office as tables in words: the same on the command line, on pages and in workbooks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final, NamedTuple

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
        "days",
        "每日收结",
        "In and out",
        (_plain("日期", "day", "day"), _plain("收件", "in", "opened"), _plain("办结", "out", "closed")),
        Plot("line", 0, (1, 2)),
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
