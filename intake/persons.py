"""The register is kept up to date: what its source says of insured persons, and what became of each line.

A line is taken in by itself; what is wrong in one keeps nobody from the others. Open cases that a line bears on are
told before it is answered, so that a source which repeats what was not answered reaches them too.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.registry import journal
from activities.registry.loading import BATCH, Became, PersonSaid, Suspended, TermsOf, take_in
from activities.registry.pool import Pool
from activities.sealing import Sealer
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.models import Actor, Record, Role
from cases.names import NEIGHBOUR_MOVED
from cases.steps import Neighbour
from intake.applications import InputRefused, Problem, checked, pointer_of
from intake.requests import MOST_LINES, read_object

SOURCE: Final = frozenset({Role.insured_register})
"""Who keeps the register up to date."""


class LineOutcome(StrEnum):
    """What became of a line."""

    applied = "applied"
    unchanged = "unchanged"
    """All of it was said before."""
    older = "older"
    """All of it has been said anew since: it has no effect."""
    refused = "refused"
    """Nothing of it has effect."""
    unknown = "unknown"
    """Whether it has effect is not known, or not everybody was told: send it again."""


class LineError(Record):
    """What is wrong in a line."""

    pointer: str
    """JSON pointer (RFC 6901) into the line; empty for the whole."""
    code: Code


class LineAnswer(Record):
    """What became of one line."""

    line: int
    """Its number in the request, from 1."""
    outcome: LineOutcome
    errors: tuple[LineError, ...] = ()
    suspended: tuple[Suspended, ...] = ()
    """Claims that arrived in it and were suspended, because the person's number still has 15 digits."""
    requeued: int = 0
    """Claims that were suspended because of an old number, and are queued again because it is changed."""


class Line(NamedTuple):
    """A line as it was sent, with its number."""

    number: int
    raw: bytes


class _Read(NamedTuple):
    number: int
    said: PersonSaid


async def tell_neighbour(client: Client, neighbour: Neighbour) -> None:
    """Tell an open case what concerns it. The register says whether it is so; a case that has closed need not know.

    Raises `CaseError` ENGINE_UNAVAILABLE where Temporal does not answer.
    """
    try:
        await client.get_workflow_handle(neighbour.case_id).signal(NEIGHBOUR_MOVED, neighbour)
    except RPCError as failed:
        if failed.status is not RPCStatusCode.NOT_FOUND:
            raise CaseError(Code.ENGINE_UNAVAILABLE) from None


@dataclass(frozen=True)
class Source:
    """Somebody who speaks for the register's source: what they say is written down, taken in and passed on."""

    pool: Pool
    sealer: Sealer
    terms: TermsOf
    tell: Callable[[Neighbour], Awaitable[None]]
    actor: Actor

    def __post_init__(self) -> None:
        """Raises `CaseError` ROLE_NOT_ALLOWED for whoever does not speak for it."""
        if self.actor.role not in SOURCE:
            raise CaseError(Code.ROLE_NOT_ALLOWED)

    async def take_in(self, lines: Sequence[Line]) -> tuple[LineAnswer, ...]:
        """Take in at most `MOST_LINES` lines of persons for whose agency the actor answers.

        Raises `CaseError` REQUEST_TOO_LARGE for more of them, and a code where it cannot be written down that they
        came; nothing of them has effect then.
        """
        if len(lines) > MOST_LINES:
            raise CaseError(Code.REQUEST_TOO_LARGE)
        content = b"\n".join(line.raw for line in lines).decode(errors="replace")
        entry = journal.Entry(
            kind=journal.Kind.persons,
            at=datetime.now(SHANGHAI),
            actor=self.actor,
            facts={"lines": len(lines), "content": self.sealer.content_token(content)},
        )
        await journal.write(self.pool, entry)
        answers: list[LineAnswer] = []
        unanswered: Code | None = None
        # Lines are read as they are needed: nobody else is kept waiting by all of them at once.
        for batch in (lines[first : first + BATCH] for first in range(0, len(lines), BATCH)):
            read = [_read(line) for line in batch]
            said = [line for line in read if isinstance(line, _Read)]
            answers += (line for line in read if isinstance(line, LineAnswer))
            if unanswered is None:
                try:
                    answers += await self._batch(said)
                    continue
                except CaseError as failed:
                    unanswered = failed.code
            answers += (_failed(line.number, LineOutcome.unknown, unanswered) for line in said)
        return tuple(sorted(answers, key=lambda answer: answer.line))

    async def _batch(self, lines: Sequence[_Read]) -> list[LineAnswer]:
        """Take in some lines and tell the cases. Raises `CaseError` where it is not known what became of them."""
        if not lines:
            return []
        try:
            taken = await take_in(self.pool, self.sealer, [line.said for line in lines], self.terms, self.actor.office)
        except CaseError as refused:
            if refused.code is not Code.DATABASE_REFUSED:
                raise
            if len(lines) == 1:
                return [_failed(lines[0].number, LineOutcome.refused, Code.DATABASE_REFUSED)]
            # One of them is what no check foresaw: the others go through.
            return [answer for line in lines for answer in await self._batch([line])]
        for neighbour in taken.to_tell:
            await self.tell(neighbour)
        return [_answer(line.number, became) for line, became in zip(lines, taken.lines, strict=True)]


def _read(line: Line) -> _Read | LineAnswer:
    """A line as what it says, or why it says nothing."""
    try:
        fields: dict[str, Any] = read_object(line.raw)
        return _Read(line.number, checked(PersonSaid, fields))
    except InputRefused as refused:
        problems = refused.problems
    except CaseError as wrong:
        problems = (Problem(wrong.field or "", wrong.code),)
    errors = tuple(LineError(pointer=pointer_of(each.field), code=each.code) for each in problems)
    return LineAnswer(line=line.number, outcome=LineOutcome.refused, errors=errors)


def _answer(number: int, became: Became) -> LineAnswer:
    errors = () if became.code is None else (LineError(pointer=became.pointer, code=became.code),)
    return LineAnswer(
        line=number,
        outcome=LineOutcome(became.outcome.value),
        errors=errors,
        suspended=became.suspended,
        requeued=became.requeued,
    )


def _failed(number: int, outcome: LineOutcome, code: Code) -> LineAnswer:
    return LineAnswer(line=number, outcome=outcome, errors=(LineError(pointer="", code=code),))
