"""What the Web UI shows of a case on its *User Metadata* tab: Markdown, without personal data."""

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
    lines = [
        f"### {view.status_zh} · `{view.status.value}`",
        "",
        "| 项目 | 内容 |",
        "| --- | --- |",
        f"| 阶段 | `{view.milestone.value}` |",
        f"| 下一步由谁办理 | {_WHO[view.awaits]} |",
    ]
    if view.due_at is not None:
        mark = "（暂定，日历未公布）" if view.due_provisional else ""
        lines.append(f"| 期限 | {view.due_at:%Y-%m-%d %H:%M}{mark} |")
    if view.missing:
        lines.append(f"| 缺少材料 | {'、'.join(demand.document.value for demand in view.missing)} |")
    if view.awaited:
        lines.append(f"| 等待确认 | {'、'.join(system.value for system in view.awaited)} |")
    if view.related is not None:
        lines.append(f"| 相关案件 | `{view.related}` |")
    if view.last_error is not None:
        lines.append(f"| 最近错误 | `{view.last_error.value}` |")
    if view.last_refusal is not None:
        lines.append(f"| 最近拒绝 | `{view.last_refusal.value}` |")
    if view.ended_because is not None:
        lines.append(f"| 结束原因 | `{view.ended_because.value}` |")
    if view.remains:
        lines.append(f"| 仍然有效 | {'、'.join(view.remains)} |")
    if view.events:
        lines.append(f"| 可执行操作 | {'、'.join(f'`{event.value}`' for event in view.events)} |")
    return "\n".join(lines)
