"""What the register is asked."""

import pytest

from cases.decide import Decision, decide
from cases.events import Event
from cases.machines.machine import Status
from cases.steps import StepRequest
from tests.cases.moving import in_review, verify
from tests.scenes import (
    FACTS,
    ID_CARD,
    NOW,
    VERIFIER,
    number_change,
    received,
)


def test_a_step_is_named_by_event_and_version_and_carries_the_fact_as_it_was_told() -> None:
    state = in_review()
    fact = verify(state)
    decision: Decision = decide(state, Event.verify_documents, fact, NOW)
    request = StepRequest.of(state, decision, fact, NOW)
    assert (request.step, request.before, request.from_status) == ("verify_documents.2", 1, Status.in_review)
    again = StepRequest.model_validate_json(request.model_dump_json(exclude_unset=True))
    assert again == request
    assert (again.parsed, again.actor) == (fact, VERIFIER.id)


@pytest.mark.parametrize("event", FACTS)
def test_every_fact_survives_a_step(event: Event) -> None:
    state = in_review()
    decision = decide(state, Event.acknowledge, FACTS[Event.acknowledge], NOW)
    decision = decision._replace(row=decision.row._replace(event=event))
    request = StepRequest.of(state, decision, FACTS[event], NOW)
    assert StepRequest.model_validate_json(request.model_dump_json(exclude_unset=True)).parsed == FACTS[event]


def test_a_step_of_the_engine_has_no_actor() -> None:
    state = received(number_change(ID_CARD))
    request = StepRequest.of(state, decide(state, Event.screened, None, NOW), None, NOW)
    assert (request.fact, request.actor) == (None, None)
