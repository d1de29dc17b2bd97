"""Two officers decide on the same document whether two records are one person's, and may take the merge back."""

from pathlib import Path

import pytest

from cases.answers import Condition, Proviso
from cases.decide import decide, may_be_told
from cases.documents import Document, DocumentKind
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import ResolveDuplicate
from cases.machines.machine import Effect, Status
from cases.models import Actor, Role
from cases.numbers import Road, same_birth_and_sex
from cases.policy import PACKS, load
from cases.screening import Finding
from cases.state import CaseState
from cases.views import looked_up, view_of
from tests.cases.moving import COURT, in_review, move, refused, verify
from tests.scenes import (
    CERTIFICATE,
    ID_CARD,
    NOW,
    OFFICE,
    OFFICER,
    SECOND_OFFICER,
    document,
    number_change,
    received,
)

SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)
THIRD_OFFICER = Actor(id="officer-3", role=Role.officer, office=OFFICE)


def judges(actor: Actor, *, same_person: bool = True, paper: Document = CERTIFICATE) -> ResolveDuplicate:
    return ResolveDuplicate(
        actor=actor, same_person=same_person, police_document=paper, legal_basis="社会保险经办条例第十条"
    )


def merging(*papers: Document, road: Road = Road.pure_upgrade) -> CaseState:
    opening = number_change(*(papers or (ID_CARD,)))
    return move(received(opening, Finding.same_person, road), Event.screened)


def judged(state: CaseState, *, same_person: bool = True) -> CaseState:
    first = move(state, Event.resolve_duplicate, judges(OFFICER, same_person=same_person))
    return move(first, Event.resolve_duplicate, judges(SECOND_OFFICER, same_person=same_person))


def test_a_first_word_waits_for_the_same_word_of_somebody_else() -> None:
    state = merging()
    assert (state.status, state.attention) == (Status.merging, ("duplicate",))
    first = move(state, Event.resolve_duplicate, judges(OFFICER))
    assert first.status is Status.merging
    assert not first.merged
    assert refused(first, Event.resolve_duplicate, judges(OFFICER)) is Code.SAME_PERSON
    decision = decide(first, Event.resolve_duplicate, judges(SECOND_OFFICER), NOW)
    assert Effect.merge_records in decision.effects
    assert (decision.after.status, decision.after.merged, decision.after.judgements) == (Status.in_review, True, ())
    assert CERTIFICATE in decision.after.documents


@pytest.mark.parametrize(
    "other", [judges(SECOND_OFFICER, same_person=False), judges(SECOND_OFFICER, paper=COURT)], ids=["word", "document"]
)
def test_a_differing_word_takes_nobodys_place_until_one_joins_the_other_or_a_supervisor_does(
    other: ResolveDuplicate,
) -> None:
    first = move(merging(), Event.resolve_duplicate, judges(OFFICER))
    decision = decide(first, Event.resolve_duplicate, other, NOW)
    assert decision.row.refused is Code.OPINIONS_DIFFER
    both = decision.after
    assert [said.decided_by for said in both.judgements] == [OFFICER.id, SECOND_OFFICER.id]
    assert refused(both, Event.resolve_duplicate, judges(THIRD_OFFICER)) is Code.OPINIONS_DIFFER
    assert move(both, Event.resolve_duplicate, judges(SUPERVISOR)).merged
    assert move(both, Event.resolve_duplicate, judges(SECOND_OFFICER)).merged


def test_two_people_are_in_dispute_and_stay_so_when_the_register_is_looked_at_again() -> None:
    state = judged(merging(), same_person=False)
    assert (state.status, state.judged_two, state.judgements) == (Status.disputed, True, ())
    again = state.model_copy(update={"status": Status.screening})
    assert move(again, Event.screened).status is Status.disputed


@pytest.mark.parametrize("road", [Road.pure_upgrade, Road.reissued])
def test_after_a_merge_a_second_officer_approves_whatever_the_road(road: Road) -> None:
    state = judged(merging(ID_CARD, road=road))
    assert state.status is Status.in_review
    assert move(state, Event.verify_documents, verify(state)).status is Status.awaiting_approval


def test_a_merge_asks_for_what_is_missing() -> None:
    missing = move(received(number_change(), Finding.same_person), Event.screened)
    state = judged(missing)
    assert (state.status, [demand.document for demand in state.missing]) == (
        Status.awaiting_documents,
        [DocumentKind.resident_id_card],
    )


def test_a_hold_that_a_dispute_interrupted_goes_on_after_a_merge() -> None:
    disputed = move(move(in_review(), Event.hold), Event.dispute_opened)
    assert refused(disputed, Event.resolve_duplicate, judges(OFFICER, same_person=False)) is Code.DUPLICATE_NOT_ASKED
    state = judged(disputed)
    assert (state.status, state.merged) == (Status.on_hold, True)


