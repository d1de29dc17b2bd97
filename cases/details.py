"""What the Web UI shows of a case: the Markdown of its *User Metadata* tab, and the words beside timers and activities.

No personal data stands in any of it. It is written for whoever has never seen the system: where the case stands, who
must act, by when, what is missing, what went wrong and what to do about it, and what may be told to the case now.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from cases.answers import CaseView, Condition, Destruction, Transition
from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.documents import Defect, Demand
from cases.errors import REMEDIES, Code
from cases.events import ROLES, Event, Origin
from cases.facts import RepairAction
from cases.forms import as_typed, closed_sets_of, example_of, form_of
from cases.kinds import MACHINES
from cases.ladder import Rung
from cases.machines.machine import CLOCK_OF, Awaits, Milestone, Status
from cases.models import Role
from cases.names import Kind
from cases.openings import ApplicationChannel
from cases.state import Upcoming
from cases.words import ATTENTION, PROVISO, REMAINS, by_when, day_of_the_week, days_left, when, word


@dataclass(frozen=True)
class Presentation:
    """How a process shows cases: in which language, and where its links lead."""

    tongue: Tongue = Tongue.zh
    ui_url: str = ""
    """Address of the Web UI without a slash at the end; without one a link is relative to the page it stands on."""
    runbook_url: str = ""
    """Where operators read the runbook; without one it is named, not linked."""
    desk_url: str = ""
    """Where people decide, without a slash at the end; without one no link leads there."""


class Refusal(NamedTuple):
    """What a case refused last."""

    code: Code
    event: Event | None = None
    at: datetime | None = None


class Caption(Enum):
    """What the engine does or waits for beside the transitions, as the timeline shows it."""

    registering = ("受理登记", "register and screen")
    screening = ("初审", "screening")
    checking = ("预检", "pre-check")
    reconciling = ("与登记库核对", "comparing with the register")
    telling_closed = ("已办结案件收到填报", "a closed case is told")
    waiting_for_turn = ("等待同一人其他案件写入完成", "another case of this person is writing")

    def __str__(self) -> str:
        zh, en = self.value
        return zh if _shown.tongue is Tongue.zh else en


_shown = Presentation()


def present(presentation: Presentation) -> None:
    """Say how this process shows cases.

    Nothing that a case decides, and no command of a history, rests on it: workers may differ, and a replay does not
    notice.
    """
    global _shown  # noqa: PLW0603 - a worker says it once, before its first case
    _shown = presentation


@contextmanager
def _presented(presentation: Presentation) -> Generator[None]:
    """Show cases in another way for the length of a block, in which nobody waits for anything."""
    global _shown  # noqa: PLW0603 - of a process that shows cases to many, and works on none
    before, _shown = _shown, presentation
    try:
        yield
    finally:
        _shown = before


# --- beside updates, timers and activities --------------------------------------------------------------------------


def description_of(event: Event, words: str) -> str:
    """What the form of an update explains: its words, the choices of its closed sets, and a whole example."""
    choices = "".join(f" `{field}`: {' | '.join(members)}." for field, members in closed_sets_of(event).items())
    return f"{words}{choices} 例 e.g. {as_typed(example_of(event))}"


def milestone_name(milestone: Milestone) -> str:
    """What the group of a milestone's events is called."""
    return word(milestone, _shown.tongue)


def step_summary(event: Event, way: Iterable[Status]) -> str:
    """What a step of the register does: the event, and the statuses that it is to lead through."""
    return " → ".join(word(each, _shown.tongue) for each in (event, *way))


def timer_summary(upcoming: Upcoming) -> str:
    """What a timer is for, and when it ends."""
    chinese = _shown.tongue is Tongue.zh
    at = _marked(when(upcoming.at, _shown.tongue), provisional=upcoming.provisional)
    if upcoming.rung is Rung.none:
        return f"{'到期：' if chinese else 'Due: '}{_limit(upcoming.event)} {at}"
    return f"{'督办：' if chinese else 'Escalation: '}{_rung(upcoming.rung)} {at}"


# --- the details ----------------------------------------------------------------------------------------------------

_DONE, _TO_COME = "●", "○"


