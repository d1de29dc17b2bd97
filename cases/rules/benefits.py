"""Benefits: held by a named officer's decision alone, after the campaign date, with a served notice; and released."""

from datetime import date, timedelta
from typing import Any, Final

from cases.clocks import day_of
from cases.errors import Code
from cases.events import Event
from cases.facts import HoldBenefits
from cases.machines.machine import Effect, Row
from cases.rules.subject import Subject
from cases.state import BENEFITS_EXCLUDED, CaseState


def _may_hold(state: CaseState, fact: HoldBenefits, today: date) -> Code | None:
    ends = state.ladder.dates.campaign_due_at
    if ends is None or today <= day_of(ends - timedelta(microseconds=1)):
        return Code.DEADLINE_NOT_PASSED
    return Code.NOTICE_NOT_SERVED if fact.served_on > today else None


def _are_held(state: CaseState, _fact: Any, _today: date) -> Code | None:
    return None if state.benefits_held else Code.BENEFITS_NOT_HELD


def _excluded(state: CaseState, _fact: Any) -> Code:
    return Code.BENEFITS_EXCLUDED if state.status in BENEFITS_EXCLUDED else Code.EVENT_NOT_ALLOWED


def _held(_state: CaseState, _fact: HoldBenefits, _row: Row) -> dict[str, Any]:
    return {"benefits_held": True}


def _released(_state: CaseState, _fact: Any, _row: Row) -> dict[str, Any]:
    return {"benefits_held": False}


RULES: Final = Subject(
    checks={Event.hold_benefits: _may_hold, Event.release_benefits: _are_held, Event.benefits_lifted: _are_held},
    changes={Event.hold_benefits: _held, Event.release_benefits: _released, Event.benefits_lifted: _released},
    effects={Effect.lift_benefit_holds: {"benefits_held": False}},
    ladder={Event.hold_benefits: lambda _state, _fact, _at: {"decision": False}},
    unknown={Event.hold_benefits: _excluded},
    remains={"benefits_held": lambda after: after.benefits_held},
)
