"""Both state machines as tables: well formed, walked pair by pair, refused where a pair is not in the table."""

from datetime import timedelta
from itertools import product

import pytest

from cases.decide import CHANGES, CHECKS, GUARDS, Decision, decide, next_step, otherwise
from cases.errors import CaseError, Code
from cases.events import EVENTS, Event, Origin
from cases.events import FACTS as FACT_MODELS
from cases.kinds import KINDS, MACHINES
from cases.machines.machine import (
    CLOCK_EVENT,
    OTHERWISE,
    Awaits,
    Clock,
    Effect,
    Guard,
    Machine,
    Milestone,
    Row,
    Status,
)
from cases.names import Kind
from cases.state import CaseState, Timer
from tests.scenes import FACTS, NOW, in_status

AFTER_A_REFUSAL = {event for event, record in EVENTS.items() if record.after_a_refusal}
STATUSES = [
    pytest.param(kind, status, id=f"{KINDS[kind].prefix}-{status}")
    for kind, machine in MACHINES.items()
    for status in machine.statuses
]
ROWS = [pytest.param(machine.kind, row) for machine in MACHINES.values() for row in machine.table]


def attempt(state: CaseState, event: Event) -> Decision | Code:
    try:
        return decide(state, event, FACTS.get(event), NOW)
    except CaseError as refused:
        return refused.code


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_every_pair_moves_along_a_row_of_the_table_or_is_refused_with_a_code(kind: Kind, status: Status) -> None:
    for event in Event:
        state = in_status(kind, status)
        before = state.model_dump_json()
        answer = attempt(state, event)
        rows = MACHINES[kind].rows(status, event)
        assert state.model_dump_json() == before, event
        if isinstance(answer, Decision):
            assert answer.row in rows
            assert answer.after.status is answer.row.to, event
            assert answer.after.version == state.version + 1, event
            assert (answer.row.status, answer.row.event) == (status, event)
        else:
            assert isinstance(answer, Code), event
        if not rows:
            refusals = {
                Code.EVENT_NOT_ALLOWED,
                Code.CASE_CLOSED,
                Code.BENEFITS_EXCLUDED,
                Code.ANSWER_OUT_OF_DATE,
            }
            assert answer in refusals, event


@pytest.mark.parametrize("kind", Kind)
def test_every_status_can_be_reached_from_the_first_one(kind: Kind) -> None:
    machine = MACHINES[kind]
    reached = {machine.initial}
    while further := {row.to for row in machine.table if row.status in reached} - reached:
        reached |= further
    assert reached == set(machine.statuses)


@pytest.mark.parametrize("kind", Kind)
def test_a_case_in_an_ending_has_no_way_on_and_any_other_has_a_way_to_an_ending(kind: Kind) -> None:
    machine = MACHINES[kind]
    endings = {status for status in machine.statuses if not machine.is_open(status)}
    assert not [row for row in machine.table if row.status in endings]
    ending = set(endings)
    while further := {row.status for row in machine.table if row.to in ending} - ending:
        ending |= further
    assert ending == set(machine.statuses)


@pytest.mark.parametrize("kind", Kind)
def test_every_open_status_has_a_milestone_and_only_done_has_the_last(kind: Kind) -> None:
    for status, row in MACHINES[kind].statuses.items():
        assert (row.milestone is not None) is (MACHINES[kind].is_open(status) or status is Status.done)
        assert (row.milestone is Milestone.benefits_unblocked) is (status is Status.done)


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_every_row_is_made_of_what_its_machine_knows(kind: Kind, row: Row) -> None:
    assert {row.status, row.to} <= set(MACHINES[kind].statuses)
    assert len(set(row.effects)) == len(row.effects)


@pytest.mark.parametrize("kind", Kind)
def test_the_last_row_of_a_pair_that_always_holds_is_the_last_one(kind: Kind) -> None:
    machine = MACHINES[kind]
    for status, event in product(machine.statuses, Event):
        guards = [row.guard for row in machine.rows(status, event)]
        assert Guard.always not in guards[:-1]
        assert len(set(guards)) == len(guards)


def test_every_event_guard_and_effect_stands_in_a_table_and_every_guard_has_its_question() -> None:
    table = [row for machine in MACHINES.values() for row in machine.table]
    assert {row.event for row in table} == set(Event)
    assert {row.guard for row in table} == set(Guard) == set(GUARDS)
    assert {effect for row in table for effect in row.effects} == set(Effect)
    assert set(CHECKS) | set(CHANGES) <= set(Event)


def test_events_from_outside_are_exactly_those_with_a_fact() -> None:
    assert {event for event in Event if event.origin is Origin.outside} == set(FACT_MODELS) == set(FACTS)


@pytest.mark.parametrize("kind", Kind)
def test_a_status_with_a_time_limit_knows_what_happens_when_it_ends(kind: Kind) -> None:
    machine = MACHINES[kind]
    for status, row in machine.statuses.items():
        if row.clock is not None:
            assert machine.rows(status, CLOCK_EVENT[row.clock])


