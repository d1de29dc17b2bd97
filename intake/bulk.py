"""One decision for many cases: planned from a query, looked at, run, and answered case by case.

A plan is written down with the cases it is for, so that what is run is what was looked at. A plan for more cases than
one person may decide alone is run by somebody else; the database holds that as well. Each case is told by the client as
any other: whoever runs the plan is who decides, and each decision has a stamp of its own. Running a plan again tells
no case twice.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import JsonValue
from temporalio.client import Client

from activities.registry import journal
from activities.registry.journal import Entry
from activities.registry.pool import Pool
from cases.answers import Answer
from cases.errors import CaseError, Code
from cases.events import EVENTS, FACTS, Event
from cases.facts import Fact
from cases.kinds import MACHINES, every_case, is_case, read_case_id
from cases.models import Actor
from intake.applications import InputRefused, checked
from intake.client import CaseClient, EngineError
from workflows.search_attributes import STATUS

IN_BULK: Final = frozenset(event for event, record in EVENTS.items() if record.in_bulk)
"""Events that may be told to many cases at once: their facts are about no single case, and none ends or withholds."""
ALONE: Final = 20
"""Cases that one person may decide on; more need a second person."""
MOST: Final = 2000
"""Cases of one plan."""
IN_FLIGHT: Final = 8


class Considered(NamedTuple):
    """A case that a query found: its status, and whether the event is possible in it by the table."""

    case_id: str
    status: str
    possible: bool


class Told(NamedTuple):
    """What became of one case."""

    case_id: str
    answer: Answer | None
    code: Code | None
    """Why not."""


class Plan(NamedTuple):
    """A plan as it was written down."""

    key: str
    event: Event
    fact: dict[str, Any]
    cases: tuple[str, ...]
    second_person: bool


def fact_of(event: Event, fields: dict[str, Any], actor: Actor) -> Fact:
    """The fact of a plan. Raises `CaseError` NOT_IN_BULK, and `InputRefused` for fields that are wrong."""
    if event not in IN_BULK:
        raise CaseError(Code.NOT_IN_BULK, "event")
    return checked(FACTS[event], {**fields, "actor": actor, "stamp": None})


async def consider(client: Client, query: str, event: Event) -> list[Considered]:
    """Open cases that a query of visibility finds, and whether the event is possible in each.

    Raises `CaseError` PLAN_TOO_LARGE, and `RPCError` for a query that is none.
    """
    found: dict[str, Considered] = {}
    async for run in client.list_workflows(f"{every_case()} AND ExecutionStatus = 'Running' AND ({query})"):
        if not is_case(run.id, run.workflow_type):
            continue
        kind, status = read_case_id(run.id)[0], run.typed_search_attributes.get(STATUS, "")
        possible = any(row.event is event and row.status.value == status for row in MACHINES[kind].table)
        found[run.id] = Considered(run.id, status, possible)
        if len(found) > MOST:
            raise CaseError(Code.PLAN_TOO_LARGE)
    return sorted(found.values())


async def write_plan(
    pool: Pool, actor: Actor, event: Event, fact: Fact, cases: Iterable[str], reason: str, at: datetime
) -> Plan:
    """Write a plan down. Raises `CaseError` PLAN_EMPTY, and as `journal.checked_reason`."""
    chosen = sorted(cases)
    if not chosen:
        raise CaseError(Code.PLAN_EMPTY)
    fields = fact.model_dump(mode="json", exclude={"actor", "stamp"}, exclude_defaults=True)
    facts: dict[str, JsonValue] = {
        "event": event.value,
        "fact": fields,
        "cases": list(chosen),
        "second_person": len(chosen) > ALONE,
    }
    said = json.dumps([facts, actor.id, at.isoformat()], sort_keys=True)
    key = f"bulk:{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    entry = Entry(
        kind=journal.Kind.bulk_planned,
        at=at,
        actor=actor,
        key=key,
        reason=journal.checked_reason(reason),
        facts=facts,
    )
    await journal.write(pool, entry)
    return _plan(key, facts)


async def read_plan(pool: Pool, key: str) -> Plan:
    """A plan by its key. Raises `CaseError` PLAN_UNKNOWN."""
    return _plan(key, (await journal.plan_of(pool, key)).facts)


async def run(cases: CaseClient, pool: Pool, plan: Plan, actor: Actor, at: datetime) -> AsyncGenerator[Told, None]:
    """Tell every case of a plan, and say of each what became of it, as they answer.

    Raises `CaseError` SAME_PERSON where the plan needs a second person, before any case is told.
    """
    fact = fact_of(plan.event, {"note": plan.key, **plan.fact}, actor)
    await journal.write(pool, Entry(kind=journal.Kind.bulk_run, at=at, actor=actor, plan=plan.key))
    room = asyncio.Semaphore(IN_FLIGHT)

    async def told(case_id: str) -> Told:
        async with room:
            return await _tell(cases, case_id, fact, plan.key)

    under_way = [asyncio.create_task(told(case_id)) for case_id in plan.cases]
    try:
        for answered in asyncio.as_completed(under_way):
            yield await answered
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _tell(cases: CaseClient, case_id: str, fact: Fact, key: str) -> Told:
    try:
        return Told(case_id, await cases.tell(case_id, fact, update_id=key), None)
    except EngineError as wrong:
        return Told(case_id, None, wrong.code)
    except InputRefused as wrong:
        return Told(case_id, None, wrong.problems[0].code)


def _plan(key: str, facts: dict[str, Any]) -> Plan:
    return Plan(key, Event(facts["event"]), facts["fact"], tuple(facts["cases"]), facts["second_person"])
