"""The field's words for closed sets, in Chinese and English: what an operator reads where the code has an enum.

Chinese is the operators' language. English is the name itself, with blanks: the names are the field's words already.
And moments and deadlines as people write them.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from cases.answers import Left, Proviso
from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.documents import DocumentKind
from cases.events import EVENTS, Event
from cases.facts import CardFunction, DisputeOutcome, HandOver, HoldReason, PersonEndedReason, RepairAction
from cases.kinds import KINDS, MACHINES, OfKinds
from cases.ladder import Rung
from cases.machines.machine import Awaits, Clock, Milestone, Status
from cases.models import Category, Role, System
from cases.names import Kind
from cases.numbers import Road
from cases.offices import Recipient
from cases.openings import ApplicationChannel, CorrectionReason, ReplacementReason
from cases.standstills import Standstill
from cases.submitters import SubmitterKind

CATEGORY_ZH: Final = {
    Category.resettled: "异地安置",
    Category.referred: "转诊",
    Category.refund: "医保退款",
    Category.general: "一般",
}
APPLICATION_CHANNEL_ZH: Final = {
    ApplicationChannel.online: "网上",
    ApplicationChannel.counter: "窗口",
    ApplicationChannel.terminal: "自助终端",
    ApplicationChannel.bank: "银行网点",
    ApplicationChannel.agent: "代办",
    ApplicationChannel.guardian: "监护人代办",
}
SUBMITTER_ZH: Final = {
    SubmitterKind.staff: "工作人员",
    SubmitterKind.applicant: "申请人本人",
    SubmitterKind.agent: "代办人",
    SubmitterKind.guardian: "监护人",
}
REASON_ZH: Final = {
    ReplacementReason.lost: "遗失",
    ReplacementReason.damaged: "损坏",
    ReplacementReason.expired: "到期",
    ReplacementReason.old_generation: "旧代卡",
    ReplacementReason.data_changed: "信息变更",
}
CORRECTION_ZH: Final = {
    CorrectionReason.wrong_number: "号码录入或变更有误",
    CorrectionReason.certificate_revoked: "证明已被撤销",
    CorrectionReason.administrative_review: "行政复议或诉讼",
}
DOCUMENT_ZH: Final = {
    DocumentKind.resident_id_card: "居民身份证",
    DocumentKind.temporary_id_card: "临时居民身份证",
    DocumentKind.police_certificate: "公安机关证明",
    DocumentKind.court_certificate: "法院证明",
    DocumentKind.administrative_decision: "行政决定书",
    DocumentKind.residence_permit: "港澳台居民居住证",
    DocumentKind.loss_declaration: "遗失声明",
    DocumentKind.old_card: "旧卡",
    DocumentKind.proxy_authorisation: "委托书",
    DocumentKind.guardianship_certificate: "监护关系证明",
    DocumentKind.photograph: "照片",
}
MILESTONE_ZH: Final = {
    Milestone.submitted: "已受理",
    Milestone.documents_verified: "材料已核验",
    Milestone.number_updated: "号码已变更",
    Milestone.benefits_unblocked: "待遇已恢复",
}


class _StatusWords(Mapping[Status, str]):
    """What the machines call their statuses; the same status is called the same in all of them."""

    def __getitem__(self, status: Status) -> str:
        for machine in MACHINES.values():
            if status in machine.statuses:
                return machine.statuses[status].zh
        raise KeyError

    def __iter__(self) -> Iterator[Status]:
        return iter(dict.fromkeys(status for machine in MACHINES.values() for status in machine.statuses))

    def __len__(self) -> int:
        return len(tuple(iter(self)))


WORDS: Final[Mapping[type[StrEnum], Mapping[Any, str]]] = {
    Standstill: {
        Standstill.late: "到期未处理",
        Standstill.step: "系统步骤未完成",
        Standstill.no_way_on: "无法继续办理",
        Standstill.task: "程序故障",
        Standstill.activity: "反复重试未成功",
        Standstill.message: "通知未发出",
        Standstill.event: "事件未送达",
    },
    Kind: OfKinds(lambda record: record.zh),
    Category: CATEGORY_ZH,
    ApplicationChannel: APPLICATION_CHANNEL_ZH,
    SubmitterKind: SUBMITTER_ZH,
    ReplacementReason: REASON_ZH,
    CorrectionReason: CORRECTION_ZH,
    DocumentKind: DOCUMENT_ZH,
    Milestone: MILESTONE_ZH,
    Event: {event: record.zh for event, record in EVENTS.items()},
    Clock: {
        Clock.supplement: "补正期限",
        Clock.hold: "中止期限",
        Clock.confirmation: "外部系统确认期限",
        Clock.loss_report: "临时挂失期限",
        Clock.production: "制卡期限",
        Clock.claim: "领卡提醒期",
        Clock.activation: "激活期限",
        Clock.pension_run: "养老金发放日",
        Clock.delivery: "请求送达期限",
        Clock.notice: "一次性告知期限",
    },
    Status: _StatusWords(),
    Awaits: {
        Awaits.engine: "系统（自动办理）",
        Awaits.applicant: "申请人",
        Awaits.clerk: "经办人员",
        Awaits.second_officer: "复核审批人员（须不同于受理人和核验人）",
        Awaits.two_officers: "两名工作人员（先后作出相同认定）",
        Awaits.two_people: "两名工作人员（共同销毁逾期未领的卡）",
        Awaits.downstream: "医保、养老、银行等外部系统",
        Awaits.card_bureau: "制卡中心",
        Awaits.operator: "运维人员（处理异常）",
        Awaits.nobody: "无（已结束）",
    },
    System: {System.medical_insurance: "医保", System.pension: "养老", System.bank: "银行"},
    Road: {
        Road.pure_upgrade: "15位升18位",
        Road.reissued: "重新赋码（须公安证明并复核）",
        Road.conflict: "号码冲突",
        Road.not_needed: "无需变更",
    },
    HoldReason: {
        HoldReason.waiting_for_id_card: "等待身份证",
        HoldReason.waiting_for_police: "等待公安机关",
        HoldReason.waiting_for_other_agency: "等待其他机构",
        HoldReason.applicant_in_hospital: "申请人住院",
        HoldReason.number_change_first: "须先完成号码变更",
    },
    DisputeOutcome: {
        DisputeOutcome.ours: "归本案",
        DisputeOutcome.theirs: "归对方",
        DisputeOutcome.both_change: "双方均须变更",
    },
    PersonEndedReason: {PersonEndedReason.death: "死亡", PersonEndedReason.transfer: "转出"},
    RepairAction: {RepairAction.retry: "重试", RepairAction.accept: "凭据确认", RepairAction.undo: "撤销变更"},
    HandOver: {HandOver.counter: "柜台领取", HandOver.post: "邮寄"},
    CardFunction: {CardFunction.social: "社保功能", CardFunction.bank: "金融功能"},
    Recipient: {
        Recipient.applicant: "申请人",
        Recipient.clerk: "经办人员",
        Recipient.team_lead: "经办组长",
        Recipient.agency_supervisor: "经办机构主管",
        Recipient.municipal: "市级主管部门（每日简报）",
        Recipient.municipal_head: "市级主管部门负责人（每日简报）",
        Recipient.provincial: "省级主管部门（每日简报）",
        Recipient.ministry: "部级主管部门（仅统计）",
    },
    Role: {
        Role.applicant: "申请人",
        Role.clerk: "经办人员",
        Role.officer: "复核审批人员",
        Role.supervisor: "主管",
        Role.operator: "运维人员",
        Role.card_bureau: "制卡中心",
        Role.bank: "银行",
        Role.medical_insurance: "医保系统",
        Role.pension: "养老系统",
        Role.back_office: "业务系统",
        Role.insured_register: "参保登记系统",
    },
}

_ENGLISH: Final = {
    Standstill.late: "what is due has not happened",
    Standstill.step: "the engine's step is not made",
    Standstill.no_way_on: "no way on",
    Standstill.task: "the program fails",
    Standstill.activity: "retried for too long",
    Standstill.message: "messages are not sent",
    Standstill.event: "events are not delivered",
    DocumentKind.resident_id_card: "resident ID card",
    DocumentKind.temporary_id_card: "temporary ID card",
    Recipient.municipal: "municipal department (daily digest)",
    Recipient.municipal_head: "head of the municipal department (daily digest)",
    Recipient.provincial: "provincial department (daily digest)",
    Recipient.ministry: "ministry (figures only)",
    Clock.supplement: "time to hand in documents",
    Clock.notice: "time to name what is missing",
    Clock.hold: "time on hold",
    Clock.confirmation: "time to confirm",
    Clock.delivery: "time to deliver a question",
    Clock.loss_report: "temporary loss report",
    Clock.production: "time to make the card",
    Clock.claim: "time until the next reminder to collect the card",
    Clock.activation: "time to activate the card",
    ApplicationChannel.bank: "a bank's branch",
    ApplicationChannel.agent: "through an agent",
    ApplicationChannel.guardian: "through a guardian",
    SubmitterKind.applicant: "the applicant",
    Awaits.second_officer: "a second officer (neither submitter nor verifier)",
    Awaits.two_officers: "two officers (one after the other, deciding the same)",
    Awaits.two_people: "two people (who destroy together what nobody collected)",
    Awaits.downstream: "other systems (medical insurance, pension, bank)",
    Awaits.nobody: "nobody (closed)",
    Awaits.engine: "the engine, by itself",
    Awaits.operator: "an operator (repair)",
}
"""Where the name with blanks does not say it."""

ATTENTION: Final = {
    "hold": {Tongue.zh: "中止办理", Tongue.en: "on hold"},
    "dispute": {Tongue.zh: "号码争议", Tongue.en: "disputed"},
    "duplicate": {Tongue.zh: "重复参保待认定", Tongue.en: "one person, two records?"},
    "repair": {Tongue.zh: "异常待处理", Tongue.en: "needs repair"},
    "overdue": {Tongue.zh: "超期", Tongue.en: "overdue"},
    "decision": {Tongue.zh: "待决定是否暂停发放待遇", Tongue.en: "a decision on benefits is asked for"},
    "surplus_card": {Tongue.zh: "有多制的卡待销毁", Tongue.en: "a surplus card is to be destroyed"},
    "lost_on_way": {Tongue.zh: "新卡多次途中遗失", Tongue.en: "more new cards were lost than is usual"},
    "undelivered": {Tongue.zh: "请求未送达", Tongue.en: "a question is not delivered"},
    **{
        rung.name: {Tongue.zh: f"督办：{rung.zh}", Tongue.en: f"escalation: {rung.name.replace('_', ' ')}"}
        for rung in Rung
        if rung >= Rung.yellow
    },
}
"""Why an operator should look at a case (`CaseAttention`)."""

PROVISO: Final = {
    Proviso.card_in_use: {
        Tongue.zh: "本人须有正在使用的卡，以登记库为准",
        Tongue.en: "if the register holds a card in use",
    },
    Proviso.block_may_be_lifted: {
        Tongue.zh: "未经其他案件正式挂失或注销的方可解除，以登记库为准",
        Tongue.en: "if the register shows the loss formal, or the card cancelled, by no other case",
    },
    Proviso.nothing_paid: {
        Tongue.zh: "合并后尚未支付待遇方可撤销，以登记库为准",
        Tongue.en: "if the register shows nothing paid since the merge",
    },
}
"""On what an offer rests that no case knows by itself."""

FIELDS: Final = {
    "action": {Tongue.zh: "处理方式", Tongue.en: "what to do"},
    "address": {Tongue.zh: "邮寄地址", Tongue.en: "address"},
    "batch": {Tongue.zh: "制卡批次", Tongue.en: "batch"},
    "because": {Tongue.zh: "理由", Tongue.en: "why"},
    "by": {Tongue.zh: "领卡方式", Tongue.en: "how the card was handed over"},
    "card_number": {Tongue.zh: "卡号", Tongue.en: "card number"},
    "confirmed": {Tongue.zh: "是否变更成功", Tongue.en: "taken over"},
    "content": {Tongue.zh: "审批内容", Tongue.en: "what is approved"},
    "copies": {Tongue.zh: "与原件核对的复印件", Tongue.en: "copies that were compared"},
    "defects": {Tongue.zh: "材料问题", Tongue.en: "defects"},
    "documents": {Tongue.zh: "材料清单", Tongue.en: "documents"},
    "evidence": {Tongue.zh: "凭证编号", Tongue.en: "reference of the evidence"},
    "function": {Tongue.zh: "卡功能", Tongue.en: "function of the card"},
    "legal_basis": {Tongue.zh: "法律依据", Tongue.en: "legal basis"},
    "note": {Tongue.zh: "备注", Tongue.en: "note"},
    "notice": {Tongue.zh: "告知书编号", Tongue.en: "reference of the notice"},
    "on_behalf": {Tongue.zh: "代办人", Tongue.en: "who speaks"},
    "order": {Tongue.zh: "制卡单号", Tongue.en: "order"},
    "original_seen": {Tongue.zh: "是否核验原件", Tongue.en: "original seen"},
    "outcome": {Tongue.zh: "认定结果", Tongue.en: "whose number it is"},
    "police_document": {Tongue.zh: "认定所依据的文件", Tongue.en: "document that it rests on"},
    "policy": {Tongue.zh: "政策及版本", Tongue.en: "policy and version"},
    "produced": {Tongue.zh: "是否制卡成功", Tongue.en: "made"},
    "publication": {Tongue.zh: "变更通知编号", Tongue.en: "publication"},
    "reason": {Tongue.zh: "原因", Tongue.en: "reason"},
    "record": {Tongue.zh: "销毁记录编号", Tongue.en: "record of the destruction"},
    "reference": {Tongue.zh: "回执编号", Tongue.en: "reference of the answer"},
    "same_person": {Tongue.zh: "是否同一人", Tongue.en: "one person"},
    "served_on": {Tongue.zh: "送达日期", Tongue.en: "served on"},
    "system": {Tongue.zh: "回复系统", Tongue.en: "system"},
    "working_days": {Tongue.zh: "延长工作日数", Tongue.en: "working days"},
}
"""What the fields of facts are called where people fill them in."""

REMAINS: Final = {
    "card_blocked": {Tongue.zh: "原卡仍处于挂失", Tongue.en: "the old card is still blocked"},
    "card_cancelled": {Tongue.zh: "原卡已注销", Tongue.en: "the old card is cancelled"},
    "card_ordered": {Tongue.zh: "新卡仍在制作", Tongue.en: "a new card is still being made"},
    "surplus_card": {Tongue.zh: "多制的卡尚未销毁", Tongue.en: "a surplus card is not destroyed yet"},
    "number_committed": {Tongue.zh: "新号码已生效", Tongue.en: "the new number is in force"},
    "benefits_held": {Tongue.zh: "待遇仍暂停发放", Tongue.en: "benefits are still held"},
}
"""What stays in effect after an ending other than `done`."""


def word(of: StrEnum, tongue: Tongue) -> str:
    """What a member of a closed set is called.

    What was forgotten is called by its value: what a case shows must not keep it from moving.
    """
    if tongue is Tongue.zh:
        return WORDS.get(type(of), {}).get(of, of.value)
    if isinstance(of, Kind):
        return KINDS[of].en
    for member, english in _ENGLISH.items():
        # Members of different sets are equal where their values are.
        if member is of:
            return english
    return of.value.replace("_", " ")


def field_word(name: str, tongue: Tongue) -> str:
    """What a field of a fact is called; one that was forgotten by its name."""
    return FIELDS.get(name, {}).get(tongue, name.replace("_", " "))


_WEEKDAYS: Final = {
    Tongue.zh: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    Tongue.en: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MIDNIGHT: Final = time()


def when(at: datetime, tongue: Tongue) -> str:
    """A moment to come, in the civil time of Asia/Shanghai: 2026年12月11日（周五）24时, Friday 11 December 2026, 24:00.

    A midnight is the 24:00 of the day before it, which is the last day of a time limit (Civil Code art. 203).
    """
    day, hour = _day_and_hour(at, tongue)
    return f"{day}{hour}" if tongue is Tongue.zh else f"{day}, {hour}"


def by_when(at: datetime, tongue: Tongue) -> str:
    """A deadline: 2026年12月11日（周五）24时前, by Friday 11 December 2026, 24:00.

    One that does not end at 24:00 ends when the counter closes: 2026年8月31日（周一）下班（17:00）前.
    """
    day, hour = _day_and_hour(at, tongue)
    if at.astimezone(SHANGHAI).time() != _MIDNIGHT:
        hour = f"下班（{hour}）" if tongue is Tongue.zh else f"close of business ({hour})"
    return f"{day}{hour}前" if tongue is Tongue.zh else f"by {day}, {hour}"


def _day_and_hour(at: datetime, tongue: Tongue) -> tuple[str, str]:
    local = at.astimezone(SHANGHAI)
    closing = local.time() == _MIDNIGHT
    named = day_of_the_week(local.date() - timedelta(days=closing), tongue)
    midnight = "24时" if tongue is Tongue.zh else "24:00"
    return named, midnight if closing else f"{local:%H:%M}"


def day_of_the_week(day: date, tongue: Tongue) -> str:
    """A day with its weekday: 2026年12月11日（周五）, Friday 11 December 2026."""
    weekday = _WEEKDAYS[tongue][day.weekday()]
    if tongue is Tongue.zh:
        return f"{day.year}年{day.month}月{day.day}日（{weekday}）"
    # Not by strftime, whose names follow the locale of the process.
    return f"{weekday} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def days_left(left: Left, tongue: Tongue, today: date | None = None) -> str:
    """How many working days a deadline leaves, and after which day: 12月1日后还有8个工作日.

    The day is named because whoever reads it may read it later; not to somebody who reads it that very day.
    """
    day, many = left.after, left.working_days
    if tongue is Tongue.zh:
        since = "" if day == today else f"{day.month}月{day.day}日后"
        return f"{since}{f'还有{many}个工作日' if many else '不再有工作日'}"
    days = {0: "no working day", 1: "1 working day"}.get(many, f"{many} working days")
    return f"{days} {'left' if day == today else f'after {day.day} {_MONTHS[day.month - 1]}'}"
