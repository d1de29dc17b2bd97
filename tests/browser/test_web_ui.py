"""Operators in the real Web UI: finding, understanding, acting, and what those see who may not. All synthetic."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from activities.registry.reading import case_now
from cases.details import timer_summary
from cases.errors import REMEDIES, Code
from cases.events import Event
from cases.machines.machine import Milestone, Status
from stack.web_ui import CodecSettings
from tests.browser.browsing import Screen
from tests.browser.office import CLERK, OFFICER_AT_DESK, Office
from tests.scenes import ID_CARD

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.timeout(180)]

HINT = CodecSettings("", "").hint
REASON = "核对登记信息与来件"


def verification(case: str, *, original_seen: bool = True) -> dict[str, Any]:
    return {
        "case": case,
        "event": Event.verify_documents.value,
        "original_seen": original_seen,
        "copies": [ID_CARD.sha256],
    }


async def test_a_clerk_finds_a_case_reads_where_it_stands_decides_and_sees_it_move(
    screen: Screen, office: Office
) -> None:
    case, _ = await office.in_review()
    waiting = await office.awaiting_documents()
    await screen.log_in(CLERK.actor.id)

    await screen.list_cases('CaseStatus="in_review" AND CaseRegion="110105"')
    await expect(screen.page.get_by_role("link", name=case)).to_be_visible()
    await expect(screen.page.get_by_role("link", name=waiting)).to_have_count(0)
    await screen.page.get_by_role("link", name=case).click()
    await screen.turn_to("User Metadata")

    await expect(screen.details).to_contain_text("审核中")
    await expect(screen.details).to_contain_text(re.compile(r"下一步由谁办理\s*经办人员"))
    await expect(screen.details).to_contain_text(case)

    await screen.fill_form(Event.verify_documents, verification(case, original_seen=False))
    await screen.submit()
    await expect(screen.form).to_contain_text(f"ORIGINAL_NOT_SEEN: {REMEDIES[Code.ORIGINAL_NOT_SEEN].zh}")
    assert (await office.engine.view(case)).status is Status.in_review
    await screen.leave_form()

    await screen.fill_form(Event.verify_documents, verification(case))
    await screen.submit()
    await expect(screen.body).to_contain_text("Update successful")
    view = await office.engine.reaches(case, Status.applying)
    assert (view.milestone, view.verifier) == (Milestone.documents_verified, CLERK.actor.id)
    await screen.open_case(case, "User Metadata")
    await expect(screen.details).to_contain_text("变更中")
    await expect(screen.details).to_contain_text("● 材料已核验 → ○ 号码已变更")
    await expect(screen.details).to_contain_text(f"核验 {CLERK.actor.id}")


async def test_a_form_of_the_case_page_can_be_sent_as_it_stands(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    await screen.log_in(CLERK.actor.id)
    await screen.open_case(case, "User Metadata")
    offered = screen.details.get_by_text(re.compile(rf'^{{"case": "{case}", "event": "verify_documents"'))
    typed = await offered.inner_text()
    await screen.fill_form(Event.verify_documents, typed)
    await screen.submit()
    await expect(screen.body).to_contain_text("Update successful")
    assert (await office.engine.reaches(case, Status.applying)).verifier == CLERK.actor.id


async def test_a_clerk_sees_names_and_numbers_masked(screen: Screen, office: Office) -> None:
    case, person = await office.in_review()
    await screen.log_in(CLERK.actor.id)
    await screen.open_case(case)
    await expect(screen.body).to_contain_text(f'"number": "{"*" * 16}{person.new[-2:]}"')
    await expect(screen.body).not_to_contain_text(person.new)
    await expect(screen.body).not_to_contain_text(person.name)


async def test_who_is_not_logged_in_sees_ciphertext_and_where_to_log_in(screen: Screen, office: Office) -> None:
    case, person = await office.in_review()
    await screen.open_case(case)
    await expect(screen.body).to_contain_text(HINT)
    await expect(screen.page.get_by_role("link", name=f"{office.desk.codec_url}/login")).to_be_visible()
    for secret in (person.new, person.new[-2:] + '"', person.name, '"submitter"', "督办"):
        await expect(screen.body).not_to_contain_text(secret)
    await screen.turn_to("User Metadata")
    await expect(screen.details).to_contain_text("No Current Details")


async def test_a_decision_of_somebody_who_is_not_logged_in_is_refused_with_what_to_do(
    screen: Screen, office: Office
) -> None:
    case, _ = await office.in_review()
    await screen.open_case(case)
    await screen.fill_form(Event.verify_documents, verification(case))
    await screen.submit()
    await expect(screen.form).to_contain_text(f"IDENTITY_MISSING: {REMEDIES[Code.IDENTITY_MISSING].zh}")
    assert (await office.engine.view(case)).status is Status.in_review


async def test_a_decision_that_is_not_the_role_of_whoever_typed_it_is_refused_in_the_form(
    screen: Screen, office: Office
) -> None:
    case, _ = await office.in_review()
    await screen.log_in(CLERK.actor.id)
    await screen.open_case(case)
    await screen.fill_form(Event.reject, {"case": case, "event": "reject", "legal_basis": "《社会保险经办条例》第十条"})
    await screen.submit()
    await expect(screen.form).to_contain_text(f"ROLE_NOT_ALLOWED: {REMEDIES[Code.ROLE_NOT_ALLOWED].zh}")
    assert (await office.engine.view(case)).status is Status.in_review


async def test_an_officer_reveals_one_case_for_a_reason_and_no_other(screen: Screen, office: Office) -> None:
    (case, person), (other, unseen) = await office.in_review(), await office.in_review()
    await screen.log_in(OFFICER_AT_DESK.actor.id)
    await screen.open_case(case)
    await expect(screen.body).to_contain_text(f"{'*' * 16}{person.new[-2:]}")
    await screen.reveal(case, REASON)
    await screen.open_case(case)
    await expect(screen.body).to_contain_text(person.new)
    await expect(screen.body).to_contain_text(person.name)
    await screen.open_case(other)
    await expect(screen.body).to_contain_text(f"{'*' * 16}{unseen.new[-2:]}")
    await expect(screen.body).not_to_contain_text(unseen.new)


async def test_a_case_in_trouble_shows_in_the_list_and_says_what_went_wrong(screen: Screen, office: Office) -> None:
    case = await office.in_repair()
    await screen.log_in(CLERK.actor.id)
    await screen.list_cases('CaseAttention="repair"')
    await screen.page.get_by_role("link", name=case).click()
    await screen.turn_to("User Metadata")
    await expect(screen.details).to_contain_text(f"CONFIRMATION_REFUSED {REMEDIES[Code.CONFIRMATION_REFUSED].zh}")
    await expect(screen.details).to_contain_text(re.compile(r"下一步由谁办理\s*运维人员"))


async def test_the_timeline_says_in_chinese_what_is_waited_for(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    await screen.log_in(CLERK.actor.id)
    await screen.open_case(case)
    held = await case_now(office.engine.pool, case)
    assert held is not None
    assert held.state.upcoming is not None
    # A rung or a limit, whichever comes first on the day on which the test runs.
    summary = timer_summary(held.state.upcoming)
    assert summary.startswith(("督办：", "到期："))
    await expect(screen.body).to_contain_text(summary)


async def test_a_browser_may_be_set_to_the_codec_server_by_hand(screen: Screen, office: Office) -> None:
    """The Web UI as the dev server shows it, told nothing of cookies: the operator sets it up in its own dialog."""
    case, person = await office.in_review()
    await screen.log_in(CLERK.actor.id)
    await screen.set_codec_server_by_hand(office.desk.codec_url)
    await screen.open_case(case)
    await expect(screen.body).to_contain_text(f"{'*' * 16}{person.new[-2:]}")


async def test_a_browser_asks_for_the_program_of_the_web_ui_once(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    for _ in range(2):
        await screen.open_case(case)
        await expect(screen.body).to_contain_text(HINT)
    program = await screen.page.evaluate(
        "performance.getEntriesByType('resource').filter(part => part.name.includes('/_app/immutable/'))"
        ".map(part => part.transferSize)"
    )
    assert len(program) > 100
    assert sum(program) == 0
