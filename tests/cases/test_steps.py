"""What the register is asked, and what it answers."""

import pytest

from cases.events import Event
from cases.machines.machine import Status
from cases.openings import NumberChangeOpening
from cases.steps import Standing, StepRequest, changed, changes_of
from cases.views import receipt_of
from tests.cases.moving import in_review, move, verify
from tests.scenes import FACTS, ID_CARD, NOW, number_change, received


def test_a_step_is_asked_for_by_its_event_and_carries_the_fact_as_it_was_told_and_no_state() -> None:
    state = in_review()
    fact = verify(state)
    request = StepRequest.of(state, Event.verify_documents, fact, at=NOW)
    assert (request.case_id, request.generation, request.version) == (state.case_id, 1, state.version)
    again = StepRequest.model_validate_json(request.model_dump_json(exclude_unset=True))
    assert again == request
    assert again.fact == fact.model_dump(mode="json", exclude_unset=True)
    assert set(request.model_dump(exclude_unset=True)) == {
        *("case_id", "generation", "version", "event", "fact", "at"),
    }


@pytest.mark.parametrize("event", FACTS)
def test_every_fact_survives_a_request(event: Event) -> None:
    fact = FACTS[event]
    request = StepRequest.of(in_review(), event, fact, at=NOW)
    carried = StepRequest.model_validate_json(request.model_dump_json(exclude_unset=True)).fact
    assert type(fact).model_validate(carried) == fact


def test_a_step_of_the_engine_carries_no_fact() -> None:
    assert StepRequest.of(received(number_change(ID_CARD)), Event.screened, None, at=NOW).fact is None


def test_what_changed_is_enough_to_follow() -> None:
    before = received(number_change(ID_CARD))
    after = move(before, Event.screened)
    changes = changes_of(before, after)
    assert {"status", "version", "ladder"} <= set(changes)
    assert "opening" not in changes
    assert changed(before, changes) == after
    assert changed(before, changes | {"a_field_of_a_later_release": 1}) == after


def test_where_a_case_stands_is_the_state_of_its_own_opening_without_the_stamp() -> None:
    state = in_review()
    standing = Standing.model_validate_json(Standing.of(state, receipt_of(state), ()).model_dump_json())
    stamped = state.opening.model_copy(update={"stamp": "a.b." + "c" * 86})
    assert isinstance(stamped, NumberChangeOpening)
    assert standing.state_of(stamped) == state
    assert standing.state_of(stamped).status is Status.in_review
    assert "opening" not in standing.state
