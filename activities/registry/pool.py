"""Connections to the register: every wait has an end, on the client's side and on the server's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from cases.errors import CaseError, Code

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool, Connection = asyncpg.Pool, asyncpg.Connection


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long anything may take, in seconds. Together they stay below the time-out of a quick registry step."""

    connect: float = 3.0
    command: float = 4.5
    """The client's patience with one statement; longer than the server's, which knows better what happened."""
    statement: float = 4.0
    lock: float = 3.0
    """For a lock that another transition holds."""
    idle_in_transaction: float = 10.0
    """After which the server ends a transaction whose client went silent, and frees its locks."""


AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What is raised where the register is away, at whatever moment it goes: by the server, the driver or the system."""

ACQUIRE_SECONDS: Final = 3.0
"""How long a step waits for a connection of the pool: it is given up by its time-out soon after, and tried again."""

CALLERS_SECONDS: Final = 15.0
"""How long somebody who waits for an answer does: behind a crowd that is served one after the other nothing is away."""


async def create_pool(url: str, *, size: int = 10, waits: Waits = Waits()) -> Pool:
    """A pool of at most `size` connections.

    Raises `CaseError`: DATABASE_UNAVAILABLE where the server cannot be reached or refuses, CONFIGURATION_INVALID for a
    URL that is none. The URL, which holds a password, is never repeated.
    """
    settings = {
        "application_name": "cardcase",
        "timezone": "UTC",
        "statement_timeout": _milliseconds(waits.statement),
        "lock_timeout": _milliseconds(waits.lock),
        "idle_in_transaction_session_timeout": _milliseconds(waits.idle_in_transaction),
    }
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=waits.connect,
            command_timeout=waits.command,
            server_settings=settings,
            reset=_nothing_to_reset,
        )
    except (asyncpg.PostgresError, OSError):
        code = Code.DATABASE_UNAVAILABLE
    except (asyncpg.InterfaceError, ValueError):
        code = Code.CONFIGURATION_INVALID
    raise CaseError(code, "database_url")


@asynccontextmanager
async def connection_of(pool: Pool, *, patience: float | None = None) -> AsyncIterator[Any]:
    """A connection of the pool for the length of a `with` block, or `TimeoutError` where none becomes free in time."""
    connection = await pool.acquire(timeout=ACQUIRE_SECONDS if patience is None else patience)
    try:
        yield connection
    finally:
        given_back = asyncio.ensure_future(pool.release(connection))
        # Whoever is cancelled meanwhile waits no longer, and the loop would complain of a failure nobody looked at.
        given_back.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(given_back)


async def _nothing_to_reset(_connection: Connection) -> None:
    """Nobody here changes a session: settings and locks end with their transaction, and an open one was rolled back.

    The driver's own reset would cost every step a further round trip.
    """


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
