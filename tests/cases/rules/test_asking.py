"""Asking other systems: who was not asked is not late, and the time to answer runs from the delivery."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

import pytest

from cases.answers import Unasked
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Extend, RepairAction
from cases.machines.machine import Awaits, Clock, Effect, Status
from cases.models import Role, System
from cases.state import CaseState
from cases.views import view_of
from tests.cases.moving import (
    applying,
    asked,
    confirms,
    delivered,
    in_production,
    makes,
    move,
    refused,
    repairs,
)
from tests.scenes import NOW, OFFICE, OFFICER, SOUTH

LATER = NOW + timedelta(days=1)
AWAY = NOW - timedelta(hours=3)


def applied() -> CaseState:
    return move(applying(), Event.commit)


def ends_at(state: CaseState, clock: Clock) -> datetime:
    assert state.timer is not None
    assert state.timer.clock is clock
    return state.timer.due_at


WAITING: dict[str, tuple[Callable[[str], CaseState], Clock]] = {
    "number": (lambda _region: applied(), Clock.confirmation),
    "card": (in_production, Clock.production),
}


@pytest.mark.parametrize(("what", "region"), [*product(["card"], [OFFICE, SOUTH]), ("number", OFFICE)])
def test_the_time_to_answer_runs_from_the_delivery_and_the_delivery_has_its_own(what: str, region: str) -> None:
    begins, clock = WAITING[what]
    state = begins(region)
    assert view_of(state, NOW).due_event is Event.delivery_overdue
    ends_at(state, Clock.delivery)
    late = asked(state, LATER)
    assert late.status is state.status
    assert view_of(late, NOW).asked_at == LATER
    assert ends_at(late, clock) > ends_at(asked(state), clock)
    assert late.timer is not None
    assert late.timer.since == LATER


def test_what_was_delivered_counts_once() -> None:
    state = asked(applied())
    assert refused(delivered(state, LATER), Event.question_delivered) is Code.EVENT_NOT_ALLOWED
    # Whether it was delivered the register says, and no case.
    assert refused(applied(), Event.question_delivered) is Code.EVENT_NOT_ALLOWED


def test_whom_a_number_could_not_be_told_is_named_and_the_office_is_told_of_it() -> None:
    away = (Unasked(role=Role.bank, away_since=AWAY),)
    state = applied().model_copy(update={"unasked": away})
    overdue = move(state, Event.delivery_overdue, at=LATER)
    assert (overdue.status, overdue.last_error) == (Status.repair, Code.QUESTION_NOT_DELIVERED)
    assert overdue.attention == ("repair", "undelivered")
    assert view_of(overdue, NOW).undelivered == away
    (row,) = overdue.machine.rows(Status.applying, Event.delivery_overdue)
    assert row.effects == (Effect.notify_office,)
    # Its receiver is back: the case waits for its answer as if it had been asked in time.
    back = asked(overdue, LATER)
    assert (back.status, back.last_error, back.attention) == (Status.applying, None, ())
    ends_at(back, Clock.confirmation)
    # Or it said so by other means, and nobody is left to be asked.
    known = overdue
    for system in System:
        known = move(known, Event.confirm_downstream, confirms(system))
    assert (known.status, known.undelivered) == (Status.updated, ())


def test_whoever_is_left_was_asked_and_has_their_time_when_who_was_not_asked_answers() -> None:
    state = applied().model_copy(update={"unasked": (Unasked(role=Role.bank, away_since=AWAY),)})
    overdue = move(state, Event.delivery_overdue, at=LATER)
    known = move(overdue, Event.confirm_downstream, confirms(System.bank))
    assert (known.status, known.unasked, known.attention) == (Status.repair, (), ("repair", "undelivered"))
    back = asked(known, LATER)
    assert (back.status, back.last_error, back.attention) == (Status.applying, None, ())
    ends_at(back, Clock.confirmation)


def test_a_refusal_stays_somebodys_task_whoever_is_asked_meanwhile() -> None:
    state = applied().model_copy(update={"unasked": (Unasked(role=Role.bank),)})
    overdue = move(move(state, Event.confirm_downstream, confirms(System.pension)), Event.delivery_overdue, at=LATER)
    denied = move(overdue, Event.confirm_downstream, confirms(System.medical_insurance, confirmed=False))
    assert (denied.status, denied.last_error) == (Status.repair, Code.CONFIRMATION_REFUSED)
    assert denied.attention == ("repair", "undelivered")
    assert refused(delivered(denied, LATER), Event.question_delivered) is Code.EVENT_NOT_ALLOWED


def test_who_is_asked_again_has_all_the_time_again() -> None:
    state = asked(applied()).model_copy(update={"unasked": ()})
    overdue = move(state, Event.confirmation_overdue)
    assert overdue.last_error is Code.CONFIRMATION_OVERDUE
    # Who was asked in time and is late stays so, whatever arrives afterwards.
    assert refused(delivered(overdue), Event.question_delivered) is Code.EVENT_NOT_ALLOWED
    again = move(overdue, Event.repair, repairs(RepairAction.retry))
    assert again.asked_at is None
    ends_at(again, Clock.delivery)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_bureau_that_was_not_asked_is_an_operators_task_and_no_late_production(region: str) -> None:
    state = move(in_production(region), Event.delivery_overdue, at=LATER)
    assert (state.status, state.awaits, state.timer) == (Status.in_production, Awaits.operator, None)
    assert state.attention == ("overdue", "undelivered")
    assert state.undelivered == (Unasked(role=Role.card_bureau),)
    back = asked(state, LATER)
    assert (back.awaits, back.attention, back.last_error) == (Awaits.card_bureau, (), None)
    ends_at(back, Clock.production)
    # The next order is another question.
    failed = move(back, Event.card_produced, makes(produced=False))
    ends_at(failed, Clock.delivery)


def test_an_extension_gives_more_time_to_answer_and_none_to_deliver() -> None:
    state = in_production()
    longer = move(state, Event.extend, Extend(actor=OFFICER, working_days=5, evidence="ext-1"))
    assert ends_at(longer, Clock.delivery) == ends_at(state, Clock.delivery)
    assert ends_at(asked(longer), Clock.production) > ends_at(asked(state), Clock.production)
    with pytest.raises(CaseError) as caught:
        move(state, Event.extend, Extend(actor=OFFICER, working_days=25, evidence="ext-1"))
    assert caught.value.code is Code.EXTENSION_OF_PRODUCTION
