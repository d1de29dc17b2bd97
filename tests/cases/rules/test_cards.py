"""Cards: reported lost, made, handed over, activated."""

from datetime import UTC, datetime, timedelta

import pytest

from cases.answers import Condition, Proviso
from cases.decide import decide
from cases.errors import Code
from cases.events import Event
from cases.facts import (
    CardActivated,
    CardFound,
    CardFunction,
    CardUnclaimed,
    HoldReason,
    RepairAction,
)
from cases.machines.machine import Awaits, Effect, Status
from cases.openings import ReplacementReason
from cases.screening import Finding
from cases.state import CaseState
from cases.views import as_seen_by, looked_up, possible_events, view_of
from tests.cases.moving import (
    OLD_CARD,
    found,
    in_production,
    lost,
    makes,
    move,
    ordered,
    ready,
    refused,
    repairs,
    replacing,
)
from tests.scenes import (
    ACTIVATORS,
    BANK,
    BUREAU,
    CLERK,
    FACTS,
    ID_CARD,
    IN_FORCE,
    NOW,
    OFFICE,
    SOUTH,
    of_office,
    policy,
    received,
    replacement,
)


@pytest.mark.parametrize(("region", "status"), [(OFFICE, Status.withdrawn), (SOUTH, Status.checking)])
def test_an_expired_loss_report_releases_or_cancels_as_the_region_has_it(region: str, status: Status) -> None:
    state = lost(region)
    assert (state.status, state.card_blocked) == (Status.temporarily_blocked, True)
    expired = move(state, Event.loss_report_expired)
    assert expired.status is status
    if status is Status.withdrawn:
        assert (expired.ended_because, expired.card_blocked) == (Code.LOSS_REPORT_EXPIRED, False)
        assert expired.remains == ()
    else:
        assert expired.card_cancelled
        assert move(expired, Event.checked).status is Status.in_review


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("in_use", [True, False])
def test_what_became_of_a_block_is_what_the_register_has_seen_whatever_the_policy_has(
    region: str, *, in_use: bool
) -> None:
    blocked = move(in_production(region), Event.report_loss)
    ended = move(blocked.model_copy(update={"card_in_use": in_use}), Event.block_ended)
    assert (ended.card_blocked, ended.card_cancelled) == ((False, False) if in_use else (True, True))
    # A new card may have come since, of which the register knows.
    assert Event.report_loss in possible_events(ended, NOW)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("works", [True, False])
def test_a_loss_is_offered_on_what_the_register_knows_of_the_card_and_to_whom_it_was_asked_for_them(
    region: str, *, works: bool
) -> None:
    known = dict.fromkeys(Proviso, True) | {Proviso.card_in_use: works}
    for state in (in_production(region), in_production(region).model_copy(update={"card_in_use": False})):
        view = view_of(state, NOW)
        assert Event.report_loss in view.events
        assert view.conditions == (Condition(event=Event.report_loss, proviso=Proviso.card_in_use),)
        asked = looked_up(view, known)
        assert (Event.report_loss in asked.events, asked.conditions) == (works, ())
    blocked = view_of(move(in_production(region), Event.report_loss), NOW)
    assert Event.report_loss not in blocked.events
    assert {condition.event for condition in blocked.conditions} == {Event.card_found}


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_find_is_offered_where_no_other_case_made_the_loss_formal_and_where_nothing_is_lifted_always(
    region: str,
) -> None:
    temporarily = move(in_production(region), Event.report_loss)
    made = move(in_production(region, ReplacementReason.lost), Event.card_produced)
    refuted = dict.fromkeys(Proviso, True) | {Proviso.block_may_be_lifted: False}
    for state, lifts in ((temporarily, True), (made, False)):
        view = view_of(state, NOW)
        assert Event.card_found in view.events
        assert (Condition(event=Event.card_found, proviso=Proviso.block_may_be_lifted) in view.conditions) is lifts
        assert (Event.card_found in looked_up(view, refuted).events) is not lifts


