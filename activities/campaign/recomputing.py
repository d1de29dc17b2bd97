"""Dates computed again: which open cases rest on days of the calendar that were amended since, and how they are told.

A case keeps the days from which its dates were counted and what the calendar said of them (`cases.ladder.Reckoned`).
Where it says something else now, because a year was published, days off were added or taken away, or a day became a
working day, the case is told, whether its dates were provisional or not.

The scheduled check and the command line go this one way. Each case is told by an update, so that its dates change in a
transition like any other: in one transaction, with its audit, and seen by its workflow. A person decides so with their
stamp (`recompute`), and may let the case follow another policy; the scheduled check only says that the calendar grew.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.calendar import Calendars, edition_of
from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load
from cases.answers import Answer
from cases.errors import GATE_SAID_NOTHING, CaseError, Code
from cases.events import Event
from cases.facts import CalendarGrew, Recompute
from cases.names import CALENDAR_GREW
from cases.policy import Policies

SQL: Final = load("recomputing.sql", beside=__file__)

BATCH: Final = 500
"""Cases read with one query."""

IN_FLIGHT: Final = 16
"""Cases told at the same time."""

TIMEOUT: Final = timedelta(seconds=30)
"""How long one case may take to answer."""

Word = Recompute | CalendarGrew
"""What a case is told: somebody's stamped decision, or that the calendar grew."""

_CODES: Final = {code.value: code for code in Code}


class Selection(NamedTuple):
    """Which open cases: those with dates, or all that are pinned to `policy` (`name/version`).

    `region` may be the first digits of an agency's code.
    """

    region: str | None = None
    policy: str | None = None


class Dated(NamedTuple):
    """An open case as it stood when it was chosen, and what its dates rest on."""

    case_id: str
    generation: int
    version: int
    region: str
    policy: str
    provisional: bool
    rests_from: date | None
    rests_to: date | None
    rests_on: str | None


class Fate(StrEnum):
    """What became of telling one case."""

    recomputed = "recomputed"
    closed = "closed"
    """It ended meanwhile and has no dates any more."""
    refused = "refused"
    unanswered = "unanswered"
    """Whether it took effect is not known; telling it again is safe."""


class Told(NamedTuple):
    """One case that was told, what became of it, and why where it failed."""

    case: Dated
    fate: Fate
    code: Code | None = None


class Standing(NamedTuple):
    """Open cases that follow one policy: those with provisional dates, and those whose days were amended since."""

    policy: str
    provisional: int
    datable: int
    """Of the provisional ones those whose days were amended: most often because their year was published."""
    amended: int
    """Of the others those whose days were amended."""


class Calendar:
    """What the installed calendar says for each policy."""

    def __init__(self, policies: Policies, calendars: Calendars) -> None:
        self._policies = policies
        self._calendars = calendars
        self._editions: dict[str, str] = {}
        self._said: dict[tuple[str, date, date], str] = {}

    def was_amended(self, pin: str, first: date | None, last: date | None, said: str | None) -> bool:
        """Whether it says something else now of the days between two; of a policy that is unknown here it is not known.

        A case without dates rests on none.
        """
        policy = self._policies.find(pin)
        if policy is None or first is None or last is None:
            return False
        key = (pin, first, last)
        if key not in self._said:
            self._said[key] = self._calendars(policy.calendar).says(first, last)
        return self._said[key] != said

    def amends(self, case: Dated) -> bool:
        """Whether the days of a case were amended."""
        return self.was_amended(case.policy, case.rests_from, case.rests_to, case.rests_on)

    def edition(self, pin: str) -> str:
        """A short name of what the calendar says under a policy. Raises `CaseError` POLICY_UNKNOWN."""
        if pin not in self._editions:
            self._editions[pin] = edition_of(self._calendars(self._policies.pinned(pin).calendar))
        return self._editions[pin]


async def standings(pool: Pool, calendar: Calendar) -> tuple[Standing, ...]:
    """How many open cases have provisional dates, and how many rest on days that were amended, policy by policy."""
    async with connection_of(pool) as connection:
        rows = await SQL["what_dates_rest_on"].all(connection, {})
    counted: dict[str, Standing] = {}
    for row in rows:
        standing = counted.setdefault(row["policy"], Standing(row["policy"], 0, 0, 0))
        amended = calendar.was_amended(row["policy"], row["rests_from"], row["rests_to"], row["rests_on"])
        counted[row["policy"]] = standing._replace(
            provisional=standing.provisional + row["cases"] * row["provisional"],
            datable=standing.datable + row["cases"] * (row["provisional"] and amended),
            amended=standing.amended + row["cases"] * (amended and not row["provisional"]),
        )
    return tuple(counted.values())