def details_of(
    view: CaseView, namespace: str, refusal: Refusal | None = None, transitions: Sequence[Transition] = ()
) -> str:
    """Where the case stands, who must act, what is missing, by when, what went wrong last, and what may be told now.

    At the end the newest of its transitions, each by itself, also those that were made together.
    """
    tongue = _shown.tongue
    heading, item = ("项目", "内容") if tongue is Tongue.zh else ("item", "content")
    lines = [
        f"### {word(view.kind, tongue)} · {_status(view)} `{view.status.value}`",
        "",
        _milestones(view),
        "",
        f"| {heading} | {item} |",
        "| --- | --- |",
    ]
    lines += [f"| {_label(name)} | {_cell(content)} |" for name, content in _items(view, namespace, refusal) if content]
    return "\n".join([*lines, *_forms(view), *_life(transitions)])


class Item(NamedTuple):
    """One thing that is shown of a case."""

    name: str
    label: str
    content: str
    """One line of Markdown."""


def items_of(view: CaseView, namespace: str, presentation: Presentation) -> tuple[Item, ...]:
    """What details show of a case, the most pressing first, for whoever makes a page of it."""
    with _presented(presentation):
        found = _items(view, namespace, None)
        return tuple(Item(name, _label(name).strip("*"), content) for name, content in found if content)


def _items(view: CaseView, namespace: str, refusal: Refusal | None) -> Iterator[tuple[str, str]]:
    """What may be shown, the most pressing first; what is empty is left out."""
    tongue = _shown.tongue
    yield "desk", _act(view)
    yield "attention", _list(ATTENTION[reason][tongue] for reason in view.attention)
    yield "awaits", word(view.awaits, tongue)
    yield "decide", _list(word(role, tongue) for role in view.deciders)
    yield "held", _say("是，号码变更后自动恢复", "yes, until the number is changed") if view.benefits_held else ""
    yield "benefits", _benefit_decision(view)
    yield "hold", word(view.hold_reason, tongue) if view.hold_reason is not None else ""
    yield "repairs", _repairs(view)
    yield "due", _due(view)
    yield "act_by", _by_when(view.act_by, provisional=view.due_provisional)
    # Once they are verified nobody waits for documents any more.
    open_demands = view.missing if view.milestone is Milestone.submitted else ()
    yield "missing", _list(_demand(demand) for demand in open_demands)
    yield "defects", _list(_defect(defect) for defect in view.defects)
    yield "notice", _notice(view)
    yield "awaited", _awaited(view)
    yield "confirmed", _list(word(system, tongue) for system in view.confirmations)
    yield "late", _late_answers(view)
    yield "differ" if view.dissents else "decided", _decisions(view)
    yield "judged", _judgements(view)
    yield "merged", _say("可撤销，直至首笔待遇支付", "may be undone until something is paid") if view.merged else ""
    yield "undelivered", _undelivered(view)
    yield "asked", _moment(view.asked_at) if view.asked_at is not None else ""
    yield "order", f"`{view.order}`" if view.order is not None and view.awaits is not Awaits.nobody else ""
    yield "lost_on_way", str(view.lost_on_way) if view.lost_on_way else ""
    yield "attempts", _list(f"`{order}`" for order in view.attempts)
    yield "to_destroy", _list(f"`{order}`" for order in view.to_destroy)
    yield "destruction", _list(_statement(statement) for statement in view.destruction)
    yield "next", _next(view)
    yield "rung", _reached(view)
    yield "climbs", _climbs(view)
    # Where the status has no limit of its own, this one is its deadline and stands above.
    if view.processing_due_at != view.due_at:
        yield "processing", _by_when(view.processing_due_at, provisional=view.dates_provisional)
    yield "campaign", _by_when(view.campaign_due_at, provisional=view.dates_provisional)
    yield "recomputed", _recomputed(view)
    yield "error", _error(view)
    yield "refusal", _refusal(refusal)
    yield "ended", _trouble(view.ended_because)
    yield "remains", _list(REMAINS[what][tongue] for what in view.remains)
    yield "road", _road(view)
    yield "corrects", word(view.corrects, tongue) if view.corrects is not None else ""
    yield "reason", word(view.reason, tongue) if view.reason is not None else ""
    yield "group", f"{word(view.category, tongue)} · {view.region}"
    yield "people", _people(view)
    yield "delivery", word(view.delivery, tongue) if view.delivery is not None else ""
    yield "related", _link(view.related, namespace) if view.related is not None else ""
    yield "policy", f"`{view.policy}`" if view.policy is not None else ""
    yield "runbook", _runbook(view)


