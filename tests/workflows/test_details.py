"""What the Web UI shows of a case: its details, its timeline, and the forms of its updates."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from markdown_it import MarkdownIt
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.converter import WorkflowSerializationContext

from cases.answers import BenefitDecision, CaseView, Destruction, Dispute, Left, Proviso
from cases.delivery import Tongue
from cases.details import Presentation, Refusal, details_of, present, timer_summary
from cases.documents import Defect, DocumentKind
from cases.errors import REMEDIES, Code
from cases.events import FACTS, Event
from cases.facts import DisputeOutcome, VerifyDocuments
from cases.forms import as_typed, example_of, form_of
from cases.kinds import MACHINES
from cases.machines.machine import CLOCK_EVENT, Milestone, Status
from cases.models import System
from cases.names import Kind
from cases.state import Upcoming
from cases.views import view_of
from cases.words import MILESTONE_ZH, PROVISO, by_when, when, word
from tests.engine import Engine
from tests.scenes import CLERK, ID_CARD, NOW, SOUTH, VERIFIER, in_status
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change, replacement

TIMELINE = {
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_MARKER_RECORDED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
}


@pytest.fixture
def shown() -> Iterator[None]:
    """Whatever a test says about presentation holds for that test only."""
    yield
    present(Presentation())


def case_in(status: Status, kind: Kind = Kind.id_number_change) -> CaseView:
    return view_of(in_status(kind, status), NOW)


async def metadata_of(engine: Engine, case: str) -> WorkflowMetadata:
    """What the Web UI asks a case for."""
    metadata: WorkflowMetadata = await engine.handle(case).query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata


async def history_of(engine: Engine, case: str) -> list[HistoryEvent]:
    return list((await engine.handle(case).fetch_history()).events)


# --- reading them -----------------------------------------------------------------------------------------------------


def test_they_say_where_the_case_stands_among_the_four_milestones() -> None:
    lines = details_of(case_in(Status.applying), "default").splitlines()
    assert lines[0] == "### 号码变更 · 变更中 `applying`"
    assert lines[2] == "● 已受理 → **● 材料已核验** → ○ 号码已变更 → ○ 待遇已恢复"
    assert all(zh in lines[2] for zh in MILESTONE_ZH.values())


def test_they_say_who_must_act_what_is_missing_on_which_law_and_by_when() -> None:
    view = case_in(Status.awaiting_documents, Kind.card_replacement)
    text = details_of(view, "default")
    assert "| **下一步由谁办理** | 申请人 |" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| **缺少材料**")]
    for demand in view.missing:
        assert demand.legal_basis in line
    assert f"| **期限** | {by_when(NOW, Tongue.zh)}（补正期限） |" in text
    counted = view.model_copy(update={"due_left": Left(after=date(2026, 11, 2), working_days=8)})
    assert f"{by_when(NOW, Tongue.zh)}（补正期限）（11月2日后还有8个工作日） |" in details_of(counted, "default")


@pytest.mark.parametrize("tongue", Tongue)
@pytest.mark.usefixtures("shown")
def test_a_limit_that_will_run_out_is_not_called_overdue(tongue: Tongue) -> None:
    present(Presentation(tongue=tongue))
    for kind, machine in MACHINES.items():
        for status, row in machine.statuses.items():
            if row.clock is None:
                continue
            event = CLOCK_EVENT[row.clock]
            view = case_in(status, kind).model_copy(
                update={"due_at": NOW, "due_event": event, "next_at": NOW, "next_event": event, "next_rung": None}
            )
            lines = [line for line in details_of(view, "default").splitlines() if when(NOW, tongue) in line]
            assert lines
            assert not re.search("逾期|超期|overdue", "".join(lines))
            assert not re.search("逾期|超期|overdue", timer_summary(Upcoming(event, NOW, provisional=False)))


@pytest.mark.parametrize(
    ("changed", "chinese", "english"),
    [
        ({}, "受理 `clerk-1`", "submitted `clerk-1`"),
        ({"channel": "bank"}, "受理 `clerk-1`（银行网点）", "submitted `clerk-1` (a bank's branch)"),
        (
            {"channel": "online", "submitter_kind": "applicant", "submitter": None},
            "提交 申请人本人（网上）",
            "handed in by the applicant (online)",
        ),
    ],
)
@pytest.mark.usefixtures("shown")
def test_they_say_who_handed_the_application_in_and_how(changed: dict[str, Any], chinese: str, english: str) -> None:
    view = CaseView.model_validate(case_in(Status.in_review).model_dump() | changed)
    assert f"| {chinese} |" in details_of(view, "default")
    present(Presentation(tongue=Tongue.en))
    assert f"| {english} |" in details_of(view, "default")


def test_documents_are_not_missing_any_more_once_they_are_verified() -> None:
    view = case_in(Status.handed_over, Kind.card_replacement)
    assert view.missing
    assert "缺少材料" not in details_of(view, "default")


def test_a_provisional_date_says_so() -> None:
    view = case_in(Status.in_review).model_copy(update={"next_provisional": True})
    assert "督办：蓝色（一） 2026年11月2日（周一）10:00（暂定，日历未公布）" in details_of(view, "default")


def test_an_error_and_a_refusal_come_with_their_remedies() -> None:
    view = case_in(Status.repair).model_copy(update={"last_error": Code.CONFIRMATION_OVERDUE})
    text = details_of(view, "default", Refusal(Code.SAME_PERSON, Event.verify_documents, NOW))
    assert f"| **最近错误** | `CONFIRMATION_OVERDUE` {REMEDIES[Code.CONFIRMATION_OVERDUE].zh} |" in text
    refused = f"核验材料 `SAME_PERSON` {REMEDIES[Code.SAME_PERSON].zh} · 2026-11-02 10:00"
    assert f"| **最近一次被拒绝的操作** | {refused} |" in text


def test_a_refusal_of_another_system_says_which_system_it_was() -> None:
    refused = {"last_error": Code.CONFIRMATION_REFUSED, "refused_by": System.pension}
    remedy = REMEDIES[Code.CONFIRMATION_REFUSED].zh
    text = details_of(case_in(Status.repair).model_copy(update=refused), "default")
    assert f"| **最近错误** | {word(System.pension, Tongue.zh)} `CONFIRMATION_REFUSED` {remedy} |" in text
    overdue = case_in(Status.repair).model_copy(update=refused | {"last_error": Code.CONFIRMATION_OVERDUE})
    assert "| **最近错误** | `CONFIRMATION_OVERDUE`" in details_of(overdue, "default")


def test_one_deadline_is_shown_once() -> None:
    view = case_in(Status.in_review)
    at = NOW + timedelta(days=7)
    same = view.model_copy(update={"due_at": at, "processing_due_at": at})
    assert ("**期限**" in details_of(same, "default"), "办理期限" in details_of(same, "default")) == (True, False)
    later = same.model_copy(update={"processing_due_at": at + timedelta(days=1)})
    assert "办理期限" in details_of(later, "default")


@pytest.mark.usefixtures("shown")
def test_links_lead_to_the_related_case_and_a_stuck_one_to_the_runbook() -> None:
    other = "crc-" + "a" * 26
    view = case_in(Status.repair).model_copy(update={"related": other, "attention": ("repair",)})
    text = details_of(view, "cases")
    assert f"[{other}](/namespaces/cases/workflows/{other})" in text
    assert "docs/runbook.md" in text
    present(Presentation(ui_url="https://ui.example", runbook_url="https://docs.example/runbook"))
    text = details_of(view, "cases")
    assert f"(https://ui.example/namespaces/cases/workflows/{other})" in text
    assert "(https://docs.example/runbook#a-case-is-stuck)" in text


def test_the_first_of_two_decisions_on_a_dispute_is_shown() -> None:
    first = Dispute(
        outcome=DisputeOutcome.ours,
        document="0" * 64,
        document_kind=DocumentKind.police_certificate,
        decided_by="officer-1",
    )
    view = case_in(Status.disputed).model_copy(update={"dispute": first})
    shown = "归本案 · 公安机关证明 `000000000000…` · `officer-1`"
    assert f"| 已有一人认定（待第二人） | {shown} |" in details_of(view, "default")
    other = first.model_copy(update={"outcome": DisputeOutcome.theirs, "decided_by": "officer-2"})
    text = details_of(view.model_copy(update={"dissents": (other,)}), "default")
    assert f"| {shown}、归对方 · 公安机关证明 `000000000000…` · `officer-2` |" in text
    assert "认定意见不一致" in text


@pytest.mark.parametrize(
    "typed",
    [
        "[点此登录](https://evil.invalid)",
        "https://evil.invalid/ 请登录",
        "www.evil.invalid",
        "<https://evil.invalid>",
        "![](https://evil.invalid/seen.png)",
        "<img src=x onerror=alert(1)> <script>alert(1)</script>",
        "somebody@evil.invalid",
        "` [点此](https://evil.invalid) `` [x](https://evil.invalid) ```",
        "`",
        "a | b | **c** | ~~d~~",
        "\\| [x](https://evil.invalid)",
        "[^1]: # *强调* _强调_ &#58; &lt;b&gt;",
        "| --- | --- |",
    ],
)
def test_what_is_typed_is_shown_as_it_is_and_is_no_markdown(typed: str) -> None:
    """Read by a parser that knows tables: all that was typed is text of code, of which nothing becomes a link."""
    view = case_in(Status.awaiting_documents).model_copy(
        update={
            "defects": (Defect(document=DocumentKind.photograph, problem=typed),),
            "benefit_decision": BenefitDecision(held=False, because=typed, legal_basis=typed, decided_by="officer-1"),
            "destruction": (Destruction(order="ord-" + "a" * 26, record=typed, stated_by="clerk-1"),),
        }
    )
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(details_of(view, "default"))
    inline = [each for token in tokens for each in token.children or ()]
    assert [each.content for each in inline if each.type == "code_inline"].count(typed) == 4
    assert not [each.type for each in inline if each.type in {"link_open", "image", "html_inline", "em_open", "s_open"}]
    assert not [token for token in tokens if token.type == "html_block"]
    assert "evil" not in "".join(each.content for each in inline if each.type == "text")


@pytest.mark.usefixtures("shown")
def test_they_are_english_by_setting() -> None:
    present(Presentation(Tongue.en))
    view = case_in(Status.in_review).model_copy(update={"last_error": Code.REGISTER_CHANGED})
    text = details_of(view, "default")
    assert text.startswith("### ID-number change · in review `in_review`\n\n**● submitted** → ○ documents verified")
    assert "| **who must act** | clerk |" in text
    assert REMEDIES[Code.REGISTER_CHANGED].en in text
    # What stands in a law or in a policy stays as it is.
    assert not any("一" <= character <= "鿿" for character in text)


@pytest.mark.parametrize("kind", Kind)
def test_they_hold_a_form_for_each_event_that_is_possible_and_for_no_other(kind: Kind) -> None:
    for status in (Status.in_review, Status.on_hold, Status.repair, Status.done):
        view = case_in(status, kind)
        lines = details_of(view, "default").splitlines()
        forms = [json.loads(line) for line in lines if line.startswith("{")]
        assert {form["event"] for form in forms} == set(view.events)
        assert all(form == form_of(Event(form["event"]), view) for form in forms)


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("tongue", Tongue)
def test_what_may_be_told_later_or_only_if_the_register_agrees_says_so_beside_its_form(tongue: Tongue) -> None:
    present(Presentation(tongue=tongue))
    short = ID_CARD.model_copy(update={"expires_on": date(2026, 12, 11)})
    state = in_status(Kind.id_number_change, Status.in_review).model_copy(
        update={"documents": (short,), "notice": None, "returns": 2, "merged": True}
    )
    titles = {line for line in details_of(view_of(state, NOW), "default").splitlines() if line.startswith("**")}

    def beside(event: Event) -> str:
        (title,) = (line for line in titles if f"`{event.value}`" in line)
        return title

    zh = tongue is Tongue.zh
    assert beside(Event.verify_documents).endswith(
        "（至2026年12月11日（周五）止）" if zh else " (until Friday 11 December 2026)"
    )
    assert beside(Event.return_documents).endswith(
        "（自2026年12月12日（周六）起）" if zh else " (from Saturday 12 December 2026)"
    )
    for event, proviso in (
        (Event.report_loss, Proviso.card_in_use),
        (Event.resolve_duplicate, Proviso.nothing_paid),
    ):
        assert PROVISO[proviso][tongue] in beside(event)
    assert not beside(Event.withdraw).endswith((")", "）"))


def test_each_form_says_whose_decision_it_is() -> None:
    text = details_of(case_in(Status.awaiting_approval), "default")
    assert "**复核审批** `approve` · 可由 复核审批人员、主管" in text


def test_blanks_of_closed_sets_come_with_their_choices() -> None:
    text = details_of(case_in(Status.in_review), "default")
    assert "`reason`: `waiting_for_id_card` 等待身份证 · " in text


def test_a_bar_in_a_text_does_not_begin_another_column() -> None:
    view = case_in(Status.in_review).model_copy(update={"policy": "a|b"})
    assert "| 适用政策 | `a\\|b` |" in details_of(view, "default")


# --- on the real engine -----------------------------------------------------------------------------------------------


async def test_the_web_ui_is_given_the_details_of_the_case_as_it_stands(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    view = await case.rests_in(Status.in_review)
    shown = (await metadata_of(engine, case.case_id)).current_details
    assert shown == details_of(view, engine.client.namespace, transitions=await engine.history(case.case_id))


async def test_a_refusal_is_in_the_view_at_once_and_in_the_details_when_they_are_written_next(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    same = VerifyDocuments(actor=CLERK, original_seen=True, copies=(ID_CARD.sha256,))
    assert await case.refuses(Event.verify_documents, same) is Code.SAME_PERSON
    await case.tell(Event.acknowledge)
    shown = (await metadata_of(engine, case.case_id)).current_details
    assert f"核验材料 `SAME_PERSON` {REMEDIES[Code.SAME_PERSON].zh}" in shown


async def test_what_is_shown_can_be_sent_as_it_stands(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    shown = (await metadata_of(engine, case.case_id)).current_details
    (form,) = [json.loads(line) for line in shown.splitlines() if '"event": "verify_documents"' in line]
    assert form.pop("case") == case.case_id
    fact = FACTS[Event(form.pop("event"))].model_validate({**form, "actor": VERIFIER.model_dump()})
    assert (await case.tell(Event.verify_documents, fact)).milestone is Milestone.documents_verified
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize("kind", Kind)
async def test_every_update_explains_itself_with_an_example(engine: Engine, kind: Kind) -> None:
    case = await (change(engine, ID_CARD) if kind is Kind.id_number_change else replacement(engine, ID_CARD))
    definition = (await metadata_of(engine, case.case_id)).definition
    told = {update.name: update.description for update in definition.update_definitions if update.name in FACTS}
    assert told.keys() == {event.value for event in FACTS if kind is Kind.card_replacement or not _of_cards_only(event)}
    for name, description in told.items():
        assert description.endswith(f"例 e.g. {as_typed(example_of(Event(name)))}")
        assert any("一" <= character <= "鿿" for character in description.partition("例")[0])
    assert all(query.description for query in definition.query_definitions if not query.name.startswith("__"))


def _of_cards_only(event: Event) -> bool:
    return event not in MACHINES[Kind.id_number_change].every_event


async def test_every_timer_and_activity_says_in_chinese_what_it_is_for(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.verify()
    await case.rests_in(Status.applying)
    place = WorkflowSerializationContext(namespace=engine.client.namespace, workflow_id=case.case_id)
    converter = engine.client.data_converter.with_context(place)
    seen = set()
    for event in await history_of(engine, case.case_id):
        if event.event_type in TIMELINE:
            (summary,) = await converter.decode([event.user_metadata.summary], [str])
            assert any("一" <= character <= "鿿" for character in summary)
            seen.add(event.event_type)
    assert {EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_MARKER_RECORDED} <= seen


async def test_events_stand_together_by_milestone(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    await case.verify()
    for system in System:
        await case.confirm(system)
    await case.ends()
    groups = [
        [marker.label.id for marker in event.event_group_markers if marker.HasField("label")]
        for event in await history_of(engine, case.case_id)
        if event.event_type in TIMELINE
    ]
    assert all(len(group) == 1 for group in groups)
    assert list(dict.fromkeys(group[0] for group in groups)) == list(MILESTONE_ZH.values())[:2]


async def test_what_is_made_together_shows_each_of_its_steps(engine: Engine) -> None:
    case = await change(engine, ID_CARD, region=SOUTH)
    await case.verify()
    await case.ends()
    shown = (await metadata_of(engine, case.case_id)).current_details
    for made in await engine.history(case.case_id):
        assert f"（{MILESTONE_ZH[made.milestone]}）" in shown
        assert word(made.event, Tongue.zh) in shown
    place = WorkflowSerializationContext(namespace=engine.client.namespace, workflow_id=case.case_id)
    converter = engine.client.data_converter.with_context(place)
    (*_, last) = [
        event
        for event in await history_of(engine, case.case_id)
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
    ]
    (summary,) = await converter.decode([last.user_metadata.summary], [str])
    assert summary == "核验材料 → 材料已核验 → 变更中 → 号码已变更 → 恢复待遇中 → 办结"


@pytest.mark.usefixtures("shown")
async def test_a_worker_whose_setting_says_so_shows_cases_in_english(engine: Engine) -> None:
    present(Presentation(Tongue.en))
    case: Dossier = await change(engine, ID_CARD)
    await case.rests_in(Status.in_review)
    shown = (await metadata_of(engine, case.case_id)).current_details
    assert shown.startswith("### ID-number change · in review")
