"""What each effect of the state tables does to the register, in the transition's own transaction.

An effect that cannot be done for a reason of the domain raises `Refused`; then nothing of the transition is in effect.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from activities.registry import effects_on_benefits as benefits
from activities.registry import effects_on_cards as cards
from activities.registry import effects_on_disputes as disputes
from activities.registry import effects_on_numbers as numbers
from activities.registry.step import Step
from cases.errors import CaseError, Code
from cases.machines.machine import Effect
from cases.offices import Recipient


async def notify_applicant(step: Step) -> None:
    """The applicant is told where the case stands now, or what happened where it stays."""
    request, status = step.request, step.after.status
    what = request.event.value if request.from_status is status else status.value
    await step.notify(Recipient.applicant, f"{step.after.kind.value}.{what}")


_TOLD_ONE_BY_ONE: Final = frozenset(
    {Recipient.applicant, Recipient.clerk, Recipient.team_lead, Recipient.agency_supervisor}
)


async def escalate(step: Step) -> None:
    """The rung is recorded, and whom the policy names at the agency is told; the levels above get digests."""
    ladder = step.after.ladder
    due = ladder.dates.next
    if due is None:
        raise CaseError(Code.EVENT_NOT_ALLOWED)
    await step.run("record_rung", rung=int(due.rung), cause=due.cause.value, clock=ladder.clock, due_at=due.at)
    terms = step.policy.ladder.of(due.rung)
    facts = {"rung": due.rung.name, "status": step.after.status.value, "provisional": due.provisional}
    for recipient in terms.tells:
        if recipient in _TOLD_ONE_BY_ONE:
            second = recipient in terms.second_channel
            await step.notify(recipient, f"escalated.{due.rung.name}", second_channel=second, facts=facts)


EFFECTS: Final[Mapping[Effect, Callable[[Step], Awaitable[None]]]] = {
    Effect.take_turn: numbers.take_turn,
    Effect.yield_turn: numbers.yield_turn,
    Effect.reserve_number: numbers.reserve_number,
    Effect.release_reservation: numbers.release_reservation,
    Effect.snapshot_entitlements: numbers.snapshot_entitlements,
    Effect.commit_number: numbers.commit_number,
    Effect.follow_register: numbers.follow_register,
    Effect.compare_entitlements: numbers.compare_entitlements,
    Effect.mark_card_outdated: numbers.mark_card_outdated,
    Effect.publish_number_changed: numbers.publish_number_changed,
    Effect.restore_number: numbers.restore_number,
    Effect.open_dispute: disputes.open_dispute,
    Effect.settle_ours: disputes.settle_ours,
    Effect.settle_against: disputes.settle_against,
    Effect.leave_dispute: disputes.leave_dispute,
    Effect.hold_benefits: benefits.hold_benefits,
    Effect.release_benefits: benefits.release_benefits,
    Effect.lift_benefit_holds: benefits.lift_benefit_holds,
    Effect.requeue_claims: benefits.requeue_claims,
    Effect.assert_no_benefit_held: benefits.assert_no_benefit_held,
    Effect.assert_benefits_unblocked: benefits.assert_benefits_unblocked,
    Effect.wake_replacement: numbers.wake_replacement,
    Effect.offer_replacement: numbers.offer_replacement,
    Effect.block_card: cards.block_card,
    Effect.unblock_card: cards.unblock_card,
    Effect.confirm_loss: cards.confirm_loss,
    Effect.cancel_lost_card: cards.cancel_lost_card,
    Effect.order_card: cards.order_card,
    Effect.reorder_card: cards.reorder_card,
    Effect.cancel_order: cards.cancel_order,
    Effect.record_production: cards.record_production,
    Effect.hand_over_card: cards.hand_over_card,
    Effect.activate_function: cards.activate_function,
    Effect.switch_cards: cards.switch_cards,
    Effect.close_old_card: cards.close_old_card,
    Effect.destroy_card: cards.destroy_card,
    Effect.notify_applicant: notify_applicant,
    Effect.escalate: escalate,
}
