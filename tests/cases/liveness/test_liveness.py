"""Every life of a case has a way on: whatever has none is known, and whoever mends it strikes it from the list."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from cases import decide
from cases.events import Event
from cases.kinds import KINDS
from cases.liveness.checks import Fault, Violation, violations
from cases.liveness.exploring import Graph, TooManyStates
from cases.liveness.offers import wrong_offers
from cases.liveness.worlds import World, worlds
from cases.machines.machine import Guard, Machine, Row, Status
from cases.names import Kind
from cases.policy import PACKS, load
from cases.state import CaseState

KNOWN = Path(__file__).with_name("known.txt")
WORLDS = worlds(load(path) for path in sorted(PACKS.glob("*.toml")))


def known() -> set[str]:
    return {line for line in KNOWN.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}


def of_world(world: World, names: set[str]) -> set[str]:
    return {name for name in names if f" {world.kind.value} {world.name} " in f"{name} "}


def told(found: tuple[Violation, ...], names: set[str]) -> str:
    return "\n".join(f"{each.name}\n    {' > '.join(each.way)}" for each in found if each.name in names)


pytestmark = pytest.mark.timeout(300)
worlds_of_the_release = pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world.kind.value}-{world.name}")


@cache
def explored(world: World) -> Graph:
    return Graph(world)


@worlds_of_the_release
def test_every_life_has_a_way_on_but_for_what_is_known(world: World) -> None:
    found = violations(explored(world))
    names, listed = {each.name for each in found}, of_world(world, known())
    assert names <= listed, f"new:\n{told(found, names - listed)}"
    assert names >= listed, f"mended, strike from {KNOWN.name}: {sorted(listed - names)}"


def test_every_line_that_is_known_is_of_a_world_that_is_explored() -> None:
    assert known() == {name for world in WORLDS for name in of_world(world, known())}


@worlds_of_the_release
def test_every_status_of_the_machine_is_reached(world: World) -> None:
    assert {node.state.status for node in explored(world).nodes} == set(KINDS[world.kind].machine.statuses)


def test_what_grows_without_an_end_is_named_instead_of_being_explored_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cases.liveness.exploring.MOST_STATES", 50)
    with pytest.raises(TooManyStates):
        Graph(WORLDS[0])


# --- a planted fault is found ---------------------------------------------------------------------------------------

SMALL: Final = frozenset(
    {
        *(Status.checking, Status.awaiting_documents, Status.in_review, Status.on_hold),
        *(Status.screening, Status.disputed, Status.not_needed, Status.closed_no_response),
        *(Status.withdrawn, Status.rejected, Status.ended),
    }
)
"""Enough of a machine to have somebody of each sort who has to act."""
SEEN_ONLY: Final = (Event.acknowledge, Event.person_ended, Event.recompute)
ADDED_ONLY: Final = (Event.add_documents, Event.person_ended)
EXPIRED: Final = Event.supplement_expired
Plant = Callable[[Row], Row | None]


def without(status: Status, *events: Event) -> Plant:
    return lambda row: None if row.status is status and row.event in events else row


def only(status: Status, *events: Event) -> Plant:
    return lambda row: row if row.status is not status or row.event in events else None


def back(status: Status, event: Event) -> Plant:
    return lambda row: row._replace(to=status) if (row.status, row.event) == (status, event) else row


def planted(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, kind: Kind = Kind.card_replacement
) -> set[tuple[Fault, Status]]:
    record = KINDS[kind]
    rows = [row for row in record.machine.table if {row.status, row.to} <= SMALL]
    table = tuple(row for row in map(plant, rows) if row is not None)
    statuses = tuple(row for row in record.machine.statuses.values() if row.status in SMALL)
    small = Machine(record.kind, statuses, table)
    monkeypatch.setitem(KINDS, record.kind, replace(record, machine=small))
    release = next(world for world in WORLDS if world.kind is record.kind)
    # Under one version of the policy: what another says is explored above.
    world = replace(release, policies={release.policy.pin: release.policy})
    return {(violation.fault, violation.status) for violation in violations(Graph(world))}


@cache
def sound(kind: Kind) -> set[tuple[Fault, Status]]:
    with pytest.MonkeyPatch.context() as patch:
        return planted(patch, lambda row: row, kind)


@pytest.mark.parametrize(
    ("plant", "status", "found"),
    [
        (only(Status.in_review, *SEEN_ONLY), Status.in_review, Fault.no_way),
        (only(Status.in_review, *SEEN_ONLY), Status.in_review, Fault.nobody_is_asked),
        (only(Status.awaiting_documents, *ADDED_ONLY), Status.awaiting_documents, Fault.only_if_the_applicant_acts),
        (only(Status.awaiting_documents, *ADDED_ONLY), Status.awaiting_documents, Fault.no_limit),
        (back(Status.awaiting_documents, EXPIRED), Status.awaiting_documents, Fault.endless_time_limit),
        (back(Status.awaiting_documents, EXPIRED), Status.awaiting_documents, Fault.endless_effect),
        (without(Status.in_review, Event.person_ended), Status.in_review, Fault.end_of_person_is_refused),
    ],
)
def test_a_planted_fault_is_found_where_it_was_planted(
    plant: Plant, status: Status, found: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (found, status) not in sound(Kind.card_replacement)
    assert (found, status) in planted(monkeypatch, plant)


@pytest.mark.parametrize(
    ("offers", "found"),
    [
        ({}, (Fault.offered_and_refused, Status.in_review)),
        ({Event.withdraw: lambda _state, _today: False}, (Fault.not_offered, Status.in_review)),
    ],
)
def test_an_offer_that_is_no_use_is_found_and_so_is_one_that_is_not_made(
    offers: dict[Event, Callable[[CaseState, date], bool]], found: tuple[Fault, Status], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found not in sound(Kind.card_replacement)
    monkeypatch.setattr("cases.decide._OFFERED", offers)
    assert found in planted(monkeypatch, lambda row: row)


@pytest.mark.parametrize("forgotten", [Event.verify_documents, Event.return_documents])
def test_an_offer_that_does_not_say_that_it_changes_when_a_copy_expires_is_found(
    forgotten: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {event: rule for event, rule in decide._CONDITIONS.items() if event is not forgotten}
    monkeypatch.setattr("cases.decide._CONDITIONS", left)
    graph = explored(WORLDS[0])
    found = {
        (wrong.event, wrong.offered, graph.nodes[wrong.place].state.status is Status.in_review)
        for wrong in wrong_offers(graph)
    }
    # What was possible is offered for ever; what becomes possible is offered never.
    assert (forgotten, forgotten is Event.verify_documents, True) in found
    assert {event for event, _, _ in found} == {forgotten}


def test_a_fault_that_shows_when_two_subjects_meet_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten = (Fault.hold_is_forgotten, Status.on_hold)
    assert forgotten not in sound(Kind.id_number_change)
    forgets: Plant = lambda row: None if row.guard is Guard.held_before else row  # noqa: E731 - a plant as the others
    assert forgotten in planted(monkeypatch, forgets, Kind.id_number_change)
