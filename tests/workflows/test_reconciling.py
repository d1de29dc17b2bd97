"""Register and run are brought out of step in each way there is: found, brought into step, or stopped."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.reconciliation.comparing import RESTED, Comparing, Difference, Kind
from activities.registry.reading import case_now
from cases.errors import Code
from cases.events import Event
from cases.facts import Fact
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.steps import StepRequest
from intake.client import CaseClient, Refused, Unavailable
from stack import LocalStack
from tests.engine import Engine, engine_on
from tests.namespaces import until
from tests.scenes import FACTS, ID_CARD, SOUTH, of_office
from tests.stamping import stamped_opening
from tests.workflows.questions import lists_of
from tests.workflows.restoring import restore, row_of
from workflows.search_attributes import VERSION


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agency(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine whose cases nobody else touches."""
    async with engine_on(stack, "reconciling") as engine:
        apart = replace(engine, task_queue="reconciling")
        async with apart.working():
            yield apart


async def opened(agency: Engine) -> str:
    person = await agency.insured(region=SOUTH)
    receipt = await agency.open(agency.number_change(person, ID_CARD, region=SOUTH))
    await until(lambda: shows(agency, receipt.case_id, 1))
    return receipt.case_id


def fact_of(event: Event) -> Fact:
    """The usual fact of an event, by somebody of the region."""
    return of_office(FACTS[event], SOUTH)


async def shows(agency: Engine, case: str, version: int) -> bool:
    """Whether the run of a case shows a version, to whoever asks it and to visibility."""
    run = await agency.handle(case).describe()
    listed = [each async for each in agency.client.list_workflows(f"WorkflowId = '{case}'")]
    newest = max(listed, key=lambda each: each.start_time, default=None)
    return all(each is not None and each.typed_search_attributes.get(VERSION) == version for each in (run, newest))


async def compared(agency: Engine, *, only_look: bool = False) -> list[Difference]:
    """What a comparison finds, some time after all that has happened."""
    await agency.pool.fetchval("SELECT publish(100000)")
    comparing = Comparing(agency.pool, agency.client, only_look=only_look, task_queue=agency.task_queue)
    later = datetime.now(UTC) + RESTED + timedelta(seconds=5)
    async with aclosing(comparing.moved(later)) as batches:
        return [difference async for batch in batches for difference in batch.differences]


async def written_down(agency: Engine, case: str) -> list[str]:
    rows = await agency.pool.fetch("SELECT kind FROM differences WHERE case_id = $1 ORDER BY id", case)
    return [row["kind"] for row in rows]


async def version_of(agency: Engine, case: str) -> int:
    version: int = await agency.pool.fetchval("SELECT version FROM cases WHERE case_id = $1", case)
    return version


async def moved_without_its_run(agency: Engine, case: str) -> None:
    """The register takes a hold in, and whoever asked for it never brings the answer home."""
    held = await case_now(agency.pool, case)
    assert held is not None
    fact = await agency.stamped(case, Event.hold, fact_of(Event.hold))
    now = datetime.now(UTC)
    request = StepRequest.of(held.state, Event.hold, fact, told_as="lost-1", arrived=now, at=now)
    answer = await agency.registry.advance(request)
    assert (answer.refused, [move.event for move in answer.moves]) == (None, [Event.hold])


async def test_cases_that_agree_are_compared_and_nothing_is_found(agency: Engine) -> None:
    await opened(agency)
    assert await compared(agency) == []
    assert await compared(agency) == [], "and not again before they move"


async def test_a_case_that_nothing_runs_goes_on_where_the_register_stands(agency: Engine) -> None:
    case = await opened(agency)
    await moved_without_its_run(agency, case)
    await agency.handle(case).terminate()
    (found,) = await compared(agency)
    assert (found.case_id, found.kind, found.version, found.run_id) == (case, Kind.without_run, 2, None)
    await until(lambda: shows(agency, case, 2))
    assert (await agency.view(case)).status is Status.on_hold
    assert await written_down(agency, case) == ["without_run"]
    assert await compared(agency) == []
    await agency.tell(case, Event.resume, fact_of(Event.resume))
    await agency.tell(case, Event.verify_documents, fact_of(Event.verify_documents))
    assert (await agency.handle(case).result()).status is Status.done


async def test_who_only_looks_changes_nothing(agency: Engine) -> None:
    case = await opened(agency)
    await agency.handle(case).terminate()
    for _ in range(2):
        (found,) = await compared(agency, only_look=True)
        assert found.kind is Kind.without_run
    assert await written_down(agency, case) == []
    assert (await agency.handle(case).describe()).status is WorkflowExecutionStatus.TERMINATED
    assert [found.kind for found in await compared(agency)] == [Kind.without_run]


async def test_a_run_that_the_register_left_behind_takes_over_what_stands_there(agency: Engine) -> None:
    case = await opened(agency)
    await moved_without_its_run(agency, case)
    assert (await agency.view(case)).status is Status.in_review
    (found,) = await compared(agency)
    assert (found.case_id, found.kind, found.version, found.run_version) == (case, Kind.ahead, 2, 1)
    await until(lambda: shows(agency, case, 2))
    assert (await agency.view(case)).status is Status.on_hold
    assert await written_down(agency, case) == ["ahead"]
    assert await compared(agency) == []
    await agency.tell(case, Event.resume, fact_of(Event.resume))
    await agency.tell(case, Event.verify_documents, fact_of(Event.verify_documents))
    assert (await agency.handle(case).result()).status is Status.done
    events = await agency.pool.fetch("SELECT event FROM transitions WHERE case_id = $1", case)
    assert [row["event"] for row in events].count("hold") == 1


