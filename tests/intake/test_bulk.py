"""One decision for many cases: looked at first, by two people where it is for many, answered case by case."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.registry import journal
from cases.errors import CaseError, Code
from cases.events import Event
from cases.machines.machine import Status
from cases.models import Actor
from intake import bulk
from intake.bulk import IN_BULK, Considered, Plan, Told
from intake.client import CaseClient
from tests.engine import Engine
from tests.intake.calling import Run
from tests.intake.operating import Desk
from tests.namespaces import until
from tests.scenes import CLERK, ID_CARD, OFFICER, OPERATOR, SECOND_OFFICER
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change, on_hold


@pytest.fixture
def desk(run: Run, monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> Desk:
    return Desk(run, monkeypatch, engine, tmp_path)


def client_of(engine: Engine) -> CaseClient:
    return CaseClient(engine.client, engine.sealer, stamping=engine.everybody)


async def in_review(engine: Engine) -> Dossier:
    case = await change(engine, ID_CARD)
    await case.rests_in(Status.in_review)
    return case


def query_of(*cases: Dossier) -> str:
    return "WorkflowId IN (" + ", ".join(f"'{case.case_id}'" for case in cases) + ")"


async def considered(engine: Engine, event: Event, *cases: Dossier) -> list[Considered]:
    """What the query finds once the server's list has all of them as they stand."""
    views = {case.case_id: (await engine.view(case.case_id)).status.value for case in cases}

    async def complete() -> bool:
        found = await bulk.consider(engine.client, query_of(*cases), event)
        return {each.case_id: each.status for each in found} == views

    await until(complete)
    return await bulk.consider(engine.client, query_of(*cases), event)


async def planned(engine: Engine, actor: Actor, *cases: Dossier, event: Event = Event.acknowledge) -> Plan:
    fact = bulk.fact_of(event, {}, actor)
    ids = [case.case_id for case in cases]
    return await bulk.write_plan(engine.pool, actor, event, fact, ids, "集中签收", datetime.now(UTC))


async def run(engine: Engine, plan: Plan, actor: Actor) -> dict[str, Told]:
    return {
        told.case_id: told async for told in bulk.run(client_of(engine), engine.pool, plan, actor, datetime.now(UTC))
    }


async def test_cases_in_which_the_event_is_not_possible_are_seen_and_left_out(engine: Engine) -> None:
    held, reviewed = await on_hold(engine), await in_review(engine)
    found = await considered(engine, Event.resume, held, reviewed)
    assert {each.case_id: each.possible for each in found} == {held.case_id: True, reviewed.case_id: False}


async def test_every_case_is_told_once_in_the_name_of_whoever_runs_the_plan(engine: Engine) -> None:
    cases = [await in_review(engine) for _ in range(3)]
    plan = await planned(engine, CLERK, *cases)
    for _ in range(2):
        told = await run(engine, plan, OFFICER)
        assert {each: result.code for each, result in told.items()} == {case.case_id: None for case in cases}
    for case in cases:
        rows = await engine.pool.fetch(
            "SELECT actor, fact FROM transitions WHERE case_id = $1 AND event = 'acknowledge'", case.case_id
        )
        assert [(row["actor"], json.loads(row["fact"])["note"]) for row in rows] == [(OFFICER.id, plan.key)]


async def test_the_list_says_of_each_case_why_it_was_not_told(engine: Engine) -> None:
    open_case, closed = await in_review(engine), await in_review(engine)
    plan = await planned(engine, CLERK, open_case, closed)
    await closed.tell(Event.withdraw)
    await closed.ends()
    told = await run(engine, plan, OFFICER)
    assert told[open_case.case_id].code is None
    assert told[closed.case_id].code is Code.CASE_CLOSED


async def test_a_plan_for_many_is_run_by_a_second_person(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "ALONE", 1)
    cases = [await in_review(engine) for _ in range(2)]
    plan = await planned(engine, OFFICER, *cases)
    assert plan.second_person
    with pytest.raises(CaseError) as refused:
        await run(engine, plan, OFFICER)
    assert refused.value.code is Code.SAME_PERSON
    assert not await engine.pool.fetch(
        "SELECT FROM transitions WHERE case_id = ANY ($1) AND event = 'acknowledge'", [case.case_id for case in cases]
    )
    told = await run(engine, plan, SECOND_OFFICER)
    assert {result.code for result in told.values()} == {None}


@pytest.mark.parametrize("event", sorted(set(Event) - IN_BULK)[:8])
async def test_what_is_decided_case_by_case_is_not_planned(event: Event) -> None:
    with pytest.raises(CaseError) as refused:
        bulk.fact_of(event, {}, OFFICER)
    assert refused.value.code is Code.NOT_IN_BULK


async def test_a_dry_run_shows_the_cases_and_writes_nothing(engine: Engine, desk: Desk) -> None:
    case = await in_review(engine)
    await considered(engine, Event.acknowledge, case)
    before = len(await journal.entries(engine.pool))
    said = await desk.call(CLERK, "bulk", "plan", "acknowledge", "--query", query_of(case), "--dry-run", "-o", "json")
    assert said.exit == 0
    assert said.json == [{"case_id": case.case_id, "status": "in_review", "possible": True}]
    assert len(await journal.entries(engine.pool)) == before


async def test_a_plan_is_written_down_with_its_cases_and_shown_before_it_is_run(engine: Engine, desk: Desk) -> None:
    case = await in_review(engine)
    await considered(engine, Event.extend, case)
    fields = json.dumps({"working_days": 3, "evidence": "ext-1"}).encode()
    arguments = ("bulk", "plan", "extend", "--query", query_of(case), "--json", "-", "--reason", "系统停机三天")
    said = await desk.call(OFFICER, *arguments, "-o", "json", stdin=fields)
    assert said.exit == 0
    shown = await desk.call(OFFICER, "bulk", "run", said.json["plan"], "--dry-run", "-o", "json")
    assert shown.json["cases"] == [case.case_id]
    assert shown.json["fact"] == {"working_days": 3, "evidence": "ext-1"}
    assert (await engine.view(case.case_id)).version == 1


async def test_running_without_a_gate_tells_nobody_and_says_of_each_why(engine: Engine, desk: Desk) -> None:
    case = await in_review(engine)
    plan = await planned(engine, OFFICER, case)
    said = await desk.call(OFFICER, "bulk", "run", plan.key, "-o", "json")
    assert said.exit == 1
    assert said.json[0]["case_id"] == case.case_id
    assert said.json[0]["code"] == "GATE_UNAVAILABLE"


async def test_a_wrong_call_is_told_apart(desk: Desk) -> None:
    assert (await desk.call(OPERATOR, "bulk", "plan", "acknowledge", "--reason", "工单一")).exit == 64
    assert (await desk.call(OPERATOR, "bulk", "plan", "reject", "--query", "x", "--reason", "工单一")).exit == 64
    assert (await desk.call(OPERATOR, "bulk", "run", "bulk:absent")).exit == 65
    assert (await desk.call(None, "bulk", "run", "bulk:absent")).exit == 78
