"""What a closed case is told: its workflow is over, so a short one asks the register in its place."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.registry import Registry
    from cases.details import Caption
    from cases.names import TOLD_AFTER_CLOSING
    from cases.steps import AnswerAfterClosing, ToldAfterClosing
    from workflows.register import StepRefused, ask_register


@workflow.defn(name=TOLD_AFTER_CLOSING)
class AfterClosing:
    """One thing that one closed case is told; its ID is made of both, so that the register answers nobody else."""

    @workflow.run
    async def run(self, told: ToldAfterClosing) -> AnswerAfterClosing:
        """Have the register write it down, or take it in."""
        moments = {"at": workflow.now(), "arrived": workflow.info().workflow_start_time}
        try:
            return await ask_register(
                Registry.tell_closed,
                told.model_copy(update=moments),
                summary=str(Caption.telling_closed),
                before_waiting=lambda: None,
            )
        except StepRefused as final:
            return AnswerAfterClosing(refused=final.code)
