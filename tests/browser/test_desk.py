"""The desk in a real browser: found, understood and decided by clicks and keys, with nothing that keeps people out."""

import os
import re
import struct
import zlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Locator, Page, expect

from cases.documents import DocumentKind
from cases.errors import REMEDIES, Code
from cases.events import Event
from cases.machines.machine import Milestone, Status
from tests.browser.browsing import Screen
from tests.browser.office import CLERK, OFFICER_AT_DESK, SUPERVISOR_AT_DESK, Office

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.timeout(180)]

IMAGES: Final = "CARDCASE_TEST_IMAGES"
"""Names a folder for images of what was seen, to be looked at."""
SERIOUS: Final = {"serious", "critical"}
REASON: Final = "核对登记信息与来件"


def png(side: int = 40) -> bytes:
    """A grey square."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + b"\x80" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def kept(screen: Screen, name: str) -> None:
    """Keep what is seen, where somebody wants to look at it."""
    if folder := os.environ.get(IMAGES):
        await screen.shoot(Path(folder) / f"desk-{name}.png", whole=True)


async def barriers(page: Page) -> list[tuple[str, str, Sequence[str]]]:
    """What axe-core finds that keeps somebody out, by its rule and where."""
    program = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    await page.evaluate(program)
    found: dict[str, Any] = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        (each["id"], each["impact"], [node["html"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ]


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press the tabulator until something has the focus."""
    for _ in range(80):
        if await wanted.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError("it cannot be reached by keyboard")


async def test_a_verification_takes_four_clicks_from_the_queue(screen: Screen, office: Office) -> None:
    case, person = await office.in_review()
    await screen.sit_down(CLERK.actor.id)
    page = screen.page
    await kept(screen, "mine")
    steps = (
        page.locator(f'a[href="/cases/{case}"]'),
        page.locator("summary", has_text="核验材料"),
        page.get_by_role("group", name="是否核验原件").locator("visible=true").get_by_label("是", exact=True),
        page.get_by_role("button", name="核验材料"),
    )
    for click, wanted in enumerate(steps, 1):
        await wanted.click()
        if click == 1:
            await expect(screen.body).to_contain_text("下一步由谁办理")
            await expect(screen.body).not_to_contain_text(person.name)
            await expect(screen.body).not_to_contain_text(person.new)
            await kept(screen, "case")
    await expect(page.get_by_role("status")).to_contain_text("已办理：核验材料")
    await kept(screen, "verified")
    view = await office.engine.reaches(case, Status.applying)
    assert (view.milestone, view.verifier) == (Milestone.documents_verified, CLERK.actor.id)


