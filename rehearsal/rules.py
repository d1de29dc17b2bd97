"""The rules of a policy's file, read a second time: the checker must not rest on the engine's reading of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Final, NamedTuple, Self

import chinese_calendar

from cases.clocks import SHANGHAI

RUNGS: Final = ("none", "blue_0", "blue_1", "yellow", "orange", "red", "deadline", "after_deadline")
"""Names by number."""
DAY: Final = timedelta(days=1)

_WEEKEND: Final = 5


class RungRule(NamedTuple):
    """When one rung is due."""

    rung: int
    percent: int | None
    days_over: int
    step: bool
    campaign_days: int | None
    campaign_working_days: int | None
    acknowledge_within: int | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of a policy's file that dates follow from, for one kind of case."""

    budget: int
    """Processing time in working days."""
    steps: Mapping[str, int]
    """Percentage of it that a status may take."""
    rungs: Sequence[RungRule]
    opens: time
    closes: time
    campaign_binds: bool
    """Whether the campaign date means anything for the kind."""
    campaign_ends: date
    on_rest_day: str
    campaign_closes: str
    moved_by_extension: bool
    late_decision_after: int | None
    """Working days after which a decision is asked for about a case that came after the campaign date."""
    holds_move: frozenset[str]
    """Reasons of holds that move the campaign date."""
    closed: frozenset[date]
    open: frozenset[date]
    reminders: Mapping[str, int]
    """How often the applicant is reminded, by the event that reminds."""
    rounds: int
    """How often documents may be returned."""
    confirmations: frozenset[str]
    """Systems that have to say that they took a changed number over."""
    replacement: "Rules | None" = None
    """The rules of card replacements, beside those of ID-number changes."""
    amended: Mapping[date, bool] = field(default_factory=dict)
    """What was announced of days after the calendar was published: whether they are worked."""

    @classmethod
    def of(cls, policy: Mapping[str, Any]) -> Self:
        """From what a policy's file says."""
        changes = cls._of_kind(policy, "number_change")
        return replace(changes, replacement=cls._of_kind(policy, "replacement")) if "replacement" in policy else changes

    @classmethod
    def _of_kind(cls, policy: Mapping[str, Any], kind: str) -> Self:
        ladder, campaign, calendar = policy["ladder"], policy["campaign"], policy.get("calendar", {})
        part = policy[kind]
        return cls(
            budget=part["processing"]["working_days"],
            steps={step["status"]: step["percent"] for step in part.get("steps", ())},
            rungs=tuple(
                RungRule(
                    RUNGS.index(rung["rung"]),
                    rung.get("processing_percent"),
                    rung.get("processing_days_over", 0),
                    rung.get("step", False),
                    rung.get("campaign_days"),
                    rung.get("campaign_working_days"),
                    rung.get("acknowledge_within"),
                )
                for rung in ladder["rungs"]
            ),
            opens=ladder["opens"],
            closes=ladder["closes"],
            campaign_binds=kind == "number_change",
            campaign_ends=campaign["ends"],
            on_rest_day=campaign["on_rest_day"],
            campaign_closes=campaign["closes"],
            moved_by_extension=campaign["moved_by_extension"],
            late_decision_after=campaign.get("late_decision_after"),
            holds_move=frozenset(hold["reason"] for hold in policy["holds"] if hold["moves_campaign"]),
            closed=frozenset(calendar.get("closed", ())),
            open=frozenset(calendar.get("open", ())),
            reminders={
                # The last one hands the card over to those who destroy it.
                "claim_period_passed": len(part.get("claim_reminder_days", ())) + 1,
                "activation_overdue": part.get("activation_reminders", 0),
            },
            rounds=part.get("supplement", {}).get("rounds", 0),
            confirmations=frozenset(part.get("confirmations", ())),
        )

    def binding(self, case_id: str) -> "Rules":
        """Those of a case's kind."""
        return self.replacement if self.replacement is not None and case_id.startswith("crc-") else self

    def announced(self, amended: Mapping[date, bool]) -> "Rules":
        """The same rules by a calendar of which more is known."""
        return self if amended == self.amended else replace(self, amended=amended)

    def is_working(self, day: date) -> bool:
        """Whether the agency works on a day, by the official calendar and the agency's own days."""
        if day in self.open or day in self.closed:
            return day in self.open
        known = self.amended.get(day)
        return _official(day) if known is None else known

    def moved(self, moment: datetime, working_days: int) -> datetime:
        """The end of a day, moved by working days."""
        last = day_of(moment - timedelta(microseconds=1))
        day = last
        while working_days:
            day += DAY
            working_days -= self.is_working(day)
        return moment + (day - last)


@cache
def _official(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        # The year is not published yet.
        return day.weekday() < _WEEKEND


def day_of(moment: datetime) -> date:
    """The civil day of Asia/Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def midnight_after(day: date) -> datetime:
    """The 24:00 that closes a day."""
    return datetime.combine(day + DAY, time(), SHANGHAI)
