"""A year of the working calendar as a picture: a grid of months with everything marked that is not as every week."""

from calendar import Calendar as Weeks
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from activities.calendar import Day, DayKind, days_of, official_calendar
from cases.clocks import day_of
from cases.policy import CalendarOverrides, Policy
from intake.commands.saying import Language

_WEEKDAYS: Final = "一二三四五六日"
_MONTHS_IN_A_ROW: Final = 3
_DEADLINE: Final = "D"

# A mark beside the colour: not every terminal shows colours, and not everybody sees them.
_MARKS: Final = {DayKind.day_off: "*", DayKind.make_up: "+", DayKind.closed: "x", DayKind.open: "o"}
_STYLES: Final = {
    DayKind.working: "",
    DayKind.weekend: "dim",
    DayKind.day_off: "bold red",
    DayKind.make_up: "black on yellow",
    DayKind.closed: "white on magenta",
    DayKind.open: "black on green",
}
_LEGEND: Final = {
    DayKind.day_off: ("放假", "day off"),
    DayKind.make_up: ("调休上班", "worked for a holiday"),
    DayKind.closed: ("机构停办", "agency closed"),
    DayKind.open: ("机构加班", "agency open"),
}


@dataclass(frozen=True)
class CalendarYear:
    """One year of one policy's calendar, or of the official one."""

    year: int
    policy: str | None
    days: tuple[Day, ...]
    published: bool
    deadline: date | None
    """The campaign's last day, where it lies in this year, rolled as the policy says."""

    @property
    def working_days(self) -> int:
        """How many days of it are worked."""
        return sum(day.kind.is_worked for day in self.days)

    @property
    def remarkable(self) -> tuple[Day, ...]:
        """Days that are not as every week."""
        return tuple(day for day in self.days if day.kind not in {DayKind.working, DayKind.weekend})

    def as_json(self) -> dict[str, Any]:
        """For programs: the figures, and every day that is not as every week."""
        return {
            "year": self.year,
            "policy": self.policy,
            "published": self.published,
            "working_days": self.working_days,
            "deadline": self.deadline.isoformat() if self.deadline is not None else None,
            "days": [
                {"day": day.day.isoformat(), "kind": day.kind.value, "holiday": day.holiday} for day in self.remarkable
            ],
        }


def year_of(policy: Policy | None, year: int) -> CalendarYear:
    """A year as a policy has it; without one as the State Council published it."""
    overrides = policy.calendar if policy is not None else CalendarOverrides()
    calendar = official_calendar(overrides)
    deadline = None
    if policy is not None:
        # The 24:00 that closes a day belongs to it.
        last = day_of(policy.campaign_ends(calendar).at - timedelta(microseconds=1))
        deadline = last if last.year == year else None
    return CalendarYear(
        year=year,
        policy=policy.pin if policy is not None else None,
        days=tuple(days_of(year, overrides)),
        published=year in calendar.published,
        deadline=deadline,
    )


def drawn(shown: CalendarYear, language: Language) -> RenderableType:
    """The picture."""
    zh = language is Language.zh
    grid = Table.grid(padding=(0, 4, 0, 0))
    months = [_month(shown, month, zh=zh) for month in range(1, 13)]
    for row in range(0, len(months), _MONTHS_IN_A_ROW):
        grid.add_row()
        grid.add_row(*months[row : row + _MONTHS_IN_A_ROW])
    parts: list[RenderableType] = [_title(shown, zh=zh), grid]
    if shown.remarkable:
        parts += [Text(), _legend(shown, zh=zh), Text(), _list_of(shown, zh=zh)]
    return Group(*parts)


def _title(shown: CalendarYear, *, zh: bool) -> Text:
    whose = shown.policy or ("国务院办公厅" if zh else "State Council")
    worked = f"{shown.working_days} 个工作日" if zh else f"{shown.working_days} working days"
    title = Text.assemble((f"{shown.year}", "bold"), f" · {whose} · {worked}")
    if not shown.published:
        title.append("  ")
        title.append("未公布，日期均为暂定" if zh else "not published: all dates are provisional", "bold yellow")
    return title


def _month(shown: CalendarYear, month: int, *, zh: bool) -> RenderableType:
    known: Mapping[date, Day] = {day.day: day for day in shown.days if day.day.month == month}
    name = f"{month}月" if zh else f"{date(shown.year, month, 1):%B}"
    weekdays = " ".join(_WEEKDAYS) if zh else "Mo Tu We Th Fr Sa Su"
    lines = [Text(name, "bold"), Text(weekdays, "dim")]
    for week in Weeks().monthdatescalendar(shown.year, month):
        line = Text()
        for day in week:
            line.append_text(_cell(known[day], shown.deadline) if day in known else Text("   "))
        lines.append(line)
    return Group(*lines)


def _cell(day: Day, deadline: date | None) -> Text:
    mark = _DEADLINE if day.day == deadline else _MARKS.get(day.kind, " ")
    style = "bold underline" if day.day == deadline else _STYLES[day.kind]
    return Text.assemble((f"{day.day.day:2}{mark}", style))


def _legend(shown: CalendarYear, *, zh: bool) -> Text:
    present = {day.kind for day in shown.days}
    legend = Text()
    for kind, (in_chinese, in_english) in _LEGEND.items():
        if kind in present:
            legend.append(f" {_MARKS[kind]} ", _STYLES[kind])
            legend.append(f" {in_chinese if zh else in_english}   ")
    if shown.deadline is not None:
        legend.append(f" {_DEADLINE} ", "bold underline")
        legend.append(" 集中变更期限" if zh else " last day of the campaign")
    return legend


def _list_of(shown: CalendarYear, *, zh: bool) -> Table:
    """Holidays with their days off and the weekends worked for them, then what the agency changes."""
    table = Table.grid(padding=(0, 3, 0, 0))
    by_notice = [day for day in shown.remarkable if day.kind in {DayKind.day_off, DayKind.make_up}]
    for holiday in dict.fromkeys(day.holiday for day in by_notice):
        off = [day.day for day in by_notice if day.holiday == holiday and day.kind is DayKind.day_off]
        worked = [day.day for day in by_notice if day.holiday == holiday and day.kind is DayKind.make_up]
        table.add_row(
            Text(holiday or "", "bold"),
            Text(_stretches(off, zh=zh), _STYLES[DayKind.day_off]),
            Text(("上班 " if zh else "worked ") + _stretches(worked, zh=zh) if worked else ""),
        )
    for kind in (DayKind.closed, DayKind.open):
        days = [day.day for day in shown.remarkable if day.kind is kind]
        if days:
            in_chinese, in_english = _LEGEND[kind]
            table.add_row(Text(in_chinese if zh else in_english, "bold"), Text(_stretches(days, zh=zh)), Text())
    return table


def _stretches(days: Sequence[date], *, zh: bool) -> str:
    return ("、" if zh else ", ").join(
        f"{first:%m-%d}" if first == last else f"{first:%m-%d}…{last:%m-%d}" for first, last in _joined(days)
    )


def _joined(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """First and last day of each run of days that follow one another."""
    ordered = sorted(days)
    breaks = [place for place, (one, other) in enumerate(pairwise(ordered), 1) if (other - one).days > 1]
    for start, end in zip([0, *breaks], [*breaks, len(ordered)], strict=True):
        if start < end:
            yield ordered[start], ordered[end - 1]
