"""Policies: a case that follows another version waits for nothing that it no longer asks for, and invents nothing."""

from datetime import datetime, timedelta

import pytest

from cases.clocks import WorkingCalendar
from cases.decide import decide, next_step
from cases.documents import Defect, DocumentKind
from cases.events import Event
from cases.facts import CardFunction, Extend, Fact, Recompute, RepairAction, ReturnDocuments
from cases.machines.machine import Status
from cases.models import System
from cases.numbers import Road
from cases.policy import Policy
from cases.state import CaseState
from cases.views import view_of
from tests.cases.moving import CALENDAR, applying, asked, confirms, move, ready, repairs
from tests.scenes import CERTIFICATE, FACTS, ID_CARD, NOW, OFFICER, OPERATOR, VERIFIER, number_change, policy, received


def version(confirmations: tuple[System, ...] = (), *, demands: bool = True, number: int = 9) -> Policy:
    """Another version of the northern pack, which asks for less, or for something else."""
    now = policy()
    change = now.number_change.model_copy(
        update={
            "confirmations": confirmations,
            "demands": tuple(
                demand
                for demand in now.number_change.demands
                if demands or demand.document is not DocumentKind.police_certificate
            ),
        }
    )
    card = now.replacement.model_copy(update={"functions": (CardFunction.social,)})
    return now.model_copy(update={"version": number, "number_change": change, "replacement": card})


def follows(state: CaseState, another: Policy) -> CaseState:
    """The case after an operator had it follow another version."""
    return by(another, state, Event.recompute, Recompute(actor=OPERATOR, policy=another.pin))


def by(another: Policy, state: CaseState, event: Event, fact: Fact | None = None) -> CaseState:
    """The case after a transition, pinned to another version."""
    return another.settle(decide(state, event, fact, NOW), NOW, CALENDAR)


def goes_on(state: CaseState, another: Policy) -> CaseState:
    """The case after the step that it makes by itself."""
    assert next_step(state, NOW) is Event.nothing_awaited
    return by(another, state, Event.nothing_awaited)


@pytest.mark.parametrize("in_repair", [False, True])
def test_a_case_waits_for_no_system_that_its_policy_has_dropped_and_nobody_has_confirmed_for_it(
    *, in_repair: bool
) -> None:
    state = move(applying(), Event.commit)
    for system in (System.medical_insurance, System.pension):
        state = move(state, Event.confirm_downstream, confirms(system))
    if in_repair:
        state = move(state, Event.confirmation_overdue)
    another = version((System.medical_insurance, System.pension))
    waits = follows(state, another)
    assert (waits.status, waits.awaited) == (state.status, ())
    assert waits.recomputed is not None
    assert (waits.recomputed.systems, waits.recomputed.policy_before) == ((System.bank,), policy().pin)
    after = goes_on(waits, another)
    assert (after.status, after.confirmations) == (Status.updated, (System.medical_insurance, System.pension))
    assert view_of(after, NOW).recomputed == waits.recomputed


def test_a_case_goes_on_waiting_for_whom_its_policy_still_names_and_for_nobody_who_was_not_asked() -> None:
    state = move(applying(), Event.commit)
    another = version((System.pension,))
    waits = follows(state, another)
    assert (waits.awaited, next_step(waits, NOW)) == ((System.pension,), None)
    back = follows(waits, version((System.pension, System.bank), number=10))
    assert back.awaited == (System.pension, System.bank)
    never_asked = waits.model_copy(update={"asked": (System.pension,)})
    assert follows(never_asked, version((System.pension, System.bank), number=10)).awaited == (System.pension,)
    # Whoever publishes again asks everyone whom the policy names then.
    both = version((System.pension, System.bank), number=10)
    overdue = by(both, follows(never_asked, both), Event.confirmation_overdue)
    assert by(both, overdue, Event.repair, repairs(RepairAction.retry)).awaited == (System.pension, System.bank)


def test_a_card_waits_for_no_function_that_its_policy_has_dropped_and_none_is_taken_for_active() -> None:
    state = move(move(ready(), Event.card_handed_over), Event.card_activated)
    assert (state.status, state.activated) == (Status.handed_over, (CardFunction.social,))
    another = version()
    waits = follows(state, another)
    assert waits.recomputed is not None
    assert waits.recomputed.functions == (CardFunction.bank,)
    after = goes_on(waits, another)
    assert (after.status, after.activated) == (Status.active, (CardFunction.social,))


