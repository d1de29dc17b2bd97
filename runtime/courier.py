"""Has notifications delivered as soon as they are written, beside the cases and never in their way.

The notifications of one transition are one standalone activity on the queue `notifications`: durable, repeated by the
server, seen in the Web UI, and no event of the case. What is lost on the way there the sweep delivers.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.common import ActivityIDConflictPolicy, RetryPolicy
from temporalio.exceptions import TemporalError

from activities.notifications import Notifications
from cases.delivery import DeliverRequest
from cases.names import TASK_QUEUE_NOTIFICATIONS

PATIENCE: Final = timedelta(seconds=5)
"""How long the server may take to note a delivery."""

log = logging.getLogger(__name__)


class Courier:
    """Sends deliveries on their way; waits for nothing. To be called on the loop of the worker."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._under_way: set[asyncio.Task[None]] = set()

    def __call__(self, key: str, request: DeliverRequest) -> None:
        """Have the notifications of a step delivered; `key` is the step's business identity."""
        task = asyncio.create_task(self._ask(key, request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def drain(self) -> None:
        """Wait for what is on its way to the server."""
        await asyncio.gather(*self._under_way)

    async def _ask(self, key: str, request: DeliverRequest) -> None:
        try:
            await self._client.start_activity_method(
                Notifications.deliver,
                request,
                id=f"deliver:{key}",
                id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING,
                task_queue=TASK_QUEUE_NOTIFICATIONS,
                # One attempt for a few messages. What it leaves, and what nobody takes up so long, the sweep delivers.
                start_to_close_timeout=timedelta(seconds=90),
                schedule_to_close_timeout=timedelta(minutes=10),
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=1)),
                summary="发送通知",
                rpc_timeout=PATIENCE,
            )
        except (TemporalError, TimeoutError) as error:
            log.warning("notifications are left to the sweep", extra={"error": type(error).__name__})
