"""Who may do what, cell by cell, and for which region."""

from datetime import date, timedelta
from typing import Final

import pytest

from cases.decide import decide
from cases.errors import CaseError, Code
from cases.events import FACTS, OPEN, ROLES, Act, Event
from cases.facts import (
    Approve,
    CardActivated,
    CardFunction,
    ConfirmDownstream,
    Fact,
    OnBehalf,
    PersonEnded,
    PersonEndedReason,
)
from cases.kinds import MACHINES
from cases.machines.machine import Effect, Milestone, Status
from cases.models import Actor, Role, System
from cases.names import Kind
from cases.numbers import Road
from cases.openings import Correction, CorrectionReason
from cases.rules.people import (
    ENDS_A_PERSON,
    NAMES_THE_SUBMITTER,
    SPEAKS_FOR,
    check_fact,
    check_role,
    check_speaker,
    covers,
)
from cases.state import CaseState
from cases.submitters import Authority, Citizen, SubmitterKind
from tests import scenes
from tests.cases.moving import (
    COURT,
    OLD_CARD,
    TODAY,
    adds,
    awaiting_approval,
    disputed,
    in_production,
    in_review,
    lost,
    move,
    ready,
    refused,
    replacing,
    verify,
)
from tests.scenes import (
    ACTIVATORS,
    CLERK,
    ID_CARD,
    IN_FORCE,
    NOW,
    OFFICE,
    OFFICER,
    PUBLICATION,
    SOUTH,
    SPEAKERS,
    VERIFIER,
    in_status,
)

_COLUMNS: Final = (
    Role.applicant,
    Role.clerk,
    Role.officer,
    Role.supervisor,
    Role.operator,
    Role.card_bureau,
    Role.bank,
    Role.medical_insurance,
    Role.pension,
    Role.back_office,
    Role.insured_register,
)
_GRID: Final = """
                    ap cl of su op cb ba mi pe bo ir
open                 .  x  .  .  .  .  .  .  .  x  .
add_documents        .  x  .  .  .  .  .  .  .  x  .
verify_documents     .  x  x  .  .  .  .  .  .  .  .
return_documents     .  x  x  .  .  .  .  .  .  .  .
approve              .  .  x  x  .  .  .  .  .  .  .
reject               .  .  x  x  .  .  .  .  .  .  .
hold                 .  x  x  .  .  .  .  .  .  .  .
resume               .  x  x  .  .  .  .  .  .  .  .
extend               .  .  x  x  .  .  .  .  .  .  .
withdraw             .  x  .  .  .  .  .  .  .  x  .
resolve_dispute      .  .  x  x  .  .  .  .  .  .  .
resolve_duplicate    .  .  x  x  .  .  .  .  .  .  .
confirm_downstream   .  .  .  .  .  .  x  x  x  .  .
repair               .  .  .  x  x  .  .  .  .  .  .
hold_benefits        .  .  x  x  .  .  .  .  .  .  .
keep_benefits        .  .  x  x  .  .  .  .  .  .  .
release_benefits     .  .  x  x  .  .  .  .  .  .  .
acknowledge          .  x  x  x  x  .  .  .  .  .  .
person_ended         .  x  x  .  .  .  .  .  .  x  .
recompute            .  .  .  x  x  .  .  .  .  .  .
report_loss          .  x  .  .  .  x  x  .  .  x  .
card_lost_on_way     .  x  .  .  .  x  x  .  .  x  .
confirm_loss         .  x  .  .  .  .  .  .  .  x  .
card_found           .  x  .  .  .  .  .  .  .  x  .
confirm_address      .  x  .  .  .  .  .  .  .  x  .
card_produced        .  .  .  .  .  x  .  .  .  .  .
card_handed_over     .  x  .  .  .  x  .  .  .  .  .
card_activated       .  x  .  .  .  x  x  x  .  .  .
card_unclaimed       .  x  .  .  .  x  .  .  .  .  .
card_not_activated   .  x  x  .  .  .  .  .  .  .  .
card_turned_up       .  .  .  .  .  x  .  .  .  .  .
card_destroyed       .  x  .  .  .  x  .  .  .  .  .
"""
"""The matrix as people agreed on it; the code's own is compared with it."""


def cells() -> list[tuple[Act, Role, bool]]:
    rows = [line.split() for line in _GRID.strip().splitlines()[1:]]
    return [
        (OPEN if name == OPEN else Event(name), role, mark == "x")
        for name, *marks in rows
        for role, mark in zip(_COLUMNS, marks, strict=True)
    ]


