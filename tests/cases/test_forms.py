"""The forms that operators type: examples that hold, and forms of cases that nobody can send without looking."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from cases.errors import CaseError
from cases.events import FACTS, Event
from cases.facts import Fact
from cases.forms import CASE, EVENT, as_typed, closed_sets_of, example_of, form_of
from cases.kinds import MACHINES, read_case_id
from cases.machines.machine import Status
from cases.models import Actor
from cases.names import Kind
from cases.views import possible_events, view_of
from tests.scenes import CLERK, ID_CARD, NOW, in_status

NOTHING_TO_FILL_IN = {
    Event.resume,
    Event.withdraw,
    Event.acknowledge,
    Event.recompute,
    Event.card_found,
    Event.verify_documents,
    Event.approve,
}


def fact_of(form: dict[str, Any], actor: Actor = CLERK) -> Fact:
    """What the gate makes of a form."""
    event = Event(form[EVENT])
    fields = {name: value for name, value in form.items() if name not in {CASE, EVENT}}
    return FACTS[event].model_validate({**fields, "actor": actor.model_dump()}, strict=False)


@pytest.mark.parametrize("event", FACTS)
def test_the_example_of_an_event_is_a_fact_but_for_its_actor(event: Event) -> None:
    example = json.loads(as_typed(example_of(event)))
    assert type(fact_of(example)) is FACTS[event]
    assert "actor" not in example
    assert "stamp" not in example
    kind, _ = read_case_id(example[CASE])
    assert any(row.event is event for row in MACHINES[kind].table)


def possible() -> list[tuple[Kind, Status, Event]]:
    return [
        (kind, status, event)
        for kind, machine in MACHINES.items()
        for status in machine.statuses
        for event in possible_events(in_status(kind, status), NOW)
        if machine.is_open(status)
    ]


@pytest.mark.parametrize(("kind", "status", "event"), possible())
def test_a_form_of_a_case_is_refused_until_its_blanks_are_filled_in(kind: Kind, status: Status, event: Event) -> None:
    view = view_of(in_status(kind, status), NOW)
    form = form_of(event, view)
    assert (form[CASE], form[EVENT]) == (view.case_id, event.value)
    assert form.keys() == example_of(event).keys()
    if event in NOTHING_TO_FILL_IN:
        fact_of(form)
    else:
        with pytest.raises((ValidationError, CaseError)):
            fact_of(form)


def test_what_the_case_knows_is_filled_in() -> None:
    view = view_of(in_status(Kind.id_number_change, Status.in_review), NOW)
    assert form_of(Event.verify_documents, view)["copies"] == [ID_CARD.sha256]
    assert form_of(Event.approve, view)["content"] == view.content
    (defect,) = form_of(Event.return_documents, view)["defects"]
    assert defect == {"document": "resident_id_card", "problem": ""}
    lacking = view_of(in_status(Kind.card_replacement, Status.awaiting_documents), NOW)
    papers = form_of(Event.add_documents, lacking)["documents"]
    assert [paper["kind"] for paper in papers] == [demand.document.value for demand in lacking.missing]


def test_fields_of_closed_sets_are_found() -> None:
    assert {name: members.__name__ for name, members in closed_sets_of(Event.hold).items()} == {"reason": "HoldReason"}
    assert set(closed_sets_of(Event.repair)) == {"action", "system"}
    assert closed_sets_of(Event.resume) == {}
