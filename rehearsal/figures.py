"""What came out of a season, in numbers: for a table, for a program, and for a plot."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from cases.clocks import SHANGHAI
from cases.kinds import MACHINES, read_case_id
from cases.machines.machine import Milestone, Status
from rehearsal.check import Checked
from rehearsal.play import Played
from rehearsal.record import Case
from rehearsal.rules import DAY, RUNGS, day_of, midnight_after
from rehearsal.season import Season

_HOUR: Final = timedelta(hours=1)
_DEADLINE: Final = RUNGS.index("deadline")

OPEN_MILESTONES: Final = (Milestone.submitted, Milestone.documents_verified, Milestone.number_updated)
"""Those at which a case can be open."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What became of the cases in which a decision was asked for when the campaign date passed."""

    asked: int
    held: int
    """A named officer withheld benefits."""
    updated_later: int
    """The number was updated after the campaign date, and benefits are paid."""
    closed_otherwise: int
    still_open: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One policy's season. Days are those of the season; lists run from its first day to its last."""

    policy: str
    seed: int
    days: tuple[date, ...]
    campaign_ends: date
    cases: int
    endings: dict[str, int]
    """Cases by the status in which the season left them."""
    open_cases: dict[str, tuple[int, ...]]
    """By milestone, at the end of each day."""
    rungs: dict[str, tuple[int, ...]]
    """By level, fired on each day."""
    causes: dict[str, int]
    decisions: Decisions
    occurred: dict[str, int]
    """What happened to cases beside the ordinary road, and how often."""
    losses: dict[str, int]
    """Cards that were reported lost, by the status of the case that was told."""
    told: int
    """Facts that people and systems told."""
    refused: dict[str, int]
    """Facts that a case refused, by event and code."""
    mean_load: tuple[float, ...]
    """Transitions by hour of the day, 0 to 23, on an average working day."""
    peak_load: tuple[int, ...]
    """The most in any one hour, by hour of the day."""
    busiest_hour: datetime | None
    seconds: float
    """How long the season took to play."""
    checked: dict[str, int | float]
    findings: tuple[dict[str, Any], ...]

    def dump(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"days": [day.isoformat() for day in self.days], "campaign_ends": str(self.campaign_ends)}


def figures(
    policy: str, season: Season, cases: Sequence[Case], played: Played, checked: Checked, seconds: float
) -> Figures:
    """All figures of a season that was played."""
    days = tuple(season.first + DAY * n for n in range((season.last - season.first).days + 1))
    load = Counter(move.at.replace(minute=0, second=0, microsecond=0) for case in cases for move in case.moves)
    busiest = max(load, key=lambda hour: (load[hour], hour), default=None)
    working = [day for day in days if season.calendar.is_working(day)]
    return Figures(
        policy=policy,
        seed=season.seed,
        days=days,
        campaign_ends=season.peak,
        cases=len(cases),
        endings=dict(Counter(case.status for case in cases).most_common()),
        open_cases=_open_cases(days, cases),
        rungs=_rungs(days, cases),
        causes=dict(Counter(fired.cause for case in cases for fired in case.fired).most_common()),
        decisions=_decisions(cases),
        occurred=_occurred(cases, checked),
        losses=dict(
            Counter(move.before for case in cases for move in case.moves if move.event == "report_loss").most_common()
        ),
        told=played.told,
        refused={f"{event.value} {code.value}": n for (event, code), n in played.refused.most_common()},
        mean_load=tuple(sum(load[_hour(day, n)] for day in working) / max(len(working), 1) for n in range(24)),
        peak_load=tuple(max((load[_hour(day, n)] for day in days), default=0) for n in range(24)),
        busiest_hour=busiest,
        seconds=round(seconds, 1),
        checked={
            "cases": checked.cases,
            "rungs": checked.rungs,
            "late_starts": checked.late_starts,
            "standstills": checked.standstills,
            "extensions": checked.extensions,
            "recomputed": checked.recomputed,
            "dates": checked.dates,
            "answers": checked.answers,
            "confirmed": checked.confirmed,
            "reminders": checked.reminders,
            "messages": checked.messages,
            "latest_seconds": round(checked.latest.total_seconds(), 3),
            "findings": len(checked.findings),
        },
        findings=tuple(
            {
                "case_id": found.case_id,
                "fault": found.fault.value,
                "rung": RUNGS[found.rung] if found.rung is not None else None,
                "should": found.should,
                "did": found.did,
                "event": found.event,
            }
            for found in checked.findings
        ),
    )


