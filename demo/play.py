"""The registers are imported, and everybody plays their part: the clerk, the officers, the card bureau, the bank.

Clerks, officers and operators work over HTTP with a token each, as on the command line (`demo/staff.py`); the back
office, the card bureau, the bank and the insurers are programs of their own outside (`demo/others.py`), which are only
cued here. Nothing here knows a key, a database or a workflow.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol, TypeVar
from uuid import uuid4

from cardcase_client import ClientError, Refused
from cardcase_client.models import History
from cases.answers import Answer, CaseView, Outcome, Receipt
from cases.clocks import SHANGHAI
from cases.errors import Code
from cases.machines.machine import Awaits, Status
from cases.openings import ApplicationChannel
from cases.submitters import IdentityCheck
from demo.expected import Ending, Expectation
from demo.facts import actor_of, follows, requests_of, said_of, stands_in
from demo.news import News
from demo.screen import Board, Result, masked
from demo.scripts import SCRIPTS, SYSTEMS, Below, Death, Script, See, Tell, remaining, tells_of
from demo.staff import Staff
from demo.turns import FIRST, Turns
from intake.applications import Application
from intake.files.register import open_register
from intake.files.rows import Row, Terms

IN_FLIGHT: Final = 8
"""Calls at the same time. More make nothing faster: each costs every other, for a pool looks at all its connections."""
_SCREENED: Final = 1
"""Version of a case that was opened and told nothing."""

Answered = TypeVar("Answered")


@dataclass(slots=True)
class Entry:
    """One row of a register and what became of it."""

    expectation: Expectation
    row: Row
    case_id: str | None = None
    opened_at: float = 0.0
    refused: tuple[str, ...] = ()


@dataclass(slots=True)
class Played:
    """A case and how it went."""

    case_id: str
    personal_number: str
    region: str
    """The agency's."""
    script: Script
    opened_at: float
    """Seconds of the board's clock."""
    steps_left: int = 0
    """Of the script."""
    is_of_back_office: bool = False
    """It came by no counter: the back office opened it, and is told of its end."""
    ended_before: bool = False
    """It had ended when the demonstration was started."""
    ended_at: float | None = None
    ending: Ending | None = None
    troubles: list[str] = field(default_factory=list)
    """Codes of calls that went wrong for good."""


def read(registers: Iterable[Path], expectations: Iterable[Expectation]) -> list[Entry]:
    """All rows of the registers beside what is expected of them."""
    expected = {(line.register, line.row): line for line in expectations}
    entries = []
    for path in registers:
        with open_register(path, Terms(datetime.now(SHANGHAI).date())) as rows:
            entries += [Entry(expected[path.name, row.number], row) for row in rows]
    return entries


Die = Callable[[str], Awaitable[None]]
"""Has the register learn from its source that whoever has a personal number died."""


class Over(Exception):
    """A case has ended, and what was waited for will not come."""


class Others(Protocol):
    """Who works with cases from outside."""

    async def open(self, application: Application) -> Receipt:
        """Have the back office open a case. Raises `ClientError`."""

    async def outcome(self, case_id: str) -> Outcome:
        """How a case of the back office ended, as soon as it was told. Raises `ClientError`."""

    async def tell(self, case_id: str, view: CaseView, tell: Tell, requests: Sequence[str], key: str) -> Answer:
        """Have a system tell a case that looks like `view` something. Raises `ClientError`.

        `requests` is what the case has asked for so far, where the script speaks of an earlier one.
        """


