"""How patient workflows are with activities, named after the kind of work."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig, LocalActivityConfig

from cases.names import TASK_QUEUE_NOTIFICATIONS

REGISTRY_QUICK: Final = LocalActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(seconds=8),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=1), maximum_attempts=2
    ),
)
"""A short transaction as a local activity: two quick attempts, and no event in the history when all is well."""

REGISTRY_DURABLE: Final = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=15),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
)
"""The same transaction while the register does not answer: it is repeated for as long as it takes, and seen waiting."""

SWEEP: Final = ActivityConfig(
    task_queue=TASK_QUEUE_NOTIFICATIONS,
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=1)),
)
"""Whatever is due, in batches that end by themselves; the next sweep goes on."""

SUPERVISION: Final = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(hours=15),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
)
"""One transaction for a whole day. What cannot be done on its day fails visibly, and the next day's says more."""

RECONCILIATION: Final = ActivityConfig(
    start_to_close_timeout=timedelta(hours=4),
    schedule_to_close_timeout=timedelta(hours=8),
    heartbeat_timeout=timedelta(minutes=1),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
)
"""Sets compared in batches; another attempt goes on where the last one was."""

CAMPAIGN: Final = ActivityConfig(
    start_to_close_timeout=timedelta(hours=2),
    schedule_to_close_timeout=timedelta(hours=20),
    heartbeat_timeout=timedelta(minutes=1),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
)
"""Batches over the whole register, each of which is kept: another attempt goes on where the last one was."""

PAGE: Final = ActivityConfig(
    start_to_close_timeout=timedelta(minutes=10),
    heartbeat_timeout=timedelta(seconds=15),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
)
"""A page of a campaign: whoever tries it again has the same rows, and soon, for a beat comes every few seconds."""

MOST_ATTEMPTS: Final[Mapping[str, int]] = {"register": 10, "advance": 10, "tell_closed": 10}
"""Attempts of a kind of activity, after which it counts as a standstill: of a registry step after some minutes."""
MOST_ATTEMPTS_OF_OTHERS: Final = 5
"""Of what is scheduled: after a quarter of a minute or more of pauses, beside what each attempt took."""


def retried_for_too_long(pending: PendingActivityInfo) -> bool:
    """Whether an activity has been retried for longer than its kind may."""
    return pending.attempt > MOST_ATTEMPTS.get(pending.activity_type.name, MOST_ATTEMPTS_OF_OTHERS)
