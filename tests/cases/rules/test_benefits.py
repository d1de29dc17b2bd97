"""Benefits: held by decision, released, and shown as they are."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cases.errors import Code
from cases.events import Event
from cases.facts import (
    HoldBenefits,
)
from cases.machines.machine import Status
from cases.models import Actor
from cases.names import Kind
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
