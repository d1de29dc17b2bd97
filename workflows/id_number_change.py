"""The life of an ID-number change: from a 15-digit number to benefits that are paid again."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.answers import Outcome
    from cases.errors import Code
    from cases.events import Event
    from cases.machines.machine import Status
    from cases.state import CaseState
    from workflows.case import Case, never_cancelled


@workflow.defn(name="IdNumberChange")
class IdNumberChange(Case):
    """One person's resident ID number is changed to the 18-digit one.

    The applicant's documents are verified by people (`in_review`, `awaiting_approval`), who may also send them back,
    hold the case, or settle a dispute over the number; their decisions arrive as updates. Everything else the case does
    itself.
    """

    @workflow.init
    def __init__(self, case: CaseState) -> None:
        super().__init__(case)

    @workflow.run
    @never_cancelled
    async def run(self, case: CaseState) -> Outcome:
        """From the application to the ending."""
        await self.receive()
        while self.is_open:
            match self.status:
                case _ if self.is_stuck:
                    await self.somebody_acts_or_time_runs_out()
                case Status.screening:
                    await self.look_at_the_register(Event.screened)
                case Status.verified:
                    await self.reserve_the_number()
                case Status.applying if not self.is_committed:
                    await self.commit_the_number()
                case Status.updated:
                    await self.step_or_stop(Event.unblock)
                case Status.releasing:
                    await self.step_or_stop(Event.release)
                case _:
                    await self.somebody_acts_or_time_runs_out()
        return await self.close()

    @property
    def is_committed(self) -> bool:
        """Whether the new number is in effect in the register; the other systems then have to confirm it."""
        return self._case.committed

    async def reserve_the_number(self) -> None:
        """Nobody else can have the number from here on. If somebody has it already, two people must settle it.

        Where that is the person, whose number was changed beside the case, the case is screened anew.
        """
        match await self.step(Event.apply):
            case None | Code.STALE_VERSION:
                return
            case Code.NUMBER_TAKEN:
                await self.otherwise(Event.number_taken, Code.NUMBER_TAKEN)
            case Code.REGISTER_CHANGED:
                await self.otherwise(Event.register_changed, Code.REGISTER_CHANGED)
            case Code.PERSON_BUSY:
                await self.wait_for_turn()
            case refused:
                await self.otherwise(Event.stuck, refused)

    async def commit_the_number(self) -> None:
        """The register changes over in one transaction, or the reservation is given back and the clerk is told why.

        Where the person's number is no more the one that was screened, what was reviewed has to be screened anew.
        """
        match await self.step(Event.commit):
            case None | Code.STALE_VERSION:
                return
            case Code.REGISTER_CHANGED:
                await self.otherwise(Event.register_changed, Code.REGISTER_CHANGED)
            case refused:
                await self.otherwise(Event.commit_refused, refused)