class Play:
    """One demonstration."""

    def __init__(self, staff: Staff, others: Others, board: Board, die: Die) -> None:
        self._staff = staff
        self._others = others
        self._board = board
        self._die = die
        self._news = News()
        self._turns = Turns(IN_FLIGHT)
        self._began = ""
        """Where the feed ended when the demonstration began."""
        self._ended_before: set[str] = set()
        self._below: dict[str, asyncio.Task[Played | None]] = {}
        """What becomes of the rows that come later, by the case of the row above."""

    # --- opening -----------------------------------------------------------------------------------------------------

    async def open_all(self, entries: Sequence[Entry]) -> None:
        """Open a case for every row that can be taken, but for those that come later.

        A row that opened its case before finds it again.
        """
        taken: list[tuple[Entry, Application]] = []
        for entry in entries:
            if entry.row.application is None:
                entry.refused = tuple(finding.code.value for finding in entry.row.findings if finding.refused)
            else:
                taken.append((entry, entry.row.application))
        self._board.expected = len({(entry.expectation.personal_number, entry.expectation.kind) for entry, _ in taken})
        # In this order: a case that ends meanwhile is in the list or in the feed.
        self._began = await self._staff.end_of_news()
        self._ended_before = {row.case_id for row in await self._staff.cases() if row.closed_at is not None}
        async with asyncio.TaskGroup() as group:
            for entry, application in taken:
                if entry.expectation.after is None:
                    group.create_task(self._open(entry, application))

    async def _open(self, entry: Entry, application: Application) -> Receipt | None:
        """Open a case, at a counter by the clerk who takes it in, otherwise by the back office; None where refused."""
        by = self._staff if _is_of_counter(application) else self._others
        try:
            receipt = await self._call(partial(by.open, _checked_now(application)), FIRST)
        except ClientError as wrong:
            entry.refused = _codes(wrong)
            return None
        entry.case_id, entry.opened_at = receipt.case_id, self._board.seconds
        self._board.saw(receipt.case_id, receipt.status, receipt.milestone)
        return receipt

    # --- playing -----------------------------------------------------------------------------------------------------

    async def play_all(self, entries: Sequence[Entry]) -> dict[str, Played]:
        """Play the script of every case, side by side, to its ending; answers by case ID."""
        cases = {
            entry.case_id: self._to_play(entry, entry.row.application, entry.case_id)
            for entry in entries
            if entry.case_id is not None and entry.row.application is not None and not entry.refused
        }
        async with asyncio.TaskGroup() as following:
            news = following.create_task(self._news.follow(self._staff.news(self._began)))
            async with asyncio.TaskGroup() as group:
                for above, entry in pairwise(entries):
                    if entry.expectation.after is not None and above.case_id is not None:
                        later = self._come_later(entry, cases[above.case_id], entry.expectation.after)
                        self._below[above.case_id] = group.create_task(later)
                for case in cases.values():
                    group.create_task(self._play(case))
            news.cancel()
        came = [task.result() for task in self._below.values()]
        return cases | {each.case_id: each for each in came if each is not None}

    def _to_play(self, entry: Entry, application: Application, case_id: str) -> Played:
        return Played(
            case_id,
            entry.expectation.personal_number,
            application.region,
            SCRIPTS[entry.expectation.script],
            entry.opened_at,
            steps_left=len(SCRIPTS[entry.expectation.script]),
            is_of_back_office=not _is_of_counter(application),
            ended_before=case_id in self._ended_before,
        )

    async def _come_later(self, entry: Entry, above: Played, after: Status) -> Played | None:
        """Open the case of a row when the one of the row above it is in a status, or has been, and play it."""
        application = entry.row.application
        if application is None:
            return None
        try:
            so_far = await self._history(above)
            if all(each.status != after for each in so_far.transitions):
                await self._until(above, await self._view(above), after)
        except Over:
            entry.refused = (Code.CASE_CLOSED.value,)
            return None
        except ClientError as wrong:
            entry.refused = _codes(wrong)
            return None
        receipt = await self._open(entry, application)
        if receipt is None:
            return None
        case = self._to_play(entry, application, receipt.case_id)
        await self._play(case)
        return case

    async def _play(self, case: Played) -> None:
        try:
            if not case.ended_before:
                await self._tell_all(case)
            outcome = await self._outcome(case)
        except Refused as refused:
            if refused.outcome is None:
                case.troubles += _codes(refused)
                return
            outcome = Outcome.model_validate_json(refused.outcome.model_dump_json())
        except ClientError as wrong:
            case.troubles += _codes(wrong)
            return
        case.ending, case.ended_at = _ending(outcome), self._board.seconds
        self._board.saw(case.case_id, outcome.status, outcome.milestone)

    async def _outcome(self, case: Played) -> Outcome:
        if case.is_of_back_office:
            return await self._others.outcome(case.case_id)
        if not case.ended_before:
            await self._news.ended(case.case_id)
        return await self._call(partial(self._staff.outcome, case.case_id, case.region), case.steps_left)

    async def _tell_all(self, case: Played) -> None:
        if not case.script:
            return
        view = await self._view(case)
        answer: Answer | None = None
        left = case.script if view.version == _SCREENED else await self._untold(case)
        # Where it is over too early, how it ended says whether it should have.
        with suppress(Over):
            while left:
                case.steps_left = len(left)
                left, view, answer = await self._take_step(case, left, view, answer)
        case.steps_left = 0

    async def _take_step(
        self, case: Played, left: Script, view: CaseView, answer: Answer | None
    ) -> tuple[Script, CaseView, Answer | None]:
        """What is left of a script after its next step; how the case looked, and what it answered last."""
        step = left[0]
        match step:
            case See():
                so_far = (await self._history(case)).transitions
                left = remaining(case.script, so_far)
                if left[:1] == (step,):
                    if view.awaits is Awaits.nobody:
                        raise Over
                    await self._news.moved(case.case_id, so_far[-1].version)
                # Looked at after its history: what the script goes on from is not older than what it has seen.
                return left, await self._view(case), None
            case Below():
                await self._below[case.case_id]
                return left[1:], await self._view(case), None
            case Death():
                view = await self._until(case, view, step.at)
                await self._die(case.personal_number)
                return left[1:], view, None
            case _:
                tells = tells_of(step)
        if answer is not None and not follows(tells[0], view, answer):
            if answer.status is not tells[0].at:
                await self._news.moved(case.case_id, answer.version, tells[0].at)
            view, answer = await self._view(case), None
        if answer is None:
            view = await self._until(case, view, tells[0].at)
        place = len(case.script) - len(left)
        answers = await asyncio.gather(*(self._tell(case, tell, view, place) for tell in tells))
        answer = max((each for each in answers if each is not None), key=lambda each: each.version, default=None)
        return left[1:], view, answer

    async def _untold(self, case: Played) -> Script:
        """What is left of the script, by the case's own history."""
        return remaining(case.script, (await self._history(case)).transitions)

    async def _view(self, case: Played) -> CaseView:
        view = await self._call(partial(self._staff.view, case.case_id, case.region), case.steps_left)
        self._board.saw(case.case_id, view.status, view.milestone)
        return view

    async def _history(self, case: Played) -> History:
        return await self._call(partial(self._staff.history, case.case_id, case.region), case.steps_left)

    async def _until(self, case: Played, view: CaseView, status: Status) -> CaseView:
        """The view of a case as soon as it rests in a status. Waiting takes nobody's turn. Raises `Over`."""
        while not stands_in(status, view):
            if view.awaits is Awaits.nobody:
                raise Over
            await self._news.moved(case.case_id, view.version, status)
            view = await self._view(case)
        return view

    async def _tell(self, case: Played, tell: Tell, view: CaseView, place: int) -> Answer | None:
        """What a case answered; None where it refused, as the script expects."""
        # A script may tell the very same thing twice; its place makes it another telling, and the same one when the
        # demonstration is started again.
        key = f"demo:{place}:{tell.by.value}"
        requests: tuple[str, ...] = ()
        if tell.request is not None:
            requests = requests_of(view, (await self._history(case)).transitions)
        try:
            if tell.by in SYSTEMS:
                # Whoever is outside waits until it is told; that takes nobody's turn.
                answer = await self._others.tell(case.case_id, view, tell, requests, key)
            else:
                said = said_of(tell, view, requests)
                by = actor_of(tell.by, view)
                telling = partial(self._staff.tell, by, case.case_id, tell.event, said, key)
                answer = await self._call(telling, case.steps_left)
        except Refused as refused:
            if tell.refused is None or refused.code != tell.refused:
                raise
            self._board.told += 1
            return None
        self._board.saw(case.case_id, answer.status, answer.milestone)
        self._board.told += 1
        return answer

    async def _call(self, call: Callable[[], Awaitable[Answered]], way: int) -> Answered:
        async with self._turns.of(way):
            return await call()


