"""Cards: reported lost and found, ordered, made, handed over, activated, or never fetched."""

from datetime import date
from typing import Any, Final

from cases.answers import Condition, Destruction, Proviso
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    CardActivated,
    CardDestroyed,
    CardHandedOver,
    CardProduced,
    CardTurnedUp,
    CardUnclaimed,
    ConfirmAddress,
    Fact,
    HandOver,
    Repair,
    RepairAction,
)
from cases.machines.machine import Clock, Effect, Guard, Row, Status
from cases.models import OrderId
from cases.names import order_id
from cases.openings import ReplacementReason
from cases.rules.asking import NOT_ASKED_YET
from cases.rules.subject import Subject
from cases.state import CaseState


def _may_activate(state: CaseState, fact: CardActivated, today: date) -> Code | None:
    if (over := _names_the_order(state, fact, today)) is not None:
        return over
    return None if fact.function in state.functions_left else Code.EVENT_NOT_ALLOWED


# --- orders ---------------------------------------------------------------------------------------------------------


def _names_the_order(
    state: CaseState, fact: CardProduced | CardHandedOver | CardActivated, _today: date
) -> Code | None:
    """Whether an answer names the order in force; a card that an earlier attempt brings is still wanted."""
    wanted = fact.order == state.order or _earlier_attempt_produced(state, fact)
    return None if wanted else Code.ANSWER_OUT_OF_DATE


def _answers_nothing(state: CaseState, fact: Any) -> Code:
    asks = Event.order_card in state.machine.every_event
    named = fact.order if isinstance(fact, CardProduced | CardHandedOver | CardActivated) else None
    return Code.ANSWER_OUT_OF_DATE if asks and named not in {None, state.order} else Code.EVENT_NOT_ALLOWED


def _earlier_attempt_produced(state: CaseState, fact: Any) -> bool:
    wanted = state.status in {Status.in_production, Status.repair, Status.card_outstanding}
    return wanted and isinstance(fact, CardProduced) and fact.produced and fact.order in state.attempts


def _ordered_now(state: CaseState, *attempts: OrderId | None) -> dict[str, Any]:
    """The order that goes out with this transition, after earlier ones of the same card."""
    order = order_id(state.case_id, state.generation, state.version + 1)
    asked_before = (*state.attempts, *(each for each in attempts if each is not None))
    return {"order": order, "attempts": asked_before, **NOT_ASKED_YET}


def _over(state: CaseState, but: OrderId | None = None) -> dict[str, Any]:
    """Neither the order in force nor an earlier attempt is wanted any more, but one that brought the card."""
    asked_so_far = (*state.attempts, *(() if state.order is None else (state.order,)))
    over = tuple(order for order in asked_so_far if order != but)
    return {"order": but, "attempts": (), "past_orders": (*state.past_orders, *over)}


def _may_turn_up(state: CaseState, fact: CardTurnedUp, _today: date) -> Code | None:
    """Whether a card is one of this person's that nobody may have: of an order that was theirs, and is over."""
    return None if fact.order in _orders_over(state) else Code.ORDER_NOT_OVER


def _orders_over(state: CaseState) -> frozenset[OrderId]:
    """Orders of this person that are over, and have brought no card so far."""
    earlier = state.screening.orders if state.screening is not None else ()
    return frozenset({*state.past_orders, *earlier} - {state.order, *state.attempts, *state.surplus})


# --- the address ----------------------------------------------------------------------------------------------------


def _comes_by_post(state: CaseState) -> bool:
    return state.screening is not None and state.screening.delivery is HandOver.post


def _may_confirm_address(state: CaseState, _fact: ConfirmAddress, _today: date) -> Code | None:
    return None if _comes_by_post(state) else Code.ADDRESS_NOT_NEEDED


# --- destruction ----------------------------------------------------------------------------------------------------


def _may_state_unclaimed(state: CaseState, fact: CardUnclaimed, _today: date) -> Code | None:
    return _said_already(state, state.order, fact) if _reminders_are_used(state) else Code.CLAIM_PERIOD_NOT_OVER


def _may_state_destroyed(state: CaseState, fact: CardDestroyed, _today: date) -> Code | None:
    return _said_already(state, fact.order, fact) if fact.order in state.to_destroy else Code.CARD_NOT_TO_BE_DESTROYED


def _said_already(state: CaseState, order: OrderId | None, fact: CardUnclaimed | CardDestroyed) -> Code | None:
    same = any(
        (said.order, said.record, said.stated_by) == (order, fact.record, fact.actor.id) for said in state.destruction
    )
    return Code.SAME_PERSON if same else None


