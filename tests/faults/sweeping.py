"""A sweep for tests, as of a moment that the test chooses."""

from typing import Final

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.notifications.notifications import Notifications
    from activities.options import SWEEP
    from cases.occasions import Occasion, Scheduled, Swept

QUEUE: Final = "notifications-shaken"


@workflow.defn(name=Scheduled.notification_sweep.value)
class Sweeping:
    """One sweep, as its schedule starts it."""

    @workflow.run
    async def run(self, occasion: Occasion) -> Swept:
        """Sweep what is due."""
        options: workflow.ActivityConfig = {**SWEEP, "task_queue": QUEUE}
        return await workflow.execute_activity_method(Notifications.sweep, occasion, **options)