def test_a_card_is_found_only_where_one_is_lost() -> None:
    assert Event.card_found in possible_events(lost(), NOW)
    assert Event.card_found not in possible_events(replacing(), NOW)
    assert Event.card_found in possible_events(move(replacing(), Event.report_loss), NOW)


def test_the_bank_is_offered_no_function_that_the_policy_does_not_want() -> None:
    state = move(ready(OFFICE), Event.card_handed_over)
    assert Event.card_activated in as_seen_by(view_of(state, NOW), BANK).events
    screening = state.screening
    assert screening is not None
    terms = screening.terms.model_copy(update={"functions": (CardFunction.social,)})
    without = state.model_copy(update={"screening": screening.model_copy(update={"terms": terms})})
    assert Event.card_activated not in as_seen_by(view_of(without, NOW), BANK).events
    assert Event.card_activated in as_seen_by(view_of(without, NOW), CLERK).events


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_an_overdue_card_is_an_operators_task_until_it_is_asked_for_again(region: str) -> None:
    overdue = move(in_production(region), Event.production_overdue, at=NOW + timedelta(days=40))
    assert (overdue.status, overdue.attention, overdue.timer) == (Status.in_production, ("overdue",), None)
    assert overdue.awaits is Awaits.operator
    # Whoever has seen it has not asked the bureau yet.
    assert move(overdue, Event.acknowledge).attention == ("overdue",)
    assert refused(overdue, Event.extend) is Code.NO_CLOCK_TO_EXTEND
    for again in (
        move(overdue, Event.card_produced, makes(produced=False)),
        move(overdue, Event.repair, repairs(RepairAction.retry)),
    ):
        assert (again.attention, again.awaits) == ((), Awaits.card_bureau)
        assert again.timer is not None


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_who_does_not_activate_a_card_is_reminded_as_often_as_the_policy_says_and_then_a_clerk_is_asked(
    region: str,
) -> None:
    state = move(ready(region), Event.card_handed_over)
    reminders = 0
    while state.timer is not None:
        assert state.awaits is Awaits.applicant
        decision = decide(state, Event.activation_overdue, None, state.timer.due_at)
        assert Effect.notify_applicant in decision.effects
        state = move(state, Event.activation_overdue, at=state.timer.due_at)
        reminders += 1
    assert reminders == policy(region).replacement.activation_reminders
    assert (state.status, state.awaits, state.attention) == (Status.handed_over, Awaits.clerk, ("overdue",))
    assert move(state, Event.acknowledge).attention == ("overdue",)
    assert refused(state, Event.extend) is Code.EVENT_NOT_ALLOWED
    # It may still be activated.
    bank = CardActivated(actor=BANK, function=CardFunction.bank, order=IN_FORCE)
    assert move(move(state, Event.card_activated), Event.card_activated, bank).status is Status.active


def test_who_does_not_fetch_a_card_is_reminded_and_then_two_people_destroy_it() -> None:
    state, at = ready(), NOW
    witnessed = CardUnclaimed(actor=BUREAU, record="destroyed-1")
    for days in (30, 30, 30):
        assert refused(state, Event.card_unclaimed, witnessed, at) is Code.CLAIM_PERIOD_NOT_OVER
        assert state.timer is not None
        assert timedelta(days=days - 1) < state.timer.due_at - at <= timedelta(days=days + 4)
        at = state.timer.due_at
        state = move(state, Event.claim_period_passed, at=at)
    assert (state.status, state.timer, state.attention) == (Status.ready, None, ("overdue",))
    assert state.awaits is Awaits.two_people
    assert move(state, Event.acknowledge).attention == ("overdue",)
    assert refused(state, Event.extend) is Code.NO_CLOCK_TO_EXTEND
    stated = move(state, Event.card_unclaimed, witnessed)
    assert (stated.status, [each.stated_by for each in stated.destruction]) == (Status.ready, [BUREAU.id])
    assert refused(stated, Event.card_unclaimed, witnessed) is Code.SAME_PERSON
    destroyed = move(stated, Event.card_unclaimed, CardUnclaimed(actor=CLERK, record="destroyed-1"))
    assert (destroyed.status, destroyed.destruction, destroyed.remains) == (Status.unclaimed, (), ())
    assert move(stated, Event.card_handed_over).destruction == ()
    # Until it is destroyed it may still be fetched.
    assert move(state, Event.card_handed_over).status is Status.handed_over