_LABELS: Final = MappingProxyType(
    {
        "desk": ("**办理**", "**act**"),
        "attention": ("**须处理**", "**needs attention**"),
        "awaits": ("**下一步由谁办理**", "**who must act**"),
        "decide": ("**待决定是否暂停发放待遇，由谁决定**", "**who must decide whether benefits are held**"),
        "held": ("**待遇已暂停发放**", "**benefits are held**"),
        "benefits": ("待遇决定", "decided on benefits"),
        "hold": ("中止原因", "on hold because of"),
        "repairs": ("**可以怎样处理异常**", "**what repairs it**"),
        "due": ("**期限**", "**by when**"),
        "act_by": ("**领卡最后期限**", "**to be collected**"),
        "missing": ("**缺少材料**", "**missing documents**"),
        "defects": ("材料问题", "defects"),
        "notice": ("一次性告知期限", "defects to be named"),
        "awaited": ("等待确认", "awaited confirmations"),
        "confirmed": ("已确认", "confirmed"),
        "undelivered": ("**请求尚未送达**", "**not asked yet**"),
        "asked": ("请求送达时间", "asked"),
        "late": ("**对已失效请求的回复**", "**answers to requests that are over**"),
        "decided": ("已有一人认定（待第二人）", "decided by one, awaits the second"),
        "differ": (
            "**认定意见不一致（待一方改为一致或主管认定）**",
            "**opinions differ: one joins, or a supervisor decides**",
        ),
        "judged": ("重复参保认定（两人一致后生效）", "one person or two, says"),
        "merged": ("已合并另一份登记", "another record was merged into this one"),
        "order": ("制卡单号", "order in force"),
        "lost_on_way": ("途中遗失的新卡（张）", "new cards lost on their way"),
        "attempts": ("同一张卡的先前制卡单", "earlier orders of the same card"),
        "to_destroy": ("**待销毁的卡（制卡单号）**", "**cards to destroy, by order**"),
        "destruction": ("已有一人填报销毁（待第二人）", "destroyed says one, awaits the second"),
        "next": ("下一步自动事项", "what happens next by itself"),
        "rung": ("已到督办级别", "escalation so far"),
        "climbs": ("下一级督办", "escalates next"),
        "processing": ("办理期限", "processing time ends"),
        "campaign": ("集中变更期限", "campaign ends"),
        "recomputed": ("最近一次重新计算", "changed by recomputing"),
        "error": ("**最近错误**", "**last error**"),
        "refusal": ("**最近一次被拒绝的操作**", "**last refusal**"),
        "ended": ("结束原因", "why it ended"),
        "remains": ("仍然有效", "still in effect"),
        "road": ("变更类型", "road"),
        "corrects": ("更正原因", "why the change is corrected"),
        "reason": ("补换卡原因", "reason"),
        "group": ("人员类别 · 经办机构", "group · agency"),
        "people": ("经办记录", "people"),
        "delivery": ("领卡方式", "delivery"),
        "related": ("相关案件", "related case"),
        "policy": ("适用政策", "policy"),
        "runbook": ("运维手册", "runbook"),
    }
)


def _label(name: str) -> str:
    zh, en = _LABELS[name]
    return zh if _shown.tongue is Tongue.zh else en


def _say(zh: str, en: str) -> str:
    return zh if _shown.tongue is Tongue.zh else en


def _aside(text: str) -> str:
    return _say(f"（{text}）", f" ({text})")


def _status(view: CaseView) -> str:
    return view.status_zh if _shown.tongue is Tongue.zh else word(view.status, Tongue.en)


def _milestones(view: CaseView) -> str:
    """The four, those reached marked; the case stands at the last of them."""
    reached = list(Milestone).index(view.milestone)
    marked = (
        f"**{_DONE} {word(milestone, _shown.tongue)}**"
        if place == reached
        else f"{_DONE if place < reached else _TO_COME} {word(milestone, _shown.tongue)}"
        for place, milestone in enumerate(Milestone)
    )
    return " → ".join(marked)


def _demand(demand: Demand) -> str:
    original = _say("原件及复印件（到窗口）", ": original and copy, at a counter") if demand.original else ""
    return f"{word(demand.document, _shown.tongue)}{original}{_aside(demand.legal_basis)}"


