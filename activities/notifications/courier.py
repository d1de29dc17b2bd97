"""Has notifications delivered as soon as they are written, beside the cases and never in their way.

The notifications of one transition are one standalone activity on the queue `notifications`: durable, repeated by the
server, seen in the Web UI, and no event of the case. What is written within a second after it goes together, so that a
register of a hundred thousand persons does not make as many activities. What is lost on the way there the sweep
delivers.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Final

from temporalio.client import Client
from temporalio.common import ActivityIDConflictPolicy, RetryPolicy
from temporalio.exceptions import TemporalError

from activities.notifications.notifications import Notifications
from cases.delivery import DeliverRequest
from cases.names import TASK_QUEUE_NOTIFICATIONS

PATIENCE: Final = timedelta(seconds=5)
"""How long the server may take to note a delivery."""
GATHERING: Final = timedelta(seconds=1)
"""How long what is written after a delivery went waits for others to go with."""
LOAD: Final = 200
"""Of how many steps the notifications go together."""

log = logging.getLogger(__name__)


class Courier:
    """Sends deliveries on their way; waits for nothing. To be called on the loop of the worker."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[str, DeliverRequest] = {}
        """By the business identity of the step that wrote them, the oldest first."""
        self._going: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()

    def __call__(self, key: str, request: DeliverRequest) -> None:
        """Have the notifications of a step delivered; `key` is the step's business identity."""
        self._waiting[key] = request
        if self._going is None or self._going.done():
            self._going = asyncio.create_task(self._go())

    async def drain(self) -> None:
        """Send at once what is waiting, and wait until the server has it."""
        if self._going is None:
            return
        self._hurried.set()
        await self._going
        self._hurried.clear()

    async def _go(self) -> None:
        while self._waiting:
            await self._ask(*self._load())
            if len(self._waiting) < LOAD:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._hurried.wait(), GATHERING.total_seconds())

    def _load(self) -> tuple[str, DeliverRequest]:
        """What goes together, under the identity of its first step, as of its last one."""
        keys = list(islice(self._waiting, LOAD))
        requests = [self._waiting.pop(key) for key in keys]
        notifications = tuple(each for request in requests for each in request.notifications)
        return keys[0], DeliverRequest(notifications=notifications, at=max(request.at for request in requests))

    async def _ask(self, key: str, request: DeliverRequest) -> None:
        try:
            await self._client.start_activity_method(
                Notifications.deliver,
                request,
                id=f"deliver:{key}",
                id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING,
                task_queue=TASK_QUEUE_NOTIFICATIONS,
                # One attempt for each message. What it leaves, and what nobody takes up so long, the sweep delivers.
                start_to_close_timeout=timedelta(seconds=90),
                schedule_to_close_timeout=timedelta(minutes=10),
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=1)),
                summary="发送通知",
                rpc_timeout=PATIENCE,
            )
        except (TemporalError, TimeoutError) as error:
            log.warning("notifications are left to the sweep", extra={"error": type(error).__name__})
