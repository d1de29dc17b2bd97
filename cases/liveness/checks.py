"""What must hold of every state that a case can come to; what does not is a violation, with the shortest way to it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from cases.decide import next_step
from cases.events import EVENTS, Event
from cases.liveness.exploring import Graph, Node, Party, Step
from cases.liveness.offers import wrong_offers
from cases.machines.machine import Awaits, Effect, Status
from cases.models import Role
from cases.names import Kind
from cases.rules.people import ENDS_A_PERSON
from cases.state import CaseState


class Fault(StrEnum):
    """What is wrong with a state."""

    no_way = "no_way"
    """Nothing that anybody does leads to an ending, but the end of the person."""
    only_if_the_applicant_acts = "only_if_the_applicant_acts"
    """Office, time limits and other systems lead to no ending: the case lasts for as long as one person likes."""
    only_if_a_system_answers = "only_if_a_system_answers"
    """Office, time limits and the applicant together lead to no ending."""
    nobody_is_asked = "nobody_is_asked"
    """The case waits, no time limit leads on, and whoever is asked can do nothing about it."""
    no_limit = "no_limit"
    """It waits for somebody outside the office, and neither a limit nor the office puts an end to that."""
    endless_time_limit = "endless_time_limit"
    """Time limits that run out lead back to where they began, for ever."""
    endless_effect = "endless_effect"
    """So they do, and each round has an effect on somebody; nobody of the office decides any of them."""
    endless_rounds = "endless_rounds"
    """People can do over and over again what the policy has to bound."""
    end_of_person_is_refused = "end_of_person_is_refused"
    """The person died or left, and the case cannot be told."""
    loss_is_refused = "loss_is_refused"
    """A card is lost, and nothing that the case may be told blocks it."""
    word_is_lost = "word_is_lost"
    """What happened outside is refused, and leaves no trace, where the register can undo nothing any more."""
    remains_for_ever = "remains_for_ever"
    """The case is over, what it began is not, and nothing can end it."""
    hold_is_forgotten = "hold_is_forgotten"
    """A hold is over that nobody ended and no limit."""
    offered_and_refused = "offered_and_refused"
    """Somebody is offered to tell what the case refuses, whatever they say."""
    not_offered = "not_offered"
    """Somebody could tell the case something, and is not offered it."""


class Violation(NamedTuple):
    """One fault in one status, and the shortest way to a case that has it."""

    fault: Fault
    kind: Kind
    policy: str
    status: Status
    what: str
    way: tuple[str, ...]

    @property
    def name(self) -> str:
        """By which it is known: everything but the way."""
        return " ".join(filter(None, (self.fault, self.kind.value, self.policy, self.status, self.what)))


class Seen(NamedTuple):
    """A fault of one state: of what it is, and the steps from there that show it."""

    fault: Fault
    place: int
    what: str = ""
    then: tuple[Event, ...] = ()


Found = Iterator[Seen]

_OFFICE: Final = frozenset({Party.engine, Party.timer, Party.office})
_EVERYBODY: Final = _OFFICE | {Party.applicant, Party.system}
_OF_ITSELF: Final = frozenset({Party.engine, Party.timer, Party.system})

_NO_WAY_ON: Final = frozenset({Event.withdraw, Event.recompute})
"""Giving up is no way on, and nobody should need another policy to get one."""

ROUNDS: Final[Mapping[str, str]] = {
    Event.return_documents.value: "supplement",
    Effect.order_card.value: "order",
    Effect.reorder_card.value: "production",
}
"""What the policy has to bound, also where people decide each time."""

_BEYOND_THE_BOUND: Final = frozenset({Event.repair})
"""An operator is asked because the bound is used up, and decides beyond it."""

_ONCE_EACH: Final = frozenset({Event.escalated, Event.card_turned_up, Event.card_destroyed})
"""No rung fires twice, and no order brings two cards: neither can be made again and again."""

_BLOCKS: Final = frozenset({Effect.block_card, Effect.report_loss})

_ASKED: Final[Mapping[Awaits, tuple[Party, frozenset[Role]]]] = {
    Awaits.applicant: (Party.applicant, frozenset(Role)),
    Awaits.clerk: (Party.office, frozenset({Role.clerk})),
    Awaits.second_officer: (Party.office, frozenset({Role.officer, Role.supervisor})),
    Awaits.two_officers: (Party.office, frozenset({Role.officer, Role.supervisor})),
    Awaits.two_people: (Party.office, frozenset(Role)),
    Awaits.operator: (Party.office, frozenset({Role.operator})),
    Awaits.engine: (Party.office, frozenset({Role.operator})),
    Awaits.downstream: (Party.system, frozenset(Role)),
    Awaits.card_bureau: (Party.system, frozenset({Role.card_bureau})),
}
"""Who is asked in a status; where the engine cannot go on by itself, an operator."""

_OUTSIDE_THE_OFFICE: Final = frozenset({Awaits.applicant, Awaits.downstream, Awaits.card_bureau})


def violations(graph: Graph) -> tuple[Violation, ...]:
    """Everything that does not hold, with the shortest way to each, the shortest first."""
    found: dict[str, Violation] = {}
    for check in CHECKS:
        for seen in check(graph):
            status = graph.nodes[seen.place].state.status
            way = (*graph.way_to(seen.place), *(event.value for event in seen.then))
            violation = Violation(seen.fault, graph.world.kind, graph.world.name, status, seen.what, way)
            known = found.get(violation.name)
            if known is None or len(way) < len(known.way):
                found[violation.name] = violation
    return tuple(sorted(found.values(), key=lambda each: (list(Fault).index(each.fault), each.name)))


# --- ways to an ending ----------------------------------------------------------------------------------------------


def _explored(graph: Graph) -> Iterator[tuple[int, Node]]:
    return ((place, node) for place, node in enumerate(graph.nodes) if node.explored)


def every_state_has_a_way_to_an_ending(graph: Graph) -> Found:
    """Neither a death nor a withdrawal is the way on of a case that somebody wants to be decided."""
    endings = {place for place, node in enumerate(graph.nodes) if not node.state.is_open}
    by_all = _leads_to(graph, endings, _EVERYBODY)
    without_applicant = _leads_to(graph, endings, _EVERYBODY - {Party.applicant})
    without_systems = _leads_to(graph, endings, _EVERYBODY - {Party.system})
    for place, _ in _explored(graph):
        if place not in by_all:
            yield Seen(Fault.no_way, place)
            continue
        if place not in without_applicant:
            yield Seen(Fault.only_if_the_applicant_acts, place)
        if place not in without_systems:
            yield Seen(Fault.only_if_a_system_answers, place)


def _leads_to(graph: Graph, goal: Iterable[int], parties: frozenset[Party]) -> set[int]:
    """Places from which some place of `goal` is reached by steps of these parties alone."""
    back: dict[int, list[int]] = {}
    for place, node in enumerate(graph.nodes):
        for step in node.steps.values():
            if step.party in parties and step.event not in _NO_WAY_ON:
                back.setdefault(step.to, []).append(place)
    reached, left = set(goal), deque(goal)
    while left:
        for place in back.get(left.popleft(), ()):
            if place not in reached:
                reached.add(place)
                left.append(place)
    return reached


# --- waiting --------------------------------------------------------------------------------------------------------


def whoever_waits_has_a_limit_or_asks_somebody_who_can_act(graph: Graph) -> Found:
    """Asked is who may act by role, guard and check, and gets the case further by it."""
    for place, node in _explored(graph):
        state = node.state
        if not state.is_open or next_step(state, node.at) is not None:
            continue
        awaits = state.awaits
        party, roles = _ASKED[Awaits.engine if state.stuck else awaits]
        by_time = _gets_out(graph, place, lambda step: step.party is Party.timer)
        if not by_time and not _gets_out(graph, place, _told_by(party, roles)):
            yield Seen(Fault.nobody_is_asked, place)
        outside = awaits in _OUTSIDE_THE_OFFICE and not state.stuck
        if outside and not _gets_out(graph, place, lambda step: step.party in _OFFICE):
            yield Seen(Fault.no_limit, place)


def _told_by(party: Party, roles: frozenset[Role]) -> Callable[[Step], bool]:
    return lambda step: (
        step.party is Party.engine
        or (step.party is party and bool(EVENTS[step.event].roles & roles) and step.event not in _NO_WAY_ON)
    )


def _gets_out(graph: Graph, place: int, allowed: Callable[[Step], bool]) -> bool:
    """Whether some steps lead to another status, or to where somebody else is asked."""
    here = _who_where(graph, place)
    seen, left = {place}, deque([place])
    while left:
        for step in graph.nodes[left.popleft()].steps.values():
            if not allowed(step):
                continue
            if _who_where(graph, step.to) != here:
                return True
            if step.to not in seen:
                seen.add(step.to)
                left.append(step.to)
    return False


def _who_where(graph: Graph, place: int) -> tuple[Status, Awaits]:
    state = graph.nodes[place].state
    return state.status, state.awaits


# --- repetition -----------------------------------------------------------------------------------------------------


def nothing_is_repeated_for_ever(graph: Graph) -> Found:
    """Time limits come to an end; so do messages, orders and rounds. A rung fires once: the ladder has a top."""
    for place, step in _in_cycles(graph, frozenset({Party.engine, Party.timer})):
        if step.party is Party.timer:
            yield Seen(Fault.endless_time_limit, place, step.event.value, (step.event,))
    for place, step in _in_cycles(graph, _OF_ITSELF):
        for effect in step.row.effects:
            yield Seen(Fault.endless_effect, place, effect.value, (step.event,))
    for place, step in _in_cycles(graph, frozenset(Party), _BEYOND_THE_BOUND):
        for what in {step.event.value, *(effect.value for effect in step.row.effects)} & ROUNDS.keys():
            yield Seen(Fault.endless_rounds, place, ROUNDS[what], (step.event,))


def _in_cycles(
    graph: Graph, parties: frozenset[Party], but: frozenset[Event] = frozenset()
) -> Iterator[tuple[int, Step]]:
    """The steps of these parties that can be made again and again."""
    allowed = [
        [step for step in node.steps.values() if step.party in parties and step.event not in but]
        for node in graph.nodes
    ]
    part = _components([[step.to for step in steps] for steps in allowed])
    for place, steps in enumerate(allowed):
        for step in steps:
            if part[place] == part[step.to] and step.event not in _ONCE_EACH:
                yield place, step


def _components(onward: list[list[int]]) -> list[int]:
    """Strongly connected components, as Kosaraju finds them: each place has the number of its own."""
    back: list[list[int]] = [[] for _ in onward]
    for place, there in enumerate(onward):
        for to in there:
            back[to].append(place)
    part = [-1] * len(onward)
    for root in reversed(_as_left(onward)):
        left = [root] if part[root] < 0 else []
        while left:
            place = left.pop()
            if part[place] < 0:
                part[place] = root
                left += back[place]
    return part


def _as_left(onward: list[list[int]]) -> list[int]:
    """All places in the order in which a search that goes deep first has seen everything beyond them."""
    seen, left_behind = [False] * len(onward), []
    for root in range(len(onward)):
        calls = [] if seen[root] else [(root, iter(onward[root]))]
        seen[root] = True
        while calls:
            place, unseen = calls[-1]
            to = next((to for to in unseen if not seen[to]), None)
            if to is None:
                left_behind.append(place)
                calls.pop()
            else:
                seen[to] = True
                calls.append((to, iter(onward[to])))
    return left_behind


# --- what happens outside -------------------------------------------------------------------------------------------


def what_happens_outside_is_always_heard(graph: Graph) -> Found:
    """A person's end reaches every open case, and what a system says is taken in, also where nothing can be undone."""
    for place, node in _explored(graph):
        if not node.state.is_open:
            continue
        steps = node.steps.values()
        waits = next_step(node.state, node.at) is None
        known = node.state.ended_because in ENDS_A_PERSON
        if waits and not known and not any(step.party is Party.person for step in steps):
            yield Seen(Fault.end_of_person_is_refused, place)
        blocked = node.state.card_blocked and not node.state.card_cancelled
        if waits and not blocked and not any(_BLOCKS.intersection(step.row.effects) for step in steps):
            yield Seen(Fault.loss_is_refused, place)
        for step in steps:
            told = step.party in {Party.person, Party.system}
            if told and Effect.restore_number in step.row.effects and not _is_heard_all_the_same(graph, place, step):
                yield Seen(Fault.word_is_lost, place, step.event.value, (step.event,))


