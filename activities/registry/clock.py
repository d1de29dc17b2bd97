"""Whose clock decides what is due."""

from datetime import datetime
from enum import Enum
from typing import Final

from activities.registry.pool import Pool, connection_of
from activities.registry.queries import load

SQL: Final = load("clock.sql")


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
        async with connection_of(pool) as connection:
            row = await SQL["now"].first(connection, {})
        if row is None:
            raise AssertionError("a row, whatever there is")
        moment: datetime = row["now"]
        return moment
