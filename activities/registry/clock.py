"""Whose clock decides what is due."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from activities.registry.errors import case_errors_only
from activities.registry.pool import AWAY, Pool, connection_of
from activities.registry.queries import load

SQL: Final = load("clock.sql")

ASKED_AGAIN_SECONDS: Final = 60.0
"""After which the register is asked anew what time it is."""


async def register_time(pool: Pool) -> datetime:
    """What time it is by the register. Raises as every use of the pool."""
    async with connection_of(pool) as connection:
        row = await SQL["now"].first(connection, {})
    if row is None:
        raise AssertionError("a row, whatever there is")
    moment: datetime = row["now"]
    return moment


@dataclass
class RegisterTime:
    """The register's clock for whoever asks often: counted on, between looks at it, by a clock that nobody sets.

    What the clock of this machine shows does not matter. While the register is away the last look is counted on from.
    """

    pool: Pool
    _looked: tuple[datetime, float] | None = None
    """The register's time at a moment of the loop's."""

    @case_errors_only
    async def now(self) -> datetime:
        """What time it is. Raises `CaseError` where the register is away and has never been asked."""
        loop = asyncio.get_running_loop()
        if self._looked is None or loop.time() - self._looked[1] >= ASKED_AGAIN_SECONDS:
            try:
                self._looked = await register_time(self.pool), loop.time()
            except AWAY:
                if self._looked is None:
                    raise
        moment, at = self._looked
        return moment + timedelta(seconds=loop.time() - at)


class Clock(Enum):
    """Whose clock decides what is due."""

    register = "register"
    """The database's. Its server and Temporal's may differ by what time synchronisation allows, a minute at most."""
    callers = "callers"
    """That of the asking workflow: for rehearsals and tests that skip time. No setting of a worker leads here."""

    def choose(self, registers: datetime, callers: datetime) -> datetime:
        """The one of two moments that counts."""
        return registers if self is Clock.register else callers

    async def now(self, pool: Pool, callers: datetime) -> datetime:
        """What time it is; `callers` is what the caller says."""
        if self is Clock.callers:
            return callers
        return await register_time(pool)
