"""The register of insured persons: a file of what its source says, handed in."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple

import typer

from cardcase_client.calls import feed_lines
from cardcase_client.models import LineAnswer, LineOutcome
from cases.errors import CaseError, Code
from intake.commands.door import service
from intake.commands.invoking import Invocation, add_command, group_of
from intake.commands.saying import Exit, Fields, Format
from intake.requests import LARGEST_LINES, LARGEST_REQUEST, MOST_LINES

_SHOWN: Final = 50
_ERRORS: Final = ("line", "outcome", "pointer", "code")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module, as a group."""
    group = group_of("The register of insured persons.")
    add_command(group, "load", load)
    app.add_typer(group, name="register")


async def load(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Records or changes of insured persons: .jsonl.")],
) -> Exit:
    """Hand in a file of what the register's source says, of any length; the caller speaks for the source.

    A line is one person in one version of the source's record. A line that is wrong is reported and the others go
    through; repeating it changes nothing. The exit code is 69 where it is not known what became of some.
    """
    report = _Report(invocation)
    with _opened(file) as lines:
        async with service() as source:
            for request in _requests(lines):
                answer = await source.ask(feed_lines(request.content))
                report.take(request.first, answer.lines)
    return report.close()


class _Request(NamedTuple):
    first: int
    """The number of its first line in the file."""
    content: bytes


@dataclass
class _Report:
    """What became of the lines, in numbers, and what is wrong in them; no value of theirs."""

    invocation: Invocation
    outcomes: Counter[str] = field(default_factory=Counter)
    suspended: int = 0
    requeued: int = 0
    _kept: list[Fields] = field(default_factory=list)

    def take(self, first: int, answers: Iterable[LineAnswer]) -> None:
        """Take in what became of the lines of a request that begins with that line of the file."""
        say = self.invocation.say
        for answer in answers:
            self.outcomes[answer.outcome] += 1
            self.suspended += len(answer.suspended)
            self.requeued += answer.requeued
            for each in answer.errors:
                place = {"line": first + answer.line - 1, "outcome": str(answer.outcome)}
                error = place | {"pointer": each.pointer, "code": str(each.code)}
                if say.format is Format.jsonl:
                    say.line(error)
                elif say.format is Format.json or len(self._kept) < _SHOWN:
                    self._kept.append(error)

    def close(self) -> Exit:
        """Say how it ended."""
        say = self.invocation.say
        numbers = {outcome.value: self.outcomes[outcome] for outcome in LineOutcome} | {
            "claims_suspended": self.suspended,
            "claims_requeued": self.requeued,
        }
        match say.format:
            case Format.json:
                say.one({**numbers, "errors": self._kept})
            case Format.jsonl:
                say.line(numbers)
            case Format.table:
                say.many(self._kept, _ERRORS)
                say.one({name: str(number) for name, number in numbers.items()})
        if self.outcomes[LineOutcome.unknown]:
            return Exit.unavailable
        return Exit.data if self.outcomes[LineOutcome.refused] else Exit.fine


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError:
        raise CaseError(Code.FILE_UNREADABLE) from None


def _requests(file: BinaryIO) -> Iterator[_Request]:
    """The lines of a file, as many in each request as it may have."""
    first, some, size = 1, list[bytes](), 0
    for line in _lines(file):
        if some and (len(some) == MOST_LINES or size + len(line) > LARGEST_LINES):
            yield _Request(first, b"".join(some))
            first, some, size = first + len(some), [], 0
        some.append(line)
        size += len(line)
    if some:
        yield _Request(first, b"".join(some))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Each with its end; of one that is too long no more than shows that it is."""
    while raw := file.readline(LARGEST_REQUEST + 2):
        rest = raw
        while not rest.endswith(b"\n") and (rest := file.readline(LARGEST_REQUEST)):
            pass
        yield raw if raw.endswith(b"\n") else raw + b"\n"