def test_the_old_card_is_closed_after_the_pension_run_of_whoever_draws_a_pension() -> None:
    def closing(region: str, *, draws_pension: bool) -> CaseState:
        state = move(ready(region), Event.card_handed_over)
        state = move(state, Event.card_activated)
        state = move(state, Event.card_activated, CardActivated(actor=BANK, function=CardFunction.bank, order=IN_FORCE))
        assert state.status is Status.active
        assert state.screening is not None
        screening = state.screening.model_copy(update={"draws_pension": draws_pension})
        return move(state.model_copy(update={"screening": screening}), Event.switch_cards)

    waits = closing(SOUTH, draws_pension=True)
    assert waits.timer is not None
    assert waits.timer.due_at == datetime(2026, 11, 15, 16, 0, tzinfo=UTC)
    assert closing(SOUTH, draws_pension=False).timer is None
    assert closing(OFFICE, draws_pension=True).timer is None
    assert move(waits, Event.close_old).status is Status.done


def test_each_function_is_activated_once() -> None:
    state = move(move(ready(), Event.card_handed_over), Event.card_activated)
    assert (state.status, state.activated) == (Status.handed_over, (CardFunction.social,))
    assert refused(state, Event.card_activated) is Code.EVENT_NOT_ALLOWED


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_failed_production_is_tried_as_often_as_the_policy_says_and_then_repaired(region: str) -> None:
    state = in_production(region)
    for attempt in range(policy(region).replacement.production_attempts - 1):
        state = move(state, Event.card_produced, makes(produced=False))
        assert (state.status, state.production_attempts) == (Status.in_production, attempt + 1)
        assert state.last_error is Code.PRODUCTION_FAILED
    state = move(state, Event.card_produced, makes(produced=False))
    assert (state.status, state.timer) == (Status.repair, None)
    again = move(state, Event.repair)
    assert (again.status, again.production_attempts, again.last_error) == (Status.in_production, 0, None)
    assert move(state, Event.card_produced).status is Status.ready


def test_an_order_is_undone_only_where_the_region_permits_it() -> None:
    failed = {"status": Status.repair}
    north, south = (in_production(region).model_copy(update=failed) for region in (OFFICE, SOUTH))
    undone = move(north, Event.repair, repairs(RepairAction.undo))
    assert (undone.status, undone.verifier) == (Status.in_review, None)
    assert Effect.cancel_order in decide(north, Event.repair, repairs(RepairAction.undo), NOW).effects
    # Where it is not permitted nothing is cancelled: the order is written off, and what it brings is nobody's.
    written_off = decide(south, Event.repair, of_office(repairs(RepairAction.undo), SOUTH), NOW)
    assert written_off.effects == (Effect.write_off_order,)
    assert (written_off.after.status, written_off.after.past_orders) == (Status.in_review, (south.order,))
    assert move(in_production(OFFICE), Event.withdraw).status is Status.withdrawn
    assert refused(in_production(SOUTH), Event.withdraw) is Code.UNDO_NOT_PERMITTED


