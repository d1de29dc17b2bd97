"""What can be judged of a stamp without a key: that it was given for the very thing in which it stands."""

import base64
import json
from typing import Any

import pytest

from cases.errors import CaseError, Code
from cases.events import FACTS, OPEN, Event
from cases.facts import Fact, HoldReason
from cases.kinds import case_id
from cases.models import Actor, Role
from cases.openings import ApplicationChannel, Opening
from cases.stamps import check_fact, check_opening, digest_of, read
from cases.submitters import Citizen, SubmitterKind
from tests import scenes
from tests.scenes import CLERK, ID_CARD, OFFICER, number_change, replacement
from tests.stamping import stamp_of, stamped, stamped_opening

CASE = "idc-" + "a" * 26
OTHER = "crc-" + "a" * 26


def refusal(fact: Fact, case: str = CASE, event: Event = Event.hold) -> Code:
    with pytest.raises(CaseError) as refused:
        check_fact(fact, case, event)
    return refused.value.code


@pytest.mark.parametrize("event", FACTS)
def test_a_stamp_fits_the_fact_it_was_given_for(event: Event) -> None:
    fact = stamped(scenes.FACTS[event], CASE, event)
    claims = check_fact(fact, CASE, event)
    assert (claims.case, claims.event, claims.actor) == (CASE, event, fact.actor)
    # It goes over a wire and back.
    again = type(fact).model_validate_json(fact.model_dump_json(exclude_unset=True))
    assert check_fact(again, CASE, event) == claims


@pytest.mark.parametrize("event", FACTS)
def test_it_is_short_enough_to_stand_in_every_history(event: Event) -> None:
    assert len(stamped(scenes.FACTS[event], CASE, event).stamp or "") < 600


def test_a_fact_without_one_is_refused() -> None:
    assert refusal(scenes.FACTS[Event.hold]) is Code.STAMP_MISSING


def test_it_is_good_for_no_other_case_event_person_or_content() -> None:
    fact = stamped(scenes.FACTS[Event.hold], CASE, Event.hold)
    assert refusal(fact, case=OTHER) is Code.FORM_OF_ANOTHER_CASE
    assert refusal(fact, event=Event.resume) is Code.FORM_OF_ANOTHER_EVENT
    for changed in (
        {"note": "另一说明"},
        {"evidence": "police/2026-2"},
        {"reason": HoldReason.applicant_in_hospital},
        {"actor": OFFICER},
        {"actor": CLERK.model_copy(update={"role": Role.officer})},
        {"actor": CLERK.model_copy(update={"office": "110000"})},
    ):
        assert refusal(fact.model_copy(update=changed)) is Code.STAMP_MISMATCH


def encoded(claims: dict[str, Any]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.{'A' * 86}"


@pytest.mark.parametrize(
    "stamp",
    [encoded({}), "e30.x." + "A" * 86, encoded({"jti": "1"}), "e30"],
    ids=["nothing", "no base64", "too little", "no parts"],
)
def test_what_says_nothing_readable_is_refused_without_its_text(stamp: str) -> None:
    with pytest.raises(CaseError) as refused:
        read(stamp)
    assert refused.value.code is Code.STAMP_INVALID
    assert stamp not in str(refused.value)


def test_the_digest_is_of_the_content_and_not_of_how_it_was_said() -> None:
    fact = scenes.FACTS[Event.add_documents]
    spelled_out = type(fact).model_validate(fact.model_dump())
    assert digest_of(spelled_out) == digest_of(fact) == digest_of(stamped(fact, CASE, Event.add_documents))
    assert digest_of(fact.model_copy(update={"note": "补充"})) != digest_of(fact)


# --- openings -------------------------------------------------------------------------------------------------------


def opening_refusal(opening: Opening) -> Code:
    with pytest.raises(CaseError) as refused:
        check_opening(opening)
    return refused.value.code


def by(opening: Opening, actor: Actor) -> Opening:
    """The opening with a stamp that somebody else got."""
    stamp = stamp_of(opening, case_id(opening.kind, opening.person), OPEN, actor=actor)
    return opening.model_copy(update={"stamp": stamp})


@pytest.mark.parametrize("opening", [number_change(ID_CARD), replacement(ID_CARD)], ids=lambda each: each.kind)
def test_an_opening_is_stamped_like_a_fact(opening: Opening) -> None:
    assert check_opening(stamped_opening(opening)).actor == opening.submitter
    assert opening_refusal(opening) is Code.STAMP_MISSING
    for changed in ({"fingerprint": "b" * 26}, {"number_token": "b" * 26}, {"reopen": True}, {"region": "440103"}):
        assert opening_refusal(stamped_opening(opening).model_copy(update=changed)) is Code.STAMP_MISMATCH


def test_nobody_opens_a_case_in_the_name_of_a_colleague() -> None:
    assert opening_refusal(by(number_change(), CLERK.model_copy(update={"id": "clerk-9"}))) is Code.STAMP_MISMATCH


def test_a_system_of_the_back_office_says_who_took_the_application_in() -> None:
    system = Actor(id="intake-1", role=Role.back_office, office="110000")
    assert check_opening(by(number_change(), system)).actor == system


def test_only_a_system_of_the_back_office_speaks_for_who_applies_themself() -> None:
    ref = number_change().person
    opening = number_change().model_copy(update={"submitter": Citizen(kind=SubmitterKind.applicant, ref=ref)})
    assert opening_refusal(by(opening, CLERK)) is Code.STAMP_MISMATCH
    system = Actor(id="app-1", role=Role.back_office, office="110000")
    assert check_opening(by(opening, system)).actor == system
    for changed in ({"channel": ApplicationChannel.bank}, {"submitter": CLERK}):
        assert opening_refusal(by(opening, system).model_copy(update=changed)) is Code.STAMP_MISMATCH


def test_who_may_open_no_case_opens_none() -> None:
    assert opening_refusal(stamped_opening(number_change(submitter=OFFICER))) is Code.ROLE_NOT_ALLOWED
    abroad = CLERK.model_copy(update={"office": "440103"})
    assert opening_refusal(stamped_opening(number_change(submitter=abroad))) is Code.OFFICE_NOT_COMPETENT