def _defect(defect: Defect) -> str:
    return f"{word(defect.document, _shown.tongue)}{_say('：', ': ')}{_typed(defect.problem)}"


def _due(view: CaseView) -> str:
    if view.due_at is None:
        return ""
    what = _aside(_limit(view.due_event)) if view.due_event is not None else ""
    left = _aside(days_left(view.due_left, _shown.tongue)) if view.due_left is not None else ""
    return _by_when(view.due_at, provisional=view.due_provisional) + what + left


def _next(view: CaseView) -> str:
    if view.next_at is None or view.next_event is None:
        return ""
    what = _say("督办：", "escalation: ") + _rung(Rung(view.next_rung)) if view.next_rung else ""
    at = _marked(when(view.next_at, _shown.tongue), provisional=view.next_provisional)
    return f"{what or _ends(view.next_event)} {at}"


def _limit(event: Event) -> str:
    """The time limit at whose end something happens: while it runs, nothing is overdue."""
    return word(CLOCK_OF[event], _shown.tongue) if event in CLOCK_OF else word(event, _shown.tongue)


def _ends(event: Event) -> str:
    """What happens of itself at a moment to come."""
    if event not in CLOCK_OF or event.origin is not Origin.timer:
        return word(event, _shown.tongue)
    return _say(f"{_limit(event)}届满", f"end of the {_limit(event)}")


def _notice(view: CaseView) -> str:
    """By when defects have to be named, and how often they still may be."""
    if view.notice_due_at is None or view.notices_left is None:
        return ""
    left = _say(f"还可告知{view.notices_left}次", f"{view.notices_left} more notices at most")
    return f"{by_when(view.notice_due_at, _shown.tongue)}{_aside(left)}"


def _reached(view: CaseView) -> str:
    """The rung that a case stands on, who was told of it, and who took it on."""
    if not view.rung:
        return ""
    parts = [_rung(Rung(view.rung)) + (f" {_moment(view.rung_at)}" if view.rung_at is not None else "")]
    if view.rung_told:
        parts.append(_say("已通知", "told: ") + _list(word(each, _shown.tongue) for each in view.rung_told))
    if view.acknowledged_by is not None and view.acknowledged_at is not None:
        parts.append(f"{_say('签收', 'acknowledged by')} `{view.acknowledged_by}` {_moment(view.acknowledged_at)}")
    elif view.rung >= Rung.yellow:
        parts.append(_say("尚无人签收", "nobody has acknowledged it"))
    return " · ".join(parts)


def _climbs(view: CaseView) -> str:
    """The rung that fires next if nobody acts, when, and who will be told."""
    if view.climbs_at is None or view.climbs_to is None:
        return ""
    tells = _list(word(each, _shown.tongue) for each in view.climbs_tells)
    told = f" · {_say('将通知', 'will tell: ')}{tells}" if tells else ""
    return f"{_rung(Rung(view.climbs_to))} {when(view.climbs_at, _shown.tongue)}{told}"


def _rung(rung: Rung) -> str:
    return rung.zh if _shown.tongue is Tongue.zh else rung.name.replace("_", " ")


def _repairs(view: CaseView) -> str:
    """What an operator may decide of a case that is stuck: which actions, and of which systems."""
    if Event.repair not in view.events:
        return ""
    tongue = _shown.tongue
    actions = [word(RepairAction.retry, tongue)]
    if view.awaited:
        actions.append(word(RepairAction.accept, tongue) + _aside(_list(word(each, tongue) for each in view.awaited)))
    if view.kind is Kind.id_number_change and view.status is Status.repair and not view.confirmations:
        # Once somebody has taken the number over the only way is forward.
        may = _aside(_say("该地区政策允许时", "where the region's policy lets it"))
        actions.append(word(RepairAction.undo, tongue) + may)
    return _say("；", "; ").join(actions)


def _awaited(view: CaseView) -> str:
    systems = _list(word(system, _shown.tongue) for system in view.awaited)
    return f"{systems} · `{view.publication}`" if view.publication is not None else systems


def _late_answers(view: CaseView) -> str:
    return _list(
        f"{word(late.event, _shown.tongue)} `{late.request}` · `{late.actor}` · {_moment(late.at)}"
        for late in view.late_answers
    )