def _order_destroyed(state: CaseState, fact: CardUnclaimed | CardDestroyed) -> OrderId | None:
    return fact.order if isinstance(fact, CardDestroyed) else state.order


def first_statement(state: CaseState, fact: Fact | None) -> Destruction | None:
    """What another person said before of the destruction that is told now, on the same record; None for nothing."""
    if not isinstance(fact, CardUnclaimed | CardDestroyed):
        return None
    wanted = (_order_destroyed(state, fact), fact.record)
    for said in state.destruction:
        if (said.order, said.record) == wanted and said.stated_by != fact.actor.id:
            return said
    return None


def _stated(state: CaseState, fact: CardUnclaimed | CardDestroyed, row: Row) -> dict[str, Any]:
    order = _order_destroyed(state, fact)
    if row.guard is not Guard.first_statement:
        others = (said for said in state.destruction if said.order != order)
        return {
            "destruction": tuple(others),
            "surplus": tuple(each for each in state.surplus if each != order),
            # It has brought its card, and brings no other.
            "past_orders": tuple(each for each in state.past_orders if each != order),
        }
    # Whoever mistook the record says so once more; what others have said stands.
    others = (said for said in state.destruction if (said.order, said.stated_by) != (order, fact.actor.id))
    if order is None:
        raise AssertionError("a card that is to be destroyed was made by an order")
    return {"destruction": (*others, Destruction(order=order, record=fact.record, stated_by=fact.actor.id))}


def _kept_by_its_holder(state: CaseState, _fact: Any, _row: Row) -> dict[str, Any]:
    return {"destruction": tuple(said for said in state.destruction if said.order != state.order)}


# --- loss and the rest ----------------------------------------------------------------------------------------------


def _is_for_a_loss(state: CaseState) -> bool:
    return state.opening.replaced_because is ReplacementReason.lost


def _lost_and_unsettled(state: CaseState, _fact: Any) -> bool:
    """Whether there is a card to block for a time.

    One that was reported lost formally before needs no temporary report, whose end could mean anything for it, and one
    that was cancelled is blocked by nothing.
    """
    return _is_for_a_loss(state) and not state.loss_settled and not _lost_before(state) and state.card_in_use


def _lost_before(state: CaseState) -> bool:
    return state.screening is not None and state.screening.card_lost


def _may_report_loss(state: CaseState, _fact: Any, _today: date) -> Code | None:
    return Code.LOSS_ALREADY_REPORTED if _is_blocked(state) else None


def _if_a_card_works(state: CaseState, _today: date) -> Condition | None:
    # Another case of the person may have taken the card out of use, or brought a new one.
    return None if _is_blocked(state) else Condition(event=Event.report_loss, proviso=Proviso.card_in_use)


def _if_lifted_by_nobody_else(state: CaseState, _today: date) -> Condition | None:
    """Another case of the person may have made the loss formal meanwhile; that the card turned up is heard always."""
    rows = state.machine.rows(state.status, Event.card_found)
    row = next((row for row in rows if RULES.guards[row.guard](state, None)), None)
    if row is None or Effect.unblock_card not in row.effects:
        return None
    return Condition(event=Event.card_found, proviso=Proviso.block_may_be_lifted)


def _may_confirm_loss(state: CaseState, _fact: Any, _today: date) -> Code | None:
    return Code.LOSS_ALREADY_REPORTED if _is_blocked(state) and state.loss_settled else None


def _temporarily_lost(state: CaseState, _fact: Any) -> bool:
    return _is_blocked(state) and not state.loss_settled


def _unblock_possible(state: CaseState, _fact: Any) -> bool:
    return _is_blocked(state) and (not state.loss_settled or state.terms.undo_formal_loss)


def _unblock_and_go_on(state: CaseState, fact: Any) -> bool:
    # Once the cards are switched the one in use is the new one.
    still_wanted = not _is_for_a_loss(state) or state.status is Status.closing_old
    return still_wanted and _unblock_possible(state, fact)


def _found_too_late(state: CaseState, _fact: Any) -> bool:
    return state.old_card_lost or _is_lost(state) or state.lost_on_way > 0


def _is_lost(state: CaseState) -> bool:
    out_of_use = _is_for_a_loss(state) and not state.card_in_use
    return state.card_blocked or state.card_cancelled or _lost_before(state) or out_of_use


def _switched(state: CaseState) -> dict[str, Any]:
    """A card that is reported lost from here on is the new one."""
    return {
        "old_card_lost": _is_lost(state),
        "card_blocked": False,
        "card_cancelled": False,
        "loss_settled": False,
        "card_in_use": True,
    }


