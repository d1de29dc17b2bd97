"""Time limits that are extended or run out."""

from datetime import timedelta

from cases.errors import Code
from cases.events import Event
from cases.facts import (
    Extend,
)
from tests.cases.moving import move, refused
from tests.scenes import (
    OFFICER,
    SOUTH,
    number_change,
    policy,
    received,
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


def test_where_no_limit_runs_and_the_processing_time_stands_still_none_is_extended() -> None:
    untimed = move(received(number_change()), Event.screened).model_copy(update={"timer": None})
    assert refused(untimed, Event.extend) is Code.NO_CLOCK_TO_EXTEND