_CHECKED_ELECTRONICALLY: Final = frozenset({ApplicationChannel.online, ApplicationChannel.terminal})


def _is_of_counter(application: Application | None) -> bool:
    return application is not None and application.channel is ApplicationChannel.counter


def _checked_now(application: Application) -> Application:
    """The application as an app or a terminal hands it in: it checks who applies while they do, which no file can."""
    if application.channel not in _CHECKED_ELECTRONICALLY:
        return application
    check = IdentityCheck(provider="national-id-app", at=datetime.now(UTC), reference=f"demo/{uuid4().hex[:12]}")
    return application.model_copy(update={"identity": check})


def results(entries: Iterable[Entry], played: dict[str, Played]) -> list[Result]:
    """What became of every row."""
    return [_result(entry, played.get(entry.case_id or "")) for entry in entries]


def _result(entry: Entry, played: Played | None) -> Result:
    name = entry.row.application.name if entry.row.application is not None else ""
    troubles = tuple(played.troubles) if played is not None else ()
    return Result(
        expectation=entry.expectation,
        person=masked(name),
        case_id=entry.case_id,
        ending=played.ending if played is not None else None,
        refused=(*entry.refused, *troubles),
        took=_took(played),
    )


def _took(played: Played | None) -> float | None:
    if played is None or played.ended_at is None or played.ended_before:
        return None
    return played.ended_at - played.opened_at


def _ending(outcome: Outcome) -> Ending:
    return Ending(outcome.status, outcome.milestone, outcome.reason)


def _codes(error: ClientError) -> tuple[str, ...]:
    if not isinstance(error, Refused):
        return (type(error).__name__,)
    return tuple(each.code for each in error.errors) or (error.code,)