def _found(_state: CaseState, _fact: Any, row: Row) -> dict[str, Any]:
    return {"last_error": Code.CARD_FOUND_TOO_LATE} if row.guard is Guard.found_too_late else {}


def _block_ended(state: CaseState, _fact: Any, _row: Row) -> dict[str, Any]:
    # What became of the card the register has looked up: its holder may have found it, whatever the policy says.
    return {"card_blocked": False} if state.card_in_use else {"card_cancelled": True}


def _is_blocked(state: CaseState) -> bool:
    return state.card_blocked and not state.card_cancelled


def _gave_up(state: CaseState) -> dict[str, Any]:
    """The new card is lost: what was done with it counts for nothing, and the next one has all its limits."""
    return {
        **_over(state),
        "card_ordered": False,
        "activated": (),
        "destruction": tuple(said for said in state.destruction if said.order != state.order),
        "lost_on_way": state.lost_on_way + 1,
        "claim_reminders": 0,
        "activation_reminders": 0,
        "production_attempts": 0,
    }


def _lost_on_way(_state: CaseState, _fact: Any, row: Row) -> dict[str, Any]:
    return {"last_error": Code.LOST_ON_WAY_TOO_OFTEN} if row.to is Status.repair else {}


def _order_cancellable(state: CaseState, _fact: Any) -> bool:
    """Whether the card need not be made: nothing was ordered yet, or the region's policy permits to cancel an order."""
    return not state.card_ordered or state.terms.cancel_order


def _cancel_possible(state: CaseState, fact: Repair) -> bool:
    return fact.action is RepairAction.undo and _order_cancellable(state, fact)


def _may_be_written_off(state: CaseState, fact: Repair) -> bool:
    """Whether an operator may take it that nothing will come: not while the bureau still has its time."""
    return fact.action is RepairAction.undo and (state.status is not Status.in_production or state.limit_spent)


def _may_end_inactive(state: CaseState, _fact: Any, _today: date) -> Code | None:
    return None if state.limit_spent else Code.ACTIVATION_PERIOD_NOT_OVER


def _found_in_time(state: CaseState, fact: Any) -> bool:
    return _order_cancellable(state, fact) and _unblock_possible(state, fact)


def _reminders_are_used(state: CaseState) -> bool:
    return state.claim_reminders > state.terms.claim_reminders


def _produced(state: CaseState, fact: CardProduced, _row: Row) -> dict[str, Any]:
    return {
        **(_over(state, fact.order) if fact.produced else {}),
        "production_attempts": state.production_attempts + 1,
        "last_error": None if fact.produced else Code.PRODUCTION_FAILED,
        "overdue": False,
    }


def _reminded(state: CaseState, _fact: None, _row: Row) -> dict[str, Any]:
    return {"claim_reminders": state.claim_reminders + 1}


def _asked_to_activate(state: CaseState, _fact: None, _row: Row) -> dict[str, Any]:
    return {"activation_reminders": state.activation_reminders + 1, "overdue": True}


def _not_found(state: CaseState) -> Code:
    return Code.UNDO_NOT_PERMITTED if _is_lost(state) else Code.EVENT_NOT_ALLOWED