async def test_a_run_that_stands_behind_refuses_nothing_and_is_told_to_look_at_the_register(agency: Engine) -> None:
    case = await opened(agency)
    await moved_without_its_run(agency, case)
    fact = fact_of(Event.resume)
    door = CaseClient(agency.client, agency.sealer, stamping=agency.everybody, register=agency.pool)
    with pytest.raises(Unavailable):
        await door.tell(case, fact, update_id="resume-1")
    await until(lambda: shows(agency, case, 2))
    # What was judged by the version before is no refusal either where the run has caught up in between.
    assert await door._is_behind(case, judged_at=1)
    assert not await door._is_behind(case, judged_at=2)
    assert (await door.tell(case, fact, update_id="resume-1")).status is Status.in_review
    with pytest.raises(Refused) as refused:
        await door.tell(case, fact, update_id="resume-2")
    assert refused.value.code is Code.EVENT_NOT_ALLOWED
    assert await written_down(agency, case) == []


async def test_a_run_ends_whose_case_the_register_has_closed(agency: Engine) -> None:
    case = await opened(agency)
    held = await case_now(agency.pool, case)
    assert held is not None
    fact = await agency.stamped(case, Event.withdraw, fact_of(Event.withdraw))
    now = datetime.now(UTC)
    await agency.registry.advance(
        StepRequest.of(held.state, Event.withdraw, fact, told_as="lost-2", arrived=now, at=now)
    )
    assert [found.kind for found in await compared(agency)] == [Kind.ahead]
    assert (await agency.handle(case).result()).status is Status.withdrawn


async def test_a_run_goes_back_for_no_register_and_goes_on_where_somebody_says_that_it_holds(agency: Engine) -> None:
    case = await opened(agency)
    row = await row_of(agency.pool, case)
    await agency.tell(case, Event.hold, fact_of(Event.hold))
    await until(lambda: shows(agency, case, 2))
    await agency.pool.fetchval("SELECT publish(100000)")
    await restore(agency.pool, case, row)
    (found,) = await compared(agency)
    assert (found.case_id, found.kind, found.version, found.run_version) == (case, Kind.behind, 1, 2)
    assert found.run_id is not None
    await until(lambda: is_stuck(agency, case))
    view = await agency.view(case)
    assert (view.version, view.status, view.last_error) == (2, Status.on_hold, Code.REGISTER_BEHIND)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await agency.tell(case, Event.resume, fact_of(Event.resume))
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == Code.REGISTER_BEHIND
    assert await agency.pool.fetchval("SELECT version FROM cases WHERE case_id = $1", case) == 1
    await agency.handle(case).terminate()
    (found,) = [each for each in await looked_at_all(agency) if each.case_id == case]
    assert found.kind is Kind.without_run
    await Comparing(agency.pool, agency.client, task_queue=agency.task_queue).mend(found)
    await until(lambda: shows(agency, case, 1))
    assert await written_down(agency, case) == ["behind", "without_run"]
    await agency.tell(case, Event.verify_documents, fact_of(Event.verify_documents))
    assert (await agency.handle(case).result()).status is Status.done


async def test_a_run_of_which_the_register_knows_nothing_is_found(agency: Engine) -> None:
    person = await agency.insured(region=SOUTH)
    opening = stamped_opening(agency.number_change(person, ID_CARD, region=SOUTH))
    stray = case_id(opening.kind, opening.person)
    # Nobody works at this queue, so nothing is ever registered.
    await agency.client.start_workflow(opening.kind.value, opening, id=stray, task_queue="nobody-works-here")
    try:
        await until(lambda: is_found_without_row(agency, stray))
    finally:
        await agency.handle(stray).terminate()


async def test_at_night_all_runs_are_listed_and_none_of_them_is_asked_for_again(
    agency: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for by their IDs, some hundreds at a time, they cost the server several times as much."""
    monkeypatch.setattr("activities.reconciliation.comparing.BATCH", 2)
    agreed = [await opened(agency) for _ in range(3)]
    lost = await opened(agency)
    await agency.handle(lost).terminate()
    await moved_without_its_run(agency, agreed[0])
    await until(lambda: has_ended(agency, lost))
    asked = lists_of(agency, monkeypatch)
    found = [each for each in await looked_at_all(agency) if each.case_id in {*agreed, lost}]
    assert {each.case_id: each.kind for each in found} == {agreed[0]: Kind.ahead, lost: Kind.without_run}
    assert not [each for each in asked if "WorkflowId" in each]
    assert len(asked) == 4, "what runs, what has ended lately, what fails its tasks, what has failed"
    for difference in found:
        await Comparing(agency.pool, agency.client, task_queue=agency.task_queue).mend(difference)
    await until(lambda: shows(agency, agreed[0], 2))
    await until(lambda: shows(agency, lost, 1))


async def has_ended(agency: Engine, case: str) -> bool:
    return (await agency.client.count_workflows(f"WorkflowId = '{case}' AND ExecutionStatus = 'Running'")).count == 0


async def is_stuck(agency: Engine, case: str) -> bool:
    return (await agency.view(case)).last_error is Code.REGISTER_BEHIND


async def is_found_without_row(agency: Engine, case: str) -> bool:
    found = [each for each in await looked_at_all(agency) if each.case_id == case]
    return [each.kind for each in found] == [Kind.without_row]


async def looked_at_all(agency: Engine) -> list[Difference]:
    """What a comparison of all cases finds. The namespace has runs of other registers too, so it only looks."""
    later = datetime.now(UTC) + RESTED + timedelta(seconds=5)
    comparing = Comparing(agency.pool, agency.client, only_look=True, task_queue=agency.task_queue)
    async with aclosing(comparing.all(later)) as batches:
        return [difference async for batch in batches for difference in batch.differences]
