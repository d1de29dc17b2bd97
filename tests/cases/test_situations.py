"""Eleven situations, four questions each: where the case stands, who acts and by when, what is missing or failed, and
what comes next. Each cell is read off the details that the Web UI shows.
"""

import re
from typing import Any, Final

import pytest

from cases.answers import BenefitDecision, CaseView, Dispute, Left
from cases.delivery import Tongue
from cases.details import Presentation, details_of, present
from cases.documents import DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, HoldReason
from cases.ladder import Rung
from cases.machines.machine import Status
from cases.models import Role, System
from cases.names import Kind
from cases.offices import Recipient
from cases.views import view_of
from cases.words import by_when
from tests.scenes import NOW, in_status

CHANGE, CARD = Kind.id_number_change, Kind.card_replacement
DUE: Final = by_when(NOW, Tongue.zh)
LATE: Final[dict[str, Any]] = {"rung": int(Rung.red), "rung_at": NOW, "rung_told": (Recipient.municipal_head,)}
DECIDED: Final = Dispute(
    outcome=DisputeOutcome.ours,
    document_kind=DocumentKind.police_certificate,
    document="a" * 64,
    decided_by="officer-1",
)

SITUATIONS: Final[dict[str, tuple[Kind, Status, dict[str, Any]]]] = {
    "documents are missing": (CARD, Status.awaiting_documents, {}),
    "in review": (CHANGE, Status.in_review, {}),
    "a second officer approves": (CHANGE, Status.awaiting_approval, {"verifier": "clerk-2"}),
    "on hold": (CHANGE, Status.on_hold, {"hold_reason": HoldReason.waiting_for_police}),
    "disputed": (CHANGE, Status.disputed, {"dispute": DECIDED}),
    "other systems confirm": (
        CHANGE,
        Status.applying,
        {"awaited": (System.pension, System.bank), "confirmations": (System.medical_insurance,)},
    ),
    "stuck": (
        CHANGE,
        Status.repair,
        {
            "awaited": (System.bank,),
            "confirmations": (),
            "last_error": Code.CONFIRMATION_REFUSED,
            "refused_by": System.bank,
        },
    ),
    "the card is made": (CARD, Status.in_production, {}),
    "the card waits to be collected": (CARD, Status.ready, {"act_by": NOW}),
    "late": (CHANGE, Status.in_review, LATE | {"attention": ("overdue", "red")}),
    "a decision on benefits is owed": (
        CHANGE,
        Status.in_review,
        {
            "deciders": (Role.officer,),
            "attention": ("decision",),
            "benefits_held": True,
            "benefit_decision": BenefitDecision(
                held=True, decided_by="officer-1", legal_basis="示例办法第五条", because=None
            ),
        },
    ),
}

ANSWERS: Final[dict[str, tuple[str, str, str, str]]] = {
    "documents are missing": ("待补正", "申请人", "缺少材料.*旧卡（社会保障卡管理办法", "补正期限"),
    "in review": ("审核中", "经办人员", "核验|verify", "verify_documents"),
    "a second officer approves": ("待复核审批", "复核审批人员（须不同于受理人和核验人）", "核验 `", "approve"),
    "on hold": ("中止办理", "下一步由谁办理", "中止原因.*等待公安机关", "resume"),
    "disputed": ("号码争议", "两名工作人员", "已有一人认定.*归本案.*officer-1", "resolve_dispute"),
    "other systems confirm": ("变更中", "医保、养老、银行等外部系统", "等待确认.*养老.*银行", "已确认.*医保"),
    "stuck": ("异常待处理", "运维人员", "最近错误.*银行", "可以怎样处理异常.*重试.*凭据确认（银行）.*撤销变更"),
    "the card is made": ("制卡中", "制卡中心", "制卡单号.*`ord-", "card_produced"),
    "the card waits to be collected": ("待领", "申请人", "领卡最后期限", "card_handed_over"),
    "late": ("审核中", "经办人员", "须处理.*超期", "已到督办级别.*红色.*已通知市级主管部门负责人.*尚无人签收"),
    "a decision on benefits is owed": (
        "审核中",
        "由谁决定.*复核审批人员",
        "待遇已暂停发放.*是",
        "待遇决定.*示例办法第五条",
    ),
}


def details_in(situation: str) -> str:
    kind, status, more = SITUATIONS[situation]
    view = view_of(in_status(kind, status), NOW).model_copy(
        update={"due_at": NOW, "due_event": None, "due_left": Left(after=NOW.date(), working_days=3), **more}
    )
    return details_of(CaseView.model_validate(view.model_dump()), "default")


def test_there_is_an_answer_for_each_cell() -> None:
    assert len(SITUATIONS) == 11
    assert set(SITUATIONS) == set(ANSWERS)


@pytest.mark.parametrize("question", range(4), ids=["where", "who and by when", "missing or failed", "what next"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_details_answer(situation: str, question: int) -> None:
    text = details_in(situation)
    lines = text.splitlines()
    asked = lines[0] if question == 0 else text
    assert re.search(ANSWERS[situation][question], asked) is not None, text
    if question == 0:
        assert "**●" in lines[2]
    if question == 1:
        assert DUE in text


def test_what_repairs_a_case_is_only_what_is_still_possible() -> None:
    kind, status, more = SITUATIONS["stuck"]
    view = view_of(in_status(kind, status), NOW).model_copy(update=more | {"confirmations": (System.pension,)})
    assert "撤销变更" not in next(line for line in details_of(view, "default").splitlines() if "可以怎样" in line)
    assert Event.repair in view.events
    try:
        present(Presentation(tongue=Tongue.en))
        assert "**what repairs it** | retry; accept (bank) |" in details_of(view, "default")
    finally:
        present(Presentation())
