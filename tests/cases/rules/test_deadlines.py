"""Time limits that are extended or run out."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from cases.clocks import Budget, day_of, due, used
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Extend, HoldReason
from cases.machines.machine import Clock, Status
from cases.names import Kind
from cases.numbers import Road
from cases.rules.deadlines import TOO_LONG
from cases.state import CaseState
from tests.cases.moving import CALENDAR, decides, in_review, move, refused
from tests.scenes import (
    NOW,
    OFFICE,
    OFFICER,
    SECOND_OFFICER,
    SOUTH,
    number_change,
    policy,
    received,
    replacement,
)


def extends(working_days: int) -> Extend:
    return Extend(actor=OFFICER, working_days=working_days, evidence="ext-1")


def test_extensions_move_the_limit_and_end_at_the_policys_total() -> None:
    state = move(received(number_change(region=SOUTH)), Event.screened)
    assert state.timer is not None
    later = move(state, Event.extend, extends(10))
    assert later.timer is not None
    assert later.timer.due_at == state.timer.due_at + timedelta(days=14)
    assert refused(later, Event.extend, extends(6)) is Code.EXTENSION_TOO_LONG
    last = move(later, Event.extend, extends(5))
    assert last.extended == policy(SOUTH).max_extension
    assert refused(last, Event.extend, extends(1)) is Code.EXTENSION_TOO_LONG
    # Another limit of the same case has none left either.
    assert refused(move(last, Event.hold), Event.extend, extends(1)) is Code.EXTENSION_TOO_LONG


def held(state: CaseState) -> CaseState:
    return move(state, Event.hold)


def waiting(region: str) -> CaseState:
    return move(received(number_change(region=region)), Event.screened)


def ends_after(since: datetime, days: int) -> datetime:
    return due(since, Budget(days, working=False), CALENDAR).at


def lengthened(state: CaseState) -> Iterator[CaseState]:
    """The case with its limit extended day by day, until that is refused."""
    for _ in range(60):
        try:
            state = move(state, Event.extend, extends(1))
        except CaseError:
            return
        yield state


def too_long(state: CaseState, working_days: int) -> Code:
    """What an extension is refused with by the register, which knows the calendar."""
    with pytest.raises(CaseError) as caught:
        move(state, Event.extend, extends(working_days))
    return caught.value.code


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("opened", [in_review, lambda region: held(in_review(region=region)), waiting])
def test_a_limit_that_a_law_names_is_one_for_all_extensions_together(region: str, opened: Any) -> None:
    state = opened(region=region)
    clock = state.timer.clock if state.timer is not None else None
    expected = TOO_LONG[clock] if clock is not None else Code.EXTENSION_OF_PROCESSING
    rules = policy(region)
    assert state.screening is not None
    terms = state.terms.model_copy(update={"max_extension": 250})
    state = state.model_copy(update={"screening": state.screening.model_copy(update={"terms": terms})})
    state = list(lengthened(state))[-1]
    if clock is Clock.hold:
        limit = next(each for each in rules.holds if each.reason is HoldReason.waiting_for_id_card)
        assert state.timer is not None
        last = NOW.date() + timedelta(days=limit.at_most)
        # A last day that is a rest day is followed by the next working day.
        assert day_of(state.timer.due_at - timedelta(seconds=1)) == CALENDAR.next_working(last)
    else:
        part = rules.number_change
        limit_ = part.supplement if clock is Clock.supplement else part.processing
        assert state.extended == limit_.at_most - limit_.working_days
    assert too_long(state, 1) is expected


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_holds_for_an_identity_card_last_ninety_days_together_and_no_extension_makes_them_longer(region: str) -> None:
    state = held(in_review(region=region))
    assert state.timer is not None
    assert state.timer.due_at == ends_after(NOW, 60)
    if policy(region).max_extension >= 30:
        assert too_long(state, 30) is Code.EXTENSION_OF_HOLD
    later = NOW + timedelta(days=50)
    again = move(move(state, Event.resume, at=later), Event.hold, at=later)
    assert again.timer is not None
    assert again.timer.due_at == ends_after(later, 10)
    longer = move(again, Event.extend, extends(15))
    assert longer.timer is not None
    assert longer.timer.due_at <= ends_after(later, 40)
    assert longer.timer.due_at > ends_after(later, 10)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("interrupted", [(Event.hold, Event.resume), (Event.dispute_opened, Event.dispute_lapsed)])
def test_what_interrupts_a_limit_uses_nothing_of_it(kind: Kind, region: str, interrupted: tuple[Event, Event]) -> None:
    opening, first = (
        (number_change(region=region), Event.screened)
        if kind is Kind.id_number_change
        else (replacement(region=region), Event.checked)
    )
    state = move(received(opening, road=Road.pure_upgrade if kind is Kind.id_number_change else None), first)
    assert state.status is Status.awaiting_documents
    assert state.timer is not None
    ends, begins = interrupted[1], interrupted[0]
    if not state.machine.rows(state.status, begins):
        pytest.skip("a replacement is in no dispute")
    # On the last but one working day.
    late = state.timer.due_at - timedelta(days=1, hours=8)
    stopped = move(state, begins, at=late)
    back = move(stopped, ends, at=late + timedelta(days=20))
    assert back.status is Status.awaiting_documents
    assert back.timer is not None
    one_day = due(late + timedelta(days=20), Budget(1), CALENDAR)
    assert back.timer.due_at == one_day.at
    assert back.timer.since == state.timer.since


def test_a_limit_that_stopped_on_its_last_day_ends_with_the_day_on_which_it_goes_on() -> None:
    state = waiting(OFFICE)
    assert state.timer is not None
    held_ = move(state, Event.hold, at=state.timer.due_at - timedelta(hours=2))
    resumed = state.timer.due_at + timedelta(days=6, hours=9)
    back = move(held_, Event.resume, at=resumed)
    assert back.timer is not None
    assert resumed < back.timer.due_at
    assert day_of(back.timer.due_at - timedelta(seconds=1)) == CALENDAR.next_working(day_of(resumed))


def test_a_hold_that_a_dispute_interrupts_goes_on_with_what_is_left_of_it() -> None:
    for settle in (Event.dispute_lapsed, Event.dispute_won):
        state = held(in_review())
        assert state.timer is not None
        disputed = move(state, Event.dispute_opened, at=NOW + timedelta(days=10))
        assert disputed.timer is None
        back = move(disputed, settle, at=NOW + timedelta(days=40))
        assert (back.status, back.hold_reason) == (Status.on_hold, state.hold_reason)
        assert back.held_from is Status.in_review
        assert back.timer is not None
        assert back.timer.due_at == ends_after(NOW + timedelta(days=40), 50)
        assert back.ladder.suspensions[-1].hold is state.hold_reason
        assert move(back, Event.resume, at=NOW + timedelta(days=41)).status is Status.in_review


def test_a_hold_goes_on_when_officers_have_decided_the_dispute_for_this_case() -> None:
    disputed = move(held(in_review()), Event.dispute_opened)
    first = move(disputed, Event.resolve_dispute, decides(OFFICER))
    assert move(first, Event.resolve_dispute, decides(SECOND_OFFICER)).status is Status.on_hold


def test_a_limit_that_was_interrupted_twice_at_once_goes_on_when_the_case_comes_back_to_it() -> None:
    state = move(received(number_change()), Event.screened)
    assert state.timer is not None
    late = state.timer.due_at - timedelta(days=1, hours=8)
    stopped = move(move(state, Event.hold, at=late), Event.dispute_opened, at=late + timedelta(days=3))
    back = move(
        move(stopped, Event.dispute_lapsed, at=late + timedelta(days=9)), Event.resume, at=late + timedelta(days=30)
    )
    assert back.status is Status.awaiting_documents
    assert back.timer is not None
    assert back.timer.due_at == due(late + timedelta(days=30), Budget(1), CALENDAR).at
    assert back.set_aside == ()


def test_the_share_of_one_step_counts_all_stays_in_it() -> None:
    state = in_review()
    held_ = move(state, Event.hold, at=NOW + timedelta(days=7))
    back = move(held_, Event.resume, at=NOW + timedelta(days=21))
    assert back.ladder.step is not None
    since, away = back.ladder.step
    assert since == NOW
    # Five of its eight working days are used; the hold was two weeks long.
    assert used(since, NOW + timedelta(days=22), away, CALENDAR) == 5


def test_where_no_limit_runs_and_the_processing_time_stands_still_none_is_extended() -> None:
    untimed = move(received(number_change()), Event.screened).model_copy(update={"timer": None})
    assert refused(untimed, Event.extend) is Code.NO_CLOCK_TO_EXTEND
