"""The glossary is the source: what the product says in either language is what stands there."""

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from cases.clocks import closes
from cases.delivery import Tongue
from cases.events import Event
from cases.facts import DisputeOutcome, HoldReason, RepairAction
from cases.ladder import Rung
from cases.machines.machine import Milestone, Status
from cases.models import Role
from cases.names import Kind
from cases.words import ATTENTION, by_when, word
from intake.views import VIEWS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/glossary.md"
SETS: Final = (Kind, Milestone, Status, Event, DisputeOutcome, RepairAction, HoldReason, Role)

PRODUCT: Final = (
    "activities",
    "cases",
    "demo",
    "desk",
    "docs",
    "gate",
    "intake",
    "rehearsal",
    "runtime",
    "stack",
    "workflows",
)
WRITTEN: Final = {".py", ".sql", ".toml", ".txt", ".md"}


def _tables() -> Iterator[tuple[str, list[list[str]]]]:
    """Each table of the page: the set of its members, empty where it has none, and its rows."""
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        head, _, *rows = [line for line in section.splitlines() if line.startswith("|")]
        named = re.match(r"\| `(\w+)`", head)
        yield named[1] if named else section.splitlines()[0], [_cells(row) for row in rows]


def _cells(row: str) -> list[str]:
    return [cell.strip().strip("`") for cell in row.strip("|").split("|")]


TABLES: Final = dict(_tables())
CHINESE: Final = {english: chinese for english, chinese, _ in TABLES["General"]}
REFUSED: Final = tuple(row[0] for row in TABLES["Refused words 不用的词"])


@pytest.mark.parametrize("members", SETS, ids=lambda members: members.__name__)
def test_every_member_of_a_closed_set_is_called_what_the_glossary_calls_it(members: type[StrEnum]) -> None:
    said = {(member.name, word(member, Tongue.en), word(member, Tongue.zh)) for member in members}
    assert {(name, english, chinese) for name, english, chinese, _ in TABLES[members.__name__]} == said


def test_every_rung_is_called_what_the_glossary_calls_it() -> None:
    said = {(rung.name, rung.zh) for rung in Rung if rung is not Rung.none}
    assert {(name, chinese) for name, _, chinese, _ in TABLES["Rung"]} == said


def test_every_term_has_a_meaning_of_one_line() -> None:
    for rows in TABLES.values():
        assert all(row[-1].strip() for row in rows)


def test_words_outside_of_the_closed_sets_are_those_of_the_glossary() -> None:
    assert ATTENTION["repair"][Tongue.zh] == CHINESE["needs repair"]
    assert ATTENTION["hold"][Tongue.zh] == word(Event.hold, Tongue.zh)
    assert ATTENTION["dispute"][Tongue.zh] == CHINESE["dispute"]
    assert Rung.after_deadline.zh == CHINESE["not changed in time"]
    assert Rung.deadline.zh.startswith(CHINESE["campaign date"])
    assert word(Event.hold_benefits, Tongue.zh) == CHINESE["benefit hold"]
    assert {view.name: view.zh for view in VIEWS}.items() >= {
        "repair": CHINESE["needs repair"],
        "disputes": CHINESE["dispute"],
        "on-hold": word(Status.on_hold, Tongue.zh),
    }.items()


def test_a_deadline_is_written_as_the_glossary_writes_it() -> None:
    last_day = closes(date(2026, 12, 11))
    assert by_when(last_day, Tongue.zh) == f"2026年{CHINESE['deadline']}"
    (meaning,) = (meaning for english, _, meaning in TABLES["General"] if english == "deadline")
    assert by_when(last_day, Tongue.en) in meaning


# --- refused words ----------------------------------------------------------------------------------------------------


def _stands_in(word: str, text: str) -> bool:
    # To suspend payments is said with the same two characters as to end them, with one more before.
    return (text.replace("暂停发放", "") if word == "停发" else text).count(word) > 0


def _texts() -> Iterator[Path]:
    for folder in PRODUCT:
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in WRITTEN and path != PAGE)
    yield from (ROOT / "README.md", ROOT / "starter.py", ROOT / "worker.py")


def test_the_glossary_refuses_the_words_of_engineers_and_courts() -> None:
    assert {"修复", "裁定", "停发", "身份签章"} <= set(REFUSED)


@pytest.mark.parametrize("text", ["待遇不会停发", "停发，不是暂停发放"])
def test_a_refused_word_is_found_beside_the_one_that_holds_it(text: str) -> None:
    assert _stands_in("停发", text)
    assert not _stands_in("停发", "暂停发放待遇")


def test_no_refused_word_stands_in_a_text_of_the_product() -> None:
    found = [
        (path.relative_to(ROOT).as_posix(), word)
        for path in _texts()
        for word in REFUSED
        if _stands_in(word, path.read_text(encoding="utf-8"))
    ]
    assert found == []
