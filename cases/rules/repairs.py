"""Repairs: the engine cannot go on by itself, and an operator decides how it goes on."""

from datetime import date
from typing import Any, Final

from cases.errors import Code
from cases.events import Event
from cases.facts import Repair, RepairAction
from cases.machines.machine import Guard, Row
from cases.rules.numbers import confirmed_by, not_undone
from cases.rules.subject import Subject
from cases.state import CaseState

LEAVES_STUCK: Final = frozenset(
    {
        Event.acknowledge,
        Event.keep_benefits,
        Event.release_benefits,
        Event.benefits_lifted,
        Event.escalated,
        Event.recompute,
        # What becomes of cards beside the one that is on its way.
        *(Event.report_loss, Event.confirm_loss, Event.card_found, Event.block_ended),
        *(Event.card_turned_up, Event.card_destroyed),
    }
)
"""Neither seeing a case nor its benefits makes the engine go on; `repair` and other news of the neighbours do."""


def _may_repair(state: CaseState, fact: Repair, _today: date) -> Code | None:
    return Code.SYSTEM_NOT_AWAITED if fact.system is not None and fact.system not in state.awaited else None


def _repaired(state: CaseState, fact: Repair, _row: Row) -> dict[str, Any]:
    if fact.system is not None:
        return confirmed_by(state, fact.system)
    # A retried production has all its attempts again: somebody decided so.
    return {"last_error": None, "refused_by": None, "production_attempts": 0}


RULES: Final = Subject(
    checks={Event.repair: _may_repair},
    guards={Guard.retry: lambda _state, fact: fact.action is RepairAction.retry},
    changes={Event.repair: _repaired, Event.stuck: lambda _state, _fact, _row: {"stuck": True}},
    refused={Event.repair: not_undone},
)
