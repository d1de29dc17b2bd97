"""Numbers: committed, confirmed, taken back as long as that is possible."""

import pytest

from cases.decide import decide
from cases.errors import Code
from cases.events import Event
from cases.facts import ConfirmDownstream, RepairAction
from cases.forms import form_of
from cases.machines.machine import Effect, Status
from cases.models import System
from cases.state import CaseState
from cases.views import view_of
from tests.cases.moving import applying, at_the_case, confirms, in_review, move, refused, repairs, verify
from tests.scenes import (
    FACTS,
    NOW,
    SOUTH,
    of_office,
)


def test_where_one_database_serves_all_a_committed_number_is_updated_at_once() -> None:
    state = move(applying(SOUTH), Event.commit)
    assert (state.status, state.committed, state.awaited) == (Status.updated, True, ())


def test_where_systems_confirm_one_by_one_the_last_confirmation_goes_on() -> None:
    state = move(applying(), Event.commit)
    assert (state.status, set(state.awaited)) == (Status.applying, set(System))
    for system in (System.bank, System.pension):
        state = move(state, Event.confirm_downstream, confirms(system))
        assert state.status is Status.applying
        assert refused(state, Event.confirm_downstream, confirms(system)) is Code.SYSTEM_NOT_AWAITED
    assert state.awaited == (System.medical_insurance,)
    state = move(state, Event.confirm_downstream)
    assert (state.status, state.timer) == (Status.updated, None)


def test_nothing_is_confirmed_before_it_is_committed_and_nothing_is_committed_twice() -> None:
    state = applying()
    assert refused(state, Event.confirm_downstream) is Code.ANSWER_OUT_OF_DATE
    committed = move(state, Event.commit)
    assert refused(committed, Event.commit) is Code.EVENT_NOT_ALLOWED
    assert refused(committed, Event.commit_refused) is Code.EVENT_NOT_ALLOWED


def test_a_refused_commit_gives_the_number_and_the_turn_back_and_says_why() -> None:
    decision = decide(applying(), Event.commit_refused, None, NOW, Code.DIGEST_DIFFERS)
    assert decision.after.status is Status.in_review
    assert decision.after.last_error is Code.DIGEST_DIFFERS
    assert {Effect.release_reservation, Effect.yield_turn} <= set(decision.effects)
    assert (decision.after.verifier, decision.after.verified_content) == (None, None)


def test_a_case_whose_register_changed_gives_all_back_and_is_screened_anew() -> None:
    decision = decide(applying(), Event.register_changed, None, NOW, Code.REGISTER_CHANGED)
    after = decision.after
    assert (after.status, after.last_error) == (Status.screening, Code.REGISTER_CHANGED)
    assert decision.effects == (Effect.release_reservation, Effect.follow_register, Effect.yield_turn)
    assert (after.verifier, after.approver, after.verified_content) == (None, None, None)
    assert refused(move(applying(), Event.commit), Event.register_changed) is Code.EVENT_NOT_ALLOWED


def test_a_refusal_before_any_confirmation_undoes_the_number() -> None:
    state = move(applying(), Event.commit)
    decision = decide(state, Event.confirm_downstream, at_the_case(state, confirms(System.bank, confirmed=False)), NOW)
    undone = (Effect.restore_number, Effect.release_reservation, Effect.yield_turn)
    assert decision.effects == (*undone, Effect.notify_applicant)
    after = decision.after
    assert (after.status, after.committed, after.last_error) == (Status.in_review, False, Code.CONFIRMATION_REFUSED)
    assert (after.verifier, after.confirmations) == (None, ())
    assert view_of(after, NOW).refused_by is System.bank


def tell(state: CaseState, fact: ConfirmDownstream) -> CaseState:
    return decide(state, Event.confirm_downstream, at_the_case(state, fact), NOW).after


def test_who_refused_is_known_until_they_confirm_or_are_asked_again() -> None:
    state = move(move(applying(), Event.commit), Event.confirm_downstream)
    stuck = decide(
        state, Event.confirm_downstream, at_the_case(state, confirms(System.bank, confirmed=False)), NOW
    ).after
    assert (stuck.status, view_of(stuck, NOW).refused_by) == (Status.repair, System.bank)
    another = decide(stuck, Event.confirm_downstream, at_the_case(stuck, confirms(System.pension)), NOW).after
    assert another.refused_by is System.bank
    assert (
        decide(stuck, Event.confirm_downstream, at_the_case(stuck, confirms(System.bank)), NOW).after.refused_by is None
    )
    for repair in ({"action": RepairAction.retry}, {"action": RepairAction.accept, "system": System.bank}):
        asked = FACTS[Event.repair].model_copy(update=repair)
        assert decide(stuck, Event.repair, asked, NOW).after.refused_by is None


