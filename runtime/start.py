"""What a worker reaches for before it works: the register with its schema, Temporal with its search attributes."""

import asyncio
from typing import Final, NamedTuple

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.reconciliation.pairing import paired
from activities.registry.pool import Pool, create_pool
from activities.registry.schema import check_schema
from activities.retention.erasing import differing
from activities.sealing import KeyRing
from cases.errors import REMEDIES, CaseError, Code
from runtime.client import connect, payload_sealer
from runtime.keys import store_of
from runtime.logs import core_runtime
from runtime.rings import fault_of_ring
from runtime.search_attributes import SearchAttributesWrong, ensure_search_attributes
from runtime.settings import Problem, Settings, WorkerSettings

CLOSE_SECONDS: Final = 3.0
"""How long connections may take to end before they are cut."""


NOTIFICATION_CONNECTIONS: Final = 4
"""Database connections for notifications; each is held for the length of a statement, never for that of a call."""


class CannotStart(Exception):
    """Something that a worker needs is not there, or not as it must be; every problem at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    @property
    def passes(self) -> bool:
        """Whether nothing has to be corrected: what cannot be reached just now may come back by itself."""
        return all(problem.passing for problem in self.problems)


class Reached(NamedTuple):
    """Connections that are ready for use."""

    pool: Pool
    client: Client


async def reach(settings: WorkerSettings) -> Reached:
    """Connect to both servers and look whether they are as this code needs them. Raises `CannotStart`."""
    pool, client = await asyncio.gather(
        _register(settings.database_url, settings.pool_size), _temporal(settings), return_exceptions=True
    )
    if isinstance(pool, BaseException) or isinstance(client, BaseException):
        if not isinstance(pool, BaseException):
            await close(pool)
        raise CannotStart([_problem(error) for error in (pool, client) if isinstance(error, BaseException)])
    try:
        wrong = await fault_of_ring(pool, client, settings, payload_sealer(settings))
    except (CaseError, RPCError) as failed:
        wrong = _problem(failed)
    if wrong is not None:
        await close(pool)
        raise CannotStart([wrong])
    try:
        await check_erased(pool, settings)
        await check_pair(pool, client)
    except CannotStart:
        await close(pool)
        raise
    return Reached(pool, client)


async def check_pair(pool: Pool, client: Client) -> None:
    """Raises `CannotStart` where register and Temporal do not belong together: until somebody has said which holds."""
    try:
        misfit = (await paired(pool, client)).misfit
    except (CaseError, RPCError) as failed:
        raise CannotStart([_problem(failed)]) from None
    if misfit is not None:
        raise CannotStart([Problem("register and Temporal", misfit.value, _WHO_HOLDS)])


async def check_erased(pool: Pool, settings: Settings) -> None:
    """Raises `CannotStart` where what was erased is there again, because register or store of keys were put back."""
    if settings.key_file is None or settings.person_keys is None:
        return
    try:
        keys = store_of(KeyRing.load(settings.key_file), settings.person_keys)
        found = await differing(pool, keys)
    except CaseError as failed:
        raise CannotStart([_problem(failed)]) from None
    if not found.is_none:
        raise CannotStart([Problem("register and CARDCASE_PERSON_KEYS", _CAME_BACK, _REPLAY)])


async def connections_for_notifications(settings: WorkerSettings) -> Pool:
    """Connections beside those of the cases: many messages at once take none from a case. Raises `CannotStart`."""
    try:
        return await create_pool(settings.database_url.get_secret_value(), size=NOTIFICATION_CONNECTIONS)
    except CaseError as away:
        raise CannotStart([_problem(away)]) from None


async def close(pool: Pool) -> None:
    """End the pool's connections; those that a silent server keeps open are cut."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def reach_register(url: SecretStr, size: int) -> Pool:
    """Connect to the register, `size` times at most, and look whether it is as this code needs it.

    Raises `CannotStart`.
    """
    try:
        return await _register(url, size)
    except CaseError as wrong:
        raise CannotStart([_problem(wrong)]) from None


async def _register(url: SecretStr, size: int) -> Pool:
    pool = await create_pool(url.get_secret_value(), size=size)
    try:
        await check_schema(pool)
    except CaseError:
        await close(pool)
        raise
    return pool


async def _temporal(settings: WorkerSettings) -> Client:
    client = await connect(payload_sealer(settings), runtime=core_runtime())
    await ensure_search_attributes(client)
    return client


_WHO_HOLDS: Final = (
    "Look: starter.py reconcile register-holds --all --dry-run. Then say that this register holds: starter.py reconcile"
    " register-holds --all --reason TEXT; or bring the side back that is missing something"
)
_CAME_BACK: Final = "what was erased is there again, or is listed on one side only: an older one was put back"
_REPLAY: Final = "Look: starter.py retention replay --dry-run. Then erase it again: starter.py retention replay"
_KEYS_AWAY: Final = Problem(
    "CARDCASE_PERSON_KEYS", "the store of persons' keys cannot be used", "Bring the folder back", passing=True
)
_REGISTER_AWAY: Final = Problem(
    "CARDCASE_DATABASE_URL",
    "the register cannot be reached, or refuses user, password or database",
    "Start it, or correct the address",
    passing=True,
)
_TEMPORAL_AWAY: Final = Problem(
    "TEMPORAL_ADDRESS", "Temporal cannot be reached", "Start it, or correct the address", passing=True
)
_NO_ADDRESS: Final = Problem("TEMPORAL_ADDRESS", "is no address", "Correct it, for instance: 127.0.0.1:7233")
_NO_NAMESPACE: Final = Problem("TEMPORAL_NAMESPACE", "does not exist", "Run: temporal operator namespace create NAME")
_NO_ENTRY: Final = Problem("TEMPORAL_API_KEY", "or certificate: Temporal refuses it", "Correct it")
_OF_STATUS: Final = {
    RPCStatusCode.NOT_FOUND: _NO_NAMESPACE,
    RPCStatusCode.PERMISSION_DENIED: _NO_ENTRY,
    RPCStatusCode.UNAUTHENTICATED: _NO_ENTRY,
}


def _problem(error: BaseException) -> Problem:
    match error:
        case CaseError(code=Code.DATABASE_UNAVAILABLE):
            return _REGISTER_AWAY
        case CaseError(code=Code.KEYS_UNAVAILABLE):
            return _KEYS_AWAY
        case CaseError():
            mend = "Run: python -m deploy.migrations" if error.code is Code.SCHEMA_MISMATCH else "Correct it"
            return Problem("CARDCASE_DATABASE_URL", REMEDIES[error.code].en.rstrip("."), mend)
        case SearchAttributesWrong():
            return Problem("search attributes", error.what, error.mend)
        case RPCError():
            return _OF_STATUS.get(error.status, _TEMPORAL_AWAY)
        # The client raises ValueError for what is no address, and RuntimeError where it cannot connect.
        case ValueError() | RuntimeError() | OSError():
            return _NO_ADDRESS if isinstance(error, ValueError) else _TEMPORAL_AWAY
        case _:
            raise error
