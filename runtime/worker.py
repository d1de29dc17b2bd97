"""What a worker is: which workflows and activities it runs, with which runner, limits and time-outs."""

from datetime import timedelta
from typing import Final

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.worker import Worker

from activities.registry import Registry
from cases.names import TASK_QUEUE_CASES
from runtime.sandbox import RUNNER
from runtime.settings import Settings
from workflows.card_replacement import CardReplacement
from workflows.id_number_change import IdNumberChange

WORKFLOWS: Final = (IdNumberChange, CardReplacement)


def cases_worker(client: Client, registry: Registry, settings: Settings, task_queue: str = TASK_QUEUE_CASES) -> Worker:
    """The worker of the `cases` task queue: both workflows and the registry's activities."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=list(WORKFLOWS),
        activities=[registry.register, registry.screen, registry.advance],
        workflow_runner=RUNNER,
        # A start whose input cannot be read fails at once instead of failing its task for ever.
        workflow_failure_exception_types=[ValidationError],
        max_cached_workflows=settings.max_cases_cached,
        max_concurrent_workflow_tasks=settings.max_workflow_tasks,
        max_concurrent_local_activities=settings.pool_size * 2,
        max_concurrent_activities=settings.pool_size,
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        # After a crash the server offers a case to its old worker first; so long waits a case at most.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
    )
