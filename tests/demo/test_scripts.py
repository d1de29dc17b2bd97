from datetime import UTC, datetime

import pytest

from cases.answers import Answer, CaseView, Transition
from cases.events import Event, Origin
from cases.machines.machine import Awaits, Milestone, Status
from cases.names import Kind, order_id, publication_id
from cases.policy import Policies
from demo.facts import actor_of, follows, may_be_told, requests_of
from demo.scripts import SCRIPTS, Below, Death, Part, See, Tell, Together, remaining, tells_of

CASE = "idc-" + "a" * 26


def went(*steps: tuple[Event, Status, Status]) -> tuple[Transition, ...]:
    return tuple(
        Transition(
            version=version,
            at=datetime(2026, 11, 20, tzinfo=UTC),
            event=event,
            status=status,
            to=to,
            milestone=Milestone.submitted,
        )
        for version, (event, status, to) in enumerate(steps, start=1)
    )


SCREENED = (Event.screened, Status.screening, Status.in_review)
VERIFIED = (Event.verify_documents, Status.in_review, Status.awaiting_approval)
APPROVED = (Event.approve, Status.awaiting_approval, Status.verified)


def view(status: Status, **fields: object) -> CaseView:
    return CaseView.model_validate(
        {
            "case_id": CASE,
            "kind": Kind.id_number_change,
            "generation": 1,
            "version": 3,
            "status": status,
            "status_zh": "",
            "milestone": Milestone.submitted,
            "region": "110105",
            "category": "general",
            "awaits": Awaits.clerk,
            "submitter": "clerk-n1",
            **fields,
        }
    )


def answer(status: Status) -> Answer:
    return Answer(case_id=CASE, status=status, milestone=Milestone.submitted, version=3)


def test_a_case_that_was_told_nothing_has_its_whole_script_before_it() -> None:
    script = SCRIPTS["verify-approve"]
    assert remaining(script, went(SCREENED)) == script


def test_what_the_history_holds_is_not_told_again() -> None:
    assert remaining(SCRIPTS["verify-approve"], went(SCREENED, VERIFIED)) == SCRIPTS["verify-approve"][1:]


def test_a_finished_script_has_nothing_left() -> None:
    assert remaining(SCRIPTS["verify-approve"], went(SCREENED, VERIFIED, APPROVED)) == ()


def test_what_somebody_else_told_the_case_is_passed_over() -> None:
    acknowledged = (Event.acknowledge, Status.in_review, Status.in_review)
    assert remaining(SCRIPTS["verify-approve"], went(SCREENED, acknowledged, VERIFIED)) == SCRIPTS["verify-approve"][1:]


def test_the_same_fact_twice_in_a_script_is_told_twice() -> None:
    failed = (Event.card_produced, Status.in_production, Status.in_production)
    verified = (Event.verify_documents, Status.in_review, Status.ordered)
    script = SCRIPTS["production-repaired-north"]
    assert remaining(script, went(SCREENED, verified, failed, failed)) == script[3:]


def test_a_script_that_waits_for_a_status_goes_on_after_it_was_passed() -> None:
    disputed = (Event.dispute_opened, Status.in_review, Status.disputed)
    script = SCRIPTS["dispute-won"]
    assert remaining(script, went(SCREENED)) == script
    assert remaining(script, went(SCREENED, disputed)) == script[1:]


def test_of_those_who_tell_a_case_together_only_the_unheard_are_left() -> None:
    applying = (Event.commit, Status.applying, Status.applying)
    heard = Transition(
        version=5,
        at=datetime(2026, 11, 20, tzinfo=UTC),
        event=Event.confirm_downstream,
        status=Status.applying,
        to=Status.applying,
        milestone=Milestone.documents_verified,
        actor=Part.pension.staff_id,
    )
    (left,) = remaining(SCRIPTS["verify-confirmed"], (*went(SCREENED, VERIFIED, applying), heard))
    assert isinstance(left, Together)
    assert [tell.by for tell in left.tells] == [Part.medical_insurance, Part.bank]


def test_what_was_refused_is_passed_over_once_what_follows_it_has_happened() -> None:
    script = SCRIPTS["two-cards-made"]
    refused = [place for place, step in enumerate(script) if isinstance(step, Tell) and step.refused is not None]
    assert refused == [3, 6]
    verified = (Event.verify_documents, Status.in_review, Status.ordered)
    failed = (Event.card_produced, Status.in_production, Status.in_production)
    made = (Event.card_produced, Status.in_production, Status.ready)
    told = went(SCREENED, verified, failed, made)
    assert remaining(script, told) == script[3:]
    turned_up = (Event.card_turned_up, Status.ready, Status.ready)
    assert remaining(script, went(SCREENED, verified, failed, made, turned_up)) == script[5:]


def test_a_refusal_that_is_on_record_is_told_from_what_was_not_refused() -> None:
    script = SCRIPTS["dispute-ours-at-last"]
    decided = (Event.resolve_dispute, Status.disputed, Status.disputed)
    disputed = (Event.screened, Status.screening, Status.disputed)
    first, *_ = told = went(disputed, decided, decided)
    second_officer = told[-1].model_copy(update={"actor": Part.second_officer.staff_id})
    assert remaining(script, (first, told[1], second_officer)) == script[2:]


