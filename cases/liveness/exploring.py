"""Explores every state that cases of a world can come to, whoever acts, and whichever time limit ends first."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cases.decide import Decision, decide, next_step, with_dates
from cases.errors import CaseError, Code
from cases.events import EVENTS, Event, Origin
from cases.facts import CardHandedOver, Fact, HandOver, Recompute
from cases.ladder import Rung
from cases.liveness.asides import Aside, aside_of, is_explored
from cases.liveness.states import key_of
from cases.liveness.telling import Situation
from cases.liveness.worlds import BEGINS, CALENDAR, SYSTEMS, World
from cases.machines.machine import OTHERWISE, Effect, Row
from cases.models import Role
from cases.policy import Policy
from cases.rules.deadlines import KEEPS_ITS_TIMER
from cases.state import CaseState

MOST_STATES: Final = 10_000
"""Known for each kind and pack, explored or not; there are some thousands."""


class Party(StrEnum):
    """On whom it lies that something happens."""

    engine = "engine"
    timer = "timer"
    office = "office"
    """People whose post it is: clerks, officers, supervisors, operators."""
    applicant = "applicant"
    """Whoever applied, or holds the card: nobody can make them act."""
    system = "system"
    """Another system, or the card bureau: it may never answer."""
    person = "person"
    """The person's own end."""
    world = "world"
    """Other cases, and what the register refuses or finds to be otherwise."""


_OFFICE: Final = frozenset({Role.officer, Role.supervisor, Role.operator})
_BY_THE_HOLDER: Final = frozenset({Event.card_activated, Event.report_loss})
"""Whoever tells it, the holder of the card has to act first."""
_KNOWN_BY_THE_REGISTER: Final[Mapping[Event, Callable[[datetime], Iterable[Mapping[str, Any]]]]] = {
    Event.question_delivered: lambda at: ({"asked_at": at},),
    Event.block_ended: lambda _at: ({"card_in_use": True}, {"card_in_use": False}),
    Event.loss_report_expired: lambda _at: ({"card_in_use": True}, {"card_in_use": False}),
}
"""What the register may have looked up before a case hears of an event."""


def _nothing(_at: datetime) -> Iterable[Mapping[str, Any]]:
    return ({},)


_LOOKED_AT_AGAIN: Final = frozenset({Event.screened, Event.checked})


def party_of(event: Event, fact: Fact | None) -> Party:
    """On whom it lies that an event happens."""
    match event.origin:
        case Origin.engine:
            return Party.world if EVENTS[event].after_a_refusal else Party.engine
        case Origin.timer:
            return Party.timer
        case Origin.neighbour:
            return Party.world
        case Origin.outside:
            pass
    if event is Event.person_ended:
        return Party.person
    fetched = isinstance(fact, CardHandedOver) and fact.by is HandOver.counter
    if event in _BY_THE_HOLDER or fetched or not EVENTS[event].roles & (_OFFICE | SYSTEMS):
        return Party.applicant
    return Party.system if fact is not None and fact.actor.role in SYSTEMS else Party.office


@dataclass(frozen=True, slots=True)
class Step:
    """One way from one state to another."""

    event: Event
    party: Party
    row: Row
    to: int
    detail: str = ""
    aside: Aside | None = None
    """What came in between, where it is none of what every case comes to."""


@dataclass(slots=True)
class Node:
    """A state that cases can come to."""

    state: CaseState
    at: datetime
    explored: bool = False
    """False for a state that is reached only with more coming in between than is explored."""
    between: set[frozenset[Aside]] = field(default_factory=set)
    """What has come in between by the time a case is here: the least sets of it, one for each way to come by."""
    steps: dict[Any, Step] = field(default_factory=dict)
    came_by: tuple[int, Step] | None = None
    """From where, and by which step, on the shortest way; None where a case begins."""


class TooManyStates(Exception):
    """Something tells states apart that grows without an end: `states` has to leave it out, or say it otherwise."""

    def __init__(self, keys: Iterable[Any]) -> None:
        some = list(keys)[-1]
        super().__init__(f"more than {MOST_STATES} states, the last of them {some}")


