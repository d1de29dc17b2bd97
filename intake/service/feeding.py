"""The route by which the register's source keeps it up to date."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from cases.models import Record
from intake.persons import Line, LineAnswer, LineOutcome, Source
from intake.requests import LARGEST_LINES
from intake.service.bodies import body_of
from intake.service.callers import caller_of
from intake.service.reach import Reach, answered

LINES: Final = ("application/jsonl", "application/x-ndjson")
"""The media types of JSON Lines."""


class PersonsAnswer(Record):
    """What became of the lines of a request, in their order; blank ones are left out."""

    applied: int
    unchanged: int
    older: int
    refused: int
    unknown: int
    lines: tuple[LineAnswer, ...]


@dataclass(frozen=True)
class Feeding:
    """The route by which the register is kept up to date."""

    reach: Reach

    async def take_in(self, request: Request) -> Response:
        """Take in what the register's source says of insured persons: JSON Lines, at most 1,000 lines and 4 MiB.

        Each line names a person, the version of their record at the source, and what is so in that version; what it
        does not name stays as it is. Of each thing the newest version counts, in whatever order lines come. The cases
        of whoever died or was transferred end at once. A claim that arrives as `queued` for somebody whose number still
        has 15 digits is suspended, and the person told what to do.
        """
        caller = caller_of(request)
        source = Source(
            self.reach.pool, self.reach.sealer, self.reach.claim_terms, self.reach.cases.tell_neighbour, caller.actor
        )
        body = await body_of(request, LINES, LARGEST_LINES)
        return answered(_summed(await source.take_in(list(_lines_of(body)))))


def _lines_of(body: bytes) -> Iterator[Line]:
    for number, raw in enumerate(body.split(b"\n"), start=1):
        if raw.strip():
            yield Line(number, raw)


def _summed(lines: tuple[LineAnswer, ...]) -> PersonsAnswer:
    counts = {outcome.value: sum(line.outcome is outcome for line in lines) for outcome in LineOutcome}
    return PersonsAnswer(**counts, lines=lines)
