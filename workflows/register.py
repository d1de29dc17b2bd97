"""How workflows ask the register: quickly when all is well, durably and visibly when not.

A step is tried twice as a local activity: no event of its own, no hop through the server. When that fails the step
becomes a regular activity, which waits for the register for as long as it takes and is seen waiting in the Web UI. Its
result is a word that the register can be reached again, and no more: whoever polls a task queue can complete a task. So
the step is asked for once more as a local activity, and what that answers counts.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.options import REGISTRY_DURABLE, REGISTRY_QUICK
    from activities.registry import Registry
    from cases.errors import Code

Request = TypeVar("Request")
Answered = TypeVar("Answered")


class StepRefused(Exception):
    """The register refuses a step for good; nothing of it is in effect."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code.value)


async def ask_register(
    method: Callable[[Registry, Request], Awaitable[Answered]],
    request: Request,
    *,
    summary: str,
    before_waiting: Callable[[], None],
) -> Answered:
    """The register's answer to a step, or `StepRefused`.

    `before_waiting` is called when the register does not answer at once, so that the case shows what it waits for.
    """
    quick: workflow.LocalActivityConfig = {**REGISTRY_QUICK, "summary": summary}
    durable: workflow.ActivityConfig = {**REGISTRY_DURABLE, "summary": summary}
    while True:
        try:
            return await workflow.execute_local_activity_method(method, request, **quick)
        except FailureError as failed:
            _raise_if_final(failed)
        before_waiting()
        try:
            await workflow.execute_activity_method(method, request, **durable)
        except ActivityError as failed:
            if is_cancelled_exception(failed):
                raise


def _raise_if_final(failed: FailureError) -> None:
    """A step that no repetition can save is refused; anything else is left to the caller."""
    if is_cancelled_exception(failed):
        raise failed
    if isinstance(failed, ApplicationError) and failed.non_retryable:
        known = {code.value: code for code in Code}
        raise StepRefused(known.get(failed.type or "", Code.INTERNAL)) from None