def test_after_a_confirmation_the_only_way_is_forward() -> None:
    state = move(move(applying(), Event.commit), Event.confirm_downstream)
    assert refused(state, Event.withdraw) is Code.PAST_POINT_OF_NO_RETURN
    state = move(state, Event.confirm_downstream, confirms(System.bank, confirmed=False))
    assert (state.status, state.committed, state.confirmations) == (Status.repair, True, (System.medical_insurance,))
    assert refused(state, Event.repair, repairs(RepairAction.undo)) is Code.PAST_POINT_OF_NO_RETURN
    taken = repairs(RepairAction.accept, System.medical_insurance)
    assert refused(state, Event.repair, taken) is Code.SYSTEM_NOT_AWAITED
    state = move(state, Event.repair, repairs(RepairAction.accept, System.bank))
    assert (state.status, state.awaited) == (Status.repair, (System.pension,))
    assert move(state, Event.repair, repairs(RepairAction.accept, System.pension)).status is Status.updated


def no_undo(state: CaseState) -> CaseState:
    """The same case in a region whose systems confirm but whose policy takes nothing back."""
    assert state.screening is not None
    terms = state.terms.model_copy(update={"undo_number": False})
    return state.model_copy(update={"screening": state.screening.model_copy(update={"terms": terms})})


def test_where_the_policy_takes_nothing_back_a_refusal_goes_to_repair_and_nothing_pretends() -> None:
    state = no_undo(move(applying(), Event.commit))
    assert refused(state, Event.withdraw) is Code.UNDO_NOT_PERMITTED
    broken = move(state, Event.confirm_downstream, confirms(System.bank, confirmed=False))
    assert (broken.status, broken.committed) == (Status.repair, True)
    assert refused(broken, Event.repair, repairs(RepairAction.undo)) is Code.UNDO_NOT_PERMITTED
    assert refused(broken, Event.withdraw) is Code.UNDO_NOT_PERMITTED


@pytest.mark.parametrize("event", [Event.withdraw, Event.person_ended])
def test_what_is_reserved_but_not_committed_is_given_back_under_any_policy(event: Event) -> None:
    decision = decide(applying(SOUTH), event, of_office(FACTS[event], SOUTH), NOW)
    assert Effect.release_reservation in decision.effects
    assert not decision.after.is_open
    assert decision.after.remains == ()


def test_a_number_that_was_taken_in_the_meantime_is_a_dispute() -> None:
    state = in_review()
    verified = move(state, Event.verify_documents, verify(state)).model_copy(update={"benefits_held": True})
    decision = decide(verified, Event.number_taken, None, NOW, Code.NUMBER_TAKEN)
    assert decision.after.status is Status.disputed
    assert decision.after.last_error is Code.NUMBER_TAKEN
    assert not decision.after.benefits_held
    assert decision.after.verifier is None


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("system", System)
def test_an_answer_to_a_publication_that_was_taken_back_says_nothing_of_the_next_one(
    system: System, *, confirmed: bool
) -> None:
    first = move(applying(), Event.commit)
    assert first.publication is not None
    late = confirms(system, confirmed=confirmed).model_copy(update={"publication": first.publication})
    undone = move(first, Event.confirm_downstream, confirms(System.bank, confirmed=False))
    assert (undone.status, undone.publication) == (Status.in_review, None)
    assert refused(undone, Event.confirm_downstream, late) is Code.ANSWER_OUT_OF_DATE
    verified = move(undone, Event.verify_documents, verify(undone))
    reserved = move(verified, Event.apply)
    second = move(reserved, Event.commit)
    assert second.publication not in {None, first.publication}
    for state in (verified, reserved, second):
        assert refused(state, Event.confirm_downstream, late) is Code.ANSWER_OUT_OF_DATE
    assert move(second, Event.confirm_downstream, confirms(system)).confirmations == (system,)


def test_publishing_again_ends_the_publication_before() -> None:
    first = move(applying(), Event.commit)
    retried = move(move(first, Event.confirmation_overdue), Event.repair, repairs(RepairAction.retry))
    assert first.publication is not None
    late = confirms(System.bank).model_copy(update={"publication": first.publication})
    assert refused(retried, Event.confirm_downstream, late) is Code.ANSWER_OUT_OF_DATE
    assert move(retried, Event.confirm_downstream, confirms(System.bank)).confirmations == (System.bank,)


def test_what_a_system_says_otherwise_after_it_confirmed_is_no_repetition() -> None:
    state = move(move(applying(), Event.commit), Event.confirm_downstream, confirms(System.bank))
    assert refused(state, Event.confirm_downstream, confirms(System.bank)) is Code.SYSTEM_NOT_AWAITED
    otherwise = confirms(System.bank, confirmed=False)
    assert refused(state, Event.confirm_downstream, otherwise) is Code.ANSWER_OUT_OF_DATE


def test_the_form_of_a_confirmation_names_the_publication_that_is_awaited() -> None:
    state = move(applying(), Event.commit)
    form = form_of(Event.confirm_downstream, view_of(state, NOW))
    assert form["publication"] == view_of(state, NOW).publication == state.publication
    for system in System:
        state = move(state, Event.confirm_downstream, confirms(system))
    assert view_of(state, NOW).publication is None
