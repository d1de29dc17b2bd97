"""What the Web UI shows of a case on its *User Metadata* tab: Markdown, without personal data."""

from collections.abc import Iterator
from datetime import datetime

from cases.clocks import SHANGHAI
from cases.ladder import Rung
from cases.models import CaseView
from cases.states import Awaits

_WHO = {
    Awaits.engine: "系统（自动）",
    Awaits.applicant: "申请人",
    Awaits.clerk: "经办人员",
    Awaits.second_officer: "复核审批人员",
    Awaits.two_officers: "两名工作人员",
    Awaits.downstream: "医保、养老、银行等系统",
    Awaits.card_bureau: "制卡中心",
    Awaits.operator: "运维人员（修复）",
    Awaits.nobody: "无（已办结）",
}


def details_of(view: CaseView) -> str:
    """Where the case stands, who must act, what is missing, by when, and what went wrong last."""
    lines = [f"### {view.status_zh} · `{view.status.value}`", "", "| 项目 | 内容 |", "| --- | --- |"]
    lines += [f"| {item} | {content} |" for item, content in _items(view) if content]
    return "\n".join(lines)


def _items(view: CaseView) -> Iterator[tuple[str, str]]:
    """What may be shown; what is empty is left out."""
    yield "阶段", f"`{view.milestone.value}`"
    yield "下一步由谁办理", _WHO[view.awaits]
    yield "期限", _moment(view.due_at, provisional=view.due_provisional)
    yield "集中变更截止", _moment(view.campaign_due_at, provisional=view.dates_provisional)
    yield "督办级别", Rung(view.rung).zh if view.rung else ""
    yield "下一步自动事项", _next(view)
    yield "缺少材料", "、".join(demand.document.value for demand in view.missing)
    yield "等待确认", "、".join(system.value for system in view.awaited)
    yield "相关案件", _code(view.related)
    yield "最近错误", _code(view.last_error)
    yield "最近拒绝", _code(view.last_refusal)
    yield "结束原因", _code(view.ended_because)
    yield "仍然有效", "、".join(view.remains)
    yield "可执行操作", "、".join(_code(event) for event in view.events)


def _next(view: CaseView) -> str:
    if view.next_at is None or view.next_event is None:
        return ""
    what = f"{Rung(view.next_rung).zh}督办" if view.next_rung else _code(view.next_event)
    return f"{what} {_moment(view.next_at, provisional=view.next_provisional)}"


def _code(text: str | None) -> str:
    return f"`{text}`" if text is not None else ""


def _moment(at: datetime | None, *, provisional: bool) -> str:
    if at is None:
        return ""
    mark = "（暂定，日历未公布）" if provisional else ""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}{mark}"
