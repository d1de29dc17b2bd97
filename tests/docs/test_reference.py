"""The page to look things up in is printed from what reads files and refuses, and lacks nothing of it."""

import re

from cases.errors import Advice, Code
from cases.events import EVENTS, FACTS
from cases.rules.people import PROGRAMS
from docs.reference import PAGE, page
from intake.files.batch import BatchColumn
from intake.files.columns import Column
from intake.service.problems import STATUS


def section(heading: str) -> str:
    return page().partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_the_committed_page_is_what_the_code_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: run python -m docs.reference"


def test_every_heading_of_both_tables_is_there_in_both_languages() -> None:
    for heading, columns in (("A register", Column), ("A batch of events", BatchColumn)):
        text = section(heading)
        for column in columns:
            assert column.zh in text
            assert f"`{column.value}`" in text


def test_every_event_that_a_file_may_tell_is_there_and_no_other() -> None:
    text = section("A batch of events").partition("An event is named by either word:")[2]
    told = {event.value for event in FACTS if not PROGRAMS.isdisjoint(EVENTS[event].roles)}
    assert set(re.findall(r"^\| [^|]+ \| `(\w+)` \|", text, re.MULTILINE)) == told


def test_every_code_is_there_with_its_status_and_every_advice() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| [^|]+ \| [^|]+ \|$", section("Codes"), re.MULTILINE)
    assert sorted(rows) == sorted((str(int(STATUS[code])), code.value) for code in Code)
    assert all(f"| `{advice.value}` |" in section("Codes") for advice in Advice)
