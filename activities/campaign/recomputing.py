"""Dates computed again: which open cases rest on a calendar year that was not published, and how they are told.

The scheduled check and the command line go this one way. Each case is told by an update, so that its dates change in a
transition like any other: in one transaction, with its audit, and seen by its workflow. A person decides so with their
stamp (`recompute`), and may let the case follow another policy; the scheduled check only says that the calendar grew.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from datetime import timedelta
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
from cases.errors import CaseError, Code
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
    """Which open cases: those with provisional dates, or all that are pinned to `policy` (`name/version`).

    `region` may be the first digits of an agency's code.
    """

    region: str | None = None
    policy: str | None = None


class Undated(NamedTuple):
    """An open case as it stood when it was chosen, and the years from its beginning to its last date."""

    case_id: str
    generation: int
    version: int
    region: str
    policy: str
    first_year: int
    last_year: int

    def rests_on(self, published: AbstractSet[int]) -> bool:
        """Whether each of its years is published."""
        return rests_on(published, self.first_year, self.last_year)


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

    case: Undated
    fate: Fate
    code: Code | None = None


class Standing(NamedTuple):
    """Open cases with provisional dates that follow one policy, and how many of them can be dated now."""

    policy: str
    provisional: int
    datable: int


def rests_on(published: AbstractSet[int], first_year: int, last_year: int) -> bool:
    """Whether every year of a stretch is published, so that dates in it need not be provisional."""
    return set(range(first_year, last_year + 1)) <= published


class Calendar:
    """What the installed calendar says for each policy."""

    def __init__(self, policies: Policies, calendars: Calendars) -> None:
        self._policies = policies
        self._calendars = calendars
        self._editions: dict[str, str] = {}

    def published(self, pin: str) -> AbstractSet[int]:
        """Years that are published for a policy; none where this release does not know it."""
        policy = self._policies.find(pin)
        return self._calendars(policy.calendar).published if policy is not None else frozenset()

    def edition(self, pin: str) -> str:
        """A short name of what the calendar says under a policy. Raises `CaseError` POLICY_UNKNOWN."""
        if pin not in self._editions:
            self._editions[pin] = edition_of(self._calendars(self._policies.pinned(pin).calendar))
        return self._editions[pin]


async def standings(pool: Pool, calendar: Calendar) -> tuple[Standing, ...]:
    """How many open cases have provisional dates, policy by policy."""
    async with connection_of(pool) as connection:
        rows = await SQL["provisional_cases"].all(connection, {})
    counted: dict[str, Standing] = {}
    for row in rows:
        standing = counted.setdefault(row["policy"], Standing(row["policy"], 0, 0))
        datable = rests_on(calendar.published(row["policy"]), row["first_year"], row["last_year"])
        counted[row["policy"]] = standing._replace(
            provisional=standing.provisional + row["cases"], datable=standing.datable + row["cases"] * datable
        )
    return tuple(counted.values())


async def count(pool: Pool, selection: Selection) -> int:
    """How many cases a selection has."""
    async with connection_of(pool) as connection:
        (row,) = await SQL["count_to_recompute"].all(connection, selection._asdict())
    return int(row["cases"])


async def choose_cases(pool: Pool, selection: Selection) -> AsyncGenerator[Undated, None]:
    """The cases of a selection in the order of their IDs, read as they are needed."""
    values = {**selection._asdict(), "after": "", "limit": BATCH}
    while True:
        async with connection_of(pool) as connection:
            rows = await SQL["cases_to_recompute"].all(connection, values)
        if not rows:
            return
        for row in rows:
            yield Undated(**row)
        values["after"] = rows[-1]["case_id"]


async def tell_each(
    client: Client,
    cases: AsyncIterator[Undated],
    word: Callable[[Undated], Awaitable[Word]],
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


async def recompute_datable(
    pool: Pool,
    client: Client,
    calendar: Calendar,
) -> AsyncGenerator[Told, None]:
    """Tell those cases whose provisional dates rest on years that are published by now, in the engine's own name."""

    async def grew(case: Undated) -> CalendarGrew:
        return CalendarGrew(edition=calendar.edition(case.policy))

    async with aclosing(choose_cases(pool, Selection())) as every:
        datable = (case async for case in every if case.rests_on(calendar.published(case.policy)))
        async with aclosing(tell_each(client, datable, grew, calendar)) as all_told:
            async for told in all_told:
                yield told


async def _tell(client: Client, case: Undated, word: Callable[[Undated], Awaitable[Word]], calendar: Calendar) -> Told:
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
        unanswered = refused.code is Code.GATE_UNAVAILABLE
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


async def _told_too_late(client: Client, case: Undated) -> Told:
    try:
        description = await client.get_workflow_handle(case.case_id).describe(rpc_timeout=TIMEOUT)
    except RPCError as error:
        unknown = error.status is RPCStatusCode.NOT_FOUND
        return Told(case, Fate.refused, Code.CASE_UNKNOWN) if unknown else Told(case, Fate.unanswered, _AWAY)
    running = description.status is WorkflowExecutionStatus.RUNNING
    return Told(case, Fate.unanswered, _AWAY) if running else Told(case, Fate.closed)


_AWAY: Final = Code.ENGINE_UNAVAILABLE


def _update_id(case: Undated, said: Word, calendar: Calendar) -> str:
    """The same case as it stood, the same calendar, the same policy: the same request, however often it is sent.

    A case that was told by a worker with an older calendar has moved on, so that it can be told again.
    """
    policy = said.policy or case.policy if isinstance(said, Recompute) else case.policy
    return f"recompute:{case.generation}.{case.version}:{policy.replace('/', '.')}:{calendar.edition(policy)}"


def _code_of(failed: WorkflowUpdateFailedError) -> Code:
    kind = failed.cause.type if isinstance(failed.cause, ApplicationError) else None
    return _CODES.get(kind or "", Code.INTERNAL)