def test_an_order_that_may_not_be_cancelled_is_written_off_when_the_bureaus_time_is_over_and_not_before() -> None:
    state = in_production(SOUTH)
    assert refused(state, Event.repair, repairs(RepairAction.undo)) is Code.UNDO_NOT_PERMITTED
    assert state.timer is not None
    overdue = move(state, Event.production_overdue, at=state.timer.due_at)
    after = move(overdue, Event.repair, repairs(RepairAction.undo))
    assert (after.status, after.verifier, after.card_ordered, after.past_orders) == (
        *(Status.in_review, None, False),
        (state.order,),
    )
    assert move(after, Event.withdraw).status is Status.withdrawn


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_card_that_nobody_activates_is_cancelled_after_the_last_reminder_and_not_before(region: str) -> None:
    state = move(ready(region), Event.card_handed_over)
    while state.timer is not None:
        assert refused(state, Event.card_not_activated) is Code.ACTIVATION_PERIOD_NOT_OVER
        assert Event.card_not_activated not in view_of(state, NOW).events
        state = move(state, Event.activation_overdue, at=state.timer.due_at)
    assert Event.card_not_activated in view_of(state, NOW).events
    after = move(state, Event.card_not_activated)
    assert (after.status, after.is_open, after.card_ordered, after.order) == (Status.not_activated, False, False, None)
    assert (after.past_orders, after.remains) == ((state.order,), ())


def test_what_was_not_ordered_yet_is_withdrawn_under_any_policy() -> None:
    assert move(ordered(SOUTH), Event.withdraw).status is Status.withdrawn


@pytest.mark.parametrize(
    ("region", "steps", "code"),
    [
        (OFFICE, (), None),
        (OFFICE, (Event.confirm_loss, Event.checked), None),
        (SOUTH, (), None),
        (SOUTH, (Event.confirm_loss, Event.checked), Code.UNDO_NOT_PERMITTED),
    ],
)
def test_a_found_card_works_again_where_its_loss_report_can_be_undone(
    region: str, steps: tuple[Event, ...], code: Code | None
) -> None:
    state = lost(region)
    for event in steps:
        state = move(state, event)
    if code is not None:
        assert refused(state, Event.card_found) is code
        return
    recovered = move(state, Event.card_found)
    assert (recovered.status, recovered.card_blocked, recovered.remains) == (Status.card_found, False, ())


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize("reason", [ReplacementReason.lost, ReplacementReason.damaged])
@pytest.mark.parametrize("formally", [True, False])
def test_a_lost_card_that_turns_up_when_its_successor_is_in_use_stays_out_of_use_and_is_on_record(
    region: str, reason: ReplacementReason, *, formally: bool
) -> None:
    state = in_production(region, reason)
    if reason is not ReplacementReason.lost:
        state = move(state, Event.report_loss)
        state = move(state, Event.confirm_loss) if formally else state
    for event in (Event.card_produced, Event.card_handed_over):
        state = move(state, event)
    for function in state.functions_left:
        activated = CardActivated(actor=ACTIVATORS[function], function=function, order=IN_FORCE)
        state = move(state, Event.card_activated, activated)
    switched = move(state, Event.switch_cards)
    assert (switched.status, switched.card_blocked) == (Status.closing_old, False)
    found = move(switched, Event.card_found)
    assert (found.status, found.last_error) == (Status.closing_old, Code.CARD_FOUND_TOO_LATE)
    # Once the new one is lost as well it is the new one that is found.
    again = move(move(switched, Event.report_loss), Event.card_found)
    assert (again.card_blocked, again.last_error) == (False, None)


def test_nobody_finds_a_card_that_was_not_lost_when_its_successor_is_in_use() -> None:
    state = in_production(SOUTH)
    for event in (Event.card_produced, Event.card_handed_over):
        state = move(state, event)
    for function in state.functions_left:
        activated = CardActivated(actor=ACTIVATORS[function], function=function, order=IN_FORCE)
        state = move(state, Event.card_activated, activated)
    assert refused(move(state, Event.switch_cards), Event.card_found) is Code.EVENT_NOT_ALLOWED


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_where_no_card_is_in_use_a_loss_needs_no_temporary_report(region: str) -> None:
    opening = replacement(ID_CARD, reason=ReplacementReason.lost, region=region)
    state = received(opening, road=None).model_copy(update={"card_in_use": False})
    checked = move(state, Event.checked)
    assert checked.status is Status.in_review
    assert refused(checked, Event.card_found) is Code.UNDO_NOT_PERMITTED