async def test_a_keyboard_alone_suffices(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    await screen.sit_down(CLERK.actor.id)
    page = screen.page
    await tab_to(page, page.locator(f'a[href="/cases/{case}"]'))
    await page.keyboard.press("Enter")
    await expect(screen.body).to_contain_text("下一步由谁办理")
    await tab_to(page, page.locator("summary", has_text="核验材料"))
    await page.keyboard.press("Enter")
    yes = page.get_by_role("group", name="是否核验原件").locator("visible=true").get_by_label("是", exact=True)
    await tab_to(page, yes)
    await page.keyboard.press("Space")
    await tab_to(page, page.get_by_role("button", name="核验材料"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("已办理：核验材料")


async def test_a_refusal_says_what_to_do_and_nothing_was_changed(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    await screen.sit_down(CLERK.actor.id, f"/cases/{case}")
    page = screen.page
    await page.locator("summary", has_text="核验材料").click()
    await page.get_by_role("group", name="是否核验原件").locator("visible=true").get_by_label("否", exact=True).click()
    await page.get_by_role("button", name="核验材料").click()
    await expect(page.get_by_role("alert")).to_contain_text(REMEDIES[Code.ORIGINAL_NOT_SEEN].zh)
    await kept(screen, "refused")
    assert (await office.engine.view(case)).status is Status.in_review


async def test_what_cannot_be_undone_is_named_and_is_not_sent_without_a_tick(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    await screen.sit_down(OFFICER_AT_DESK.actor.id, f"/cases/{case}")
    page = screen.page
    await page.locator("summary", has_text="不予办理").click()
    await page.get_by_label("法律依据").locator("visible=true").fill("《社会保险经办条例》第十条")
    await page.get_by_role("button", name="不予办理").click()
    # The browser itself keeps it back.
    await expect(page.get_by_text("案件即告办结；申请人须重新申请。").locator("visible=true")).to_be_visible()
    assert (await office.engine.view(case)).status is Status.in_review
    await kept(screen, "consequence")
    await page.get_by_label("我已知晓，确认办理。").locator("visible=true").check()
    await page.get_by_role("button", name="不予办理").click()
    await expect(page.get_by_role("status")).to_contain_text("已办理：不予办理")


async def test_a_document_is_handed_in_and_seen(screen: Screen, office: Office, tmp_path: Path) -> None:
    case = await office.awaiting_documents()
    image = tmp_path / "scan.png"
    image.write_bytes(png())
    await screen.sit_down(CLERK.actor.id, f"/cases/{case}")
    page = screen.page
    await page.locator("summary", has_text="补充材料").click()
    form = page.locator(f'form[action$="/events/{Event.add_documents.value}"]')
    await form.get_by_label("种类").first.select_option(DocumentKind.resident_id_card.value)
    await form.locator('input[type="file"]').first.set_input_files(image)
    await form.locator("button").click()
    await expect(page.get_by_role("status")).to_contain_text("已办理：补充材料")
    shown = page.locator("img.document")
    await shown.scroll_into_view_if_needed()
    await expect(shown).to_have_js_property("naturalWidth", 40)
    await kept(screen, "document")
    (document,) = (await office.engine.view(case)).documents
    assert (document.size, document.media_type) == (len(png()), "image/png")


async def test_a_case_is_revealed_for_a_reason_and_taken_in_hand(screen: Screen, office: Office) -> None:
    case, person = await office.in_review()
    await screen.sit_down(OFFICER_AT_DESK.actor.id, f"/cases/{case}")
    page = screen.page
    await page.locator("summary", has_text="查看明文").click()
    await page.get_by_label("事由").fill(REASON)
    await page.get_by_role("button", name="查看明文").click()
    await expect(screen.body).to_contain_text(person.name)
    await page.get_by_role("button", name="认领").click()
    await expect(screen.body).to_contain_text(f"{OFFICER_AT_DESK.actor.id} · 认领有效期至")
    await kept(screen, "revealed")


async def test_the_details_of_the_web_ui_lead_to_the_desk_and_back(screen: Screen, office: Office) -> None:
    case, _ = await office.in_review()
    await screen.log_in(CLERK.actor.id)
    await screen.open_case(case, "User Metadata")
    link = screen.details.get_by_role("link", name="办理")
    await expect(link).to_have_attribute("href", f"{office.desk.desk_url}/cases/{case}")
    await screen.sit_down(CLERK.actor.id, f"/cases/{case}")
    await screen.page.get_by_role("link", name="在 Temporal 中查看").click()
    await expect(screen.page).to_have_url(re.compile(rf"^{re.escape(office.desk.ui_url or '')}/.*{case}"))


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)], ids=["a screen", "a phone"])
@pytest.mark.parametrize("english", [False, True], ids=["Chinese", "English"])
async def test_nothing_keeps_anybody_out(
    screen: Screen, office: Office, width: int, height: int, *, english: bool
) -> None:
    case, _ = await office.in_review()
    stuck = await office.in_repair()
    page = screen.page
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(office.desk.desk_url)
    assert await barriers(page) == []
    await screen.sit_down(SUPERVISOR_AT_DESK.actor.id)
    if english:
        await page.get_by_role("button", name="English").click()
        await expect(screen.body).to_contain_text("waits for me")
    for place in (
        "/",
        "/?queue=all",
        f"/cases/{case}",
        f"/cases/{stuck}",
        "/find",
        "/overview",
        f"/cases/idc-{'z' * 26}",
    ):
        await page.goto(office.desk.desk_url + place)
        for summary in await page.locator("summary").all():
            await summary.click()
        assert await barriers(page) == [], place
        # Nothing is cut off: tables scroll in their own frame.
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), place
        language = "en" if english else "zh"
        await kept(screen, f"{width}-{language}-{place.strip('/').replace('/', '-').replace('?', '-')[:20]}")
