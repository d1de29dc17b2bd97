"""Running jobs: rows are claimed from the register, opened or told by their manifest, and answered one by one.

Everything that is left to do stands in the register, so any number of services may run jobs, and one that is killed is
replaced by whoever claims its rows when their lease has ended. A row that was opened or told before is answered as it
was then: opening and telling have effect once by the row's own key, and its place in the manifest is good once.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from activities.registry.pool import Pool
from cases.errors import CaseError, Code
from cases.events import FACTS, OPEN, Event
from cases.kinds import AnyOpening
from cases.openings import Opening
from intake.applications import InputRefused
from intake.client import CaseClient, Contradicted, EngineError, Refused, Unavailable
from intake.jobs import store
from intake.jobs.belonging import Runs
from intake.jobs.store import Claimed, RowState
from intake.repeating import check_repetition
from intake.stamping import Stamping

IN_FLIGHT: Final = 16
"""Rows under way at the same time, of all clients together."""
LEASE: Final = timedelta(seconds=60)
"""How long a row is left to whoever claimed it; longer than a case takes to answer."""
ABANDONED_AFTER: Final = timedelta(minutes=10)
"""After which a file that nobody has read on in is forgotten."""
KEPT: Final = timedelta(days=35)
"""How long a job can be looked at after its end."""

_LOOK_AGAIN: Final = 1.0
"""Seconds after which an idle runner looks for rows that others have left, or that were put back."""
_SHARES: Final = 4
"""Rows are claimed when so much of what may be under way is free, a quarter."""
_LONGEST_PAUSE: Final = 30.0
_MOST_FAULTS: Final = 5
"""How often a row is tried at which a fault of ours shows."""
_GRACE: Final = 10.0
"""Seconds that rows under way have at the end."""
_FORGET_EVERY: Final = 60.0
"""Seconds; a file that was given up counts among the open jobs of its client until then."""

_OPENING: Final[TypeAdapter[Opening]] = TypeAdapter(AnyOpening)

log = logging.getLogger(__name__)

Cases = Callable[[Stamping], CaseClient]
"""Makes the client by which something is opened or told under a stamp."""


class Runner:
    """Opens and tells the rows of all jobs."""

    def __init__(self, pool: Pool, cases: Cases, *, in_flight: int = IN_FLIGHT, lease: timedelta = LEASE) -> None:
        self._pool = pool
        self._cases = cases
        self._in_flight = in_flight
        self._lease = lease
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._runs = Runs(pool)
        self._failures = 0
        """Rows in a row that nobody answered for."""

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs for the length of a block. Rows that are under way at its end are answered, or left to others."""
        tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._forget())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=_GRACE)
            for row in self._under_way:
                row.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            free = self._in_flight - len(self._under_way)
            # Claiming costs the register as much as a row does: not for every row that is done.
            if free * _SHARES >= self._in_flight:
                await self._claim(free)
            await self._something_to_do()
            if self._failures:
                await asyncio.sleep(self._pause)

    async def _claim(self, at_most: int) -> None:
        # A register that is away for a moment is asked again.
        with contextlib.suppress(CaseError):
            for row in await store.claim(self._pool, at_most, self._lease):
                task = asyncio.create_task(self._answer(row))
                self._under_way.add(task)
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wake.set()

    async def _something_to_do(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN):
                await self._wake.wait()

    @property
    def _pause(self) -> float:
        """Seconds for which an engine that answers nobody is left in peace."""
        return min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(self._failures, 10)) if self._failures else 0.0

    async def _forget(self) -> None:
        while True:
            with contextlib.suppress(CaseError):
                while await store.forget(self._pool, ABANDONED_AFTER, KEPT):
                    pass
            await asyncio.sleep(_FORGET_EVERY)

    # --- one row ------------------------------------------------------------------------------------------------------

    async def _answer(self, row: Claimed) -> None:
        try:
            await self._open_or_tell(row)
            self._failures = 0
        except (Unavailable, Contradicted, CaseError) as away:
            self._failures += 1
            log.warning("nobody answered for a row", extra={"code": away.code.value, "attempts": row.attempts})
            # Where the register is away as well its lease ends, and the row is claimed again.
            with contextlib.suppress(CaseError):
                await store.put_back(self._pool, row, self._pause)
        except asyncio.CancelledError:
            with contextlib.suppress(CaseError):
                await store.put_back(self._pool, row, 0.0)
            raise
        except Exception as error:  # noqa: BLE001 - one row must not hold the others up, and its text may quote a value
            log.error("a row failed", extra={"error": type(error).__name__, "attempts": row.attempts})  # noqa: TRY400 - as above
            with contextlib.suppress(CaseError):
                if row.attempts < _MOST_FAULTS:
                    await store.put_back(self._pool, row, float(row.attempts))
                else:
                    await store.end_row(self._pool, row, RowState.refused, code=Code.INTERNAL.value)

    async def _open_or_tell(self, row: Claimed) -> None:
        """Raises `Unavailable`, `Contradicted` or `CaseError` where it is not known what became of the row."""
        try:
            if row.act == OPEN:
                status, version, reason = await self._open(row)
            else:
                status, version, reason = await self._tell(row, Event(row.act))
        except (Unavailable, Contradicted):
            raise
        except InputRefused as refused:
            await store.end_row(self._pool, row, RowState.refused, code=refused.problems[0].code.value)
        except EngineError as refused:
            await store.end_row(self._pool, row, RowState.refused, code=refused.code.value)
        except ValidationError:
            # What was staged is no opening and no fact any more.
            await store.end_row(self._pool, row, RowState.refused, code=Code.PAYLOAD_INVALID.value)
        else:
            await store.end_row(self._pool, row, RowState.done, status=status, version=version, code=reason)

    async def _open(self, row: Claimed) -> tuple[str, int | None, str | None]:
        cases = self._cases(await self._runs.row(row.job, row.leaf))
        receipt = await cases.enter(_OPENING.validate_json(row.content))
        return receipt.status.value, None, receipt.reason and receipt.reason.value

    async def _tell(self, row: Claimed, event: Event) -> tuple[str, int | None, str | None]:
        fact = FACTS[event].model_validate_json(row.content)
        if row.told_as is not None:
            try:
                await check_repetition(self._pool, row.case_id, row.told_as, event, fact)
            except CaseError as other:
                if other.code is not Code.IDEMPOTENCY_CONFLICT:
                    raise
                raise Refused(other.code) from None
        cases = self._cases(await self._runs.row(row.job, row.leaf))
        answer = await cases.tell(row.case_id, fact, update_id=row.told_as)
        return answer.status.value, answer.version, None