def test_a_card_that_was_never_blocked_cannot_be_found() -> None:
    state = move(received(replacement(ID_CARD, OLD_CARD), road=None), Event.checked)
    assert refused(state, Event.card_found, CardFound(actor=CLERK)) is Code.EVENT_NOT_ALLOWED


def test_a_card_that_was_cancelled_never_comes_back() -> None:
    state = move(move(lost(SOUTH), Event.loss_report_expired), Event.checked)
    assert state.screening is not None
    terms = state.terms.model_copy(update={"undo_formal_loss": True})
    lenient = state.model_copy(update={"screening": state.screening.model_copy(update={"terms": terms})})
    assert refused(lenient, Event.card_found) is Code.UNDO_NOT_PERMITTED


def test_a_found_card_stops_the_production_of_another_where_orders_can_be_cancelled() -> None:
    decision = decide(in_production(reason=ReplacementReason.lost), Event.card_found, FACTS[Event.card_found], NOW)
    # The case ends without a card, so what it kept back from being offered is looked for.
    assert decision.effects == (
        Effect.cancel_order,
        Effect.unblock_card,
        Effect.offer_replacement,
        Effect.notify_applicant,
    )
    late = move(in_production(SOUTH, ReplacementReason.lost), Event.card_found)
    assert (late.status, late.last_error) == (Status.in_production, Code.CARD_FOUND_TOO_LATE)
    assert late.card_blocked


def test_a_replacement_waits_for_the_number_change_and_is_checked_again() -> None:
    state = move(received(replacement(ID_CARD, OLD_CARD), Finding.differs, None), Event.checked)
    assert (state.status, state.hold_reason) == (Status.on_hold, HoldReason.number_change_first)
    for event in (Event.number_changed, Event.resume, Event.hold_expired):
        back = move(state, event)
        assert (back.status, back.held_from, back.hold_reason) == (Status.checking, None, None)
        assert move(found(back, Finding.clear), Event.checked).status is Status.in_review


def test_a_replacement_that_waits_for_something_else_does_not_move_when_a_number_changes() -> None:
    state = move(move(received(replacement(ID_CARD, OLD_CARD), road=None), Event.checked), Event.hold)
    assert refused(state, Event.number_changed) is Code.EVENT_NOT_ALLOWED


def test_an_order_that_another_card_forestalled_is_checked_again() -> None:
    decision = decide(ordered(), Event.order_refused, None, NOW, Code.PRECHECK_DUPLICATE)
    assert (decision.after.status, decision.after.verifier) == (Status.checking, None)
    rejected = move(found(decision.after, Finding.duplicate), Event.checked)
    assert (rejected.status, rejected.ended_because) == (Status.rejected, Code.PRECHECK_DUPLICATE)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_card_may_be_collected_until_it_is_destroyed_and_not_until_the_next_reminder(region: str) -> None:
    state, at = ready(region), NOW
    days = policy(region).replacement.destroy_after_days
    last = None
    while state.timer is not None:
        view = view_of(state, NOW)
        assert view.due_at is not None
        # In the last period the end of it is the day itself.
        assert (view.act_by is None) is (state.claim_reminders == state.terms.claim_reminders)
        last, at = view.act_by or view.due_at, state.timer.due_at
        assert last >= view.due_at
        assert timedelta(days=days - 1) <= last - NOW <= timedelta(days=days + 14)
        state = move(state, Event.claim_period_passed, at=at)
    assert at == last
    assert view_of(state, NOW).act_by is None
