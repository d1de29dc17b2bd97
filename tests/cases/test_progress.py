"""Rows that need particular facts: back to the right status, two people, per policy, refused with the right code."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cases.clocks import WorkingCalendar
from cases.errors import CaseError, Code
from cases.models import FACTS as FACT_MODELS
from cases.models import (
    MAX_DOCUMENTS,
    Actor,
    AddDocuments,
    ApplicationChannel,
    Approve,
    CardActivated,
    CardFound,
    CardFunction,
    CardProduced,
    CardUnclaimed,
    Citizen,
    ConfirmDownstream,
    Defect,
    DisputeOutcome,
    Document,
    DocumentKind,
    Extend,
    Fact,
    HoldBenefits,
    HoldReason,
    PersonEnded,
    PersonEndedReason,
    Repair,
    RepairAction,
    ReplacementReason,
    ResolveDispute,
    ReturnDocuments,
    Role,
    SubmitterKind,
    System,
    VerifyDocuments,
)
from cases.names import Kind
from cases.numbers import Road
from cases.progress import CaseState, Finding, decide, outcome_of, receipt_of, view_of
from cases.states import Clock, Effect, Event, Status
from cases.steps import StepRequest
from tests.scenes import (
    BANK,
    BUREAU,
    CERTIFICATE,
    CLERK,
    FACTS,
    ID_CARD,
    NOW,
    OFFICE,
    OFFICER,
    OPERATOR,
    SECOND_OFFICER,
    SOUTH,
    SPEAKERS,
    VERIFIER,
    document,
    in_status,
    number_change,
    of_office,
    person,
    policy,
    received,
    replacement,
)

CALENDAR = WorkingCalendar(published=frozenset({2026, 2027}))
OLD_CARD = document(DocumentKind.old_card)
COURT = document(DocumentKind.court_certificate)
TODAY = date(2026, 11, 2)


def move(state: CaseState, event: Event, fact: Fact | None = None, at: datetime = NOW) -> CaseState:
    """The case after a transition, with its time limit; whoever makes it is of the office that handles the case."""
    decision = decide(state, event, at_the_case(state, fact or FACTS.get(event)), at)
    return policy(state.opening.region).settle(decision, at, CALENDAR)


def refused(state: CaseState, event: Event, fact: Fact | None = None, at: datetime = NOW) -> Code:
    with pytest.raises(CaseError) as caught:
        decide(state, event, at_the_case(state, fact or FACTS.get(event)), at)
    return caught.value.code


def at_the_case(state: CaseState, fact: Fact | None) -> Fact | None:
    return None if fact is None else of_office(fact, state.opening.region)


def found(state: CaseState, finding: Finding) -> CaseState:
    """The register answers otherwise when it is asked again."""
    assert state.screening is not None
    return state.model_copy(update={"screening": state.screening.model_copy(update={"finding": finding})})


def verify(state: CaseState, actor: Actor = VERIFIER) -> VerifyDocuments:
    return VerifyDocuments(actor=actor, original_seen=True, copies=tuple(copy.sha256 for copy in state.documents))


def adds(*documents: Document) -> AddDocuments:
    return AddDocuments(actor=CLERK, documents=documents)


def decides(actor: Actor, outcome: DisputeOutcome = DisputeOutcome.ours, paper: Document = CERTIFICATE) -> Fact:
    return ResolveDispute(actor=actor, outcome=outcome, police_document=paper)


def confirms(system: System, *, confirmed: bool = True) -> ConfirmDownstream:
    return ConfirmDownstream(actor=SPEAKERS[system], system=system, confirmed=confirmed, reference="r-1")


def repairs(action: RepairAction, system: System | None = None) -> Repair:
    return Repair(actor=OPERATOR, action=action, system=system, evidence="op-1")


def makes(*, produced: bool) -> CardProduced:
    made = FACTS[Event.card_produced]
    assert isinstance(made, CardProduced)
    return made if produced else CardProduced(actor=BUREAU, produced=False, batch="b-1")


def in_review(*documents: Document, region: str = OFFICE, road: Road = Road.pure_upgrade) -> CaseState:
    papers = documents or ((ID_CARD, CERTIFICATE) if road is Road.reissued else (ID_CARD,))
    return move(received(number_change(*papers, region=region), road=road), Event.screened)


def awaiting_approval() -> CaseState:
    state = in_review(road=Road.reissued)
    return move(state, Event.verify_documents, verify(state))


def disputed(*documents: Document) -> CaseState:
    return move(received(number_change(*documents), Finding.conflict, Road.conflict), Event.screened)


def applying(region: str = OFFICE) -> CaseState:
    state = in_review(region=region)
    return move(move(state, Event.verify_documents, verify(state)), Event.apply)


def lost(region: str = OFFICE) -> CaseState:
    opening = replacement(ID_CARD, reason=ReplacementReason.lost, region=region)
    return move(received(opening, road=None), Event.checked)


def ordered(region: str = OFFICE, reason: ReplacementReason = ReplacementReason.damaged) -> CaseState:
    opening = replacement(ID_CARD, OLD_CARD, reason=reason, region=region)
    state = move(received(opening, road=None), Event.checked)
    if state.status is Status.temporarily_blocked:
        state = move(move(state, Event.confirm_loss), Event.checked)
    return move(state, Event.verify_documents, verify(state))


def in_production(region: str = OFFICE, reason: ReplacementReason = ReplacementReason.damaged) -> CaseState:
    return move(ordered(region, reason), Event.order_card)


def ready(region: str = OFFICE) -> CaseState:
    return move(in_production(region), Event.card_produced)


# --- screening ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "status", "reason"),
    [
        (Finding.unknown, Status.ended, Code.PERSON_UNKNOWN),
        (Finding.deceased, Status.ended, Code.PERSON_DECEASED),
        (Finding.not_needed, Status.not_needed, Code.ALREADY_18_DIGITS),
    ],
)
def test_a_case_that_needs_nothing_or_nobody_ends_at_once_and_its_receipt_says_why(
    finding: Finding, status: Status, reason: Code
) -> None:
    state = move(received(number_change(ID_CARD), finding), Event.screened)
    assert (state.status, outcome_of(state).reason) == (status, reason)
    receipt = receipt_of(state)
    assert (receipt.status, receipt.reason, receipt.due_at) == (status, reason, None)


@pytest.mark.parametrize(
    ("finding", "status", "reason"),
    [
        (Finding.unknown, Status.rejected, Code.PRECHECK_PERSON_UNKNOWN),
        (Finding.deceased, Status.ended, Code.PERSON_DECEASED),
        (Finding.duplicate, Status.rejected, Code.PRECHECK_DUPLICATE),
        (Finding.not_allowed, Status.rejected, Code.PRECHECK_NOT_ALLOWED),
        (Finding.differs, Status.on_hold, None),
    ],
)
def test_the_pre_check_of_a_replacement_answers_with_its_code(
    finding: Finding, status: Status, reason: Code | None
) -> None:
    state = move(received(replacement(ID_CARD, OLD_CARD), finding, None), Event.checked)
    assert (state.status, state.ended_because) == (status, reason)
    assert state.last_error is (Code.PRECHECK_PERSON_DIFFERS if status is Status.on_hold else None)


def test_a_receipt_names_what_is_missing_and_by_when() -> None:
    state = move(received(number_change(), road=Road.reissued), Event.screened)
    receipt = receipt_of(state)
    assert [demand.document for demand in receipt.missing] == [
        DocumentKind.resident_id_card,
        DocumentKind.police_certificate,
    ]
    assert state.timer is not None
    assert receipt.due_at == state.timer.due_at


# --- documents ------------------------------------------------------------------------------------------------------


def test_documents_that_are_not_all_leave_the_supplement_limit_running() -> None:
    state = move(received(number_change(), road=Road.reissued), Event.screened)
    later = NOW + timedelta(days=3)
    some = move(state, Event.add_documents, adds(ID_CARD), later)
    assert (some.status, some.timer) == (Status.awaiting_documents, state.timer)
    all_of_them = move(some, Event.add_documents, adds(CERTIFICATE), later)
    assert (all_of_them.status, all_of_them.timer) == (Status.in_review, None)


@pytest.mark.parametrize(
    ("road", "instead"),
    [
        (Road.pure_upgrade, (document(DocumentKind.temporary_id_card),)),
        (Road.pure_upgrade, (document(DocumentKind.residence_permit),)),
        (Road.reissued, (ID_CARD, COURT)),
    ],
)
def test_a_document_that_the_law_puts_in_place_of_another_is_accepted(
    road: Road, instead: tuple[Document, ...]
) -> None:
    state = move(received(number_change(*instead), road=road), Event.screened)
    assert state.status is Status.in_review
    assert move(state, Event.verify_documents, verify(state)).verifier == VERIFIER.id


def test_a_court_certificate_takes_no_id_cards_place() -> None:
    state = move(received(number_change(COURT, CERTIFICATE)), Event.screened)
    assert state.status is Status.awaiting_documents


def test_the_same_copy_twice_is_one_document() -> None:
    state = in_review(ID_CARD, ID_CARD)
    assert len(state.documents) == 1
    assert len(move(state, Event.add_documents, adds(ID_CARD, ID_CARD)).documents) == 1


def test_more_than_twenty_documents_are_refused_and_twenty_are_not() -> None:
    state = in_review()
    copies = [document(DocumentKind.photograph, str(copy)) for copy in range(MAX_DOCUMENTS)]
    full = move(state, Event.add_documents, adds(*copies[: MAX_DOCUMENTS - 1]))
    assert len(full.documents) == MAX_DOCUMENTS
    assert refused(full, Event.add_documents, adds(copies[-1])) is Code.DOCUMENTS_TOO_MANY
    assert move(full, Event.add_documents, adds(ID_CARD)).documents == full.documents


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"holder": person("two")}, Code.DOCUMENT_OF_ANOTHER_PERSON),
        ({"expires_on": TODAY - timedelta(days=1)}, Code.DOCUMENT_EXPIRED),
        ({"issued_on": TODAY + timedelta(days=1)}, Code.DOCUMENT_FUTURE_DATED),
    ],
)
def test_a_wrong_document_is_refused_when_it_comes_in_and_none_that_slipped_in_is_verified(
    change: dict[str, Any], code: Code
) -> None:
    wrong = ID_CARD.model_copy(update=change)
    waiting = move(received(number_change()), Event.screened)
    assert refused(waiting, Event.add_documents, adds(wrong)) is code
    assert refused(in_review(wrong), Event.verify_documents, verify(in_review(wrong))) is code


def test_a_document_is_good_on_its_first_and_on_its_last_day() -> None:
    own = ID_CARD.model_copy(update={"holder": person("one"), "issued_on": TODAY, "expires_on": TODAY})
    waiting = move(received(number_change()), Event.screened)
    assert move(waiting, Event.add_documents, adds(own)).status is Status.in_review
    # 16:30 UTC is half past midnight of the next day where the case is handled.
    next_day = datetime(2026, 11, 2, 16, 30, tzinfo=UTC)
    assert refused(waiting, Event.add_documents, adds(own), next_day) is Code.DOCUMENT_EXPIRED


def test_a_document_that_expires_while_the_case_waits_is_not_verified() -> None:
    state = in_review(ID_CARD.model_copy(update={"expires_on": TODAY + timedelta(days=7)}))
    late = NOW + timedelta(days=30)
    assert refused(state, Event.verify_documents, verify(state), late) is Code.DOCUMENT_EXPIRED


def test_verification_needs_the_original_another_person_and_every_copy() -> None:
    state = in_review()
    unseen = verify(state).model_copy(update={"original_seen": False})
    assert refused(state, Event.verify_documents, unseen) is Code.ORIGINAL_NOT_SEEN
    assert refused(state, Event.verify_documents, verify(state, CLERK)) is Code.SAME_PERSON
    fewer = verify(state).model_copy(update={"copies": ()})
    assert refused(state, Event.verify_documents, fewer) is Code.DOCUMENT_DIGEST_MISMATCH


def test_returned_documents_go_and_their_defects_stand_until_the_document_is_back() -> None:
    state = in_review(road=Road.reissued)
    both = tuple(
        Defect(document=kind, problem="不清晰")
        for kind in (DocumentKind.resident_id_card, DocumentKind.police_certificate)
    )
    returned = move(state, Event.return_documents, ReturnDocuments(actor=VERIFIER, defects=both))
    assert (returned.status, returned.documents, returned.defects) == (Status.awaiting_documents, (), both)
    one_back = move(returned, Event.add_documents, adds(document(copy="2")))
    assert one_back.defects == both[1:]
    all_back = move(one_back, Event.add_documents, adds(document(DocumentKind.police_certificate, "2")))
    assert (all_back.status, all_back.defects) == (Status.in_review, ())


def test_a_defect_of_a_document_that_no_law_demands_keeps_nobody_from_review() -> None:
    defect = Defect(document=DocumentKind.proxy_authorisation, problem="未签名")
    returned = move(in_review(), Event.return_documents, ReturnDocuments(actor=VERIFIER, defects=(defect,)))
    assert returned.status is Status.awaiting_documents
    assert move(returned, Event.add_documents, adds(document(copy="2"))).status is Status.in_review


def test_no_answer_closes_the_case_without_stopping_a_benefit() -> None:
    state = move(received(number_change()), Event.screened)
    closed = move(state, Event.supplement_expired)
    assert (closed.status, closed.ended_because) == (Status.closed_no_response, Code.NO_RESPONSE)
    assert Effect.hold_benefits not in decide(state, Event.supplement_expired, None, NOW).effects


# --- two people -----------------------------------------------------------------------------------------------------


def test_a_reissued_number_needs_an_approver_who_is_neither_submitter_nor_verifier() -> None:
    state = awaiting_approval()
    assert state.status is Status.awaiting_approval
    for same in (CLERK, VERIFIER):
        # Whoever got another role meanwhile is still the same person.
        actor = same.model_copy(update={"role": Role.officer})
        assert refused(state, Event.approve, Approve(actor=actor, content=state.content)) is Code.SAME_PERSON
        clerk = Approve(actor=same, content=state.content)
        assert refused(state, Event.approve, clerk) is Code.ROLE_NOT_ALLOWED
    assert refused(state, Event.approve) is Code.CONTENT_CHANGED
    approved = move(state, Event.approve, Approve(actor=OFFICER, content=state.content))
    assert (approved.status, approved.approver) == (Status.verified, OFFICER.id)
    assert approved.verified_content == approved.content


def test_an_applicant_is_nobodys_colleague_and_staff_are_still_two_people() -> None:
    opening = number_change(ID_CARD, CERTIFICATE)
    by = Citizen(kind=SubmitterKind.applicant, ref=opening.person)
    opening = opening.model_copy(update={"submitter": by, "channel": ApplicationChannel.online})
    state = move(received(opening, road=Road.reissued), Event.screened)
    state = move(state, Event.verify_documents, verify(state, CLERK))
    both = Approve(actor=CLERK.model_copy(update={"role": Role.officer}), content=state.content)
    assert refused(state, Event.approve, both) is Code.SAME_PERSON
    state = move(state, Event.approve, Approve(actor=OFFICER, content=state.content))
    view = view_of(state)
    assert (view.verifier, view.approver) == (CLERK.id, OFFICER.id)
    assert (view.channel, view.submitter_kind, view.submitter) == ("online", "applicant", None)


def test_a_document_added_after_the_verification_brings_the_case_back_to_review() -> None:
    state = move(awaiting_approval(), Event.add_documents, adds(COURT))
    assert (state.status, state.verifier, state.verified_content) == (Status.in_review, None, None)
    assert refused(state, Event.approve, Approve(actor=OFFICER, content=state.content)) is Code.EVENT_NOT_ALLOWED


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
    # Ninety days for an ID card end on Sunday 31 January, so the limit ends with Monday.
    assert held.timer.due_at == datetime(2027, 2, 1, 16, 0, tzinfo=UTC)


# --- dispute --------------------------------------------------------------------------------------------------------


def test_a_dispute_is_decided_by_two_different_people_on_the_same_document() -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    assert (first.status, first.dispute and first.dispute.decided_by) == (Status.disputed, OFFICER.id)
    assert refused(first, Event.resolve_dispute, decides(OFFICER)) is Code.SAME_PERSON
    second = move(first, Event.resolve_dispute, decides(SECOND_OFFICER))
    assert (second.status, second.dispute_settled) == (Status.in_review, True)
    assert CERTIFICATE in second.documents
    approval = move(second, Event.verify_documents, verify(second))
    assert approval.status is Status.awaiting_approval


@pytest.mark.parametrize(
    "other",
    [
        decides(SECOND_OFFICER, DisputeOutcome.theirs),
        decides(SECOND_OFFICER, paper=COURT),
        decides(OFFICER, DisputeOutcome.theirs),
    ],
)
def test_a_different_decision_takes_the_first_ones_place(other: ResolveDispute) -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    replaced = move(first, Event.resolve_dispute, other)
    assert replaced.status is Status.disputed
    assert replaced.dispute is not None
    assert replaced.dispute.outcome is other.outcome
    assert replaced.dispute.document == other.police_document.sha256
    assert replaced.dispute.decided_by == other.actor.id


@pytest.mark.parametrize("outcome", [DisputeOutcome.theirs, DisputeOutcome.both_change])
def test_a_number_that_is_not_ours_is_refused(outcome: DisputeOutcome) -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER, outcome))
    lost_it = move(first, Event.resolve_dispute, decides(SECOND_OFFICER, outcome))
    assert (lost_it.status, lost_it.ended_because) == (Status.rejected, Code.DISPUTE_LOST)


def test_a_dispute_is_decided_on_a_police_or_court_document_alone() -> None:
    paper = decides(OFFICER, paper=document(DocumentKind.photograph))
    assert refused(disputed(ID_CARD), Event.resolve_dispute, paper) is Code.DOCUMENTS_MISSING


def test_a_decision_on_an_earlier_dispute_is_not_the_first_of_two_on_a_later_one() -> None:
    first = move(disputed(ID_CARD), Event.resolve_dispute, decides(OFFICER))
    lapsed = move(first, Event.dispute_lapsed)
    again = move(lapsed, Event.dispute_opened)
    assert again.dispute is None
    assert move(again, Event.resolve_dispute, decides(SECOND_OFFICER)).status is Status.disputed


@pytest.mark.parametrize("papers", [(), (ID_CARD,)])
def test_a_settled_dispute_goes_on_with_what_is_there_whoever_settled_it(papers: tuple[Document, ...]) -> None:
    state = disputed(*papers)
    assert state.screening is not None
    demands = policy().number_change_demands(Road.reissued)
    state = state.model_copy(update={"screening": state.screening.model_copy(update={"demands": demands})})
    ours = move(move(state, Event.resolve_dispute, decides(OFFICER)), Event.resolve_dispute, decides(SECOND_OFFICER))
    assert ours.status is (Status.in_review if papers else Status.awaiting_documents)
    theirs = move(state, Event.dispute_won)
    assert (theirs.status, theirs.dispute_settled) == (Status.awaiting_documents, True)


def test_a_full_file_takes_no_further_certificate_but_a_decision_against_us() -> None:
    copies = [document(DocumentKind.photograph, str(copy)) for copy in range(MAX_DOCUMENTS)]
    full = disputed(*copies)
    assert refused(full, Event.resolve_dispute, decides(OFFICER)) is Code.DOCUMENTS_TOO_MANY
    assert move(full, Event.resolve_dispute, decides(OFFICER, DisputeOutcome.theirs)).dispute is not None


def test_a_dispute_and_a_hold_release_benefits_and_nobody_can_hold_them_meanwhile() -> None:
    held = in_review().model_copy(update={"benefits_held": True})
    for event in (Event.hold, Event.dispute_opened):
        state = move(held, event)
        assert not state.benefits_held
        assert refused(state, Event.hold_benefits) is Code.BENEFITS_EXCLUDED
        assert refused(state, Event.release_benefits) is Code.EVENT_NOT_ALLOWED


# --- applying -------------------------------------------------------------------------------------------------------


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
    assert refused(state, Event.confirm_downstream) is Code.SYSTEM_NOT_AWAITED
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


@pytest.mark.parametrize("kind", Kind)
def test_a_case_that_is_told_of_a_lifted_hold_shows_it_once_and_waits_as_before(kind: Kind) -> None:
    held = in_status(kind, Status.in_review).model_copy(update={"benefits_held": True, "stuck": True})
    after = move(held, Event.benefits_lifted)
    assert (after.benefits_held, after.stuck, after.status) == (False, True, Status.in_review)
    assert after.timer == held.timer
    assert refused(after, Event.benefits_lifted) is Code.BENEFITS_NOT_HELD


def test_a_refusal_before_any_confirmation_undoes_the_number() -> None:
    state = move(applying(), Event.commit)
    decision = decide(state, Event.confirm_downstream, confirms(System.bank, confirmed=False), NOW)
    assert decision.effects == (Effect.restore_number, Effect.release_reservation, Effect.yield_turn)
    after = decision.after
    assert (after.status, after.committed, after.last_error) == (Status.in_review, False, Code.CONFIRMATION_REFUSED)
    assert (after.verifier, after.confirmations) == (None, ())
    assert view_of(after).refused_by is System.bank


def test_who_refused_is_known_until_they_confirm_or_are_asked_again() -> None:
    state = move(move(applying(), Event.commit), Event.confirm_downstream)
    stuck = decide(state, Event.confirm_downstream, confirms(System.bank, confirmed=False), NOW).after
    assert (stuck.status, view_of(stuck).refused_by) == (Status.repair, System.bank)
    another = decide(stuck, Event.confirm_downstream, confirms(System.pension), NOW).after
    assert another.refused_by is System.bank
    assert decide(stuck, Event.confirm_downstream, confirms(System.bank), NOW).after.refused_by is None
    for repair in ({"action": RepairAction.retry}, {"action": RepairAction.accept, "system": System.bank}):
        asked = FACTS[Event.repair].model_copy(update=repair)
        assert decide(stuck, Event.repair, asked, NOW).after.refused_by is None


def test_after_a_confirmation_the_only_way_is_forward() -> None:
    state = move(move(applying(), Event.commit), Event.confirm_downstream)
    for event in (Event.withdraw, Event.person_ended):
        assert refused(state, event) is Code.PAST_POINT_OF_NO_RETURN
    state = move(state, Event.confirm_downstream, confirms(System.bank, confirmed=False))
    assert (state.status, state.committed, state.confirmations) == (Status.repair, True, (System.medical_insurance,))
    assert refused(state, Event.repair, repairs(RepairAction.undo)) is Code.PAST_POINT_OF_NO_RETURN
    taken = repairs(RepairAction.accept, System.medical_insurance)
    assert refused(state, Event.repair, taken) is Code.SYSTEM_NOT_AWAITED
    state = move(state, Event.repair, repairs(RepairAction.accept, System.bank))
    assert (state.status, state.awaited) == (Status.repair, (System.pension,))
    assert move(state, Event.repair, repairs(RepairAction.accept, System.pension)).status is Status.updated


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
    assert decision.clock is Clock.confirmation
    assert decision.after.confirmations == (System.medical_insurance,)
    assert decision.after.last_error is None


def test_repair_undoes_what_nobody_confirmed() -> None:
    overdue = move(move(applying(), Event.commit), Event.confirmation_overdue)
    undone = move(overdue, Event.repair, repairs(RepairAction.undo))
    assert (undone.status, undone.committed) == (Status.in_review, False)


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
    assert refused(broken, Event.person_ended) is Code.UNDO_NOT_PERMITTED


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


# --- benefits -------------------------------------------------------------------------------------------------------


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


# --- time limits ----------------------------------------------------------------------------------------------------


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


def test_an_overdue_card_is_asked_for_again_and_again_and_a_new_attempt_is_not_overdue() -> None:
    state = in_production()
    overdue = move(state, Event.production_overdue, at=NOW + timedelta(days=40))
    assert (overdue.status, overdue.attention) == (Status.in_production, ("overdue",))
    assert overdue.timer is not None
    assert overdue.timer.due_at > NOW + timedelta(days=40)
    assert move(overdue, Event.acknowledge).attention == ()
    assert move(overdue, Event.card_produced, makes(produced=False)).attention == ()


def test_who_does_not_fetch_a_card_is_reminded_and_then_two_people_destroy_it() -> None:
    state, at = ready(), NOW
    witnessed = CardUnclaimed(actor=BUREAU, witness=OPERATOR, record="destroyed-1")
    for days in (30, 30, 30):
        assert refused(state, Event.card_unclaimed, witnessed, at) is Code.CLAIM_PERIOD_NOT_OVER
        assert state.timer is not None
        assert timedelta(days=days - 1) < state.timer.due_at - at <= timedelta(days=days + 4)
        at = state.timer.due_at
        state = move(state, Event.claim_period_passed, at=at)
    assert (state.status, state.timer, state.attention) == (Status.ready, None, ("overdue",))
    assert refused(state, Event.extend) is Code.NO_CLOCK_TO_EXTEND
    alone = CardUnclaimed(actor=BUREAU, witness=BUREAU, record="destroyed-1")
    assert refused(state, Event.card_unclaimed, alone) is Code.SAME_PERSON
    destroyed = move(state, Event.card_unclaimed, witnessed)
    assert destroyed.status is Status.unclaimed
    # Until it is destroyed it may still be fetched.
    assert move(state, Event.card_handed_over).status is Status.handed_over


def test_the_old_card_is_closed_after_the_pension_run_of_whoever_draws_a_pension() -> None:
    def closing(region: str, *, draws_pension: bool) -> CaseState:
        state = move(ready(region), Event.card_handed_over)
        state = move(state, Event.card_activated)
        state = move(state, Event.card_activated, CardActivated(actor=BANK, function=CardFunction.bank))
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


# --- cards ----------------------------------------------------------------------------------------------------------


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
    assert refused(south, Event.repair, repairs(RepairAction.undo)) is Code.UNDO_NOT_PERMITTED
    assert move(in_production(OFFICE), Event.withdraw).status is Status.withdrawn
    assert refused(in_production(SOUTH), Event.withdraw) is Code.UNDO_NOT_PERMITTED


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
    assert decision.effects == (Effect.cancel_order, Effect.unblock_card)
    assert refused(in_production(SOUTH, ReplacementReason.lost), Event.card_found) is Code.UNDO_NOT_PERMITTED


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


# --- endings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "event", "remains"),
    [
        (lost(), Event.withdraw, ("card_blocked",)),
        (move(lost(SOUTH), Event.loss_report_expired), None, ("card_cancelled",)),
        (in_review().model_copy(update={"benefits_held": True}), Event.withdraw, ("benefits_held",)),
        (in_review(), Event.withdraw, ()),
        (move(applying(), Event.commit), Event.withdraw, ()),
    ],
)
def test_an_ending_says_what_stays_in_effect(state: CaseState, event: Event | None, remains: tuple[str, ...]) -> None:
    closed = move(state, event) if event else move(move(state, Event.checked), Event.withdraw)
    assert not closed.is_open
    assert closed.remains == remains
    assert outcome_of(closed).remains == view_of(closed).remains == remains


@pytest.mark.parametrize(
    ("reason", "code"),
    [(PersonEndedReason.death, Code.PERSON_DECEASED), (PersonEndedReason.transfer, Code.PERSON_TRANSFERRED)],
)
def test_a_case_ends_with_the_person(reason: PersonEndedReason, code: Code) -> None:
    for state in (in_review(), disputed(), lost(), in_production(), ready()):
        closed = move(state, Event.person_ended, PersonEnded(actor=CLERK, reason=reason, evidence="civil-1"))
        assert (closed.status, closed.ended_because) == (Status.ended, code)


@pytest.mark.parametrize("event", Event)
def test_a_closed_case_answers_every_event_with_that(event: Event) -> None:
    closed = move(in_review(), Event.withdraw)
    assert refused(closed, event) is Code.CASE_CLOSED
    assert view_of(closed).events == ()
    assert view_of(closed).due_at is None


def test_the_content_is_that_of_the_application_and_its_copies_in_any_order() -> None:
    one, other = in_review(ID_CARD, CERTIFICATE), in_review(CERTIFICATE, ID_CARD)
    assert one.content == other.content
    assert one.content != in_review(ID_CARD).content
    assert one.content != one.model_copy(update={"generation": 2}).content


# --- what the register is asked -------------------------------------------------------------------------------------


def test_a_request_names_event_and_version_and_carries_the_fact_as_it_was_told() -> None:
    state = in_review()
    fact = verify(state)
    request = StepRequest.of(state, Event.verify_documents, fact, at=NOW)
    assert (request.case_id, request.generation) == (state.case_id, state.generation)
    assert (request.version, request.event) == (1, Event.verify_documents)
    again = StepRequest.model_validate_json(request.model_dump_json(exclude_unset=True))
    assert again == request
    assert VerifyDocuments.model_validate(again.fact) == fact


@pytest.mark.parametrize("event", FACTS)
def test_every_fact_survives_a_step(event: Event) -> None:
    request = StepRequest.of(in_review(), event, FACTS[event], at=NOW)
    again = StepRequest.model_validate_json(request.model_dump_json(exclude_unset=True))
    assert FACT_MODELS[event].model_validate(again.fact) == FACTS[event]


def test_a_step_of_the_engine_has_no_fact_and_was_told_by_nobody() -> None:
    request = StepRequest.of(received(number_change(ID_CARD)), Event.screened, None, at=NOW)
    assert (request.fact, request.told_as, request.arrived) == (None, None, None)
