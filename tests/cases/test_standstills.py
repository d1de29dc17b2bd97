"""Whether a case stands still by what the register holds."""

from datetime import timedelta

import pytest

from cases.decide import next_step
from cases.events import Event
from cases.facts import HoldReason
from cases.kinds import MACHINES
from cases.ladder import Ladder
from cases.machines.machine import Status
from cases.names import Kind
from cases.standstills import (
    OF_NEIGHBOURS,
    PATIENCE,
    WAITING_FOR_NEIGHBOURS,
    Stands,
    Standstill,
    standstill_of,
    unheard_by,
)
from cases.state import CaseState
from tests.scenes import NOW, in_status

OPEN = [(kind, status) for kind, machine in MACHINES.items() for status in machine.statuses if machine.is_open(status)]


@pytest.mark.parametrize(("kind", "status"), OPEN)
def test_a_case_that_has_just_come_to_a_status_does_not_stand_still(kind: Kind, status: Status) -> None:
    assert standstill_of(in_status(kind, status), NOW, NOW) is None


@pytest.mark.parametrize(("kind", "status"), OPEN)
def test_what_is_due_may_be_late_for_a_while_and_no_longer(kind: Kind, status: Status) -> None:
    state = in_status(kind, status)
    if state.upcoming is None:
        pytest.skip("nothing is due there")
    due = state.upcoming.at
    assert standstill_of(state, due, due + PATIENCE - timedelta(seconds=1)) is None
    late = standstill_of(state, due, due + PATIENCE)
    assert late == Stands(Standstill.late, state.upcoming.event.value, due)


def at_rest(kind: Kind, status: Status) -> CaseState:
    """A case in which no limit runs and no rung is to come."""
    return in_status(kind, status).model_copy(update={"timer": None, "notice": None, "ladder": Ladder()})


STEPS = [(kind, status) for kind, status in OPEN if next_step(at_rest(kind, status), NOW) is not None]


@pytest.mark.parametrize(("kind", "status"), STEPS)
def test_a_step_of_the_engine_that_is_not_made_is_found(kind: Kind, status: Status) -> None:
    state = at_rest(kind, status)
    step = next_step(state, NOW)
    assert step is not None
    assert standstill_of(state, NOW - PATIENCE, NOW) == Stands(Standstill.step, step.value, NOW - PATIENCE)
    assert standstill_of(state, NOW, NOW) is None


@pytest.mark.parametrize(("kind", "status"), sorted(set(OPEN) - set(STEPS)))
def test_a_case_that_waits_for_nothing_and_asks_nobody_has_no_way_on(
    kind: Kind, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = at_rest(kind, status)
    assert standstill_of(state, NOW, NOW) is None, "somebody is asked"
    # As by a table that has lost the rows of the status, which `tests/cases/liveness` would tell.
    monkeypatch.setattr("cases.standstills.possible_events", lambda _state, _at: (Event.withdraw, Event.acknowledge))
    assert standstill_of(state, NOW, NOW) == Stands(Standstill.no_way_on, status.value, NOW)


@pytest.mark.parametrize("kind", MACHINES)
def test_a_case_that_is_over_stands_where_it_should(kind: Kind) -> None:
    state = in_status(kind, Status.withdrawn)
    assert standstill_of(state, NOW - timedelta(days=400), NOW) is None


@pytest.mark.parametrize(("kind", "status"), OPEN)
def test_what_a_neighbour_should_have_told_leads_on_only_where_that_is_looked_at(kind: Kind, status: Status) -> None:
    state = in_status(kind, status)
    if status is Status.on_hold:
        state = state.model_copy(update={"hold_reason": HoldReason.number_change_first})
    leads_on = {event for event in OF_NEIGHBOURS if unheard_by(state, (event,), NOW, NOW + PATIENCE) is not None}
    expected: dict[Status, set[Event]] = {
        Status.disputed: {Event.dispute_lost, Event.dispute_won, Event.dispute_lapsed},
        Status.on_hold: {Event.number_changed} if kind is Kind.card_replacement else set(),
    }
    assert leads_on == expected.get(status, set())
    assert status in WAITING_FOR_NEIGHBOURS or not leads_on


def test_a_neighbour_has_a_while_to_tell_and_what_the_register_does_not_say_is_not_missed() -> None:
    state = in_status(Kind.id_number_change, Status.disputed)
    assert unheard_by(state, OF_NEIGHBOURS, NOW, NOW + PATIENCE - timedelta(seconds=1)) is None
    assert unheard_by(state, (), NOW, NOW + PATIENCE) is None
    assert unheard_by(state, (Event.dispute_won,), NOW, NOW + PATIENCE) == Stands(Standstill.step, "dispute_won", NOW)


def test_a_hold_for_another_reason_waits_for_no_number() -> None:
    state = in_status(Kind.card_replacement, Status.on_hold)
    assert state.hold_reason is not HoldReason.number_change_first
    assert unheard_by(state, (Event.number_changed,), NOW, NOW + PATIENCE) is None
