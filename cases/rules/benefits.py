"""Benefits: held by a named officer's decision alone, after the campaign date, with a served notice; and released.

At the campaign date a decision is owed, to hold or not to hold; nobody's having seen the case takes its place.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final

from cases.answers import BenefitDecision
from cases.clocks import day_of
from cases.errors import Code
from cases.events import Event
from cases.facts import HoldBenefits, KeepBenefits
from cases.ladder import Rung
from cases.machines.machine import Effect, Row
from cases.rules.subject import Subject
from cases.state import BENEFITS_EXCLUDED, CaseState


def _may_hold(state: CaseState, fact: HoldBenefits, today: date) -> Code | None:
    ends = state.ladder.dates.campaign_due_at
    if ends is None or today <= day_of(ends - timedelta(microseconds=1)):
        return Code.DEADLINE_NOT_PASSED
    return Code.NOTICE_NOT_SERVED if fact.served_on > today else None


def _is_asked(state: CaseState, _fact: KeepBenefits, _today: date) -> Code | None:
    return None if state.ladder.decision else Code.DECISION_NOT_ASKED


def _are_held(state: CaseState, _fact: Any, _today: date) -> Code | None:
    return None if state.benefits_held else Code.BENEFITS_NOT_HELD


def _excluded(state: CaseState, _fact: Any) -> Code:
    return Code.BENEFITS_EXCLUDED if state.status in BENEFITS_EXCLUDED else Code.EVENT_NOT_ALLOWED


def _held(_state: CaseState, fact: HoldBenefits, _row: Row) -> dict[str, Any]:
    decision = BenefitDecision(held=True, legal_basis=fact.legal_basis, decided_by=fact.actor.id)
    return {"benefits_held": True, "benefit_decision": decision}


def _kept(_state: CaseState, fact: KeepBenefits, _row: Row) -> dict[str, Any]:
    decision = BenefitDecision(held=False, legal_basis=fact.legal_basis, because=fact.because, decided_by=fact.actor.id)
    return {"benefit_decision": decision}


def _decided(_state: CaseState, _fact: Any, _at: datetime) -> dict[str, Any]:
    return {"decision": False}


def _date_has_passed(state: CaseState, _today: date) -> bool:
    return not state.benefits_held and state.ladder.rung >= Rung.deadline


def _released(_state: CaseState, _fact: Any, _row: Row) -> dict[str, Any]:
    return {"benefits_held": False}


RULES: Final = Subject(
    checks={
        Event.hold_benefits: _may_hold,
        Event.keep_benefits: _is_asked,
        Event.release_benefits: _are_held,
        Event.benefits_lifted: _are_held,
    },
    changes={
        Event.hold_benefits: _held,
        Event.keep_benefits: _kept,
        Event.release_benefits: _released,
        Event.benefits_lifted: _released,
    },
    effects={Effect.lift_benefit_holds: {"benefits_held": False}},
    ladder={Event.hold_benefits: _decided, Event.keep_benefits: _decided},
    offered={
        Event.hold_benefits: _date_has_passed,
        Event.keep_benefits: lambda state, _today: state.ladder.decision,
        Event.release_benefits: lambda state, _today: state.benefits_held,
    },
    unknown={Event.hold_benefits: _excluded, Event.keep_benefits: _excluded},
    remains={"benefits_held": lambda after: after.benefits_held},
)
