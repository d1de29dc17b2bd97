"""Makes the images of the operators' guides: desk and Web UI in a real browser, with synthetic cases.

    python -m docs.screenshots [DIRECTORY]

Needs Chromium and the local stack; takes a minute. Look at every image before it is committed.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import expect

from runtime.ending import end
from tests.browser.browsing import Screen, browser_started, chromium, screen_of
from tests.browser.office import CLERK, OFFICER_AT_DESK, SUPERVISOR_AT_DESK, Office, office_opened

IMAGES: Final = Path(__file__).with_name("images")
EXIT_UNAVAILABLE: Final = 69


async def of_a_clerk_at_the_desk(screen: Screen, case: str, folder: Path) -> None:
    """From what waits for a clerk to a form."""
    await screen.sit_down(CLERK.actor.id)
    await screen.shoot(folder / "desk-mine.png")
    await screen.page.locator(f'a[href="/cases/{case}"]').click()
    await expect(screen.body).to_contain_text("下一步由谁办理")
    await screen.shoot(folder / "desk-case.png")
    await _opened(screen, "核验材料")
    await screen.shoot(folder / "desk-deciding.png")


async def of_an_officer_at_the_desk(screen: Screen, case: str, folder: Path) -> None:
    """What cannot be undone."""
    await screen.sit_down(OFFICER_AT_DESK.actor.id, f"/cases/{case}")
    await _opened(screen, "不予办理")
    await screen.shoot(folder / "desk-consequence.png")


async def of_a_supervisor_at_the_desk(screen: Screen, folder: Path) -> None:
    """How offices stand."""
    await screen.sit_down(SUPERVISOR_AT_DESK.actor.id, "/overview")
    await screen.shoot(folder / "desk-overview.png")


async def _opened(screen: Screen, what: str) -> None:
    form = screen.page.locator("summary", has_text=what)
    await form.click()
    await form.scroll_into_view_if_needed()


async def of_the_web_ui(screen: Screen, case: str, stuck: str, folder: Path) -> None:
    """What the Web UI shows of a case, and of one that cannot go on."""
    await screen.log_in(CLERK.actor.id)
    await screen.open_case(case, "User Metadata")
    await expect(screen.details).to_contain_text("下一步由谁办理")
    await screen.shoot(folder / "details.png")
    await screen.open_case(stuck, "User Metadata")
    await expect(screen.details).to_contain_text("CONFIRMATION_REFUSED")
    await screen.shoot(folder / "repair.png")


async def of_an_office(office: Office, executable: str, folder: Path) -> None:
    """All images."""
    case, _ = await office.in_review()
    stuck = await office.in_repair()
    await office.awaiting_documents()
    await office.on_hold()
    await office.replacement()
    async with browser_started(executable) as browser:
        async with screen_of(browser, office) as screen:
            await of_a_clerk_at_the_desk(screen, case, folder)
        async with screen_of(browser, office) as screen:
            await of_an_officer_at_the_desk(screen, case, folder)
        async with screen_of(browser, office) as screen:
            await of_a_supervisor_at_the_desk(screen, folder)
        async with screen_of(browser, office) as screen:
            await of_the_web_ui(screen, case, stuck, folder)


async def make(executable: str, folder: Path) -> None:
    """Open an office, look at it, and close it again."""
    with tempfile.TemporaryDirectory() as data:
        async with office_opened(Path(data)) as office:
            await of_an_office(office, executable, folder)


def main(arguments: list[str]) -> int:
    """Answers the exit status."""
    executable = chromium()
    if executable is None:
        sys.stderr.write("no Chromium here: install one, or name it in CHROMIUM\n")
        return EXIT_UNAVAILABLE
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(executable, folder))
    return 0


if __name__ == "__main__":
    end(main(sys.argv[1:]))