RULES: Final = Subject(
    checks={
        Event.card_produced: _names_the_order,
        Event.card_handed_over: _names_the_order,
        Event.card_activated: _may_activate,
        Event.card_lost_on_way: _names_the_order,
        Event.card_turned_up: _may_turn_up,
        Event.report_loss: _may_report_loss,
        Event.confirm_loss: _may_confirm_loss,
        Event.card_unclaimed: _may_state_unclaimed,
        Event.card_destroyed: _may_state_destroyed,
        Event.card_not_activated: _may_end_inactive,
        Event.confirm_address: _may_confirm_address,
    },
    guards={
        Guard.earlier_attempt_produced: _earlier_attempt_produced,
        Guard.first_statement: lambda state, fact: first_statement(state, fact) is None,
        Guard.lost_and_unsettled: _lost_and_unsettled,
        Guard.loss_report_released: lambda state, _fact: state.terms.loss_report_expires == "release",
        Guard.unblock_possible: _unblock_possible,
        Guard.order_cancellable: _order_cancellable,
        Guard.cancel_possible: _cancel_possible,
        Guard.found_in_time: _found_in_time,
        Guard.unblock_and_go_on: _unblock_and_go_on,
        Guard.found_too_late: _found_too_late,
        Guard.temporarily_lost: _temporarily_lost,
        Guard.card_in_use: lambda state, _fact: state.card_in_use,
        Guard.no_card_in_use: lambda state, _fact: not state.card_in_use,
        Guard.another_order_left: lambda state, _fact: state.lost_on_way < state.terms.lost_on_way,
        Guard.retry_anew: lambda state, fact: fact.action is RepairAction.retry and not state.card_ordered,
        Guard.write_off: _may_be_written_off,
        Guard.order_in_force: lambda state, fact: fact.order == state.order,
        Guard.produced: lambda _state, fact: fact.produced,
        Guard.attempts_left: lambda state, _fact: state.production_attempts + 1 < state.terms.production_attempts,
        Guard.last_function: lambda state, fact: set(state.terms.functions) <= {*state.activated, fact.function},
    },
    changes={
        Event.confirm_loss: lambda _state, _fact, _row: {"loss_settled": True},
        Event.loss_report_expired: lambda _state, _fact, _row: {"loss_settled": True},
        Event.card_found: _found,
        Event.block_ended: _block_ended,
        Event.card_lost_on_way: _lost_on_way,
        Event.card_produced: _produced,
        # The bureau is asked again by an operator; no further limit runs until then.
        Event.production_overdue: lambda _state, _fact, _row: {"timer": None},
        Event.claim_period_passed: _reminded,
        Event.activation_overdue: _asked_to_activate,
        Event.card_handed_over: _kept_by_its_holder,
        Event.card_activated: lambda state, fact, _row: {"activated": (*state.activated, fact.function)},
        Event.card_unclaimed: _stated,
        Event.card_turned_up: lambda state, fact, _row: {"surplus": (*state.surplus, fact.order)},
        Event.card_destroyed: _stated,
        Event.confirm_address: lambda _state, fact, _row: {"address": fact.address},
    },
    effects={
        Effect.block_card: {"card_blocked": True},
        Effect.report_loss: {
            "card_blocked": True,
            "card_cancelled": False,
            "loss_settled": False,
            "card_in_use": True,
        },
        Effect.give_up_card: _gave_up,
        Effect.switch_cards: _switched,
        Effect.cancel_lost_card: {"card_cancelled": True, "card_in_use": False},
        Effect.unblock_card: {"card_blocked": False, "loss_settled": False},
        Effect.order_card: lambda state: {"card_ordered": True, **_ordered_now(state)},
        Effect.reorder_card: lambda state: _ordered_now(state, state.order),
        Effect.cancel_order: lambda state: {"card_ordered": False, **_over(state)},
        Effect.destroy_card: lambda state: {"card_ordered": False, **_over(state)},
        Effect.cancel_card: lambda state: {"card_ordered": False, **_over(state)},
        Effect.write_off_order: lambda state: {"card_ordered": False, **_over(state)},
    },
    unknown=dict.fromkeys(
        (Event.card_produced, Event.card_handed_over, Event.card_activated, Event.card_lost_on_way), _answers_nothing
    ),
    offered={
        Event.card_destroyed: lambda state, _today: bool(state.to_destroy),
        Event.report_loss: lambda state, _today: not _is_blocked(state),
        Event.confirm_loss: lambda state, _today: (
            state.status is Status.temporarily_blocked or _temporarily_lost(state, None)
        ),
        Event.card_produced: lambda state, _today: state.order is not None,
        Event.card_activated: lambda state, _today: bool(state.functions_left),
        Event.card_turned_up: lambda state, _today: bool(_orders_over(state)),
        Event.card_unclaimed: lambda state, _today: _reminders_are_used(state),
        Event.card_not_activated: lambda state, _today: state.limit_spent,
        Event.confirm_address: lambda state, _today: _comes_by_post(state),
    },
    conditions={Event.report_loss: _if_a_card_works, Event.card_found: _if_lifted_by_nobody_else},
    entered={Status.in_review: {"production_attempts": 0}},
    refused={Event.card_found: _not_found},
    clock_again=frozenset({Event.claim_period_passed, Event.activation_overdue}),
    clock_again_by=frozenset({Effect.reorder_card}),
    # The last reminder opens a task: for two people where a card is not fetched, for a clerk where it is not activated.
    clock_spent={
        Clock.claim: _reminders_are_used,
        Clock.activation: lambda state: state.activation_reminders >= state.terms.activation_reminders,
    },
    ended_because={(Status.withdrawn, Event.loss_report_expired): Code.LOSS_REPORT_EXPIRED},
    remains={
        "card_blocked": lambda after: _is_blocked(after) or (_lost_before(after) and not after.card_blocked),
        "card_cancelled": lambda after: after.card_cancelled,
        "card_ordered": lambda after: after.card_ordered,
        "surplus_card": lambda after: bool(after.surplus),
    },
)
