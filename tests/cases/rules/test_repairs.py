"""Where the engine cannot go on, and how it goes on."""

from cases.decide import decide
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    RepairAction,
)
from cases.machines.machine import Clock, Effect, Status
from cases.models import System
from tests.cases.moving import applying, in_review, move, refused, repairs, verify
from tests.scenes import (
    NOW,
    SOUTH,
)


def test_repair_publishes_again_and_keeps_what_was_confirmed() -> None:
    state = move(move(applying(), Event.commit), Event.confirm_downstream)
    overdue = move(state, Event.confirmation_overdue)
    assert (overdue.status, overdue.last_error, overdue.attention) == (
        Status.repair,
        Code.CONFIRMATION_OVERDUE,
        ("repair",),
    )
    decision = decide(overdue, Event.repair, repairs(RepairAction.retry), NOW)
    assert decision.effects == (Effect.publish_number_changed,)
    assert decision.clock is Clock.delivery
    assert decision.after.confirmations == (System.medical_insurance,)
    assert decision.after.last_error is None


def test_repair_undoes_what_nobody_confirmed() -> None:
    overdue = move(move(applying(), Event.commit), Event.confirmation_overdue)
    undone = move(overdue, Event.repair, repairs(RepairAction.undo))
    assert (undone.status, undone.committed) == (Status.in_review, False)


def test_who_is_stuck_stays_stuck_until_an_operator_repairs() -> None:
    state = in_review()
    verified = move(state, Event.verify_documents, verify(state))
    stuck = decide(verified, Event.stuck, None, NOW, Code.DATABASE_REFUSED).after
    assert (stuck.attention, stuck.last_error) == (("repair",), Code.DATABASE_REFUSED)
    seen = move(stuck, Event.acknowledge)
    assert seen.attention == ("repair",)
    assert refused(seen, Event.repair, repairs(RepairAction.undo)) is Code.UNDO_NOT_PERMITTED
    repaired = move(seen, Event.repair)
    assert (repaired.status, repaired.attention, repaired.last_error) == (Status.verified, (), None)


def test_a_benefit_that_is_found_held_at_the_end_is_unblocked_once_more() -> None:
    releasing = move(move(applying(SOUTH), Event.commit), Event.unblock)
    stuck = decide(releasing, Event.stuck, None, NOW, Code.BENEFIT_STILL_HELD).after
    assert move(stuck, Event.repair).status is Status.updated