def _hour(day: date, hour: int) -> datetime:
    return midnight_after(day - DAY).astimezone(SHANGHAI) + _HOUR * hour


def _open_cases(days: Sequence[date], cases: Sequence[Case]) -> dict[str, tuple[int, ...]]:
    counts = {milestone: [0] * len(days) for milestone in OPEN_MILESTONES}
    for case in cases:
        for since, until, milestone in _stretches(case):
            for place in range(max((since - days[0]).days, 0), min((until - days[0]).days, len(days))):
                counts[milestone][place] += 1
    return {milestone.value: tuple(count) for milestone, count in counts.items()}


def _stretches(case: Case) -> Iterator[tuple[date, date, Milestone]]:
    """At whose ends of day the case was open at which milestone: from one day up to but not on another."""
    machine = MACHINES[read_case_id(case.case_id)[0]]
    milestone = Milestone.submitted
    since = day_of(case.opened_at)
    for move in case.moves:
        reached = machine.milestone(Status(move.to), milestone)
        is_open = machine.is_open(Status(move.to))
        if reached is not milestone or not is_open:
            yield since, day_of(move.at), milestone
            milestone, since = reached, day_of(move.at)
        if not is_open:
            return
    yield since, date.max, milestone


def _rungs(days: Sequence[date], cases: Sequence[Case]) -> dict[str, tuple[int, ...]]:
    fired = Counter((fired.rung, day_of(fired.fired_at)) for case in cases for fired in case.fired)
    return {RUNGS[rung]: tuple(fired[rung, day] for day in days) for rung in range(1, len(RUNGS))}


def _decisions(cases: Sequence[Case]) -> Decisions:
    asked = [case for case in cases if any(fired.rung == _DEADLINE for fired in case.fired)]
    updated = sum(case.status == Status.done for case in asked)
    still_open = sum(case.closed_at is None for case in asked)
    return Decisions(
        asked=len(asked),
        held=sum(any(move.event == "hold_benefits" for move in case.moves) for case in asked),
        updated_later=updated,
        closed_otherwise=len(asked) - updated - still_open,
        still_open=still_open,
    )


_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "deaths_told": ("告知死亡或转出", "person_ended"),
    "deaths_learnt": ("登记库查明死亡", "person_found_ended"),
    "losses_reported": ("挂失", "report_loss"),
    "losses_confirmed": ("正式挂失", "confirm_loss"),
    "loss_reports_expired": ("临时挂失到期", "loss_report_expired"),
    "cards_found": ("卡已找回", "card_found"),
    "cards_lost_on_way": ("新卡途中遗失", "card_lost_on_way"),
    "cards_turned_up": ("多制的卡", "card_turned_up"),
    "cards_destroyed": ("销毁卡片（两人先后填报）", "card_destroyed"),
    "production_overdue": ("制卡逾期", "production_overdue"),
    "reminded_to_collect": ("领卡提醒期满", "claim_period_passed"),
    "reminded_to_activate": ("激活逾期", "activation_overdue"),
    "supplements_asked_for": ("一次性告知补正", "return_documents"),
    "notice_periods_passed": ("告知期满", "notice_period_passed"),
    "disputes": ("发生号码争议", "dispute_opened"),
    "dispute_decisions": ("认定号码归属", "resolve_dispute"),
    "benefits_held": ("暂停发放待遇", "hold_benefits"),
    "benefits_kept": ("不暂停发放待遇", "keep_benefits"),
    "holds": ("中止办理", "hold"),
    "extensions": ("延长期限", "extend"),
}
"""What is counted by the event that says so: its Chinese name, and the event."""