def test_an_applicant_is_asked_for_no_document_that_the_policy_has_dropped_and_for_none_in_addition() -> None:
    state = move(received(number_change(ID_CARD), road=Road.reissued), Event.screened)
    assert [demand.document for demand in state.missing] == [CERTIFICATE.kind]
    another = version(demands=False)
    waits = follows(state, another)
    assert (waits.missing, waits.documents) == ((), state.documents)
    assert waits.recomputed is not None
    assert waits.recomputed.demands == (CERTIFICATE.kind,)
    assert goes_on(waits, another).status is Status.in_review
    # The notice named everything: what a version adds is not asked for afterwards.
    assert follows(follows(state, another), version(number=10)).missing == ()


def test_a_defect_of_a_document_that_is_asked_for_no_more_holds_nobody_up() -> None:
    papers = (ID_CARD, CERTIFICATE)
    state = move(received(number_change(*papers), road=Road.reissued), Event.screened)
    defect = Defect(document=CERTIFICATE.kind, problem="不清晰")
    state = move(state, Event.return_documents, ReturnDocuments(actor=VERIFIER, defects=(defect,)))
    assert (state.status, state.missing != ()) == (Status.awaiting_documents, True)
    another = version(demands=False)
    waits = follows(state, another)
    assert (waits.missing, waits.defects) == ((), ())
    assert goes_on(waits, another).status is Status.in_review


def test_what_a_recomputation_moved_is_told_and_where_it_moved_nothing_nothing_is() -> None:
    state = asked(move(applying(), Event.commit))
    assert follows(state, policy()).recomputed is None
    longer = policy().model_copy(
        update={
            "version": 9,
            "number_change": policy().number_change.model_copy(
                update={"confirmation": policy().number_change.confirmation.model_copy(update={"working_days": 9})}
            ),
        }
    )
    told = follows(state, longer).recomputed
    assert told is not None
    assert told.due is not None
    assert state.timer is not None
    assert told.due.before == state.timer.due_at
    assert told.due.after is not None
    assert told.due.after > told.due.before
    assert (told.systems, told.demands, told.functions) == ((), (), ())


def supplement_of(working_days: int, number: int) -> Policy:
    """Another version of the northern pack, whose time to hand in what is missing is another."""
    now = policy()
    limit = now.number_change.supplement.model_copy(update={"working_days": working_days})
    change = now.number_change.model_copy(update={"supplement": limit})
    return now.model_copy(update={"version": number, "number_change": change})


def due_of(state: CaseState) -> datetime:
    assert state.timer is not None
    return state.timer.due_at


def test_what_somebody_was_told_gets_no_shorter_by_another_version_nor_by_what_is_computed_from_it_later() -> None:
    waits = move(received(number_change()), Event.screened)
    assert waits.status is Status.awaiting_documents
    shorter, longer = supplement_of(5, 8), supplement_of(20, 9)
    followed = follows(waits, shorter)
    assert due_of(followed) == due_of(waits)
    assert (followed.recomputed is not None, followed.recomputed and followed.recomputed.due) == (True, None)
    assert due_of(by(shorter, followed, Event.recompute)) == due_of(waits)
    more = by(shorter, followed, Event.extend, Extend(actor=OFFICER, working_days=2, evidence="ext-1"))
    assert due_of(more) == due_of(waits) + timedelta(days=2)
    assert due_of(follows(followed, longer)) == due_of(waits) + timedelta(days=7)


def test_a_limit_that_stands_still_meanwhile_gets_no_shorter_either() -> None:
    waits = move(received(number_change()), Event.screened)
    held = move(waits, Event.hold)
    back = by(supplement_of(5, 8), follows(held, supplement_of(5, 8)), Event.resume, FACTS[Event.resume])
    assert back.status is Status.awaiting_documents
    assert due_of(back) == due_of(waits)


def test_an_amended_calendar_moves_a_limit_ahead_and_ends_none_before_the_day_is_over() -> None:
    waits = move(received(number_change()), Event.screened)
    worked = frozenset(NOW.date() + timedelta(days=days) for days in (5, 6, 12, 13))
    amended = WorkingCalendar(published=CALENDAR.published, on=worked)
    ahead = policy().settle(decide(waits, Event.recompute, None, NOW), NOW, amended)
    assert due_of(ahead) < due_of(waits)
    last_day = due_of(waits) - timedelta(hours=10)
    late = policy().settle(decide(waits, Event.recompute, None, last_day), last_day, amended)
    assert due_of(late) == due_of(waits)
