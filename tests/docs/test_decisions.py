"""Decisions are numbered one after the other, and the list of them names each as it names itself."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")

_ROW = re.compile(r"^\| \[(\d{4})\]\(([\w-]+\.md)\) \| (.+?) \|$", re.MULTILINE)


def faults_of(numbers: Sequence[str]) -> list[str]:
    """What is wrong with numbers that ought to count from one."""
    return [f"{found} stands at {place}" for place, found in enumerate(numbers, 1) if found != f"{place:04}"]


def test_each_decision_has_a_number_of_its_own_and_none_is_left_out() -> None:
    assert faults_of([page.name[:4] for page in PAGES]) == []


@pytest.mark.parametrize("numbers", [["0001", "0002", "0002"], ["0001", "0003"], ["0002"]])
def test_a_number_that_is_taken_twice_or_left_out_would_be_found(numbers: list[str]) -> None:
    assert faults_of(numbers)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_says_its_number(page: Path) -> None:
    assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} ")


def test_the_list_names_every_decision_once_in_their_order() -> None:
    rows = _ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert [(number, file) for number, file, _ in rows] == [(page.name[:4], page.name) for page in PAGES]
