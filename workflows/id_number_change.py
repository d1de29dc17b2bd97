"""The life of an ID-number change: from a 15-digit number to benefits that are paid again."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.answers import Outcome
    from cases.events import Event
    from cases.machines.machine import Status
    from cases.names import Kind
    from cases.openings import NumberChangeOpening
    from workflows.case import Case, never_cancelled


@workflow.defn(name=Kind.id_number_change.value)
class IdNumberChange(Case):
    """One person's resident ID number is changed to the 18-digit one.

    The applicant's documents are verified by people (`in_review`, `awaiting_approval`), who may also send them back,
    hold the case, or settle a dispute over the number; their decisions arrive as updates. Everything else the case does
    itself.
    """

    @workflow.init
    def __init__(self, opening: NumberChangeOpening) -> None:
        super().__init__(opening)

    @workflow.run
    @never_cancelled
    async def run(self, opening: NumberChangeOpening) -> Outcome:
        """From the application to the ending."""
        await self.receive()
        while self.is_open:
            match self.status:
                case _ if self.is_stuck:
                    await self.somebody_acts_or_time_runs_out()
                case _ if self.waits_for_nothing:
                    await self.make(Event.nothing_awaited)
                case Status.screening:
                    # What the register says of the person and of the number decides the road.
                    await self.make(Event.screened)
                case Status.verified:
                    # Nobody else can have the number from here on.
                    await self.make(Event.apply)
                case Status.applying if not self.is_committed:
                    # The register changes over; the systems that the policy names are asked to confirm.
                    await self.make(Event.commit)
                case Status.updated:
                    await self.make(Event.unblock)
                case Status.releasing:
                    await self.make(Event.release)
                case _:
                    await self.somebody_acts_or_time_runs_out()
        return await self.close()

    @property
    def is_committed(self) -> bool:
        """Whether the new number is in effect in the register; the other systems then have to confirm it."""
        return self._case.committed
