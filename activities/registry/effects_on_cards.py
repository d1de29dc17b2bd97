"""Effects on the person's cards."""

from typing import Final

import asyncpg

from activities.registry.effects_on_numbers import refuse_while_busy
from activities.registry.errors import Refused
from activities.registry.step import Step
from activities.sealing import Field
from cases.errors import CaseError, Code
from cases.facts import CardActivated, CardHandedOver, CardProduced, CardUnclaimed

BUREAU: Final = "card_bureau"
BANK: Final = "bank"


async def block_card(step: Step) -> None:
    """A card that works is blocked at once (1 to B); a person without one has nothing to block."""
    await _recode(step, "B", ("1",), "card_blocked")


async def unblock_card(step: Step) -> None:
    """A found card works again (B or 2 to 1). Refuses UNDO_NOT_PERMITTED where it was cancelled after its loss."""
    old = await step.first("card_to_replace")
    if old is not None and old["code"] == "3":
        raise Refused(Code.UNDO_NOT_PERMITTED)
    await _recode(step, "1", ("B", "2"), "card_unblocked")


async def confirm_loss(step: Step) -> None:
    """The loss was reported formally (B to 2)."""
    await _recode(step, "2", ("B",), "card_lost")


async def cancel_lost_card(step: Step) -> None:
    """The temporary loss report expired and the region cancels the card (B to 3)."""
    await _recode(step, "3", ("B",), "card_cancelled")


async def order_card(step: Step) -> None:
    """Order a card at the bureau.

    Refuses PERSON_BUSY while the person's number is changing, PRECHECK_3 where a card is coming already, PRECHECK_4
    where there is none to replace.
    """
    await refuse_while_busy(step)
    old = await step.first("card_to_replace")
    if old is None:
        raise Refused(Code.PRECHECK_NOT_ALLOWED)
    ordered = await step.first("order_card", replaces=old["id"])
    if ordered is None:
        raise Refused(Code.PRECHECK_DUPLICATE)
    await step.publish("card_ordered", (BUREAU,), str(ordered["id"]))


async def reorder_card(step: Step) -> None:
    """The bureau is asked once more to make the card it failed to make."""
    coming = await _coming(step)
    await step.publish("card_ordered", (BUREAU,), str(coming["id"]))


async def cancel_order(step: Step) -> None:
    """The order is taken back, and a card that was made is cancelled; nothing happens where none is coming."""
    coming = await step.first("coming_card")
    if coming is not None:
        await step.run("cancel_order", card_id=coming["id"])
        await step.publish("card_order_cancelled", (BUREAU,), str(coming["id"]))


async def record_production(step: Step) -> None:
    """The bureau made the card; it has a number from here on.

    Refuses PAYLOAD_INVALID where the number is not the one its token stands for, or another card has it already.
    """
    made = step.told(CardProduced)
    coming = await _coming(step)
    if made.card_number is None or made.card_token != _token_of(step, made.card_number):
        raise Refused(Code.PAYLOAD_INVALID)
    if await step.first("known_card_number", card_token=made.card_token, card_id=coming["id"]) is not None:
        raise Refused(Code.PAYLOAD_INVALID)
    recorded = await step.run(
        "record_production",
        card_id=coming["id"],
        card_number=made.card_number,
        card_token=made.card_token,
        batch=made.batch,
    )
    if not recorded:
        raise Refused(Code.REGISTER_CHANGED)


async def hand_over_card(step: Step) -> None:
    """The card reached its holder."""
    handed = step.told(CardHandedOver)
    coming = await _coming(step)
    await step.run("hand_over_card", card_id=coming["id"], handed_over_by=handed.by.value, evidence=handed.evidence)


async def activate_function(step: Step) -> None:
    """One function of the card works."""
    coming = await _coming(step)
    await step.run("activate_function", card_id=coming["id"], function=step.told(CardActivated).function.value)


async def switch_cards(step: Step) -> None:
    """The new card works and the old one does not any more, in one go. Refuses PERSON_BUSY."""
    await refuse_while_busy(step)
    coming = await _coming(step)
    # The old one first: a person has at most one card in use.
    await step.run("retire_card", card_id=coming["replaces"])
    await step.run("put_card_in_use", card_id=coming["id"])
    await step.publish("card_switched", (BUREAU, BANK), str(coming["id"]))


async def close_old_card(step: Step) -> None:
    """Benefits are paid to the new card; the old one has no function left. Refuses PERSON_BUSY."""
    await refuse_while_busy(step)
    card = await step.first("card_in_use")
    if card is None:
        raise Refused(Code.REGISTER_CHANGED)
    await step.run("end_payment_authority", replaces=card["replaces"])
    await step.run("give_payment_authority", card_id=card["id"])
    await step.publish("payment_authority_moved", (BUREAU, BANK), str(card["id"]))


async def destroy_card(step: Step) -> None:
    """A card that nobody fetched was destroyed by two people."""
    destroyed = step.told(CardUnclaimed)
    coming = await _coming(step)
    await step.run(
        "destroy_card",
        card_id=coming["id"],
        destroyed_by=destroyed.actor.id,
        witness=destroyed.witness.id,
        record=destroyed.record,
    )
    await step.publish("card_destroyed", (BUREAU,), str(coming["id"]))


async def _recode(step: Step, code: str, before: tuple[str, ...], event: str) -> None:
    old = await step.first("card_to_replace")
    if old is not None:
        await step.run("recode_card", card_id=old["id"], code=code, codes_before=list(before), event_kind=event)


async def _coming(step: Step) -> asyncpg.Record:
    coming = await step.first("coming_card")
    if coming is None:
        raise Refused(Code.REGISTER_CHANGED)
    return coming


def _token_of(step: Step, sealed: str) -> str | None:
    try:
        number = step.sealer.open(sealed, field=Field.card_number, person=step.after.opening.person)
    except CaseError as broken:
        if broken.code is Code.SEAL_BROKEN:
            return None
        raise
    return step.sealer.number_token(number)