def _undelivered(view: CaseView) -> str:
    """Who was not asked yet, and since when nobody receives for them."""
    return _list(
        word(each.role, _shown.tongue)
        + _aside(
            _say("没有接收端", "nobody receives for it")
            if each.away_since is None
            else _say(
                f"接收端自{_moment(each.away_since)}起不可用", f"its receiver is away since {_moment(each.away_since)}"
            )
        )
        for each in view.undelivered
    )


def _benefit_decision(view: CaseView) -> str:
    said = view.benefit_decision
    if said is None:
        return ""
    what = word(Event.hold_benefits if said.held else Event.keep_benefits, _shown.tongue)
    return " · ".join(
        (what, *(_typed(each) for each in (said.because, said.legal_basis) if each), f"`{said.decided_by}`")
    )


def _recomputed(view: CaseView) -> str:
    """What the newest recomputation changed: policy, dates, and what is waited for no more."""
    told = view.recomputed
    if told is None:
        return ""
    dates = (("due", told.due), ("processing", told.processing), ("campaign", told.campaign))
    gone = [word(each, _shown.tongue) for each in (*told.demands, *told.systems, *told.functions)]
    parts = [f"`{told.policy_before}` → `{view.policy}`" if told.policy_before is not None else ""]
    parts += [
        f"{_label(name).strip('*')} {_by_when(moved.before, provisional=False) or '—'}"
        f" → {_by_when(moved.after, provisional=False) or '—'}"
        for name, moved in dates
        if moved is not None
    ]
    parts.append(_say("不再等待：", "waited for no more: ") + _list(gone) if gone else "")
    return _say("；", "; ").join(part for part in parts if part)


def _road(view: CaseView) -> str:
    if view.road is None:
        return ""
    return word(view.road, _shown.tongue) + (_aside(_say("姓名变更", "the name changes")) if view.changes_name else "")


def _decisions(view: CaseView) -> str:
    """What was decided on a dispute so far, by whom, and on which document."""
    return _list(
        f"{word(said.outcome, _shown.tongue)} · {word(said.document_kind, _shown.tongue)} `{said.document[:12]}…`"
        f" · `{said.decided_by}`"
        for said in (() if view.dispute is None else (view.dispute, *view.dissents))
    )


def _judgements(view: CaseView) -> str:
    """What was said so far on whether two records are one person's, by whom, and on which document."""
    return _list(
        f"{_say('同一人', 'one person') if said.same_person else _say('不是同一人', 'two people')}"
        f" · {word(said.document_kind, _shown.tongue)} `{said.document[:12]}…` · `{said.decided_by}`"
        for said in view.judgements
    )


def _statement(statement: Destruction) -> str:
    return f"`{statement.order}` {_typed(statement.record)} · `{statement.stated_by}`"


def _people(view: CaseView) -> str:
    named = ((("核验", "verified"), view.verifier), (("审批", "approved"), view.approver))
    return " · ".join((_submitted(view), *(f"{_say(*what)} `{who}`" for what, who in named if who is not None)))


def _submitted(view: CaseView) -> str:
    """Who handed the application in, and how it came where that was not over the counter."""
    at_the_counter = view.channel is ApplicationChannel.counter
    how = "" if at_the_counter else _aside(word(view.channel, _shown.tongue))
    if view.submitter is None:
        return f"{_say('提交', 'handed in by')} {word(view.submitter_kind, _shown.tongue)}{how}"
    named = _aside(_say("由业务系统填报", "named by a system")) if view.submitter_named else ""
    return f"{_say('受理', 'submitted')} `{view.submitter}`{named}{how}"


def _trouble(code: Code | None) -> str:
    """A code, what it means, and what to do."""
    if code is None:
        return ""
    remedy = REMEDIES[code]
    return f"`{code.value}` {_say(remedy.zh, remedy.en)}"


def _error(view: CaseView) -> str:
    """What went wrong last; where another system refused, which."""
    if view.last_error is not Code.CONFIRMATION_REFUSED or view.refused_by is None:
        return _trouble(view.last_error)
    return f"{word(view.refused_by, _shown.tongue)} {_trouble(view.last_error)}"


