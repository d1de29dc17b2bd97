"""Benefits: held by decision, released, and shown as they are."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cases.errors import Code
from cases.events import Event
from cases.facts import (
    HoldBenefits,
)
from cases.kinds import MACHINES
from cases.ladder import Rung
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.names import Kind
from cases.state import BENEFITS_EXCLUDED, CaseState
from cases.views import view_of
from tests.cases.moving import (
    TODAY,
    applying,
    awaiting_approval,
    in_review,
    move,
    refused,
)
from tests.scenes import (
    CLERK,
    NOW,
    OFFICER,
    in_status,
)


@pytest.mark.parametrize("kind", Kind)
def test_a_case_that_is_told_of_a_lifted_hold_shows_it_once_and_waits_as_before(kind: Kind) -> None:
    held = in_status(kind, Status.in_review).model_copy(update={"benefits_held": True, "stuck": True})
    after = move(held, Event.benefits_lifted)
    assert (after.benefits_held, after.stuck, after.status) == (False, True, Status.in_review)
    assert after.timer == held.timer
    assert refused(after, Event.benefits_lifted) is Code.BENEFITS_NOT_HELD


def holds(actor: Actor = OFFICER, served_on: date = TODAY) -> HoldBenefits:
    return HoldBenefits(actor=actor, legal_basis="示例文件〔2026〕第1号", notice="notice-1", served_on=served_on)


def test_a_named_officer_holds_benefits_after_the_campaign_date_with_a_served_notice() -> None:
    state = in_review()
    assert refused(state, Event.hold_benefits, holds(CLERK)) is Code.ROLE_NOT_ALLOWED
    assert refused(state, Event.hold_benefits, holds(served_on=TODAY + timedelta(days=1))) is Code.NOTICE_NOT_SERVED
    held = move(state, Event.hold_benefits, holds())
    assert (held.status, held.benefits_held) == (Status.in_review, True)
    assert not move(held, Event.release_benefits).benefits_held


@pytest.mark.parametrize(
    ("at", "code"),
    [
        # The last day of the campaign, 23:59 and 24:00 where the case is handled.
        (datetime(2026, 8, 31, 15, 59, tzinfo=UTC), Code.DEADLINE_NOT_PASSED),
        (datetime(2026, 8, 31, 16, 0, tzinfo=UTC), None),
    ],
)
def test_benefits_are_held_from_the_end_of_the_last_day_on(at: datetime, code: Code | None) -> None:
    notice = holds(served_on=date(2026, 8, 20))
    if code is None:
        assert move(in_review(), Event.hold_benefits, notice, at).benefits_held
    else:
        assert refused(in_review(), Event.hold_benefits, notice, at) is code


def test_benefits_are_not_held_in_a_second_officers_review_nor_once_the_number_is_changing() -> None:
    assert refused(awaiting_approval(), Event.hold_benefits) is Code.BENEFITS_EXCLUDED
    assert refused(applying(), Event.hold_benefits) is Code.EVENT_NOT_ALLOWED
    assert refused(in_review(), Event.release_benefits) is Code.BENEFITS_NOT_HELD


def test_without_a_campaign_no_benefit_is_ever_held() -> None:
    state = in_review()
    assert state.screening is not None
    dates = state.ladder.dates.model_copy(update={"campaign_due_at": None})
    state = state.model_copy(update={"ladder": state.ladder.model_copy(update={"dates": dates})})
    assert refused(state, Event.hold_benefits) is Code.DEADLINE_NOT_PASSED


ASKED = (
    Status.screening,
    Status.awaiting_documents,
    Status.in_review,
    Status.verified,
    Status.applying,
    Status.repair,
)
"""Where a decision that is owed can be taken."""


def asked(status: Status) -> CaseState:
    """A change of which a decision is asked, because its campaign date has passed."""
    state = in_status(Kind.id_number_change, status)
    ladder = state.ladder.model_copy(update={"decision": True, "rung": Rung.deadline})
    return state.model_copy(update={"ladder": ladder})


@pytest.mark.parametrize("status", ASKED)
def test_wherever_a_decision_is_asked_for_not_to_hold_can_be_decided_and_seeing_decides_nothing(
    status: Status,
) -> None:
    state = asked(status)
    view = view_of(state, NOW)
    assert ("decision" in view.attention, view.deciders) == (True, (Role.officer, Role.supervisor))
    if MACHINES[Kind.id_number_change].rows(status, Event.acknowledge):
        assert "decision" in view_of(move(state, Event.acknowledge), NOW).attention
    kept = move(state, Event.keep_benefits)
    assert ("decision" in kept.attention, kept.status, view_of(kept, NOW).deciders) == (False, status, ())
    assert kept.benefit_decision is not None
    assert not kept.benefit_decision.held
    assert refused(kept, Event.keep_benefits) is Code.DECISION_NOT_ASKED


def test_a_decision_waits_for_the_end_of_a_hold_a_dispute_and_a_second_officers_review() -> None:
    for status in BENEFITS_EXCLUDED:
        state = asked(status)
        assert view_of(state, NOW).deciders == ()
        assert refused(state, Event.keep_benefits) is Code.BENEFITS_EXCLUDED


def test_what_is_offered_about_benefits_is_possible() -> None:
    about = {Event.hold_benefits, Event.keep_benefits, Event.release_benefits}
    before, due = in_review(), asked(Status.in_review)
    assert about & set(view_of(before, NOW).events) == set()
    assert about & set(view_of(due, NOW).events) == {Event.hold_benefits, Event.keep_benefits}
    held = due.model_copy(update={"benefits_held": True})
    assert about & set(view_of(held, NOW).events) == {Event.keep_benefits, Event.release_benefits}