def somebody(role: Role, office: str = OFFICE) -> Actor:
    return Actor(id="somebody-1", role=role, office=office)


def test_every_act_and_every_role_has_its_cell() -> None:
    assert {(act, role) for act, role, _ in cells()} == {(act, role) for act in (OPEN, *FACTS) for role in Role}
    assert set(ROLES) == {OPEN, *FACTS}


@pytest.mark.parametrize(("act", "role", "may"), cells(), ids=str)
def test_a_role_may_what_its_cell_says_and_nothing_else(act: Act, role: Role, *, may: bool) -> None:
    refusal: Code | None = None
    try:
        check_role(somebody(role), act, OFFICE)
    except CaseError as refused:
        refusal = refused.code
    assert refusal is (None if may else Code.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize(("act", "role", "may"), [cell for cell in cells() if cell[0] != OPEN], ids=str)
def test_a_case_refuses_a_role_without_power_wherever_the_event_is_possible(act: Act, role: Role, *, may: bool) -> None:
    event = Event(act)
    fact = scenes.FACTS[event].model_copy(update={"actor": somebody(role)})
    allowed = may and not of_another_system(event, role)
    looked_at = 0
    for kind, machine in MACHINES.items():
        for status in machine.statuses:
            if machine.rows(status, event):
                looked_at += 1
                refusal = refusal_of(in_status(kind, status), event, fact)
                assert (refusal is not Code.ROLE_NOT_ALLOWED) is allowed
    assert looked_at


def refusal_of(state: CaseState, event: Event, fact: Fact) -> Code | None:
    try:
        decide(state, event, fact, NOW)
    except CaseError as refused:
        return refused.code
    return None


def of_another_system(event: Event, role: Role) -> bool:
    """The usual fact is one of medical insurance; other systems may speak, but not for it."""
    others = {Event.confirm_downstream: {Role.bank, Role.pension}, Event.card_activated: {Role.bank}}
    return role in others.get(event, set())


@pytest.mark.parametrize("system", System)
@pytest.mark.parametrize("role", SPEAKS_FOR)
def test_a_system_confirms_its_own_part_only(system: System, role: Role) -> None:
    fact = ConfirmDownstream(
        actor=somebody(role), system=system, confirmed=True, reference="r-1", publication=PUBLICATION
    )
    if SPEAKERS[system].role is role:
        check_fact(Event.confirm_downstream, fact, OFFICE)
        return
    with pytest.raises(CaseError) as refused:
        check_fact(Event.confirm_downstream, fact, OFFICE)
    assert refused.value.code is Code.ROLE_NOT_ALLOWED


@pytest.mark.parametrize("function", CardFunction)
@pytest.mark.parametrize("role", sorted(ROLES[Event.card_activated]))
def test_a_bank_activates_the_bank_function_and_nobody_else_does(function: CardFunction, role: Role) -> None:
    fact = CardActivated(actor=somebody(role), function=function, order=IN_FORCE)
    if (role is Role.bank) is (function is CardFunction.bank):
        check_fact(Event.card_activated, fact, OFFICE)
        check_fact(
            Event.card_activated, CardActivated(actor=ACTIVATORS[function], function=function, order=IN_FORCE), OFFICE
        )
        return
    with pytest.raises(CaseError) as refused:
        check_fact(Event.card_activated, fact, OFFICE)
    assert refused.value.code is Code.ROLE_NOT_ALLOWED


@pytest.mark.parametrize(
    ("office", "region", "answers"),
    [
        ("110105", "110105", True),
        ("110105", "110106", False),
        ("110100", "110105", True),
        ("110100", "110200", False),
        ("110000", "110105", True),
        ("110000", "110229", True),
        ("110000", "120105", False),
        ("440100", "440103", True),
        ("440100", "440303", False),
        ("440000", "440303", True),
        ("440103", "440100", False),
        ("100000", "110105", True),
        ("100000", "650102", True),
    ],
)
def test_an_office_answers_for_its_own_region_and_for_those_below_it(
    office: str, region: str, *, answers: bool
) -> None:
    assert covers(office, region) is answers


def test_who_is_of_another_region_decides_nothing_here() -> None:
    with pytest.raises(CaseError) as refused:
        check_role(somebody(Role.clerk, "440103"), Event.hold, OFFICE)
    assert refused.value.code is Code.OFFICE_NOT_COMPETENT
    check_role(somebody(Role.clerk, "110000"), Event.hold, OFFICE)


def test_only_a_role_that_decides_nothing_names_other_people_as_submitters() -> None:
    for role in NAMES_THE_SUBMITTER:
        decisive = {Event.verify_documents, Event.approve, Event.resolve_dispute, Event.reject}
        assert not any(role in ROLES[event] for event in decisive)


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


def test_a_document_added_after_the_verification_brings_the_case_back_to_review() -> None:
    state = move(awaiting_approval(), Event.add_documents, adds(COURT))
    assert (state.status, state.verifier, state.verified_content) == (Status.in_review, None, None)
    assert refused(state, Event.approve, Approve(actor=OFFICER, content=state.content)) is Code.EVENT_NOT_ALLOWED


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
@pytest.mark.parametrize(
    ("kind", "onward"), [(Kind.id_number_change, Status.verified), (Kind.card_replacement, Status.ordered)]
)
def test_where_a_system_names_the_clerk_two_others_decide(kind: Kind, onward: Status, region: str) -> None:
    papers = (ID_CARD, OLD_CARD)
    state = in_review(*papers, region=region) if kind is Kind.id_number_change else replacing(*papers, region=region)
    state = state.model_copy(update={"submitter_named": True})
    assert refused(state, Event.verify_documents, verify(state, CLERK)) is Code.SAME_PERSON
    verified = move(state, Event.verify_documents, verify(state))
    assert (verified.status, verified.milestone) == (Status.awaiting_approval, Milestone.submitted)
    for same in (CLERK, VERIFIER):
        officer = Approve(actor=same.model_copy(update={"role": Role.officer}), content=verified.content)
        assert refused(verified, Event.approve, officer) is Code.SAME_PERSON
    approved = move(verified, Event.approve, Approve(actor=OFFICER, content=verified.content))
    assert (approved.status, approved.verifier, approved.approver) == (onward, VERIFIER.id, OFFICER.id)


def test_a_replacement_in_approval_goes_back_with_a_document_and_waits_through_a_hold() -> None:
    state = replacing(ID_CARD, OLD_CARD).model_copy(update={"submitter_named": True})
    waiting = move(state, Event.verify_documents, verify(state))
    again = move(waiting, Event.add_documents, adds(COURT))
    assert (again.status, again.verifier, again.verified_content) == (Status.in_review, None, None)
    held = move(move(waiting, Event.hold), Event.resume)
    assert (held.status, held.verifier) == (Status.awaiting_approval, VERIFIER.id)
    returned = move(waiting, Event.return_documents)
    assert (returned.status, returned.verifier) == (Status.awaiting_documents, None)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("code", sorted(ENDS_A_PERSON))
def test_what_the_register_learns_of_a_person_ends_the_case_in_every_status(kind: Kind, code: Code) -> None:
    machine = MACHINES[kind]
    for status in filter(machine.is_open, machine.statuses):
        state = in_status(kind, status).model_copy(update={"benefits_held": True, "stuck": True})
        closed = decide(state, Event.person_found_ended, None, NOW, code)
        if status in {Status.card_outstanding, Status.card_to_destroy}:
            # It has ended for the person already, and only waits for a card that nobody may have.
            assert closed.after.status is status
            continue
        ending = (closed.after.status, closed.after.ended_because)
        # A card that cannot be called back is awaited, and destroyed.
        waits = status is Status.in_production and not state.terms.cancel_order
        assert ending == ((Status.card_outstanding, code) if waits else (Status.ended, code))
        assert not closed.after.benefits_held
        assert not closed.after.stuck
        # What is told is what is found, but that the register records it and tells the person's other cases.
        told = decide(state, Event.person_ended, scenes.FACTS[Event.person_ended], NOW)
        assert [effect for effect in told.effects if effect is not Effect.record_end] == list(closed.effects)
        assert told.after.status is closed.after.status


@pytest.mark.parametrize("undo", [True, False])
@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("status", [Status.applying, Status.repair])
def test_the_end_of_a_person_takes_back_what_can_be_taken_back_and_says_what_remains(
    status: Status, *, undo: bool, confirmed: bool
) -> None:
    state = in_status(Kind.id_number_change, status)
    assert state.screening is not None
    terms = state.terms.model_copy(update={"undo_number": undo})
    state = state.model_copy(
        update={
            "screening": state.screening.model_copy(update={"terms": terms}),
            "confirmations": (System.bank,) if confirmed else (),
        }
    )
    decision = decide(state, Event.person_ended, scenes.FACTS[Event.person_ended], NOW)
    taken_back = undo and not confirmed
    assert (Effect.restore_number in decision.effects) is taken_back
    assert decision.after.remains == (() if taken_back else ("number_committed",))
    # Whichever it is, the person's other cases may write again.
    assert Effect.yield_turn in decision.effects
    # What the register could not take back is not asked of it again.
    left = decide(
        state.model_copy(update={"undo_failed": True}),
        *(Event.person_found_ended, None, NOW, Code.PERSON_DECEASED),
    )
    assert Effect.restore_number not in left.effects
    assert left.after.remains == ("number_committed",)


@pytest.mark.parametrize(
    ("reason", "code"),
    [(PersonEndedReason.death, Code.PERSON_DECEASED), (PersonEndedReason.transfer, Code.PERSON_TRANSFERRED)],
)
def test_a_case_ends_with_the_person(reason: PersonEndedReason, code: Code) -> None:
    for state in (in_review(), disputed(), lost(), in_production(), ready()):
        closed = move(state, Event.person_ended, PersonEnded(actor=CLERK, reason=reason, evidence="civil-1"))
        assert (closed.status, closed.ended_because) == (Status.ended, code)


# --- who speaks for the applicant -------------------------------------------------------------------------------------

SYSTEM: Final = Actor(id="app-1", role=Role.back_office, office=OFFICE)
TOLD_FOR_THE_APPLICANT: Final = [
    (kind, status, event)
    for kind, machine in MACHINES.items()
    for status in machine.statuses
    for event in machine.events(status)
    if event in FACTS and issubclass(FACTS[event], OnBehalf) and Role.back_office in ROLES[event]
]


def agent(until: date | None, ref: str = "b" * 26) -> Citizen:
    authority = None if until is None else Authority(document="0" * 64, until=until)
    return Citizen(kind=SubmitterKind.agent, ref=ref, authority=authority)


def told(state: CaseState, event: Event, *, by: Actor = SYSTEM, speaker: Citizen | None = None) -> Code | None:
    """Why a fact is refused for whoever speaks; None where it is not refused for that."""
    fact = scenes.FACTS[event].model_copy(update={"actor": by, "on_behalf": speaker})
    try:
        check_speaker(state, fact, TODAY)
    except CaseError as refusal:
        code = refusal.code
    else:
        return None
    assert refused(state, event, fact) is code
    return code


@pytest.mark.parametrize(("kind", "status", "event"), TOLD_FOR_THE_APPLICANT)
def test_a_system_speaks_for_nobody_whose_authority_has_ended(kind: Kind, status: Status, event: Event) -> None:
    state = in_status(kind, status)
    through_an_agent = state.model_copy(
        update={"opening": state.opening.model_copy(update={"submitter": agent(TODAY - timedelta(days=1))})}
    )
    assert told(through_an_agent, event) is Code.AUTHORITY_ENDED
    # At a counter the clerk sees who stands there; who is named is judged all the same.
    assert told(through_an_agent, event, by=CLERK) is None
    assert told(through_an_agent, event, by=CLERK, speaker=agent(None)) is Code.AUTHORITY_ENDED
    last_day = state.opening.model_copy(update={"submitter": agent(TODAY)})
    assert told(state.model_copy(update={"opening": last_day}), event) is None
    for speaker, code in (
        (Citizen(kind=SubmitterKind.applicant, ref=state.opening.person), None),
        (Citizen(kind=SubmitterKind.applicant, ref="b" * 26), Code.NOT_THE_APPLICANT),
        (agent(None, ref="c" * 26), Code.AUTHORITY_MISSING),
        (agent(TODAY, ref="c" * 26), None),
    ):
        assert told(through_an_agent, event, speaker=speaker) is code
    # What a clerk took in, a system passes on for the office.
    assert told(state, event) is None


@pytest.mark.parametrize("reason", CorrectionReason)
def test_nobody_corrects_a_change_alone_whatever_road_it_takes(reason: CorrectionReason) -> None:
    state = in_review()
    assert state.screening is not None
    assert state.screening.road is Road.pure_upgrade
    correction = Correction(reason=reason, legal_basis="社会保险经办条例第十条", reference="review-1")
    opening = state.opening.model_copy(update={"correction": correction})
    corrected = state.model_copy(update={"opening": opening})
    assert move(corrected, Event.verify_documents, verify(corrected)).status is Status.awaiting_approval
    assert move(state, Event.verify_documents, verify(state)).status is Status.verified
