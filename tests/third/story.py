"""The life of a name change: from the decree to a bank that knows the new name."""

from temporalio import workflow

from cases.answers import Outcome
from cases.events import Event
from cases.machines.machine import Status
from tests.third.record import NAME_CHANGE, NameChangeOpening
from workflows.case import Case, never_cancelled


@workflow.defn(name=NAME_CHANGE.value)
class NameChange(Case):
    """One person's name is changed; a clerk verifies the certificate, the bank confirms."""

    @workflow.init
    def __init__(self, opening: NameChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    @never_cancelled
    async def run(self, _opening: NameChangeOpening) -> Outcome:
        """From the application to the ending."""
        await self.receive()
        while self.is_open:
            match self.status:
                case Status.checking if not self.is_stuck:
                    await self.make(Event.checked)
                case _:
                    await self.somebody_acts_or_time_runs_out()
        return await self.close()
