"""Cards: reported lost and found, ordered, made, handed over, activated, or never fetched."""

from datetime import date
from typing import Any, Final

from cases.errors import Code
from cases.events import Event
from cases.facts import CardActivated, CardProduced, CardUnclaimed, Repair, RepairAction
from cases.machines.machine import Clock, Effect, Guard, Row, Status
from cases.models import distinct
from cases.openings import ReplacementReason
from cases.rules.subject import Subject
from cases.state import CaseState


def _may_activate(state: CaseState, fact: CardActivated, _today: date) -> Code | None:
    wanted = fact.function in state.terms.functions and fact.function not in state.activated
    return None if wanted else Code.EVENT_NOT_ALLOWED


def _witnessed(_state: CaseState, fact: CardUnclaimed, _today: date) -> Code | None:
    return None if distinct((fact.actor.id, fact.witness.id)) else Code.SAME_PERSON


def _lost_and_unsettled(state: CaseState, _fact: Any) -> bool:
    return state.opening.replaced_because is ReplacementReason.lost and not state.loss_settled


def _unblock_possible(state: CaseState, _fact: Any) -> bool:
    return _is_blocked(state) and (not state.loss_settled or state.terms.undo_formal_loss)


def _is_blocked(state: CaseState) -> bool:
    return state.card_blocked and not state.card_cancelled


def _order_cancellable(state: CaseState, _fact: Any) -> bool:
    """Whether the card need not be made: nothing was ordered yet, or the region's policy permits to cancel an order."""
    return state.status is Status.ordered or state.terms.cancel_order


def _cancel_possible(state: CaseState, fact: Repair) -> bool:
    return fact.action is RepairAction.undo and _order_cancellable(state, fact)


def _found_in_time(state: CaseState, fact: Any) -> bool:
    return _order_cancellable(state, fact) and _unblock_possible(state, fact)


def _reminders_are_used(state: CaseState) -> bool:
    return state.claim_reminders > state.terms.claim_reminders


def _produced(state: CaseState, fact: CardProduced, _row: Row) -> dict[str, Any]:
    return {
        "production_attempts": state.production_attempts + 1,
        "last_error": None if fact.produced else Code.PRODUCTION_FAILED,
        "overdue": False,
    }


def _reminded(state: CaseState, _fact: None, _row: Row) -> dict[str, Any]:
    return {"claim_reminders": state.claim_reminders + 1}


def _asked_to_activate(state: CaseState, _fact: None, _row: Row) -> dict[str, Any]:
    return {"activation_reminders": state.activation_reminders + 1, "overdue": True}


def _not_found(state: CaseState) -> Code:
    return Code.UNDO_NOT_PERMITTED if state.card_blocked else Code.EVENT_NOT_ALLOWED


RULES: Final = Subject(
    checks={Event.card_activated: _may_activate, Event.card_unclaimed: _witnessed},
    guards={
        Guard.lost_and_unsettled: _lost_and_unsettled,
        Guard.loss_report_released: lambda state, _fact: state.terms.loss_report_expires == "release",
        Guard.unblock_possible: _unblock_possible,
        Guard.order_cancellable: _order_cancellable,
        Guard.cancel_possible: _cancel_possible,
        Guard.found_in_time: _found_in_time,
        Guard.produced: lambda _state, fact: fact.produced,
        Guard.attempts_left: lambda state, _fact: state.production_attempts + 1 < state.terms.production_attempts,
        Guard.last_function: lambda state, fact: set(state.terms.functions) <= {*state.activated, fact.function},
        Guard.claim_period_over: lambda state, _fact: _reminders_are_used(state),
    },
    changes={
        Event.confirm_loss: lambda _state, _fact, _row: {"loss_settled": True},
        Event.loss_report_expired: lambda _state, _fact, _row: {"loss_settled": True},
        Event.card_produced: _produced,
        # The bureau is asked again by an operator; no further limit runs until then.
        Event.production_overdue: lambda _state, _fact, _row: {"timer": None},
        Event.claim_period_passed: _reminded,
        Event.activation_overdue: _asked_to_activate,
        Event.card_activated: lambda state, fact, _row: {"activated": (*state.activated, fact.function)},
    },
    effects={
        Effect.block_card: {"card_blocked": True},
        Effect.cancel_lost_card: {"card_cancelled": True},
        Effect.unblock_card: {"card_blocked": False},
        Effect.order_card: {"card_ordered": True},
        Effect.cancel_order: {"card_ordered": False},
        Effect.destroy_card: {"card_ordered": False},
    },
    entered={Status.in_review: {"production_attempts": 0}},
    refused={Event.card_unclaimed: lambda _state: Code.CLAIM_PERIOD_NOT_OVER, Event.card_found: _not_found},
    clock_again=frozenset({Event.claim_period_passed, Event.activation_overdue}),
    clock_again_by=frozenset({Effect.reorder_card}),
    # The last reminder opens a task: for two people where a card is not fetched, for a clerk where it is not activated.
    clock_spent={
        Clock.claim: _reminders_are_used,
        Clock.activation: lambda state: state.activation_reminders >= state.terms.activation_reminders,
    },
    ended_because={(Status.withdrawn, Event.loss_report_expired): Code.LOSS_REPORT_EXPIRED},
    remains={
        "card_blocked": _is_blocked,
        "card_cancelled": lambda after: after.card_cancelled,
        "card_ordered": lambda after: after.card_ordered,
    },
)