def _is_heard_all_the_same(graph: Graph, place: int, told: Step) -> bool:
    """Whether the case may be told where it knows that the old number cannot be restored."""
    knows = [step.to for step in graph.nodes[place].steps.values() if step.event is Event.undo_failed]
    heard = (
        not graph.nodes[to].explored or any(step.event is told.event for step in graph.nodes[to].steps.values())
        for to in knows
    )
    return bool(knows) and all(heard)


# --- endings --------------------------------------------------------------------------------------------------------


def nothing_outlives_its_case_without_an_end(graph: Graph) -> Found:
    """What a closed case names as remaining can be ended by something that the closed case may still be told.

    A formal loss is final, and so is a card that was cancelled.
    """
    for place, node in _explored(graph):
        state = node.state
        if state.is_open:
            continue
        for what in state.remains:
            ended = any(what not in graph.nodes[step.to].state.remains for step in node.steps.values())
            if not ended and not _ends_elsewhere(state, what):
                yield Seen(Fault.remains_for_ever, place, what)


def _ends_elsewhere(state: CaseState, what: str) -> bool:
    """Whether what remains is meant to, or ends beside the case.

    A formal loss, a cancelled card and a committed number are final. `LossReportCheck` ends a temporary report on the
    register's clock, whatever became of the case. A held benefit is looked at again every week, and the living may
    apply again; with a person's end it is released. Of a card that is to be destroyed a closed case is told as well.
    """
    match what:
        case "benefits_held":
            return state.status is not Status.ended
        case "card_blocked" | "card_cancelled" | "number_committed" | "surplus_card":
            return True
        case _:
            return False


