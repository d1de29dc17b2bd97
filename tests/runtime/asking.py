"""A workflow that asks an activity, for somebody else to answer."""

from datetime import timedelta
from typing import Final

from temporalio import workflow

NOBODY_POLLS: Final = "nobody"


@workflow.defn
class Asking:
    """Asks one regular activity and ends with its answer."""

    @workflow.run
    async def run(self) -> str:
        answer: str = await workflow.execute_activity(
            "ask",
            activity_id="ask",
            task_queue=NOBODY_POLLS,
            result_type=str,
            start_to_close_timeout=timedelta(minutes=5),
        )
        return answer
