"""The pure machine beside the register: every case of a life twice, and both say the same after every step.

A twin is told what the audit says that its case was told, and works out all else by itself: the status, the dates,
what is asked for and by when. What only the register can know is read from it: what it found of a person when it
looked, which case is a neighbour, and why it refused a step.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
from pydantic import TypeAdapter

from activities.calendar import Calendars
from activities.registry.pool import Connection
from activities.registry.stored import Copy, Stored
from cases.answers import Unasked
from cases.decide import decide, initial_state
from cases.errors import CaseError, Code
from cases.events import EVENTS, FACTS, Event
from cases.facts import Fact, Recompute
from cases.policy import Policies, Policy
from cases.rules.people import ENDS_A_PERSON
from cases.state import CaseState, Timer
from cases.steps import Neighbour

MOVED: Final = """
    SELECT cases.case_id, cases.generation, cases.version, cases.state_digest, cases.state, opening, screening
    FROM cases JOIN case_files USING (case_id, generation)
    LEFT JOIN unnest($2::text[], $3::integer[], $4::integer[]) AS known (case_id, generation, version)
        ON (known.case_id, known.generation) = (cases.case_id, cases.generation)
    WHERE cases.person_id = ANY ($1) AND coalesce(known.version, -1) < cases.version
    ORDER BY cases.case_id, cases.generation
"""
STEPS: Final = """
    SELECT version, event, fact, at, state_after, neighbours, outcome FROM transitions
    WHERE case_id = $1 AND generation = $2 AND version > $3 ORDER BY version
"""
UNASKED: Final = TypeAdapter(tuple[Unasked, ...])
NEIGHBOURS: Final = TypeAdapter(tuple[Neighbour, ...])
LOOKS: Final = frozenset({Event.screened, Event.checked})


class Apart(AssertionError):
    """The register and the pure machine say different things."""


@dataclass
class Twin:
    """What the pure machine says of one generation of a case."""

    state: CaseState
    at: datetime


@dataclass(frozen=True)
class Moved:
    """One transition as the audit has it."""

    case_id: str
    event: str
    to: str
    neighbours: tuple[Neighbour, ...] = ()
    """Who is told because of it."""


class Twins:
    """The pure machine's word on all cases of some persons."""

    def __init__(self, policies: Policies, calendars: Calendars) -> None:
        self._policies = policies
        self._calendars = calendars
        self.of: dict[tuple[str, int], Twin] = {}

    @property
    def newest(self) -> dict[str, CaseState]:
        """The newest generation of each case, in the order in which they were applied for."""
        return {case_id: twin.state for (case_id, _), twin in self.of.items()}

    async def follow(self, connection: Connection, persons: list[int]) -> list[Moved]:
        """Tell the twins what their cases were told meanwhile. Raises `Apart` where a state is not the twin's."""
        keys = list(self.of)
        known = [self.of[key].state.version for key in keys]
        moved = await connection.fetch(MOVED, persons, [key[0] for key in keys], [key[1] for key in keys], known)
        told: list[Moved] = []
        for row in moved:
            held = Stored(row["opening"], row["screening"], row["state"]).whole
            key = row["case_id"], row["generation"]
            before = self.of[key].state.version if key in self.of else -1
            steps = await connection.fetch(STEPS, *key, before)
            told.extend(self._follow(key, held, step) for step in steps)
            if Copy.of(self.of[key].state).digest != row["state_digest"]:
                raise Apart(f"the register holds something else: {different(held, self.of[key].state)}")
        return told

    def _follow(self, key: tuple[str, int], held: CaseState, step: asyncpg.Record) -> Moved:
        if step["version"] == 0:
            self.of[key] = Twin(_received(held), step["at"])
            _same(self.of[key].state, step["state_after"], held)
            return Moved(key[0], "registered", held.machine.initial)
        twin, event = self.of[key], Event(step["event"])
        state = twin.state
        if event in LOOKS and state.version > 0 and held.screening is not None:
            state = state.model_copy(
                update={
                    "screening": held.screening,
                    "merged": held.screening.merged,
                    "related": held.screening.related,
                    "card_in_use": held.screening.card_in_use,
                }
            )
        outcome = json.loads(step["outcome"])
        if event is Event.question_delivered:
            state = state.model_copy(update={"asked_at": Timer.model_validate_json(json.dumps(outcome["timer"])).since})
        elif event in {Event.block_ended, Event.loss_report_expired}:
            state = state.model_copy(update={"card_in_use": outcome["card_in_use"]})
        elif event is Event.delivery_overdue:
            state = state.model_copy(update={"unasked": UNASKED.validate_json(json.dumps(outcome["unasked"]))})
        fact = FACTS[event].model_validate_json(step["fact"]) if step["fact"] is not None else None
        for after in self._possible(state, event, fact, step["at"], held):
            if Copy.of(after).digest == step["state_after"]:
                twin.state, twin.at = after, step["at"]
                neighbours = NEIGHBOURS.validate_json(step["neighbours"])
                return Moved(key[0], event, after.status, neighbours)
        raise Apart(f"{event} in {state.status} leads elsewhere: {different(held, after)}")

    def _possible(
        self, state: CaseState, event: Event, fact: Fact | None, at: datetime, held: CaseState
    ) -> Iterator[CaseState]:
        """What a transition may lead to: one state, but for why it was refused, and which case is related."""
        reasons: list[Code | None] = [None]
        if event is Event.person_found_ended:
            reasons = [held.ended_because, *ENDS_A_PERSON]
        elif EVENTS[event].after_a_refusal:
            reasons = [held.last_error, *Code]
        policy = self._policy(state, fact)
        for because in dict.fromkeys(reasons):
            for related in dict.fromkeys((None, held.related, *self.newest)):
                decision = decide(state, event, fact, at, because)
                yield policy.settle(decision, at, self._calendars(policy.calendar), related)

    def _policy(self, state: CaseState, fact: Fact | None) -> Policy:
        pin = fact.policy if isinstance(fact, Recompute) and fact.policy is not None else state.terms.policy
        return self._policies.pinned(pin)

    def refusal_of(self, state: CaseState, event: Event, fact: Fact | None, at: datetime) -> Code | None:
        """Why the pure machine refuses something, None where it does not."""
        try:
            decision = decide(state, event, fact, at)
            policy = self._policy(state, fact)
            policy.settle(decision, at, self._calendars(policy.calendar))
        except CaseError as refused:
            return refused.code
        return None


def _received(held: CaseState) -> CaseState:
    """A case that was just opened; what its person brought with them the register says."""
    if held.screening is None:
        raise Apart("a case was taken in, and nobody was looked at")
    return initial_state(held.opening).model_copy(
        update={
            "generation": held.generation,
            "submitter_named": held.submitter_named,
            "screening": held.screening,
            "benefits_held": held.screening.benefits_held,
            "merged": held.screening.merged,
            "related": held.screening.related,
            "card_in_use": held.screening.card_in_use,
            "card_blocked": held.screening.card_blocked,
            "surplus": held.surplus if held.version == 0 else (),
            "destruction": held.destruction if held.version == 0 else (),
        }
    )


def _same(state: CaseState, digest: str, held: CaseState) -> None:
    if Copy.of(state).digest != digest:
        raise Apart(f"a case was taken in as something else: {different(held, state)}")


def different(held: CaseState, twin: CaseState) -> dict[str, tuple[object, object]]:
    """What two states say differently: the register's word, then the twin's."""
    return {name: (said, getattr(twin, name)) for name, said in held if said != getattr(twin, name)}
