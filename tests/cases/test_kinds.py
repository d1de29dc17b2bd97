"""The records of kinds: case IDs are read back, and a kind that is added has all that the two of this release have."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cases.clocks import WorkingCalendar
from cases.decide import decide, initial_state
from cases.delivery import Tongue
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import ConfirmDownstream, VerifyDocuments
from cases.forms import form_of
from cases.kinds import KINDS, MACHINES, AnyOpening, add, case_id, every_case, read_case_id
from cases.machines.machine import Machine, Status
from cases.models import System
from cases.names import Kind, SearchAttribute, person_token
from cases.openings import Opening
from cases.screening import Finding, Screening
from cases.state import CaseState
from cases.views import possible_events, receipt_of, view_of
from cases.words import word
from tests.scenes import (
    BANK,
    CERTIFICATE,
    CLERK,
    ID_CARD,
    KEY,
    NOW,
    OFFICE,
    SEALED,
    VERIFIER,
    number_change,
    person,
    policy,
)
from tests.scenes import replacement as card_replacement
from tests.third.record import MACHINE, NAME_CHANGE, RECORD, NameChangeOpening
from tests.third.rules import Pack, with_names

PERSONAL_NUMBERS = st.from_regex(r"[0-9A-Z]{4,20}", fullmatch=True)
CALENDAR = WorkingCalendar(published=frozenset({2026, 2027}))


@given(personal_number=PERSONAL_NUMBERS)
@pytest.mark.parametrize("kind", Kind)
def test_a_case_id_is_read_back_as_it_was_made(kind: Kind, personal_number: str) -> None:
    holder = person_token(KEY, personal_number)
    assert read_case_id(case_id(kind, holder)) == (kind, holder)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "idc-",
        "abc-" + "a" * 26,
        "IDC-" + "a" * 26,
        "idc-" + "A" * 26,
        "idc-" + "a" * 25,
        "idc-" + "a" * 27,
        "idc-" + "a" * 25 + "1",
        "idc-" + "a" * 25 + "\0",
        "idc-" + "a" * 26 + "\n",
        "\nidc-" + "a" * 26,
        "idc-" + "a" * 25 + "/",
        "idc/" + "a" * 26,
        "idc-" + "a" * 25 + "а",  # Cyrillic
        "idc-" + "２" * 26,
        "idc-" + "a" * 25 + "\u200b",
        " idc-" + "a" * 26,
        "idc-" + "a" * 100_000,
    ],
)
def test_anything_else_is_no_case_id_and_is_not_repeated(wrong: str) -> None:
    with pytest.raises(CaseError) as refused:
        read_case_id(wrong)
    assert (refused.value.code, str(refused.value)) == (Code.CASE_ID_INVALID, "CASE_ID_INVALID (case_id)")


def test_every_kind_of_this_release_has_its_record_and_its_machine_names_it() -> None:
    assert list(KINDS) == list(Kind)
    assert all(record.machine.kind is kind is record.kind for kind, record in KINDS.items())


def test_a_kind_whose_cases_could_come_to_a_stand_is_not_entered() -> None:
    rows = tuple(row for row in MACHINE.table if row.event is not Event.confirmation_overdue)
    forgetful = replace(RECORD, machine=Machine(NAME_CHANGE, tuple(MACHINE.statuses.values()), rows))
    with pytest.raises(ValueError, match="no row for confirmation_overdue in applying"):
        add(forgetful)
    assert NAME_CHANGE not in KINDS


def test_no_two_kinds_share_a_name() -> None:
    for record in KINDS.values():
        with pytest.raises(ValueError, match="another kind has the same"):
            add(record)


# --- a third kind ---------------------------------------------------------------------------------------------------


@pytest.fixture
def third_kind() -> Iterator[None]:
    add(RECORD)
    yield
    del KINDS[NAME_CHANGE]


def pack() -> Pack:
    return with_names(policy())


def application(**more: Any) -> NameChangeOpening:
    ref = person("one")
    return NameChangeOpening(
        kind=NAME_CHANGE,
        person=ref,
        name=SEALED,
        number=SEALED,
        number_token=ref,
        region=OFFICE,
        submitter=CLERK,
        documents=(CERTIFICATE,),
        key="key-1",
        fingerprint=ref,
        decree="decree/2026-1",
        **more,
    )


def screened(finding: Finding = Finding.clear) -> CaseState:
    opening, rules = application(), pack()
    answer = Screening(finding=finding, terms=rules.terms(NAME_CHANGE), demands=rules.demands(opening, None))
    return initial_state(opening).model_copy(update={"screening": answer})


def reviewed(finding: Finding = Finding.clear) -> CaseState:
    return pack().settle(decide(screened(finding), Event.checked, None, NOW), NOW, CALENDAR)


@pytest.mark.usefixtures("third_kind")
def test_a_further_kind_is_a_kind_wherever_kinds_are_read() -> None:
    assert TypeAdapter(Kind).validate_json('"NameChange"') is NAME_CHANGE is Kind("NameChange")
    assert (NAME_CHANGE.name, NAME_CHANGE.value) == ("name_change", "NameChange")
    identity = case_id(NAME_CHANGE, person("one"))
    assert identity.startswith("nmc-")
    assert read_case_id(identity) == (NAME_CHANGE, person("one"))
    assert MACHINES[NAME_CHANGE] is MACHINE
    assert every_case().endswith("'NameChange')")
    assert [word(NAME_CHANGE, tongue) for tongue in (Tongue.zh, Tongue.en)] == ["姓名变更", "name change"]
    assert RECORD.attributes_of(application())[SearchAttribute.status] == "checking"


@pytest.mark.usefixtures("third_kind")
def test_a_case_of_a_further_kind_lives_from_its_opening_to_its_ending() -> None:
    state = reviewed()
    assert (state.status, state.terms.policy, state.terms.confirmations) == (
        Status.in_review,
        "northern/1",
        (System.bank,),
    )
    assert (state.ladder.dates.campaign_due_at, state.ladder.dates.processing_due_at is not None) == (None, True)
    assert state.timer is not None
    assert (state.missing, receipt_of(state).due_at) == ((), state.timer.due_at)
    assert set(possible_events(state, NOW)) == {
        Event.add_documents,
        Event.verify_documents,
        Event.reject,
        Event.recompute,
    }
    assert form_of(Event.verify_documents, view_of(state, NOW))["copies"] == [CERTIFICATE.sha256]
    seen = VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(CERTIFICATE.sha256,))
    state = pack().settle(decide(state, Event.verify_documents, seen, NOW), NOW, CALENDAR)
    assert (state.status, state.awaited) == (Status.applying, (System.bank,))
    assert state.publication is not None
    bank = ConfirmDownstream(
        actor=BANK, system=System.bank, confirmed=True, reference="bank-1", publication=state.publication
    )
    done = decide(state, Event.confirm_downstream, bank, NOW).after
    assert (done.status, done.is_open, done.remains) == (Status.done, False, ())


@pytest.mark.usefixtures("third_kind")
def test_a_further_kind_says_in_its_own_words_why_a_case_ended() -> None:
    assert reviewed(Finding.unknown).ended_because is Code.PERSON_UNKNOWN


@pytest.mark.usefixtures("third_kind")
def test_a_state_with_an_opening_of_any_kind_comes_back_from_its_json_whole() -> None:
    for state in (screened(), initial_state(number_change(ID_CARD)), initial_state(card_replacement(ID_CARD))):
        again = CaseState.model_validate_json(state.model_dump_json())
        assert again == state
        assert type(again.opening) is type(state.opening)
        assert CaseState.model_validate(state.model_dump(mode="json")) == state


def test_an_opening_of_no_kind_is_refused_and_so_is_one_that_is_none_of_its_kind() -> None:
    openings: TypeAdapter[Opening] = TypeAdapter(AnyOpening)
    fields = number_change(ID_CARD).model_dump(mode="json")
    for wrong in ({**fields, "kind": "NameChange"}, {**fields, "kind": None}, {**fields, "reason": "lost"}, "x", None):
        with pytest.raises(ValidationError):
            openings.validate_python(wrong)
