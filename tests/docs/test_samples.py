"""The page of the samples: every class of life that a register holds stands in its table, and no other."""

from pathlib import Path
from typing import Final

from demo.expected import expectations
from samples.generate import PEOPLE

PAGE: Final = Path(__file__).parents[2] / "docs/samples.md"
_LIFE: Final = "life: "


def _table() -> dict[str, str]:
    """The classes of the page, each with the ending that its row says."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "| " in line]
    return {cells[0]: cells[-1] for cells in rows if len(cells) == 4 and cells[0] not in {"class", "---"}}


def _named_by(words: str) -> str:
    """The row of the table that a class belongs to: of the case itself, or of the one beside it."""
    (row,) = (row for row in _table() if any(words.removeprefix(_LIFE).startswith(name) for name in row.split("; ")))
    return row


def test_every_life_of_the_registers_stands_in_the_table_with_its_ending_and_the_table_names_no_other() -> None:
    endings: dict[str, set[str]] = {}
    for line in expectations():
        if line.words.startswith(_LIFE):
            assert line.ending is not None
            endings.setdefault(_named_by(line.words), set()).add(line.ending.status.value)
    said = {row: {status for status in statuses if status in _table()[row]} for row, statuses in endings.items()}
    assert said == endings
    assert endings.keys() == _table().keys()
    assert len(endings) > 8


def test_the_page_says_how_many_persons_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    north, south = PEOPLE.values()
    assert f"{north + south} persons, {north} in the north and {south} in the south" in text
