"""Saved views: the questions that operators ask of the list of cases, as queries of the Web UI and links to them.

A query rests on search attributes alone, so that it needs no key and shows no personal data. Dates in it are those of
the day on which it was made: the Web UI keeps queries, not what "this week" means.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from urllib.parse import quote

from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.kinds import every_case
from cases.ladder import Rung
from cases.machines.machine import Status
from cases.offices import MINISTRY

LOCAL_UI: Final = "http://127.0.0.1:8233"
"""Where the Web UI of a development server is found unless it says otherwise."""

_REGION: Final = re.compile(r"[1-9][0-9]{5}")
_SUBORDINATE: Final = re.compile(r"(?:00)+$")
_OPEN: Final = (
    every_case(),
    "ExecutionStatus = 'Running'",
)


class View(NamedTuple):
    """One question: its name, what it is called, and what it adds to "open cases of this region"."""

    name: str
    zh: str
    en: str
    term: str


DUE_THIS_WEEK: Final = "due-this-week"

VIEWS: Final = (
    View(DUE_THIS_WEEK, "本周到期", "due this week, or earlier", ""),
    View("awaiting-approval", "待复核审批", "awaiting approval", f"CaseStatus = '{Status.awaiting_approval.value}'"),
    View("disputes", "号码争议", "disputes over a number", "CaseAttention = 'dispute'"),
    View("duplicates", "重复参保待认定", "two records, perhaps of one person", "CaseAttention = 'duplicate'"),
    View("repair", "异常待处理", "needs repair", "CaseAttention = 'repair'"),
    View("overdue", "超期", "overdue", "CaseAttention = 'overdue'"),
    View("late", "督办中（黄色及以上）", "escalated: yellow and above", f"CaseRung >= {Rung.yellow.value}"),
    View("decisions", "待决定", "decisions to take", "CaseAttention = 'decision'"),
    View("on-hold", "中止办理", "on hold", "CaseAttention = 'hold'"),
    View("stuck", "程序故障", "tasks that fail", "TemporalReportedProblems IS NOT NULL"),
)


def query_of(view: View, region: str | None, today: date) -> str:
    """The query of a view for an office's region, or for all; `today` is a civil day of Asia/Shanghai.

    The code of a municipality, a province or the ministry (GB/T 2260) stands for all agencies below it. Raises
    `CaseError` REGION_INVALID.
    """
    term = view.term or f"CaseDueAt < '{_end_of_week(today).isoformat()}'"
    return " AND ".join([*_OPEN, *_of_region(region), term])


def link_to(query: str, ui_url: str, namespace: str) -> str:
    """Where the Web UI shows what a query finds."""
    return f"{ui_url.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows?query={quote(query, safe='')}"


def _of_region(region: str | None) -> tuple[str, ...]:
    if region is None or region == MINISTRY:
        return ()
    if not _REGION.fullmatch(region):
        # What is no code becomes no part of a query.
        raise CaseError(Code.REGION_INVALID, "region")
    below = _SUBORDINATE.sub("", region)
    return (f"CaseRegion = '{region}'",) if below == region else (f"CaseRegion STARTS_WITH '{below}'",)


def _end_of_week(today: date) -> datetime:
    """The first moment of the next Monday."""
    return datetime.combine(today + timedelta(days=7 - today.weekday()), time(), SHANGHAI)
