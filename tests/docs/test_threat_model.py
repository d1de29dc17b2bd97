"""Each control of the threat model names tests that exist, and each actor stands against something."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
_TEST: Final = re.compile(r"`(tests/[a-z0-9_/]+\.py)((?:::\w+)+)`")


def rows_of(heading: str, page: str = PAGE) -> list[list[str]]:
    """The rows of the table under a heading, cell by cell."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def exists(file: str, names: list[str]) -> bool:
    """Whether a file has a test of this name, in the class that is named before it."""
    path = ROOT / file
    if not path.is_file():
        return False
    inside: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for name in names:
        found = [
            each
            for each in ast.iter_child_nodes(inside)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == name
        ]
        if not found:
            return False
        inside = found[0]
    return names[-1].startswith("test_") and not isinstance(inside, ast.ClassDef)


def faults_of(page: str) -> list[str]:
    """Controls without a test, tests that do not exist, and actors that nothing is said of, or that there are not."""
    faults, met = [], set()
    actors = {row[0] for row in rows_of("Actors", page)}
    for against, control, shown_by in rows_of("Controls", page):
        met |= set(against.split(", "))
        named = _TEST.findall(shown_by)
        if not named or _TEST.sub("", shown_by).strip(", "):
            faults.append(f"{control}: names no test, or something else")
        faults += [f"{file}{test}" for file, test in named if not exists(file, test.split("::")[1:])]
    return faults + [f"actor: {actor}" for actor in sorted(met ^ actors)]


def test_every_control_names_tests_that_exist_and_every_actor_stands_against_one() -> None:
    assert faults_of(PAGE) == []


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("::test_nothing_is_read_of_whoever_is_not_known", "::test_that_there_is_not"),
        ("tests/gate/test_doors.py", "tests/gate/test_there_is_not.py"),
        ("::TestOrigins::test_no_other_page_may", "::test_no_other_page_may"),
        ("`tests/runtime/test_logs.py::test_the_text_of_an_exception_is_not_written`", "yes"),
        ("`tests/runtime/test_logs.py::test_the_text_of_an_exception_is_not_written`", ""),
        ("| supplier | code", "| nobody | code"),
        ("| provider | a receipt", "| somebody | a receipt"),
    ],
)
def test_what_does_not_exist_would_be_found(here: str, there: str) -> None:
    assert here in PAGE
    assert faults_of(PAGE.replace(here, there))


def test_it_has_two_pages() -> None:
    """Some fifty lines of a table fill a printed page."""
    assert len(PAGE.splitlines()) <= 100
