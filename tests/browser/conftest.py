"""One office and one browser for all tests here; each test has a page of its own."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from tests.browser.browsing import CHROMIUM, Screen, browser_started, chromium, screen_of
from tests.browser.office import Office, office_opened


@pytest.fixture(scope="session")
def executable() -> str:
    """The system's browser; where there is none, tests are skipped, and fail where a change is judged."""
    found = chromium()
    if found is None:
        absent = f"no Chromium here: install one (apt-get install chromium), or name it in {CHROMIUM}"
        if os.environ.get("CI") or os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(absent)
        pytest.skip(absent)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(executable: str) -> AsyncIterator[BrowserContext]:
    async with browser_started(executable) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def office(executable: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:  # noqa: ARG001 - no office where there is nobody to look at it
    async with office_opened(tmp_path_factory.mktemp("office")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def screen(browser: BrowserContext, office: Office) -> AsyncIterator[Screen]:
    async with screen_of(browser, office) as window:
        yield window
