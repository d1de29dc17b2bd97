"""Whether a case offers everybody what they may tell it: nothing that it would refuse, and all that it would take."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from typing import Final, NamedTuple

from cases.clocks import SHANGHAI
from cases.decide import Decision, decide, next_step
from cases.documents import Document, DocumentKind
from cases.errors import CaseError
from cases.events import EVENTS, Event, Origin
from cases.facts import CardTurnedUp, Extend, Fact, Recompute
from cases.ladder import Rung
from cases.liveness.exploring import Graph, Node
from cases.liveness.telling import Situation
from cases.liveness.worlds import CALENDAR, actors, document
from cases.models import Actor, Role
from cases.state import CaseState
from cases.views import as_seen_by, is_offered

_ANOTHER_RECORD: Final = "ref-2"
_ANOTHER_DOCUMENT: Final = document(DocumentKind.court_certificate)


class Wrong(NamedTuple):
    """An offer that is wrong: where, to whom, and whether it is made, and refused, or could be made."""

    place: int
    event: Event
    actor: Actor
    offered: bool


def wrong_offers(graph: Graph) -> Iterator[Wrong]:
    """Everything that somebody is offered and cannot tell, or could tell and is not offered, in every state at rest.

    What a view says holds for as long as the case stands so: also when a copy on file expires. What only the register
    knows counts as given.
    """
    for place, node in enumerate(graph.nodes):
        now = Situation(node.state, node.at, graph.world.policies)
        if not node.explored or not node.state.is_open or not _rests(now):
            continue
        yield from _wrong(graph, place, now)
        if (expiring := _with_a_copy_that_expires(node)) is not None:
            today = Situation(expiring, node.at, graph.world.policies)
            yield from _wrong(graph, place, today, today.later(timedelta(days=1)))


def _with_a_copy_that_expires(node: Node) -> CaseState | None:
    """The same state where today is the last day of one of the copies that somebody looks at; None for none."""
    state = node.state
    if not state.machine.statuses[state.status].examines or not state.documents:
        return None
    first, *others = state.documents
    first = first.model_copy(update={"expires_on": node.at.astimezone(SHANGHAI).date()})
    return state.model_copy(update={"documents": (first, *others)})


def _wrong(graph: Graph, place: int, viewed: Situation, *later: Situation) -> Iterator[Wrong]:
    """Offers of the view of a situation, where they are wrong in that or in a later one."""
    state = viewed.state
    somebody = _somebody(state.opening.region, viewed.known)
    seen = {actor: as_seen_by(viewed.view, actor) for actor in somebody}
    for now in (viewed, *later):
        if not _rests(now):
            continue
        today = now.at.astimezone(SHANGHAI).date()
        for event in state.machine.events(state.status):
            if event.origin is not Origin.outside:
                continue
            takers = _takers(graph, now, event, somebody)
            for actor in somebody:
                offered = is_offered(seen[actor], event, today)
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


def _rests(now: Situation) -> bool:
    """Whether nothing comes before what anybody tells the case: no step, no limit or date that has passed already."""
    state, ladder = now.state, now.state.ladder
    dates = [limit.due_at for limit in state.limits]
    if ladder.dates.campaign_due_at is not None and ladder.rung < Rung.deadline:
        dates.append(ladder.dates.campaign_due_at)
    return next_step(state, now.at) is None and all(each > now.at for each in dates)


def _told_of(now: Situation, event: Event) -> Iterator[Fact]:
    """Every fact of an event, whoever tells it; also one on another record or document, and the shortest extension."""
    for fact in now.contents(event):
        yield fact
        if isinstance(fact, CardTurnedUp):
            yield from (fact.model_copy(update={"order": order}) for order in now.state.past_orders)
        if isinstance(fact, Extend):
            yield fact.model_copy(update={"working_days": 1})
        if hasattr(fact, "record"):
            yield fact.model_copy(update={"record": _ANOTHER_RECORD})
        if isinstance(getattr(fact, "police_document", None), Document):
            yield fact.model_copy(update={"police_document": _ANOTHER_DOCUMENT})


def _takers(graph: Graph, now: Situation, event: Event, somebody: Iterable[Actor]) -> frozenset[Actor]:
    """From whom a case takes some fact of an event."""
    left = {actor for actor in somebody if actor.role in EVENTS[event].roles}
    takers: set[Actor] = set()
    for fact in _told_of(now, event):
        # A limit that a law names is the same whoever extends.
        within_limits: bool | None = None
        for actor in left - takers:
            try:
                decision = decide(now.state, event, fact.model_copy(update={"actor": actor}), now.at)
            except CaseError:
                continue
            if within_limits is None:
                within_limits = _stands(graph, now, fact, decision)
            if within_limits:
                takers.add(actor)
    return frozenset(takers)


def _stands(graph: Graph, now: Situation, fact: Fact, decision: Decision) -> bool:
    """Whether the policy lets a decision stand."""
    pin = fact.policy if isinstance(fact, Recompute) and fact.policy is not None else now.state.terms.policy
    try:
        graph.world.policies[pin].check(decision, CALENDAR)
    except CaseError:
        return False
    return True