@pytest.mark.parametrize("status", [Status.in_review, Status.awaiting_approval, Status.awaiting_documents])
def test_a_merge_is_undone_by_two_and_leads_to_the_dispute_that_it_settled(status: Status) -> None:
    state = judged(merging())
    match status:
        case Status.awaiting_approval:
            state = move(state, Event.verify_documents, verify(state))
        case Status.awaiting_documents:
            state = move(state, Event.return_documents)
        case _:
            pass
    assert state.status is status
    assert may_be_told(state, Event.resolve_duplicate, NOW.date())
    assert refused(state, Event.resolve_duplicate, judges(OFFICER)) is Code.DUPLICATE_NOT_ASKED
    first = move(state, Event.resolve_duplicate, judges(OFFICER, same_person=False))
    assert (first.status, first.merged) == (status, True)
    decision = decide(first, Event.resolve_duplicate, judges(SECOND_OFFICER, same_person=False), NOW)
    assert {Effect.undo_merge, Effect.open_dispute, Effect.lift_benefit_holds} <= set(decision.effects)
    assert (decision.after.status, decision.after.merged) == (Status.disputed, False)
    assert decision.after.verifier is None


def test_a_word_on_an_undo_waits_while_the_review_goes_on() -> None:
    state = move(judged(merging()), Event.resolve_duplicate, judges(OFFICER, same_person=False))
    state = move(state, Event.verify_documents, verify(state))
    assert state.status is Status.awaiting_approval
    undone = move(state, Event.resolve_duplicate, judges(SECOND_OFFICER, same_person=False))
    assert (undone.status, undone.merged) == (Status.disputed, False)


@pytest.mark.parametrize("paid", [True, False])
def test_an_undo_is_offered_until_something_was_paid_which_the_register_knows(*, paid: bool) -> None:
    view = view_of(judged(merging()), NOW)
    assert Condition(event=Event.resolve_duplicate, proviso=Proviso.nothing_paid) in view.conditions
    asked = looked_up(view, dict.fromkeys(Proviso, True) | {Proviso.nothing_paid: not paid})
    assert (Event.resolve_duplicate in asked.events) is not paid
    # What was paid before says nothing about whether two are one.
    for state in (merging(), move(judged(merging()), Event.dispute_opened)):
        assert Event.resolve_duplicate in looked_up(view_of(state, NOW), dict.fromkeys(Proviso, False)).events


def test_nothing_is_judged_where_nothing_was_found_and_nothing_was_merged() -> None:
    state = in_review()
    assert not may_be_told(state, Event.resolve_duplicate, NOW.date())
    for same_person in (True, False):
        said = judges(OFFICER, same_person=same_person)
        assert refused(state, Event.resolve_duplicate, said) is Code.DUPLICATE_NOT_ASKED


def test_a_judgement_rests_on_a_document_of_police_court_or_the_authority_that_decided() -> None:
    assert refused(merging(), Event.resolve_duplicate, judges(OFFICER, paper=ID_CARD)) is Code.DOCUMENTS_MISSING
    decided = judges(OFFICER, paper=document(DocumentKind.administrative_decision))
    assert len(move(merging(), Event.resolve_duplicate, decided).judgements) == 1


def test_a_dispute_that_opens_takes_a_case_that_is_merging_with_it() -> None:
    first = move(merging(), Event.resolve_duplicate, judges(OFFICER))
    disputed = move(first, Event.dispute_opened)
    assert (disputed.status, disputed.judgements) == (Status.disputed, ())


@pytest.mark.parametrize(
    ("registered", "new", "same"),
    [
        ("110105491231002", "11010519491231002X", True),
        ("340524800101001", "34052419800101001X", True),
        # Another division, the same day and sex.
        ("440524491231002", "11010519491231002X", True),
        ("110105491231001", "11010519491231002X", False),
        ("110105491230002", "11010519491231002X", False),
        ("110105000101996", "11010519491231002X", False),
        ("?", "11010519491231002X", False),
    ],
)
def test_birth_date_and_sex_are_read_from_both_numbers(registered: str, new: str, *, same: bool) -> None:
    assert same_birth_and_sex(registered, new) is same


def test_no_policy_loads_without_saying_what_becomes_of_months_that_overlap(tmp_path: Path) -> None:
    pack = tmp_path / "northern-1.toml"
    text = (PACKS / "northern-1.toml").read_text(encoding="utf-8")
    pack.write_text(text.replace('overlap = "add"', 'overlap = "forget"'), encoding="utf-8")
    with pytest.raises(CaseError) as wrong:
        load(pack)
    assert (wrong.value.code, wrong.value.field) == (
        Code.POLICY_INVALID,
        "northern-1.toml: number_change.merging.overlap",
    )
