"""The registers are imported, and everybody plays their part: the clerk, the officers, the card bureau, the bank.

Clerks, officers and operators work as on the command line (`intake.client`); the back office, the card bureau, the bank
and the insurers are programs of their own outside (`demo/others.py`), which are only cued here. Nothing here knows a
database or a workflow.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol, TypeVar
from uuid import uuid4

from cases.answers import Answer, CaseView, Outcome, Receipt
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.names import Kind
from cases.openings import ApplicationChannel
from cases.submitters import IdentityCheck
from demo.expected import Ending, Expectation
from demo.facts import actor_of, fact_of, follows, may_be_told, requests_of, stands_in
from demo.screen import Board, Result, masked
from demo.scripts import SCRIPTS, SYSTEMS, Below, Death, Script, See, Tell, remaining, tells_of
from intake.applications import Application, InputRefused
from intake.client import CaseClient, CaseSummary, EngineError, Opened, Refused, Unavailable, today_in_shanghai
from intake.files.register import open_register
from intake.files.rows import Row, Terms

IN_FLIGHT: Final = 16
"""Calls at the same time."""
_SCREENED: Final = 1
"""Version of a case that was opened and told nothing."""
_MANY: Final = 10_000
_ATTEMPTS: Final = 5
_BACK_OFF_SECONDS: Final = 0.2

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
    script: Script
    opened_at: float
    """Seconds of the board's clock."""
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
        with open_register(path, Terms(today_in_shanghai())) as rows:
            entries += [Entry(expected[path.name, row.number], row) for row in rows]
    return entries


Die = Callable[[str], Awaitable[None]]
"""Has the register learn, from the next extract, that whoever has a personal number died."""


class Others(Protocol):
    """Who works with cases from outside."""

    async def open(self, application: Application) -> Receipt:
        """Have the back office open a case. Raises `InputRefused`, and `EngineError`."""

    async def outcome(self, case_id: str) -> Outcome:
        """How a case of the back office ended, as soon as it was told. Raises `EngineError`."""

    async def tell(self, case_id: str, view: CaseView, tell: Tell, requests: Sequence[str], key: str) -> Answer:
        """Have a system tell a case that looks like `view` something. Raises `EngineError`.

        `requests` is what the case has asked for so far, where the script speaks of an earlier one.
        """