def _occurred(cases: Sequence[Case], checked: Checked) -> dict[str, int]:
    happened = Counter(move.event for case in cases for move in case.moves)
    recomputed = [move for case in cases for move in case.moves if move.event == "recompute"]
    return {
        **{name: happened[event] for name, (_, event) in _EVENTS.items()},
        "disputes_during_a_hold": sum(
            move.event == "dispute_opened" and move.before == "on_hold" for case in cases for move in case.moves
        ),
        "records_merged": checked.merges,
        "merges_undone": checked.merges_undone,
        "went_on_without": checked.went_on_without,
        "corrections": sum(case.generation > 1 for case in cases),
        "answers_to_what_was_over": sum(case.answered_late for case in cases),
        "followed_another_policy": sum(move.says.get("policy") is not None for move in recomputed),
        "followed_another_calendar": sum(move.says.get("policy") is None for move in recomputed),
        "cases_ended_beside": checked.ended_beside,
        "dates_moved_later": checked.moved_later,
        "dates_moved_earlier": checked.moved_earlier,
    }


_WORDS: Final[Mapping[str, str]] = {
    **{name: zh for name, (zh, _) in _EVENTS.items()},
    "disputes_during_a_hold": "中止办理期间发生号码争议",
    "records_merged": "合并登记",
    "merges_undone": "撤销合并",
    "went_on_without": "新版政策不再要求确认，继续办理",
    "corrections": "更正",
    "answers_to_what_was_over": "回复已失效的请求",
    "followed_another_policy": "改按另一政策版本",
    "followed_another_calendar": "日历变更后重新计算",
    "cases_ended_beside": "本人另案随之终止",
    "dates_moved_later": "期限后移",
    "dates_moved_earlier": "期限前移",
}


def table(seasons: Sequence[Figures]) -> list[dict[str, Any]]:
    """One row for each figure, one column for each policy."""
    rows: list[dict[str, Any]] = []

    def row(figure: str, *values: Any) -> None:
        rows.append({"figure": figure} | {each.policy: value for each, value in zip(seasons, values, strict=True)})

    row("案件 cases", *(each.cases for each in seasons))
    for status in Status:
        if any(status in each.endings for each in seasons):
            label = f"　{_chinese(status)} {status.value}"
            row(label, *(each.endings.get(status.value, 0) for each in seasons))
    row("最多在办 most open at once", *(max(map(sum, zip(*each.open_cases.values(), strict=True))) for each in seasons))
    for rung in RUNGS[1:]:
        row(f"督办 rungs: {rung}", *(sum(each.rungs[rung]) for each in seasons))
    decisions = [each.decisions for each in seasons]
    row("集中变更期限届满请求决定 decisions asked for", *(each.asked for each in decisions))
    row("　决定暂停发放待遇 benefits held", *(each.held for each in decisions))
    row("　其后变更完成 updated later", *(each.updated_later for each in decisions))
    row("　仍在办 still open", *(each.still_open for each in decisions))
    for name, zh in _WORDS.items():
        row(f"{zh} {name.replace('_', ' ')}", *(each.occurred[name] for each in seasons))
    for status in Status:
        if any(status in each.losses for each in seasons):
            row(
                f"　挂失时 lost in: {_chinese(status)} {status.value}",
                *(each.losses.get(status, 0) for each in seasons),
            )
    row("最忙一小时 busiest hour", *(max(each.peak_load) for each in seasons))
    row("核对督办 rungs checked", *(each.checked["rungs"] for each in seasons))
    row("最迟（秒）latest by seconds", *(each.checked["latest_seconds"] for each in seasons))
    row("核对中止 standstills checked", *(each.checked["standstills"] for each in seasons))
    row("核对回复 answers checked", *(each.checked["answers"] for each in seasons))
    row("核对系统确认 confirmations checked", *(each.checked["confirmed"] for each in seasons))
    row("核对消息 messages checked", *(each.checked["messages"] for each in seasons))
    row("核对期限 dates checked", *(each.checked["dates"] for each in seasons))
    row("差错 findings", *(each.checked["findings"] for each in seasons))
    row("用时（秒）played in seconds", *(each.seconds for each in seasons))
    return rows


def _chinese(status: Status) -> str:
    return next(machine.statuses[status].zh for machine in MACHINES.values() if status in machine.statuses)