def _refusal(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    what = f"{word(refusal.event, _shown.tongue)} " if refusal.event is not None else ""
    when = f" · {_moment(refusal.at)}" if refusal.at is not None else ""
    return f"{what}{_trouble(refusal.code)}{when}"


def _link(case_id: str, namespace: str) -> str:
    return f"[{case_id}]({_shown.ui_url}/namespaces/{namespace}/workflows/{case_id})"


def _act(view: CaseView) -> str:
    """Where the case is decided on."""
    return f"[{_say('办理', 'open at the desk')}]({_shown.desk_url}/cases/{view.case_id})" if _shown.desk_url else ""


_STUCK: Final = "a-case-is-stuck"


def _runbook(view: CaseView) -> str:
    """Only for a case that an operator must look at."""
    if "repair" not in view.attention:
        return ""
    title = _say("案件停滞", "A case is stuck")
    return f"[{title}]({_shown.runbook_url}#{_STUCK})" if _shown.runbook_url else f"docs/runbook.md · {title}"


def _forms(view: CaseView) -> Iterator[str]:
    """For each event that is possible now, what to paste into the form of an update."""
    if not view.events:
        return
    yield ""
    yield _say(
        "#### 现在可以办理（Send an Update，复制后填空）",
        "#### What the case may be told now (paste into Send an Update)",
    )
    # In the order in which a case is usually brought forward, which is that of the table of the machine.
    conditions = {each.event: each for each in view.conditions}
    possible = [event for event in MACHINES[view.kind].events(view.status) if event in {*view.events, *conditions}]
    for event in possible:
        yield ""
        yield _title(event, _shown.tongue) + (_provided(conditions[event]) if event in conditions else "")
        form = form_of(event, view)
        yield f"```json\n{as_typed(form)}\n```"
        for field, choices in _choices(event, _shown.tongue):
            if not form.get(field):
                yield choices


def _provided(condition: Condition) -> str:
    """When an offer holds: these lines are written when the case moves, and read at any time after."""
    since, until, tongue = condition.since, condition.until, _shown.tongue
    parts = (
        _say("自{}起", "from {}").format(day_of_the_week(since, tongue)) if since is not None else "",
        _say("至{}止", "until {}").format(day_of_the_week(until, tongue)) if until is not None else "",
        PROVISO[condition.proviso][tongue] if condition.proviso is not None else "",
    )
    return "".join(_aside(part) for part in parts if part)


# A case shows itself whenever it has moved: what is the same for all cases is said once.
@cache
def _title(event: Event, tongue: Tongue) -> str:
    who = ("、" if tongue is Tongue.zh else ", ").join(word(role, tongue) for role in Role if role in ROLES[event])
    return f"**{word(event, tongue)}** `{event.value}` · {'可由' if tongue is Tongue.zh else 'by'} {who}"


@cache
def _choices(event: Event, tongue: Tongue) -> tuple[tuple[str, str], ...]:
    """The fields of closed sets, and what may stand there."""
    return tuple(
        (field, f"`{field}`: " + " · ".join(f"`{each.value}` {word(each, tongue)}" for each in members))
        for field, members in closed_sets_of(event).items()
    )


_BACKTICKS: Final = re.compile("`+")

LATEST: Final = 12
"""Transitions that the details list."""


def _life(transitions: Sequence[Transition]) -> Iterator[str]:
    """The newest transitions, the last one first."""
    if not transitions:
        return
    yield ""
    yield _say("#### 办理经过", "#### What happened")
    yield ""
    for made in reversed(transitions[-LATEST:]):
        by = f" · `{made.actor}`" if made.actor is not None else ""
        what = step_summary(made.event, () if made.to is made.status else (made.to,))
        milestone = _aside(word(made.milestone, _shown.tongue))
        yield f"- {_moment(made.at)} {what}{milestone}{by}"


def _list(parts: Iterable[str]) -> str:
    return _say("、", ", ").join(parts)


def _cell(content: str) -> str:
    # A bar would begin another column.
    return content.replace("|", "\\|")


def _typed(text: str) -> str:
    """What somebody typed, as code: nothing in code is a link, an image or a heading, whatever it looks like.

    A backslash before each mark is not enough: addresses become links after it was taken away.
    """
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    blank = " " if longest else ""
    return f"{fence}{blank}{text}{blank}{fence}" if text.strip() else ""


def _moment(at: datetime) -> str:
    """When something happened."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _by_when(at: datetime | None, *, provisional: bool) -> str:
    return "" if at is None else _marked(by_when(at, _shown.tongue), provisional=provisional)


def _marked(moment: str, *, provisional: bool) -> str:
    mark = _say("（暂定，日历未公布）", " (provisional: calendar not published)") if provisional else ""
    return f"{moment}{mark}"