def a_hold_lasts_until_it_is_ended(graph: Graph) -> Found:
    """A dispute that came in between and is gone leads back to where the case was."""
    for place, node in enumerate(graph.nodes):
        if node.state.status is not Status.on_hold:
            continue
        for step in node.steps.values():
            if step.event is not Event.dispute_opened:
                continue
            for lapsed in graph.nodes[step.to].steps.values():
                back = graph.nodes[lapsed.to].state.status
                if lapsed.event is Event.dispute_lapsed and back is not Status.on_hold:
                    yield Seen(Fault.hold_is_forgotten, place, "", (step.event, lapsed.event))


# --- what is offered ------------------------------------------------------------------------------------------------


def what_is_offered_is_possible(graph: Graph) -> Found:
    """Whoever looks is offered what they may tell the case as it stands, and nothing else."""
    for wrong in wrong_offers(graph):
        fault = Fault.offered_and_refused if wrong.offered else Fault.not_offered
        yield Seen(fault, wrong.place, f"{wrong.event} {wrong.actor.role}", (wrong.event,))


CHECKS: Final[tuple[Callable[[Graph], Found], ...]] = (
    every_state_has_a_way_to_an_ending,
    whoever_waits_has_a_limit_or_asks_somebody_who_can_act,
    nothing_is_repeated_for_ever,
    what_happens_outside_is_always_heard,
    nothing_outlives_its_case_without_an_end,
    a_hold_lasts_until_it_is_ended,
    what_is_offered_is_possible,
)
