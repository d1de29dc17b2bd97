"""The Web UI in a real browser, by what an operator sees and presses."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from playwright.async_api import BrowserContext, Locator, Page, async_playwright, expect

from tests.browser.office import Office

CHROMIUM: Final = "CHROMIUM"
"""Names the browser where it is not on the path."""

_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_MILLISECONDS: Final = 30_000


def chromium() -> str | None:
    """The system's browser."""
    named = os.environ.get(CHROMIUM)
    return named or next((found for program in _PROGRAMS if (found := shutil.which(program))), None)


@asynccontextmanager
async def browser_started(executable: str) -> AsyncIterator[BrowserContext]:
    """The browser for the length of a block, with one window.

    A window costs seconds of processor time, and so does whatever it has not in its cache.
    """
    # Its sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            window = await browser.new_context(
                viewport={"width": 1440, "height": 1000},
                locale="zh-CN",
                timezone_id="Asia/Shanghai",
            )
            window.set_default_timeout(_PATIENCE_MILLISECONDS)
            expect.set_options(timeout=_PATIENCE_MILLISECONDS)
            await window.new_page()  # without any it would close
            yield window
        finally:
            await browser.close()


@asynccontextmanager
async def screen_of(window: BrowserContext, office: Office) -> AsyncIterator["Screen"]:
    """A page of its own, with nobody logged in and nothing set; what is left of it is forgotten."""
    page = await window.new_page()
    devtools = await window.new_cdp_session(page)
    try:
        yield Screen(window, page, office)
    finally:
        for origin in (office.desk.ui_url, office.desk.codec_url, office.desk.desk_url):
            await devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        await page.close()
        await window.clear_cookies()


class Screen:
    """What stands before an operator."""

    def __init__(self, context: BrowserContext, page: Page, office: Office) -> None:
        self.page = page
        self._context = context
        self._office = office

    async def log_in(self, staff: str) -> None:
        """Log in at the provider's page."""
        await self.page.goto(f"{self._office.desk.codec_url}/login")
        await self.page.locator(f'button[value="{staff}"]').click()
        await expect(self.page.get_by_text(staff)).to_be_visible()

    async def sit_down(self, staff: str, place: str = "/") -> None:
        """Log in at the desk, and come to where one wanted to go."""
        await self.page.goto(f"{self._office.desk.desk_url}{place}")
        await self.page.get_by_role("link", name="登录").click()
        await self.page.locator(f'button[value="{staff}"]').click()
        await expect(self.page).to_have_url(f"{self._office.desk.desk_url}{place}")

    async def reveal(self, case: str, reason: str) -> None:
        """Ask for one case in clear, on the codec server's own page."""
        await self.page.goto(self._office.desk.codec_url)
        await self.page.locator('input[name="case"]').fill(case)
        await self.page.locator('input[name="reason"]').fill(reason)
        await self.page.get_by_role("button", name="Reveal").click()
        await expect(self.page.get_by_role("cell", name=case)).to_be_visible()

    async def set_codec_server_by_hand(self, url: str) -> None:
        """Let this browser ask a codec server and send cookies along, whatever the Web UI is told."""
        await self.page.goto(self._office.workflows)
        await self.page.locator('[data-testid^="data-encoder-status"]').first.click()
        await self.form.locator("label").filter(has_text="Use my browser setting").click()
        await self.form.locator("textarea").fill(url)
        await self.form.get_by_text("Include cross-origin credentials").click()
        await self.form.get_by_role("button", name="Apply").click()
        await expect(self.form).to_have_count(0)

    async def list_cases(self, query: str = "") -> None:
        """Open the list of cases that a saved view names."""
        await self.page.goto(self._office.workflows + (f"?{urlencode({'query': query})}" if query else ""))
        await expect(self.page.get_by_role("table", name="Workflows")).to_be_visible()

    async def open_case(self, case: str, tab: str = "Timeline") -> None:
        """Open a case at one of its tabs."""
        await self.page.goto(f"{self._office.workflows}/{case}")
        await self.turn_to(tab)

    async def turn_to(self, tab: str) -> None:
        """Turn to another tab of the case that is open."""
        await self.page.get_by_role("tab", name=tab).or_(self.page.get_by_role("link", name=tab)).first.click()

    @property
    def body(self) -> Locator:
        """Everything on the page."""
        return self.page.locator("body")

    @property
    def details(self) -> Locator:
        """Where the case says how it stands; its summary stands before it, in the same way."""
        return self.page.locator("iframe").last.content_frame.locator("body")

    @property
    def form(self) -> Locator:
        """The form that is open."""
        return self.page.locator("dialog[open]")

    async def fill_form(self, event: str, typed: Mapping[str, Any] | str) -> None:
        """Open the form of updates, choose one, and type its content."""
        await self.page.get_by_role("button", name="More Actions").click()
        await self.page.get_by_role("menuitem", name="Send an Update").click()
        names, name = self.form.get_by_test_id("update-select-button"), self.form.get_by_test_id("update-name")
        await expect(names.or_(name).first).to_be_visible()
        if await names.is_visible():
            await names.click()
            await self.form.get_by_role("option").filter(has_text=event).first.click()
        else:
            # The list is a payload as well: who may not see the case types the name.
            await name.fill(event)
        editor = self.form.locator(".cm-content")
        await editor.click()
        # It keeps what was typed before.
        await self.page.keyboard.press("Control+A")
        text = typed if isinstance(typed, str) else json.dumps(typed, ensure_ascii=False)
        await self.page.keyboard.insert_text(text)
        # The form writes the text anew when it is left, and moves its button by that.
        await editor.blur()

    async def leave_form(self) -> None:
        """Give up what was typed."""
        await self.form.get_by_role("button", name="Cancel").last.click()
        await expect(self.form).to_have_count(0)

    async def submit(self) -> None:
        """Send what was typed."""
        await self.form.get_by_role("button", name="Submit").click()

    async def shoot(self, path: Path, *, whole: bool = False) -> None:
        """Keep what is seen as an image."""
        await self.page.screenshot(path=path, full_page=whole, animations="disabled")
