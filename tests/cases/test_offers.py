"""What a case offers to whoever looks: what they may tell it, by role, office and what they did before."""

from collections.abc import Iterator

import pytest

from cases.decide import decide
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import CardActivated, CardFunction, ConfirmDownstream, Fact
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from cases.names import Kind
from cases.state import CaseState
from cases.views import as_seen_by, view_of
from tests.scenes import CLERK, FACTS, NOW, OFFICE, OFFICER, SOUTH, VERIFIER, answering, in_status

NOT_THEIRS = {Code.ROLE_NOT_ALLOWED, Code.OFFICE_NOT_COMPETENT, Code.SAME_PERSON}
"""Why somebody is refused because of who they are."""
SOMEBODY = tuple(Actor(id=f"{role.value.replace('_', '-')}-9", role=role, office=OFFICE) for role in Role)
STATUSES = [(kind, status) for kind in Kind for status in MACHINES[kind].statuses if MACHINES[kind].is_open(status)]


def facts_of(event: Event, actor: Actor) -> Iterator[Fact]:
    """What somebody may say of an event, where it differs by who may say it."""
    fact = FACTS[event].model_copy(update={"actor": actor})
    match fact:
        case ConfirmDownstream():
            yield from (fact.model_copy(update={"system": system}) for system in System)
        case CardActivated():
            yield from (fact.model_copy(update={"function": function}) for function in CardFunction)
        case _:
            yield fact


def refusals(state: CaseState, event: Event, actor: Actor) -> set[Code | None]:
    """What comes of each of them; None where the case moves."""
    outcomes: set[Code | None] = set()
    for fact in facts_of(event, actor):
        try:
            decide(state, event, answering(fact, state.publication, state.order), NOW)
        except CaseError as refused:
            outcomes.add(refused.code)
        else:
            outcomes.add(None)
    return outcomes


@pytest.mark.parametrize(("kind", "status"), STATUSES)
@pytest.mark.parametrize("actor", [*SOMEBODY, CLERK, VERIFIER, OFFICER], ids=lambda actor: actor.id)
def test_whoever_looks_is_offered_what_they_may_tell_and_nothing_else(kind: Kind, status: Status, actor: Actor) -> None:
    state = in_status(kind, status).model_copy(update={"verifier": VERIFIER.id})
    whole = view_of(state, NOW)
    offered = as_seen_by(whole, actor).events
    assert set(offered) <= set(whole.events)
    for event in whole.events:
        outcomes = refusals(state, event, actor)
        assert (outcomes <= NOT_THEIRS) is (event not in offered), (event, outcomes)


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_what_another_office_handles_is_offered_to_nobody_here(kind: Kind, status: Status) -> None:
    view = view_of(in_status(kind, status), NOW)
    for actor in SOMEBODY:
        assert as_seen_by(view, actor.model_copy(update={"office": SOUTH})).events == ()
