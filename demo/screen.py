"""What the demonstration shows: live progress, and the table at the end.

No personal data: a case ID, a class of sample, a name of which one character at either end is left.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cases.kinds import MACHINES
from cases.machines.machine import Milestone, Status
from cases.words import MILESTONE_ZH
from demo.expected import Ending, Expectation

_OTHER_ENDINGS: Final = "other endings 其他结局"
_PLAIN_WIDTH: Final = 260
_PLAIN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table at the end."""

    expectation: Expectation
    person: str
    """The masked name."""
    case_id: str | None
    ending: Ending | None
    """None where no case was opened, or it has not ended."""
    refused: tuple[str, ...]
    """Codes with which the row was refused."""
    took: float | None
    """Seconds from opening to ending; None for what had ended before the demonstration was started."""

    @property
    def as_expected(self) -> bool:
        """Whether the row came out as the sample says."""
        refused = (self.expectation.refused.value,) if self.expectation.refused is not None else ()
        return (self.ending, self.refused) == (self.expectation.ending, refused)


def masked(name: str) -> str:
    """A name of which the first and the last character are left."""
    return name[:1] + "*" * max(len(name) - 2, 1) + (name[-1] if len(name) > 2 else "")  # noqa: PLR2004 - one plus one


class Board:
    """Where the cases stand, as far as the demonstration has seen."""

    def __init__(self) -> None:
        self._cases: dict[str, tuple[Status, Milestone, bool]] = {}
        self._started = monotonic()
        self.expected = 0
        """Cases that are to be opened."""
        self.told = 0
        """Facts that were told."""
        self.doing = "starting"

    def saw(self, case_id: str, status: Status, milestone: Milestone) -> None:
        """A case was seen in a status."""
        ended = not any(machine.is_open(status) for machine in MACHINES.values() if status in machine.statuses)
        self._cases[case_id] = (status, milestone, ended)

    @property
    def seconds(self) -> float:
        """Since the demonstration started."""
        return monotonic() - self._started

    @property
    def ended(self) -> int:
        """Cases that have ended."""
        return sum(ended for _, _, ended in self._cases.values())

    def counts(self) -> dict[str, int]:
        """Cases by milestone, those with another ending than `done` apart."""
        seen = Counter(
            _OTHER_ENDINGS if ended and status is not Status.done else milestone
            for status, milestone, ended in self._cases.values()
        )
        by_milestone = {f"{milestone.value} {MILESTONE_ZH[milestone]}": seen[milestone] for milestone in Milestone}
        return {**by_milestone, _OTHER_ENDINGS: seen[_OTHER_ENDINGS]}

    def plain(self) -> str:
        """One line."""
        counts = "  ".join(f"{words.split()[0]} {count}" for words, count in self.counts().items())
        return f"{self.seconds:6.1f} s  {self.doing}: {counts}  ended {self.ended} of {self.expected}"

    def __rich__(self) -> Group:
        """The table of milestones, with a bar for each."""
        total = max(self.expected, 1)
        table = Table(box=None, pad_edge=False)
        table.add_column("milestone")
        table.add_column("cases", justify="right")
        table.add_column("", width=40)
        for words, count in self.counts().items():
            table.add_row(words, str(count), ProgressBar(total=total, completed=count, width=40))
        line = f"{self.doing} · {self.ended} of {self.expected} ended · {self.told} facts told · {self.seconds:.1f} s"
        return Group(table, Text(line, style="bold"))


class Screen:
    """Standard output, as a terminal or as plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        self._last_plain = ("", 0.0)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return self._console.is_terminal

    @contextmanager
    def live(self, board: Board) -> Iterator[None]:
        """Show a board while it changes."""
        if not self.is_terminal:
            yield
            return
        with Live(board, console=self._console, refresh_per_second=8):
            yield

    def tick(self, board: Board) -> None:
        """A plain line now and then, where there is no terminal."""
        counted, at = self._last_plain
        line = board.plain()
        news = line.partition("s  ")[2]
        if not self.is_terminal and news != counted and board.seconds - at >= _PLAIN_SECONDS:
            self.say(line)
            self._last_plain = (news, board.seconds)

    def say(self, text: str) -> None:
        """A line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def results(self, results: Iterable[Result], ui_url: str | None, namespace: str | None) -> None:
        """The table at the end."""
        table = Table(box=box.HEAVY_HEAD if self.is_terminal else None, pad_edge=self.is_terminal)
        for heading in ("row", "person", "class", "case", "ending", "milestone", "time", "as the sample says"):
            table.add_column(heading, no_wrap=not self.is_terminal)
        for result in results:
            table.add_row(*_cells(result, _link(result, ui_url, namespace), plain=not self.is_terminal))
        self._console.print(table)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read the output has gone: end in the same order as when a terminal closes."""
        with Path(os.devnull).open("w", encoding="utf-8") as nobody:
            os.dup2(nobody.fileno(), sys.stdout.fileno())
        signal.raise_signal(signal.SIGHUP)


def _console() -> Console:
    # Piped into a file, a table is not cut to the width of a terminal that does not exist.
    return _Console() if sys.stdout.isatty() else _Console(width=_PLAIN_WIDTH)


def _link(result: Result, ui_url: str | None, namespace: str | None) -> str | None:
    if ui_url is None or result.case_id is None:
        return None
    return f"{ui_url}/namespaces/{namespace}/workflows/{result.case_id}"


def _cells(result: Result, link: str | None, *, plain: bool) -> Iterator[Text]:
    expectation, ending = result.expectation, result.ending
    verdict = "yes" if result.as_expected else f"NO: {_expected_words(expectation)}"
    yield Text(f"{expectation.register.removeprefix('register-').partition('.')[0]} {expectation.row}")
    yield Text(result.person)
    yield Text(expectation.words)
    if link is None or result.case_id is None:
        yield Text(result.case_id or "")
    else:
        yield Text(link if plain else result.case_id, style=f"link {link}", overflow="fold")
    yield Text(_ending_words(ending, result.refused))
    yield Text(ending.milestone.value if ending is not None else "")
    yield Text(_time(result), justify="right")
    yield Text(verdict, style="green" if result.as_expected else "bold red")


def _time(result: Result) -> str:
    if result.took is not None:
        return f"{result.took:.1f} s"
    return "" if result.ending is None else "before"


def _ending_words(ending: Ending | None, refused: tuple[str, ...]) -> str:
    if ending is None:
        return " ".join(refused) or "not ended"
    return ending.status.value if ending.reason is None else f"{ending.status.value} ({ending.reason.value})"


def _expected_words(expectation: Expectation) -> str:
    refused = (expectation.refused.value,) if expectation.refused is not None else ()
    return _ending_words(expectation.ending, refused)
