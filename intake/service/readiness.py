"""Whether the service takes requests, and what is missing where it does not."""

import asyncio
import math
import time
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool, connection_of
from cases.errors import CaseError

START: Final = "start"
REGISTER: Final = "register"
TEMPORAL: Final = "temporal"
_FRESH_SECONDS: Final = 1.0
_PATIENCE: Final = timedelta(seconds=2)


class Readiness:
    """What is missing. Without Temporal nothing is opened or told, but all is read: it is named, and it goes on."""

    def __init__(self, pool: Pool, client: Client) -> None:
        self._pool = pool
        self._client = client
        self._asked_at = -math.inf
        self._away: tuple[str, ...] = ()
        self._asking = asyncio.Lock()
        self.serving = False
        """Whether it has started, and was not told to stop."""

    async def missing(self) -> tuple[str, ...]:
        """What is missing, asked for once a second at most: whoever asks needs no token."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= _FRESH_SECONDS:
                register, temporal = await asyncio.gather(self._has_register(), self._has_temporal())
                self._away = tuple(name for name, there in ((REGISTER, register), (TEMPORAL, temporal)) if not there)
                self._asked_at = time.monotonic()
        return self._away if self.serving else (START, *self._away)

    async def _has_register(self) -> bool:
        try:
            await _ask(self._pool)
        except CaseError:
            return False
        return True

    async def _has_temporal(self) -> bool:
        try:
            return await self._client.service_client.check_health(timeout=_PATIENCE)
        except (RPCError, RuntimeError):
            return False


@case_errors_only
async def _ask(pool: Pool) -> None:
    async with connection_of(pool) as connection:
        await connection.fetchval("SELECT 1", timeout=_PATIENCE.total_seconds())


def is_ready(missing: tuple[str, ...]) -> bool:
    """Whether requests are taken although something is missing."""
    return START not in missing and REGISTER not in missing
