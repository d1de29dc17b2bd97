"""The life of a card replacement: from a lost or old card to a new one that pays benefits."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.answers import Outcome
    from cases.errors import Code
    from cases.events import Event
    from cases.facts import CardActivated, CardFound, CardHandedOver, CardProduced, CardUnclaimed, ConfirmLoss
    from cases.machines.machine import Status
    from cases.state import CaseState
    from workflows.case import Case, never_cancelled, told


@workflow.defn(name="CardReplacement")
class CardReplacement(Case):
    """One person's social security card is replaced.

    A lost card is blocked before anything else. People verify documents, the card bureau makes the card and hands it
    over, the bank activates it; all of that arrives as updates. The old card is closed only when the new one is active.
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
                case Status.checking:
                    await self.look_at_the_register(Event.checked)
                case Status.ordered:
                    await self.order_the_card()
                case Status.active:
                    await self.write_when_it_is_our_turn(Event.switch_cards)
                case Status.closing_old if not self.waits_for_pension_run:
                    await self.write_when_it_is_our_turn(Event.close_old)
                case _:
                    await self.somebody_acts_or_time_runs_out()
        return await self.close()

    confirm_loss = told(Event.confirm_loss, ConfirmLoss, "正式挂失。The loss is reported formally.")
    card_found = told(Event.card_found, CardFound, "卡已找回，解除挂失。The lost card was found.")
    card_produced = told(Event.card_produced, CardProduced, "制卡结果。The card bureau made the card, or failed to.")
    card_handed_over = told(Event.card_handed_over, CardHandedOver, "卡已领取或寄达。The card was handed over.")
    card_activated = told(Event.card_activated, CardActivated, "社保或金融功能激活。One function was activated.")
    card_unclaimed = told(
        Event.card_unclaimed, CardUnclaimed, "逾期未领，两人监销。Nobody fetched the card; two people destroyed it."
    )

    @property
    def waits_for_pension_run(self) -> bool:
        """Whether payment authority may move only after this month's pension run."""
        return self._case.timer is not None and self._case.timer.due_at > workflow.now()

    async def order_the_card(self) -> None:
        """Order the card at the bureau, unless one is being made already or the person's number is just changing."""
        match await self.step(Event.order_card):
            case None | Code.STALE_VERSION:
                return
            case Code.PERSON_BUSY:
                await self.wait_for_turn()
            case Code.PRECHECK_DUPLICATE:
                await self.otherwise(Event.order_refused, Code.PRECHECK_DUPLICATE)
            case refused:
                await self.otherwise(Event.stuck, refused)

    async def write_when_it_is_our_turn(self, event: Event) -> None:
        """A step that writes to the person's cards; it waits while the person's number is changing."""
        match await self.step(event):
            case None | Code.STALE_VERSION:
                return
            case Code.PERSON_BUSY:
                await self.wait_for_turn()
            case refused:
                await self.otherwise(Event.stuck, refused)
