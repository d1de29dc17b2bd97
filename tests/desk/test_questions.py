"""The four questions on the page of a case, a test for each situation and question: who, when, what lacks, what next.

The situations are those in which an ordinary or a troubled case rests; the page is made without a register.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import pytest

from activities.registry.reading import CaseNow
from cases.answers import Dispute
from cases.delivery import Tongue
from cases.details import Presentation
from cases.documents import Defect, DocumentKind
from cases.errors import Code
from cases.facts import CardFunction, DisputeOutcome
from cases.ladder import Rung
from cases.machines.machine import Clock, Status
from cases.models import System
from cases.names import Kind
from cases.state import CaseState, Timer
from cases.views import view_of
from desk.casework import Case, Person, shown
from desk.comparing import compare
from desk.pages import page
from desk.register import Beside
from desk.visitors import Visitor
from tests.activities.play import old_number
from tests.scenes import CERTIFICATE, NOW, OFFICER, VERIFIER, in_status

NOTHING: Final = Beside(None, None, (), (), (), (), None)


def change(status: Status, **more: Any) -> Callable[[], CaseState]:
    return lambda: in_status(Kind.id_number_change, status).model_copy(update=more)


def card(status: Status, **more: Any) -> Callable[[], CaseState]:
    return lambda: in_status(Kind.card_replacement, status).model_copy(update=more)


def until(clock: Clock) -> Timer:
    return Timer(clock=clock, since=NOW, due_at=NOW + timedelta(days=7))


def late() -> CaseState:
    state = in_status(Kind.id_number_change, Status.in_review)
    reached = {"rung": Rung.orange, "rung_at": NOW - timedelta(days=1)}
    return state.model_copy(update={"overdue": True, "ladder": state.ladder.model_copy(update=reached)})


SITUATIONS: Final[Mapping[str, tuple[Callable[[], CaseState], Mapping[str, str]]]] = {
    "documents are missing": (
        change(
            Status.awaiting_documents, defects=(Defect(document=DocumentKind.resident_id_card, problem="复印件不清晰"),)
        ),
        {"who": "申请人", "when": "期限", "lacking": "复印件不清晰", "next": "补正期限届满"},
    ),
    "to be reviewed": (
        change(Status.in_review),
        {"who": "经办人员", "when": "一次性告知期限", "lacking": "材料齐全，没有异常。", "next": "蓝色（一）"},
    ),
    "to be approved": (
        change(Status.awaiting_approval, verifier=VERIFIER.id),
        {"who": "复核审批人员", "when": "一次性告知期限", "lacking": "没有异常", "next": "蓝色（一）"},
    ),
    "disputed, one has decided": (
        change(
            Status.disputed,
            opinions=(
                Dispute(
                    outcome=DisputeOutcome.ours,
                    document=CERTIFICATE.sha256,
                    document_kind=CERTIFICATE.kind,
                    decided_by=OFFICER.id,
                ),
            ),
        ),
        {
            "who": f"归本案 · 公安机关证明 {CERTIFICATE.sha256[:12]}",
            "when": "没有期限",
            "lacking": "号码争议",
            "next": "蓝色",
        },
    ),
    "on hold": (
        change(Status.on_hold),
        {"who": "经办人员", "when": "中止期限", "lacking": "中止办理", "next": "中止期限届满"},
    ),
    "other systems are asked": (
        change(Status.applying),
        {"who": "医保、养老、银行", "when": "没有期限", "lacking": "没有异常", "next": "蓝色（一）"},
    ),
    "in repair": (
        change(Status.repair, last_error=Code.CONFIRMATION_REFUSED, refused_by=System.pension),
        {"who": "运维人员", "when": "没有期限", "lacking": "养老 CONFIRMATION_REFUSED", "next": "蓝色（一）"},
    ),
    "late": (late, {"who": "经办人员", "when": "期限", "lacking": "超期", "next": "橙色"}),
    "the card is being made": (
        card(Status.in_production, timer=until(Clock.production)),
        {"who": "制卡中心", "when": "制卡期限", "lacking": "多制的卡", "next": "蓝色（一）"},
    ),
    "the card can be collected": (
        card(Status.ready),
        {"who": "申请人", "when": "领卡", "lacking": "多制的卡", "next": "领卡提醒期届满"},
    ),
    "the card is to be activated": (
        card(Status.handed_over, activated=(CardFunction.social,), timer=until(Clock.activation)),
        {"who": "申请人", "when": "激活期限", "lacking": "多制的卡", "next": "蓝色（一）"},
    ),
}


def sections(state: CaseState, tongue: Tongue) -> dict[str, str]:
    """What stands in each of the four sections of the page."""
    view = view_of(state, NOW)
    number = old_number(1)
    person = Person("测**", None, compare(number, number, in_clear=False), revealed=False)
    case = Case(CaseNow(state), view, (), NOTHING, (), person)
    visitor = Visitor(VERIFIER, "", tongue)
    made = page(
        "case.html",
        tongue,
        visitor.actor,
        done="",
        refused=None,
        forms=[],
        key="",
        certain_wrong=False,
        can_hand_in=False,
        documents=[],
        shown_types=(),
        document_kinds=(),
        may_move=False,
        may_reveal=False,
        colleagues=(),
        temporal=None,
        **shown(case, visitor, "cases", Presentation(tongue)),
    )
    assert made.text is not None
    found = re.findall(r'<section id="(\w+)">(.*?)</section>', made.text, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", text).split()) for name, text in found}


@pytest.mark.parametrize("question", ["who", "when", "lacking", "next"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_situation_answers_a_question(situation: str, question: str) -> None:
    state, answers = SITUATIONS[situation]
    assert answers[question] in sections(state(), Tongue.zh)[question]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_situation_shows_chinese_to_who_reads_english_but_what_was_typed(situation: str) -> None:
    state, _ = SITUATIONS[situation]
    for text in sections(state(), Tongue.en).values():
        assert not re.search(r"[一-鿿]", text.replace("复印件不清晰", "").replace("《居民身份证法》", "")), text
