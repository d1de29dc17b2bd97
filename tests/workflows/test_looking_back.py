"""What all tests of this folder together have done to one register: every status, nearly every row, no broken rule."""

from typing import Final, NamedTuple

import pytest

from activities.registry.reading import verify_chain
from cases.events import Event
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.names import Kind
from tests.engine import Engine


class Way(NamedTuple):
    """One way through a machine: rows that differ in their guard alone are one way."""

    kind: Kind
    status: Status
    event: Event
    to: Status


_CHANGE, _CARD, _S, _E = Kind.id_number_change, Kind.card_replacement, Status, Event
_AT_ONCE: Final = "the engine goes on at once: nobody can be told anything in between; the pure machine is walked"
NOT_TAKEN: Final[dict[Way, str]] = {
    **{
        Way(_CHANGE, status, event, _S.ended): _AT_ONCE
        for status in (_S.updated, _S.releasing)
        for event in (_E.person_ended, _E.person_found_ended)
    },
    **{Way(_CHANGE, status, _E.person_found_ended, _S.ended): _AT_ONCE for status in (_S.screening, _S.verified)},
    **{Way(_CARD, status, _E.person_found_ended, _S.ended): _AT_ONCE for status in (_S.checking, _S.active)},
    Way(_CARD, _S.awaiting_documents, _E.nothing_awaited, _S.in_review): "no pack asks a replacement for less",
    Way(_CARD, _S.ready, _E.card_lost_on_way, _S.repair): "the orders are used up after the hand-over",
    Way(_CHANGE, _S.disputed, _E.dispute_won, _S.on_hold): "a hold before a dispute: walked where it lapses",
    Way(_CHANGE, _S.disputed, _E.resolve_dispute, _S.on_hold): "a hold before a dispute: walked where it lapses",
    Way(_CHANGE, _S.disputed, _E.resolve_duplicate, _S.on_hold): "a hold before a dispute: walked where it lapses",
    **{
        Way(_CARD, status, _E.person_found_ended, status): "they wait because their person has ended: nothing is new"
        for status in (_S.card_outstanding, _S.card_to_destroy)
    },
    **{
        Way(_CARD, row.status, _E.block_ended, row.to): "who ends reports looks at a whole register: one of its own"
        for row in MACHINES[_CARD].table
        if row.event is _E.block_ended and row.to is row.status
    },
}
"""Ways that no test of this folder takes, and why; who takes one strikes it."""


def ways() -> set[Way]:
    """All ways of both machines."""
    return {Way(kind, row.status, row.event, row.to) for kind, machine in MACHINES.items() for row in machine.table}


async def ways_taken(engine: Engine) -> set[Way]:
    """All ways that cases of this run have taken, by their audit."""
    rows = await engine.pool.fetch(
        """
        SELECT DISTINCT c.kind, t.from_status, t.event, t.to_status
        FROM transitions t JOIN cases c USING (case_id, generation) WHERE t.version > 0
        """
    )
    return {
        Way(Kind(row["kind"]), Status(row["from_status"]), Event(row["event"]), Status(row["to_status"]))
        for row in rows
    }


async def test_every_status_of_both_machines_was_reached_on_a_real_server(engine: Engine) -> None:
    taken = await ways_taken(engine)
    for kind, machine in MACHINES.items():
        reached = {way.to for way in taken if way.kind is kind} | {machine.initial}
        assert reached == set(machine.statuses)


async def test_every_row_was_taken_but_those_that_are_listed_with_a_reason(engine: Engine) -> None:
    taken = await ways_taken(engine)
    # What leaves a case where it was is one rule for every status of its kind.
    anywhere = {(way.kind, way.event) for way in taken if way.to is way.status}
    never = {way for way in ways() - taken if way.to is not way.status or (way.kind, way.event) not in anywhere}
    assert never - NOT_TAKEN.keys() == set(), "\n".join(f"{way}" for way in sorted(never))
    assert NOT_TAKEN.keys() <= ways()


