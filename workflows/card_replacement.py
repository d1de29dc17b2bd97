"""The life of a card replacement: from a lost or old card to a new one that pays benefits."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.answers import Outcome
    from cases.events import Event
    from cases.machines.machine import Status
    from cases.names import Kind
    from cases.openings import ReplacementOpening
    from workflows.case import Case, never_cancelled, told


@workflow.defn(name=Kind.card_replacement.value)
class CardReplacement(Case):
    """One person's social security card is replaced.

    A lost card is blocked before anything else. People verify documents, the card bureau makes the card and hands it
    over, the bank activates it; all of that arrives as updates. The old card is closed only when the new one is active.
    """

    @workflow.init
    def __init__(self, opening: ReplacementOpening) -> None:
        super().__init__(opening)

    @workflow.run
    @never_cancelled
    async def run(self, opening: ReplacementOpening) -> Outcome:
        """From the application to the ending."""
        await self.receive()
        while self.is_open:
            match self.status:
                case _ if self.is_stuck:
                    await self.somebody_acts_or_time_runs_out()
                case _ if self.waits_for_nothing:
                    await self.make(Event.nothing_awaited)
                case Status.checking:
                    # What the register says of the person and of their cards; a lost card is blocked at once.
                    await self.make(Event.checked)
                case Status.ordered:
                    await self.make(Event.order_card)
                case Status.active:
                    # The new card works, and the old one does not any more.
                    await self.make(Event.switch_cards)
                case Status.closing_old if not self.waits_for_pension_run:
                    await self.make(Event.close_old)
                case _:
                    await self.somebody_acts_or_time_runs_out()
        return await self.close()

    card_produced = told(Event.card_produced)
    card_handed_over = told(Event.card_handed_over)
    card_lost_on_way = told(Event.card_lost_on_way)
    card_activated = told(Event.card_activated)
    card_unclaimed = told(Event.card_unclaimed)
    card_not_activated = told(Event.card_not_activated)
    confirm_address = told(Event.confirm_address)
    card_turned_up = told(Event.card_turned_up)
    card_destroyed = told(Event.card_destroyed)

    @property
    def waits_for_pension_run(self) -> bool:
        """Whether payment authority may move only after this month's pension run."""
        return self._case.timer is not None and self._case.timer.due_at > self._now