async def count(pool: Pool, selection: Selection) -> int:
    """How many cases a selection has."""
    async with connection_of(pool) as connection:
        (row,) = await SQL["count_with_dates"].all(connection, selection._asdict())
    return int(row["cases"])


async def choose_cases(pool: Pool, selection: Selection) -> AsyncGenerator[Dated, None]:
    """The cases of a selection in the order of their IDs, read as they are needed."""
    values = {**selection._asdict(), "after": "", "limit": BATCH}
    while True:
        async with connection_of(pool) as connection:
            rows = await SQL["cases_with_dates"].all(connection, values)
        if not rows:
            return
        for row in rows:
            yield Dated(**row)
        values["after"] = rows[-1]["case_id"]


async def tell_each(
    client: Client,
    cases: AsyncIterator[Dated],
    word: Callable[[Dated], Awaitable[Word]],
    calendar: Calendar,
    *,
    in_flight: int = IN_FLIGHT,
) -> AsyncGenerator[Told, None]:
    """Tell cases to recompute their dates, a limited number at a time, and yield the result of each as it answers.

    Leaving early cancels what is under way; starting again is safe.
    """
    under_way: set[asyncio.Task[Told]] = set()
    try:
        async for case in cases:
            under_way.add(asyncio.create_task(_tell(client, case, word, calendar)))
            if len(under_way) == in_flight:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        while under_way:
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def recompute_amended(
    pool: Pool,
    client: Client,
    calendar: Calendar,
) -> AsyncGenerator[Told, None]:
    """Tell those cases whose dates rest on days that were amended since, in the engine's own name."""

    async def grew(case: Dated) -> CalendarGrew:
        return CalendarGrew(edition=calendar.edition(case.policy))

    async with aclosing(choose_cases(pool, Selection())) as every:
        amended = (case async for case in every if calendar.amends(case))
        async with aclosing(tell_each(client, amended, grew, calendar)) as all_told:
            async for told in all_told:
                yield told


async def _tell(client: Client, case: Dated, word: Callable[[Dated], Awaitable[Word]], calendar: Calendar) -> Told:
    handle = client.get_workflow_handle(case.case_id)
    try:
        said = await word(case)
        await handle.execute_update(
            Event.recompute.value if isinstance(said, Recompute) else CALENDAR_GREW,
            said,
            id=_update_id(case, said, calendar),
            result_type=Answer,
            rpc_timeout=TIMEOUT,
        )
    except CaseError as refused:
        unanswered = refused.code in GATE_SAID_NOTHING
        return Told(case, Fate.unanswered if unanswered else Fate.refused, refused.code)
    except WorkflowUpdateFailedError as failed:
        return Told(case, Fate.refused, _code_of(failed))
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        # Temporal's client turns a cancelled task into this error.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        return Told(case, Fate.unanswered, Code.ENGINE_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            return Told(case, Fate.unanswered, Code.ENGINE_UNAVAILABLE)
        return await _told_too_late(client, case)
    return Told(case, Fate.recomputed)


async def _told_too_late(client: Client, case: Dated) -> Told:
    try:
        description = await client.get_workflow_handle(case.case_id).describe(rpc_timeout=TIMEOUT)
    except RPCError as error:
        unknown = error.status is RPCStatusCode.NOT_FOUND
        return Told(case, Fate.refused, Code.CASE_UNKNOWN) if unknown else Told(case, Fate.unanswered, _AWAY)
    running = description.status is WorkflowExecutionStatus.RUNNING
    return Told(case, Fate.unanswered, _AWAY) if running else Told(case, Fate.closed)


_AWAY: Final = Code.ENGINE_UNAVAILABLE


def _update_id(case: Dated, said: Word, calendar: Calendar) -> str:
    """The same case as it stood, the same calendar, the same policy: the same request, however often it is sent.

    A case that was told by a worker with an older calendar has moved on, so that it can be told again.
    """
    policy = said.policy or case.policy if isinstance(said, Recompute) else case.policy
    word = Event.recompute.value if isinstance(said, Recompute) else CALENDAR_GREW
    return f"{word}:{case.generation}.{case.version}:{policy.replace('/', '.')}:{calendar.edition(policy)}"


def _code_of(failed: WorkflowUpdateFailedError) -> Code:
    kind = failed.cause.type if isinstance(failed.cause, ApplicationError) else None
    return _CODES.get(kind or "", Code.INTERNAL)