async def test_no_case_went_a_way_that_is_not_in_its_table(engine: Engine) -> None:
    assert await ways_taken(engine) <= ways()


async def test_the_audit_of_every_case_holds(engine: Engine) -> None:
    rows = await engine.pool.fetch("SELECT DISTINCT case_id FROM cases")
    assert len(rows) > 100
    broken = {row["case_id"]: await verify_chain(engine.pool, row["case_id"]) for row in rows}
    assert {case: what for case, what in broken.items() if what is not None} == {}


BROKEN_RULES: Final = {
    "a number has two holders": """
        SELECT token FROM numbers WHERE digits = 18 AND state IN ('living', 'reserved')
        GROUP BY token HAVING count(*) > 1
    """,
    "a person has two numbers in force": """
        SELECT person_id FROM numbers WHERE state = 'living' GROUP BY person_id HAVING count(*) > 1
    """,
    "a person has two cards in use": """
        SELECT person_id FROM cards WHERE code IN ('1', 'B') GROUP BY person_id HAVING count(*) > 1
    """,
    "a case is done and a benefit is held or a claim suspended for its reason": """
        SELECT c.case_id FROM cases c
        LEFT JOIN benefit_holds h ON h.person_id = c.person_id AND h.state = 'held'
            AND h.reason = CASE c.kind WHEN 'IdNumberChange' THEN 'id_number' ELSE 'card' END
        LEFT JOIN claims s ON s.person_id = c.person_id AND s.state = 'suspended'
            AND s.suspended_for = CASE c.kind WHEN 'IdNumberChange' THEN 'id_number' ELSE 'card' END
        WHERE c.status = 'done' AND (h.id IS NOT NULL OR s.id IS NOT NULL)
    """,
    "a number change is done and its entitlements were not compared": """
        SELECT c.case_id FROM cases c
        WHERE c.kind = 'IdNumberChange' AND c.status = 'done' AND NOT EXISTS (
            SELECT FROM entitlement_snapshots e
            WHERE e.case_id = c.case_id AND e.generation = c.generation AND e.digest_after = e.digest
        )
    """,
    "a closed case has the turn, a reservation or an open dispute": """
        SELECT c.case_id FROM cases c
        WHERE c.closed_at IS NOT NULL AND (
            EXISTS (SELECT FROM turns t WHERE (t.case_id, t.generation) = (c.case_id, c.generation))
            OR EXISTS (
                SELECT FROM numbers n
                WHERE (n.case_id, n.generation) = (c.case_id, c.generation) AND n.state = 'reserved'
            )
            OR EXISTS (
                SELECT FROM disputes d
                WHERE d.state = 'open' AND (c.case_id, c.generation) IN (
                    (d.case_id, d.generation), (d.rival_case_id, d.rival_generation)
                )
            )
        )
    """,
    "claims of a case that was not done are in the queue": """
        SELECT s.id FROM claims s
        JOIN cases c ON (c.case_id, c.generation) = (s.requeued_by, s.requeued_generation)
        -- What is owed to somebody who has died or moved away is released all the same.
        WHERE c.milestone NOT IN ('number_updated', 'benefits_unblocked')
          AND c.status NOT IN ('ended', 'card_outstanding', 'card_to_destroy')
    """,
    "somebody was told twice of one step": """
        SELECT case_id FROM events GROUP BY case_id, generation, step, kind, target, subject HAVING count(*) > 1
    """,
    "one person entered, verified or approved the same": """
        SELECT case_id FROM cases WHERE verifier = submitter OR approver = submitter OR approver = verifier
    """,
}
"""Queries that find whoever breaks a rule that no case may break (see the invariants of the design)."""


@pytest.mark.parametrize("rule", BROKEN_RULES)
async def test_no_rule_is_broken_anywhere(engine: Engine, rule: str) -> None:
    found = await engine.pool.fetch(BROKEN_RULES[rule])
    assert [tuple(row) for row in found] == []
