"""Makes the images of the operators' guides: a real Web UI in a real browser, with synthetic cases.

    python -m docs.screenshots [DIRECTORY]

Needs Chromium and the local stack; takes a minute. Look at every image before it is committed.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import expect

from cases.events import Event
from runtime.ending import end
from stack.web_ui import CodecSettings
from tests.browser.browsing import Screen, browser_started, chromium, screen_of
from tests.browser.office import CLERK, OFFICER_AT_DESK, Office, office_opened
from tests.scenes import ID_CARD

IMAGES: Final = Path(__file__).with_name("images")
EXIT_UNAVAILABLE: Final = 69

_COLUMNS: Final = ("CaseStatus", "CaseAttention", "CaseDueAt", "CaseRegion")
_REASON: Final = "核对登记信息与来件"


async def of_a_visitor(screen: Screen, case: str, folder: Path) -> None:
    """What shows of a case to whoever is not logged in."""
    await screen.open_case(case)
    await expect(screen.body).to_contain_text(CodecSettings("", "").hint)
    await screen.shoot(folder / "not-logged-in.png")


async def of_a_clerk(screen: Screen, case: str, stuck: str, folder: Path) -> None:
    """From the list to a decision, refused at first."""
    await screen.log_in(CLERK.actor.id)
    await screen.list_cases('CaseRegion="110105"')
    await screen.choose_columns(_COLUMNS, ("Run ID", "Start", "End"))
    await screen.list_cases('CaseRegion="110105"')
    await expect(screen.page.get_by_role("columnheader", name=_COLUMNS[-1])).to_be_visible()
    await screen.shoot(folder / "list.png")
    await screen.open_case(case)
    await expect(screen.body).to_contain_text("督办")
    await screen.shoot(folder / "timeline.png")
    await screen.open_case(case, "User Metadata")
    await expect(screen.details).to_contain_text("下一步由谁办理")
    await screen.shoot(folder / "details.png")
    typed = {"case": case, "event": "verify_documents", "original_seen": False, "copies": [ID_CARD.sha256]}
    await screen.fill_form(Event.verify_documents, typed)
    await screen.submit()
    await expect(screen.form).to_contain_text("ORIGINAL_NOT_SEEN")
    await screen.shoot(folder / "refused.png")
    await screen.open_case(stuck, "User Metadata")
    await expect(screen.details).to_contain_text("CONFIRMATION_REFUSED")
    await screen.shoot(folder / "repair.png")


async def of_an_officer(screen: Screen, case: str, folder: Path) -> None:
    """One case in clear, for a reason."""
    await screen.log_in(OFFICER_AT_DESK.actor.id)
    await screen.reveal(case, _REASON)
    await screen.shoot(folder / "reveal.png")


async def of_an_office(office: Office, executable: str, folder: Path) -> None:
    """All images."""
    case, _ = await office.in_review()
    stuck = await office.in_repair()
    await office.awaiting_documents()
    await office.on_hold()
    await office.replacement()
    async with browser_started(executable) as browser:
        async with screen_of(browser, office) as screen:
            await of_a_visitor(screen, case, folder)
        async with screen_of(browser, office) as screen:
            await of_a_clerk(screen, case, stuck, folder)
        async with screen_of(browser, office) as screen:
            await of_an_officer(screen, case, folder)


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
