"""A story that has forgotten a line."""

from temporalio import workflow

from cases.answers import Outcome
from cases.names import Kind
from cases.openings import NumberChangeOpening
from workflows.case import Case, never_cancelled


@workflow.defn(name=Kind.id_number_change.value)
class Forgetful(Case):
    """An ID-number change that waits for somebody although it is the engine that has to act."""

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    @never_cancelled
    async def run(self, _opening: NumberChangeOpening) -> Outcome:
        """From the application to the ending, with nothing in between."""
        await self.receive()
        while self.is_open:
            await self.somebody_acts_or_time_runs_out()
        return await self.close()