class Play:
    """One demonstration."""

    def __init__(self, client: CaseClient, others: Others, board: Board, die: Die) -> None:
        self._client = client
        self._others = others
        self._board = board
        self._die = die
        self._turns = asyncio.Semaphore(IN_FLIGHT)
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
        self._ended_before = {case.case_id for case in await self._client.cases(limit=_MANY) if _has_ended(case)}
        together = [(entry, application) for entry, application in taken if entry.expectation.after is None]
        at_counters = [(entry, each) for entry, each in together if _is_of_counter(each)]
        async with asyncio.TaskGroup() as group:
            for entry, application in together:
                if not _is_of_counter(application):
                    group.create_task(self._open_outside(entry, application))
            applications = (application for _, application in at_counters)
            async for opened in self._client.open_each(applications, in_flight=IN_FLIGHT):
                self._saw_opened(at_counters[opened.place][0], opened)

    async def _open_outside(self, entry: Entry, application: Application) -> None:
        try:
            opened = Opened(0, await self._open(application), None)
        except (InputRefused, EngineError) as wrong:
            opened = Opened(0, None, wrong)
        self._saw_opened(entry, opened)

    async def _open(self, application: Application) -> Receipt:
        """Open a case: at a counter by the clerk who takes it in, otherwise by the back office."""
        by = self._client if _is_of_counter(application) else self._others
        return await self._call(partial(by.open, _checked_now(application)))

    def _saw_opened(self, entry: Entry, opened: Opened) -> None:
        if opened.receipt is None:
            entry.refused = _codes(opened.error)
            return
        entry.case_id, entry.opened_at = opened.receipt.case_id, self._board.seconds
        self._board.saw(opened.receipt.case_id, opened.receipt.status, opened.receipt.milestone)

    # --- playing -----------------------------------------------------------------------------------------------------

    async def play_all(self, entries: Sequence[Entry]) -> dict[str, Played]:
        """Play the script of every case, side by side, to its ending; answers by case ID."""
        cases = {
            entry.case_id: self._to_play(entry, entry.case_id)
            for entry in entries
            if entry.case_id is not None and not entry.refused
        }
        async with asyncio.TaskGroup() as group:
            for above, entry in pairwise(entries):
                if entry.expectation.after is not None and above.case_id is not None:
                    later = self._come_later(entry, above.case_id, entry.expectation.after)
                    self._below[above.case_id] = group.create_task(later)
            for case in cases.values():
                group.create_task(self._play(case))
        came = [task.result() for task in self._below.values()]
        return cases | {each.case_id: each for each in came if each is not None}

    def _to_play(self, entry: Entry, case_id: str) -> Played:
        return Played(
            case_id,
            entry.expectation.personal_number,
            SCRIPTS[entry.expectation.script],
            entry.opened_at,
            is_of_back_office=not _is_of_counter(entry.row.application),
            ended_before=case_id in self._ended_before,
        )

    async def _come_later(self, entry: Entry, above: str, after: Status) -> Played | None:
        """Open the case of a row when the one of the row above is in a status, or has been, and play it."""
        if entry.row.application is None:
            return None
        try:
            so_far = await self._call(partial(self._client.history, above))
            if all(each.status is not after for each in so_far):
                await _repeated(partial(self._client.wait_for, above, partial(stands_in, after)))
            receipt = await self._open(entry.row.application)
        except (InputRefused, EngineError) as wrong:
            entry.refused = _codes(wrong)
            return None
        self._saw_opened(entry, Opened(0, receipt, None))
        case = self._to_play(entry, receipt.case_id)
        await self._play(case)
        return case

    async def _play(self, case: Played) -> None:
        try:
            if not case.ended_before:
                await self._tell_all(case)
            ends = self._others.outcome if case.is_of_back_office else self._client.wait
            outcome = await _repeated(partial(ends, case.case_id))
        except Refused as refused:
            if refused.outcome is None:
                case.troubles.append(refused.code.value)
                return
            outcome = refused.outcome
        except EngineError as wrong:
            case.troubles.append(wrong.code.value)
            return
        case.ending, case.ended_at = _ending(outcome), self._board.seconds
        self._board.saw(case.case_id, outcome.status, outcome.milestone)

    async def _tell_all(self, case: Played) -> None:
        view = await self._call(partial(self._client.view, case.case_id))
        answer: Answer | None = None
        left = case.script if view.version == _SCREENED else await self._untold(case)
        while left:
            step = left[0]
            if isinstance(step, See):
                so_far = await self._call(partial(self._client.history, case.case_id))
                left, answer = remaining(case.script, so_far), None
                if left[:1] == (step,):
                    await self._until(case, _moved_since(len(so_far)))
                # Looked at after its history: what the script goes on from is not older than what it has seen.
                view = await self._call(partial(self._client.view, case.case_id))
                continue
            if isinstance(step, Below):
                await self._below[case.case_id]
                view, answer = await self._call(partial(self._client.view, case.case_id)), None
                left = left[1:]
                continue
            if isinstance(step, Death):
                view, answer = await self._until(case, partial(stands_in, step.at)), None
                await self._die(case.personal_number)
                left = left[1:]
                continue
            tells = tells_of(step)
            if not (may_be_told(tells[0], view) if answer is None else follows(tells[0], view, answer)):
                view = await self._until(case, partial(may_be_told, tells[0]))
            place = len(case.script) - len(left)
            answers = await asyncio.gather(*(self._tell(case, tell, view, place) for tell in tells))
            answer = max((each for each in answers if each is not None), key=lambda each: each.version, default=None)
            left = left[1:]

    async def _untold(self, case: Played) -> Script:
        """What is left of the script, by the case's own history."""
        return remaining(case.script, await self._call(partial(self._client.history, case.case_id)))

    async def _until(self, case: Played, condition: Callable[[CaseView], bool]) -> CaseView:
        """The view of a case as soon as it meets a condition. Waiting takes nobody's turn."""
        view = await _repeated(partial(self._client.wait_for, case.case_id, condition))
        self._board.saw(case.case_id, view.status, view.milestone)
        return view

    async def _tell(self, case: Played, tell: Tell, view: CaseView, place: int) -> Answer | None:
        """What a case answered; None where it refused, as the script expects."""
        # A script may tell the very same thing twice; its place makes it another telling, and the same one when the
        # demonstration is started again.
        update_id = f"demo:{place}:{tell.by.value}"
        so_far = await self._call(partial(self._client.history, case.case_id)) if tell.request is not None else ()
        requests = requests_of(view, so_far)
        try:
            if tell.by in SYSTEMS:
                # Whoever is outside waits until it is told; that takes nobody's turn.
                answer = await _repeated(partial(self._others.tell, case.case_id, view, tell, requests, update_id))
            elif tell.event is Event.confirm_address:
                confirm = partial(self._client.confirm_address, case.case_id, actor_of(tell.by, view))
                answer = await self._call(partial(confirm, str(tell.says["address"]), update_id=update_id))
            else:
                fact = fact_of(tell, view, None, requests)
                answer = await self._call(partial(self._client.tell, case.case_id, fact, update_id=update_id))
        except Refused as refused:
            if refused.code is not tell.refused:
                raise
            self._board.told += 1
            return None
        self._board.saw(case.case_id, answer.status, answer.milestone)
        self._board.told += 1
        return answer

    async def _call(self, call: Callable[[], Awaitable[Answered]]) -> Answered:
        async with self._turns:
            return await _repeated(call)


_CHECKED_ELECTRONICALLY: Final = frozenset({ApplicationChannel.online, ApplicationChannel.terminal})


def _is_of_counter(application: Application | None) -> bool:
    return application is not None and application.channel is ApplicationChannel.counter


def _checked_now(application: Application) -> Application:
    """The application as an app or a terminal hands it in: it checks who applies while they do, which no file can."""
    if application.channel not in _CHECKED_ELECTRONICALLY:
        return application
    check = IdentityCheck(provider="national-id-app", at=datetime.now(UTC), reference=f"demo/{uuid4().hex[:12]}")
    return application.model_copy(update={"identity": check})


async def _repeated(call: Callable[[], Awaitable[Answered]]) -> Answered:
    """Repeating is safe: an engine that gave no answer is asked again."""
    for attempt in range(_ATTEMPTS - 1):
        try:
            return await call()
        except Unavailable:
            await asyncio.sleep(_BACK_OFF_SECONDS * 2**attempt)
    return await call()


def _has_ended(case: CaseSummary) -> bool:
    """Whether a case is in an ending. A run whose application was refused is closed as well, and opened no case."""
    machine = MACHINES[Kind(case.kind)]
    return case.closed and case.status in {status.value for status in machine.statuses if not machine.is_open(status)}


def _moved_since(version: int) -> Callable[[CaseView], bool]:
    return lambda view: view.version > version


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


def _codes(error: InputRefused | EngineError | None) -> tuple[str, ...]:
    if isinstance(error, InputRefused):
        return tuple(problem.code.value for problem in error.problems)
    return (error.code.value,) if error is not None else ()
