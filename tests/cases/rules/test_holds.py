"""Holds: for how long, and where a case goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from cases.errors import Code
from cases.events import Event
from cases.facts import (
    HoldReason,
)
from cases.ladder import Suspension
from cases.machines.machine import Awaits, Clock, Status
from cases.screening import Finding
from cases.views import possible_events
from tests.cases.moving import COURT, adds, awaiting_approval, in_review, move, refused
from tests.scenes import (
    FACTS,
    ID_CARD,
    NOW,
    OFFICE,
    SOUTH,
    VERIFIER,
    number_change,
    policy,
    received,
    replacement,
)


@pytest.mark.parametrize("event", [Event.resume, Event.hold_expired])
def test_after_a_hold_in_approval_the_case_goes_back_to_where_its_documents_allow(event: Event) -> None:
    held = move(awaiting_approval(), Event.hold)
    same = move(held, event)
    assert (same.status, same.verifier) == (Status.awaiting_approval, VERIFIER.id)
    more = move(move(held, Event.add_documents, adds(COURT)), event)
    assert (more.status, more.verifier, more.verified_content) == (Status.in_review, None, None)


@pytest.mark.parametrize("event", [Event.resume, Event.hold_expired])
def test_after_any_other_hold_the_case_goes_on_with_what_is_there(event: Event) -> None:
    reviewed = move(move(in_review(), Event.hold), event)
    assert (reviewed.status, reviewed.held_from, reviewed.hold_reason, reviewed.timer) == (
        Status.in_review,
        None,
        None,
        None,
    )
    waiting = move(move(received(number_change()), Event.screened), Event.hold)
    again = move(waiting, event, at=NOW + timedelta(days=40))
    assert again.status is Status.awaiting_documents
    assert again.timer is not None
    assert again.timer.due_at > NOW + timedelta(days=40)
    came_in = move(move(waiting, Event.add_documents), event)
    assert came_in.status is Status.in_review


def test_a_hold_keeps_its_reason_and_its_limit_by_reason() -> None:
    held = move(in_review(), Event.hold)
    assert (held.held_from, held.hold_reason) == (Status.in_review, HoldReason.waiting_for_id_card)
    assert held.timer is not None
    assert (held.timer.clock, held.timer.event) == (Clock.hold, Event.hold_expired)
    # Sixty days for an ID card end with Friday 1 January.
    assert held.timer.due_at == datetime(2027, 1, 1, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("event", [Event.resume, Event.hold_expired])
def test_a_case_that_the_pre_check_holds_again_and_again_is_a_clerks_task_once_the_time_is_used(
    region: str, event: Event
) -> None:
    state = move(received(replacement(ID_CARD, region=region), Finding.differs, None), Event.checked)
    at, told = NOW, 1
    while state.timer is not None:
        at = state.timer.due_at if event is Event.hold_expired else state.timer.since + timedelta(days=25)
        state = move(move(state, event, at=at), Event.checked, at=at)
        told += 1
        assert told < 6, "for ever"
    limit = next(each.days for each in policy(region).holds if each.reason is HoldReason.number_change_first)
    assert at - NOW >= timedelta(days=limit)
    assert (state.status, state.awaits, state.attention) == (Status.on_hold, Awaits.clerk, ("hold", "overdue"))
    assert refused(state, Event.extend) is Code.NO_CLOCK_TO_EXTEND
    # The number change itself goes on, and so does whoever resumes or rejects.
    assert move(state, Event.number_changed).status is Status.checking
    assert move(state, Event.resume).status is Status.checking
    assert move(state, Event.reject).status is Status.rejected


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_hold_is_offered_until_every_reason_has_used_its_limit(region: str) -> None:
    state = in_review(region=region)
    used: tuple[Suspension, ...] = ()
    for term in state.terms.holds:
        assert Event.hold in possible_events(state, NOW)
        used = (*used, Suspension(since=NOW, until=NOW + timedelta(days=term.days), hold=term.reason))
        state = state.model_copy(update={"ladder": state.ladder.model_copy(update={"suspensions": used})})
        assert refused(state, Event.hold, FACTS[Event.hold].model_copy(update={"reason": term.reason}))
    assert Event.hold not in possible_events(state, NOW)