@pytest.mark.parametrize("kind", Kind)
def test_every_open_status_waits_for_the_engine_a_person_or_a_time_limit(kind: Kind) -> None:
    machine = MACHINES[kind]
    people = {Awaits.clerk, Awaits.second_officer, Awaits.two_officers, Awaits.operator}
    for status, row in machine.statuses.items():
        if machine.is_open(status):
            assert row.awaits in people or row.awaits is Awaits.engine or row.clock is not None


@pytest.mark.parametrize("kind", Kind)
def test_no_benefit_stays_held_when_a_hold_or_a_dispute_begins(kind: Kind) -> None:
    for row in MACHINES[kind].table:
        silent = {Status.on_hold, Status.disputed, Status.merging}
        begins = row.to in silent and row.status not in silent
        if begins and kind is Kind.id_number_change:
            assert Effect.lift_benefit_holds in row.effects


def test_only_a_decision_of_a_person_holds_benefits() -> None:
    rows = [row for machine in MACHINES.values() for row in machine.table if Effect.hold_benefits in row.effects]
    assert rows
    assert {row.event for row in rows} == {Event.hold_benefits}


@pytest.mark.parametrize("kind", Kind)
def test_the_engine_has_a_step_of_its_own_wherever_it_is_awaited(kind: Kind) -> None:
    machine = MACHINES[kind]
    for status, row in machine.statuses.items():
        if row.awaits is Awaits.engine:
            assert row.engine_step is not None
        if row.engine_step is not None:
            assert row.engine_step.origin is Origin.engine
            assert machine.rows(status, row.engine_step)


def test_every_event_of_the_engine_is_a_step_or_what_follows_when_one_is_refused() -> None:
    steps = {row.engine_step for machine in MACHINES.values() for row in machine.statuses.values() if row.engine_step}
    own = {event for event in Event if event.origin is Origin.engine}
    assert own == steps | AFTER_A_REFUSAL | {Event.nothing_awaited}
    assert not steps & AFTER_A_REFUSAL


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_the_next_step_is_the_one_engine_step_that_the_machine_makes(kind: Kind, status: Status) -> None:
    state = in_status(kind, status)
    own = {MACHINES[kind].statuses[status].engine_step, Event.nothing_awaited}
    made = {event for event in Event if event in own and isinstance(attempt(state, event), Decision)}
    assert {next_step(state, NOW)} - {None} == made


@pytest.mark.parametrize("kind", Kind)
def test_no_step_is_made_while_the_case_is_stuck(kind: Kind) -> None:
    for status in MACHINES[kind].statuses:
        assert next_step(in_status(kind, status).model_copy(update={"stuck": True}), NOW) is None


def test_the_number_is_committed_once() -> None:
    applying = in_status(Kind.id_number_change, Status.applying)
    assert next_step(applying.model_copy(update={"committed": False}), NOW) is Event.commit
    assert next_step(applying.model_copy(update={"committed": True}), NOW) is None


def test_the_old_card_is_closed_when_the_pension_run_is_over_and_no_earlier() -> None:
    closing = in_status(Kind.card_replacement, Status.closing_old)
    waiting = closing.model_copy(update={"timer": Timer(clock=Clock.pension_run, since=NOW, due_at=NOW)})
    assert next_step(closing, NOW) is Event.close_old
    assert next_step(waiting, NOW - timedelta(microseconds=1)) is None
    assert next_step(waiting, NOW) is Event.close_old


STEPS = [
    pytest.param(machine, status, row.engine_step, id=f"{KINDS[machine.kind].prefix}-{row.engine_step}")
    for machine in MACHINES.values()
    for status, row in machine.statuses.items()
    if row.engine_step is not None
]


@pytest.mark.parametrize(("machine", "status", "step"), STEPS)
def test_a_refused_step_has_a_way_on_where_the_case_is_unless_it_is_asked_for_again(
    machine: Machine, status: Status, step: Event
) -> None:
    for code in Code:
        way = otherwise(step, code)
        if code is Code.PERSON_BUSY:
            assert way is None
        else:
            assert way is not None, code
            assert machine.rows(status, way), code


def test_a_refusal_without_a_way_of_its_own_leaves_the_case_for_an_operator() -> None:
    assert otherwise(Event.apply, Code.NUMBER_TAKEN) is Event.number_taken
    assert otherwise(Event.apply, Code.DIGEST_DIFFERS) is Event.stuck
    assert otherwise(Event.commit, Code.REGISTER_CHANGED) is Event.register_changed
    assert otherwise(Event.commit, Code.DIGEST_DIFFERS) is Event.commit_refused
    assert otherwise(Event.order_card, Code.PRECHECK_DUPLICATE) is Event.order_refused
    assert otherwise(Event.release, Code.NUMBER_TAKEN) is Event.stuck
    assert set(OTHERWISE.values()) < AFTER_A_REFUSAL
