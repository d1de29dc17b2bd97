"""Whether a case offers everybody what they may tell it: nothing that it would refuse, and all that it would take."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from cases.decide import Decision, decide, next_step
from cases.documents import Document, DocumentKind
from cases.errors import CaseError
from cases.events import EVENTS, Event, Origin
from cases.facts import CardTurnedUp, Extend, Fact, Recompute
from cases.ladder import Rung
from cases.liveness.exploring import Graph, Node
from cases.liveness.telling import facts, known_to
from cases.liveness.worlds import CALENDAR, actors, document
from cases.models import Actor, Role
from cases.views import as_seen_by, view_of

_ANOTHER_RECORD: Final = "ref-2"
_ANOTHER_DOCUMENT: Final = document(DocumentKind.court_certificate)


class Wrong(NamedTuple):
    """An offer that is wrong: where, to whom, and whether it is made, and refused, or could be made."""

    place: int
    event: Event
    actor: Actor
    offered: bool


def wrong_offers(graph: Graph) -> Iterator[Wrong]:
    """Everything that somebody is offered and cannot tell, or could tell and is not offered, in every state at rest."""
    for place, node in enumerate(graph.nodes):
        state = node.state
        if not node.explored or not state.is_open or not _rests(node):
            continue
        view = view_of(state)
        somebody = _somebody(state.opening.region, known_to(state))
        offers = {each: as_seen_by(view, each).events for each in somebody}
        for event in state.machine.events(state.status):
            if event.origin is not Origin.outside:
                continue
            takers = _takers(graph, node, event, somebody)
            for actor in somebody:
                offered = event in offers[actor]
                if offered is not (actor in takers):
                    yield Wrong(place, event, actor, offered)


@cache
def _somebody(office: str, known: frozenset[str]) -> tuple[Actor, ...]:
    """Everybody who is known to a case, and somebody of each role who is not."""
    chosen = []
    for role in Role:
        people = actors((role,), office)
        strangers = [actor for actor in people if actor.id not in known]
        chosen += [*(actor for actor in people if actor.id in known), *strangers[:1]]
    return tuple(chosen)


def _rests(node: Node) -> bool:
    """Whether nothing comes before what anybody tells the case: no step, no limit or date that has passed already."""
    state, ladder = node.state, node.state.ladder
    dates = [limit.due_at for limit in state.limits]
    if ladder.dates.campaign_due_at is not None and ladder.rung < Rung.deadline:
        dates.append(ladder.dates.campaign_due_at)
    return next_step(state, node.at) is None and all(each > node.at for each in dates)


def _told_of(graph: Graph, node: Node, event: Event) -> Iterator[Fact]:
    """Every fact of an event, whoever tells it; also one on another record or document, and the shortest extension."""
    seen: set[str] = set()
    for fact in facts(event, node.state, node.at, graph.world.policies):
        content = fact.model_dump_json(exclude={"actor"})
        if content in seen:
            continue
        seen.add(content)
        yield fact
        if isinstance(fact, CardTurnedUp):
            yield from (fact.model_copy(update={"order": order}) for order in node.state.past_orders)
        if isinstance(fact, Extend):
            yield fact.model_copy(update={"working_days": 1})
        if hasattr(fact, "record"):
            yield fact.model_copy(update={"record": _ANOTHER_RECORD})
        if isinstance(getattr(fact, "police_document", None), Document):
            yield fact.model_copy(update={"police_document": _ANOTHER_DOCUMENT})


def _takers(graph: Graph, node: Node, event: Event, somebody: Iterable[Actor]) -> frozenset[Actor]:
    """From whom a case takes some fact of an event."""
    # Whether there is a card to block the register knows, which refuses otherwise.
    if event is Event.report_loss and not node.state.card_in_use:
        return frozenset()
    left = {actor for actor in somebody if actor.role in EVENTS[event].roles}
    takers: set[Actor] = set()
    for fact in _told_of(graph, node, event):
        # A limit that a law names is the same whoever extends.
        within_limits: bool | None = None
        for actor in left - takers:
            try:
                decision = decide(node.state, event, fact.model_copy(update={"actor": actor}), node.at)
            except CaseError:
                continue
            if within_limits is None:
                within_limits = _settles(graph, node, fact, decision)
            if within_limits:
                takers.add(actor)
    return frozenset(takers)


def _settles(graph: Graph, node: Node, fact: Fact, decision: Decision) -> bool:
    """Whether the policy lets a decision stand."""
    pin = fact.policy if isinstance(fact, Recompute) and fact.policy is not None else node.state.terms.policy
    try:
        graph.world.policies[pin].settle(decision, node.at, CALENDAR)
    except CaseError:
        return False
    return True