class Graph:
    """The states of a world that are reached with one aside, or two that meet, and all steps between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nodes: list[Node] = []
        self._places: dict[Any, int] = {}
        self._settled: dict[Any, int] = {}
        self._left: deque[int] = deque()
        for beginning in world.beginnings():
            here = self._place(beginning, BEGINS)
            self._come(here, frozenset({Aside.benefits} if beginning.benefits_held else ()))
        beginnings = range(len(self.nodes))
        while self._left:
            here = self._left.popleft()
            node = self.nodes[here]
            if not node.explored:
                node.explored = True
                self._explore(here)
            for step in node.steps.values():
                for between in tuple(node.between):
                    self._come(step.to, between if step.aside is None else between | {step.aside})
        self._find_ways(beginnings)

    def way_to(self, place: int) -> tuple[str, ...]:
        """The shortest way from an application to a state, by the names of events."""
        way: list[str] = []
        while (came_by := self.nodes[place].came_by) is not None:
            place, step = came_by
            way.append(step.event.value + (f"({step.detail})" if step.detail else ""))
        return tuple(reversed(way))

    def _find_ways(self, beginnings: Iterable[int]) -> None:
        left = deque(beginnings)
        known = set(left)
        while left:
            here = left.popleft()
            for step in self.nodes[here].steps.values():
                if step.to not in known:
                    known.add(step.to)
                    self.nodes[step.to].came_by = here, step
                    left.append(step.to)

    def _come(self, place: int, between: frozenset[Aside]) -> None:
        """A case comes to a place after some asides: what lies beyond is explored unless that is known already."""
        node = self.nodes[place]
        if not is_explored(between) or any(known <= between for known in node.between):
            return
        node.between = {known for known in node.between if not between <= known} | {between}
        if place not in self._left:
            self._left.append(place)

    def _explore(self, here: int) -> None:
        node = self.nodes[here]
        state = node.state
        situation = Situation(state, node.at, self.world.policies)
        if not state.is_open:
            for event in Event:
                if event.origin is Origin.outside and state.machine.rows(state.status, event):
                    self._tell(here, event, situation)
            return
        self._engine_moves(here)
        self._time_passes(here)
        for event in state.machine.events(state.status):
            if event.origin is Origin.outside:
                self._tell(here, event, situation)
            elif event.origin is not Origin.timer and event in _KNOWN_BY_THE_REGISTER:
                for known in _KNOWN_BY_THE_REGISTER[event](node.at):
                    self._move(here, state.model_copy(update=known), event, node.at)
            elif event.origin is Origin.neighbour and not (event is Event.turn_free and state.stuck):
                self._move(here, state, event, node.at)
        # The old number may have a rightful holder by now, whoever's word was to take the change back.
        if any(Effect.restore_number in step.row.effects for step in node.steps.values()):
            self._move(here, state, Event.undo_failed, node.at, Party.world)

    def _engine_moves(self, here: int) -> None:
        node = self.nodes[here]
        step = next_step(node.state, node.at)
        if step is None:
            return
        machine, status = node.state.machine, node.state.status
        if step in _LOOKED_AT_AGAIN and node.state.version > 0:
            known = node.state.screening
            for screening in self.world.findings(node.state):
                again = node.state.model_copy(update={"screening": screening})
                same = known is not None and screening.finding is known.finding and screening.road is known.road
                self._move(here, again, step, node.at, Party.engine if same else Party.world, screening.finding)
        else:
            self._move(here, node.state, step, node.at, detail=_found(node.state) if step in _LOOKED_AT_AGAIN else "")
        ways = {way: code for (event, code), way in OTHERWISE.items() if event is step}
        if (step, None) not in OTHERWISE:
            ways[Event.stuck] = Code.INTERNAL
        for way, code in ways.items():
            if machine.rows(status, way):
                self._move(here, node.state, way, node.at, because=code)

    def _time_passes(self, here: int) -> None:
        node = self.nodes[here]
        if not node.state.stuck:
            for limit in node.state.limits:
                at = max(node.at, limit.due_at)
                for known in _KNOWN_BY_THE_REGISTER.get(limit.event, _nothing)(at):
                    self._move(here, node.state.model_copy(update=known), limit.event, at, Party.timer)
        self._climb(here)

    def _climb(self, here: int) -> None:
        """The campaign date passes: the rung fires that is the highest by then."""
        node = self.nodes[here]
        state, ends = node.state, node.state.ladder.dates.campaign_due_at
        if ends is None or state.ladder.rung >= Rung.deadline or not state.machine.rows(state.status, Event.escalated):
            return
        policy = self._policy(state)
        at = max(node.at, ends)
        state = with_dates(state, policy.dates(state, at, CALENDAR))
        if (rung := state.next_rung) is not None:
            at = max(at, rung.at)
            decision = decide(state, Event.escalated, None, at)
            self._arrive(here, decision, policy, at, Party.timer)

    def _tell(self, here: int, event: Event, situation: Situation) -> None:
        node = self.nodes[here]
        known: list[tuple[str, Party, Decision]] = []
        for fact in situation.facts(event):
            detail = fact.policy if isinstance(fact, Recompute) and fact.policy is not None else ""
            policy = self.world.policies[detail] if detail else self._policy(node.state)
            try:
                decision = decide(node.state, event, fact, node.at)
                policy.check(decision, CALENDAR)
            except CaseError:
                continue
            # Who says it makes a difference to some decisions, and what is said to others: most are made already.
            move = (detail, party := party_of(event, fact), decision)
            if move not in known:
                known.append(move)
                self._arrive(here, decision, policy, node.at, party, detail)

    def _move(
        self,
        here: int,
        state: CaseState,
        event: Event,
        at: datetime,
        party: Party | None = None,
        detail: str = "",
        because: Code | None = None,
    ) -> None:
        try:
            decision = decide(state, event, None, at, because)
        except CaseError:
            return
        self._arrive(here, decision, self._policy(state), at, party or party_of(event, None), detail)

    def _arrive(
        self,
        here: int,
        decision: Decision,
        policy: Policy,
        at: datetime,
        party: Party,
        detail: str = "",
    ) -> None:
        row, after = decision.row, decision.after
        # Settling takes longer than all the rest, and what is alike before it is alike after it.
        moves = row.event if row.event in KEEPS_ITS_TIMER else None
        alike = (policy.pin, moves, decision.clock, self._key(after, at))
        to = self._settled.get(alike)
        if to is None:
            to = self._settled[alike] = self._place(policy.settle(decision, at, CALENDAR), at)
        aside = aside_of(row.event, row.status, changes=to != here)
        self.nodes[here].steps[row.event, party, row, to] = Step(row.event, party, row, to, detail, aside)

    def _place(self, state: CaseState, at: datetime) -> int:
        key = self._key(state, at)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.nodes)
            self.nodes.append(Node(state, at))
            if len(self.nodes) > MOST_STATES:
                raise TooManyStates(self._places)
        return place

    def _key(self, state: CaseState, at: datetime) -> Any:
        return key_of(state, campaign_over=self.world.campaign_over(state, at))

    def _policy(self, state: CaseState) -> Policy:
        return self.world.policies[state.terms.policy]


def _found(state: CaseState) -> str:
    screening = state.screening
    if screening is None:
        return ""
    return "/".join(word for word in (screening.finding.value, screening.road) if word)