def test_what_is_refused_and_not_on_record_is_not_taken_for_the_same_persons_next_telling() -> None:
    script = SCRIPTS["refused-undone-answered-late"]
    applying = (Event.commit, Status.applying, Status.applying)
    confirmed = (Event.confirm_downstream, Status.applying, Status.in_review)
    again = (Event.confirm_downstream, Status.applying, Status.applying)
    *before, by_bank = went(SCREENED, VERIFIED, applying, confirmed, VERIFIED, applying, again)
    assert remaining(script, before) == script[3:]
    (left,) = remaining(script, (*before, by_bank.model_copy(update={"actor": Part.bank.staff_id})))
    assert isinstance(left, Together)
    assert [tell.by for tell in left.tells] == [Part.medical_insurance, Part.pension]


def test_whoever_waited_for_the_row_below_waits_no_more_when_they_have_gone_on() -> None:
    script = SCRIPTS["replace-below"]
    assert isinstance(script[1], Below)
    verified = (Event.verify_documents, Status.in_review, Status.ordered)
    made = (Event.card_produced, Status.in_production, Status.ready)
    assert remaining(script, went(SCREENED, verified)) == script[1:]
    assert remaining(script, went(SCREENED, verified, made)) == script[3:]


def test_a_death_that_the_register_has_learned_of_is_told_by_no_second_extract() -> None:
    script = SCRIPTS["death-learned"]
    assert isinstance(script[0], Death)
    ended = (Event.person_found_ended, Status.in_review, Status.ended)
    assert remaining(script, went(SCREENED)) == script
    assert remaining(script, went(SCREENED, ended)) == script[1:]


def test_whoever_was_asked_for_a_card_keeps_the_identity_of_each_order() -> None:
    failed = (Event.card_produced, Status.in_production, Status.in_production)
    ordered = (Event.order_card, Status.ordered, Status.in_production)
    last = (Event.card_produced, Status.in_production, Status.repair)
    again = (Event.repair, Status.repair, Status.in_production)
    card = view(Status.in_production, case_id=CASE.replace("idc", "crc"), kind=Kind.card_replacement)
    requests = requests_of(card, went(SCREENED, ordered, failed, last, again))
    assert requests == tuple(order_id(card.case_id, 1, version) for version in (2, 3, 5))


def test_whoever_was_asked_to_confirm_keeps_the_identity_of_each_publication() -> None:
    commit = (Event.commit, Status.applying, Status.applying)
    undone = (Event.confirm_downstream, Status.applying, Status.in_review)
    requests = requests_of(view(Status.applying), went(SCREENED, commit, undone, commit))
    assert requests == (publication_id(CASE, 1, 2), publication_id(CASE, 1, 4))


def test_scripts_tell_only_what_comes_from_outside() -> None:
    steps = [step for script in SCRIPTS.values() for step in script]
    told = {tell.event for step in steps if isinstance(step, Tell | Together) for tell in tells_of(step)}
    assert {event.origin for event in told} == {Origin.outside}


def test_whoever_verifies_or_approves_did_not_take_the_application_in() -> None:
    ids = [actor_of(part, view(Status.in_review)).id for part in Part]
    assert len(set(ids)) == len(ids)
    assert not [who for who in ids if who.startswith("clerk-")]


def test_a_case_that_applies_is_told_nothing_before_it_awaits_somebody() -> None:
    together = SCRIPTS["verify-confirmed"][1]
    assert isinstance(together, Together)
    confirm = together.tells[0]
    assert not may_be_told(confirm, view(Status.applying))
    assert may_be_told(confirm, view(Status.applying, awaited=["medical_insurance"]))
    assert not may_be_told(confirm, view(Status.repair, awaited=["medical_insurance"]))


@pytest.mark.parametrize(
    ("script", "place", "status", "at_once"),
    [
        ("withdraw-applying", 1, Status.verified, True),  # the engine's own steps come first, then the case hears
        ("refused-retried", 3, Status.repair, True),
        ("verify-confirmed", 1, Status.verified, False),  # names the publication, so the case is looked at
        ("verify-confirmed", 1, Status.disputed, False),
        ("verify-approve", 1, Status.awaiting_approval, False),  # names the content, so the case is looked at
        ("return-papers", 1, Status.awaiting_documents, False),
    ],
)
def test_a_fact_follows_at_once_where_nothing_must_be_looked_up(
    script: str, place: int, status: Status, *, at_once: bool
) -> None:
    step = SCRIPTS[script][place]
    assert isinstance(step, Tell | Together)
    assert follows(tells_of(step)[0], view(Status.in_review), answer(status)) is at_once


def test_production_fails_as_often_as_each_region_lets_the_bureau_try() -> None:
    for region, name in (("110105", "production-repaired-north"), ("310104", "production-repaired-south")):
        failures = [
            step
            for step in SCRIPTS[name]
            if isinstance(step, Tell) and step.event is Event.card_produced and not step.says["produced"]
        ]
        assert len(failures) == Policies.load().of_region(region).replacement.production_attempts


def test_every_script_that_waits_names_a_status_of_a_dispute() -> None:
    assert {step.status for script in SCRIPTS.values() for step in script if isinstance(step, See)} == {Status.disputed}
