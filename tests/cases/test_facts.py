"""Facts: who tells them, and what needs more than its fields."""

from typing import Any

import pytest

from cases.documents import MAX_DOCUMENTS
from cases.errors import Code
from cases.events import FACTS, Event
from cases.facts import AddDocuments, CardProduced, Extend, Repair, VerifyDocuments
from cases.models import (
    System,
)
from cases.names import order_id, publication_id
from tests.cases.refusing import PLANTED, as_data, refusal
from tests.scenes import FACTS as SAMPLES
from tests.scenes import ID_CARD


@pytest.mark.parametrize("event", FACTS)
def test_every_fact_names_its_actor_by_code_role_and_office(event: Event) -> None:
    fact = SAMPLES[event]
    actor = {"id": "clerk-1", "role": "clerk", "office": "110105"}
    for field in actor:
        actor = {**actor, field: PLANTED}
        refusal(FACTS[event], as_data(fact, actor=actor))


def test_documents_are_added_one_at_least_and_twenty_at_most() -> None:
    sample = SAMPLES[Event.add_documents]
    assert refusal(AddDocuments, as_data(sample, documents=[])) == "too_short"
    copies = [as_data(ID_CARD, sha256=f"{copy:064x}") for copy in range(MAX_DOCUMENTS + 1)]
    assert refusal(AddDocuments, as_data(sample, documents=copies)) == "too_long"


@pytest.mark.parametrize("loose", ["true", "yes", 1, 0, "on", None, 1.0])
def test_yes_and_no_are_nothing_else(loose: Any) -> None:
    verified = SAMPLES[Event.verify_documents]
    assert refusal(VerifyDocuments, as_data(verified, original_seen=loose)) == "bool_type"


@pytest.mark.parametrize("loose", ["5", 5.0, True, None, "５"])
def test_a_number_of_days_is_a_number(loose: Any) -> None:
    assert refusal(Extend, as_data(SAMPLES[Event.extend], working_days=loose)) == "int_type"


@pytest.mark.parametrize("days", [0, -5, 251])
def test_an_extension_has_a_sensible_length(days: int) -> None:
    refusal(Extend, as_data(SAMPLES[Event.extend], working_days=days))


def test_only_acceptance_on_evidence_names_a_system() -> None:
    sample = SAMPLES[Event.repair]
    assert refusal(Repair, as_data(sample, action="accept")) == Code.FIELD_INVALID
    for action in ("retry", "undo"):
        assert refusal(Repair, as_data(sample, action=action, system="bank")) == Code.FIELD_INVALID
    assert Repair.model_validate(as_data(sample, action="accept", system="bank")).system is System.bank


def test_a_made_card_has_a_number_and_a_failed_one_has_none() -> None:
    made = as_data(SAMPLES[Event.card_produced])
    for missing in ("card_number", "card_token"):
        assert refusal(CardProduced, {**made, missing: None}) == Code.FIELD_INVALID
    assert refusal(CardProduced, {**made, "produced": False}) == Code.FIELD_INVALID
    assert refusal(CardProduced, {**made, "produced": False, "card_number": None}) == Code.FIELD_INVALID
    failed = CardProduced.model_validate({**made, "produced": False, "card_number": None, "card_token": None})
    assert not failed.produced


@pytest.mark.parametrize(
    ("event", "field", "identity"),
    [
        (Event.card_produced, "order", order_id("crc-" + "a" * 26, 1, 1)),
        (Event.card_handed_over, "order", order_id("crc-" + "a" * 26, 1, 2)),
        (Event.card_activated, "order", order_id("crc-" + "a" * 26, 2, 1)),
        (Event.confirm_downstream, "publication", publication_id("idc-" + "a" * 26, 1, 1)),
    ],
)
def test_an_answer_names_what_it_answers(event: Event, field: str, identity: str) -> None:
    model, data = FACTS[event], as_data(SAMPLES[event])
    assert refusal(model, {name: said for name, said in data.items() if name != field}) == "missing"
    assert getattr(model.model_validate({**data, field: identity}), field) == identity
    other = {"ord": "pub", "pub": "ord"}[identity[:3]] + identity[3:]
    for wrong in (other, identity[:-1], identity + "a", identity.upper(), identity + "\n", ""):
        assert refusal(model, {**data, field: wrong}) == "string_pattern_mismatch"
