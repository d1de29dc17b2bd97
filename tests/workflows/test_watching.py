"""What stands still is found, and its office is told once; again when it has changed, and never for what went on."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.client import WorkflowUpdateStage
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import options
from activities.calendar import official_calendar
from activities.reconciliation import watching
from activities.reconciliation.comparing import Comparing
from activities.reconciliation.watching import Watchdog
from activities.registry.reading import case_now
from cases.clocks import SHANGHAI
from cases.events import Event
from cases.facts import DisputeOutcome
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.names import Kind
from cases.occasions import Scheduled
from cases.offices import MINISTRY
from cases.standstills import PATIENCE, Standstill
from stack import LocalStack
from tests.engine import Engine, engine_on, new_number
from tests.namespaces import until
from tests.scenes import FACTS, ID_CARD, OFFICER, SECOND_OFFICER, SOUTH, of_office
from tests.workflows.questions import lists_of
from tests.workflows.roads import HELD_BENEFITS, change
from workflows.search_attributes import REGION

_agencies = count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def agency(stack: LocalStack) -> AsyncIterator[Engine]:
    """An engine whose cases nobody else touches."""
    name = f"watching-{next(_agencies)}"
    async with engine_on(stack, name) as engine:
        yield replace(engine, task_queue=name)


async def looks(agency: Engine, at: datetime) -> dict[str, int]:
    comparing = Comparing(agency.pool, agency.client, only_look=True, task_queue=agency.task_queue)
    async with aclosing(comparing.moved(at)) as batches:
        failing = [run async for batch in batches for run in batch.failing]
    return dict(await Watchdog(agency.pool, agency.client, official_calendar).look(at, failing))


async def standing(agency: Engine, *kinds: Standstill) -> list[tuple[str, str, str]]:
    rows = await agency.pool.fetch(
        "SELECT subject, kind, what FROM standstills WHERE ended_at IS NULL AND kind = ANY ($1) ORDER BY id",
        [kind.value for kind in kinds],
    )
    return [(row["subject"], row["kind"], row["what"]) for row in rows]


async def told(agency: Engine, subject: str) -> list[dict[str, Any]]:
    """The messages that name a subject."""
    rows = await agency.pool.fetch(
        "SELECT recipient, office, not_before FROM notifications, jsonb_array_elements(facts -> 'standstills') AS each "
        "WHERE template = 'standstill' AND each ->> 'subject' = $1 ORDER BY id",
        subject,
    )
    return [dict(row) for row in rows]


async def in_review(agency: Engine) -> str:
    person = await agency.insured(region=SOUTH)
    return (await agency.open(agency.number_change(person, ID_CARD, region=SOUTH))).case_id


async def due_of(agency: Engine, case: str) -> datetime:
    """When something happens of itself, if nobody acts."""
    held = await case_now(agency.pool, case)
    assert held is not None
    assert held.state.upcoming is not None
    return held.state.upcoming.at


def noon(days: int) -> datetime:
    """A moment of the day at which nobody rests, some days ahead."""
    day = datetime.now(SHANGHAI).date() + timedelta(days=days)
    return datetime.combine(day, time(12), SHANGHAI)


async def test_a_timer_that_does_not_fire_is_told_once_and_again_when_it_has_changed(agency: Engine) -> None:
    async with agency.working():
        case = await in_review(agency)
    due = await due_of(agency, case)
    await looks(agency, due + PATIENCE - timedelta(seconds=1))
    assert await standing(agency, Standstill.late) == []
    late = due + PATIENCE
    await looks(agency, late)
    ((subject, _, what),) = await standing(agency, Standstill.late)
    assert subject == case
    assert await told(agency, case) == [], "what is over with the next look is told to nobody"
    await looks(agency, late + timedelta(minutes=1))
    (message,) = await told(agency, case)
    assert (message["recipient"], message["office"]) == ("team_lead", SOUTH)
    for minutes in (2, 3):
        await looks(agency, late + timedelta(minutes=minutes))
    assert len(await told(agency, case)) == 1
    await agency.pool.execute("UPDATE standstills SET what = 'before', told = 'before' WHERE subject = $1", case)
    for minutes in (4, 5):
        await looks(agency, late + timedelta(minutes=minutes))
    assert len(await told(agency, case)) == 2, f"now it stands at {what}"


async def test_what_fails_its_tasks_is_asked_for_once_a_look(agency: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lists_of(agency, monkeypatch)
    await looks(agency, datetime.now(UTC))
    assert len([query for query in asked if "TemporalReportedProblems" in query]) == 1
    assert len(asked) == 2 + len(Scheduled), "and what has failed, and the newest of each schedule"


async def test_what_goes_on_again_has_ended(agency: Engine) -> None:
    async with agency.working():
        case = await in_review(agency)
        due = await due_of(agency, case)
        await looks(agency, due + PATIENCE)
        assert await standing(agency, Standstill.late)
        await agency.tell(case, Event.withdraw, of_office(FACTS[Event.withdraw], SOUTH))
        assert (await agency.handle(case).result()).status is Status.withdrawn
    await looks(agency, due + PATIENCE + timedelta(minutes=1))
    assert await standing(agency, Standstill.late) == []
    assert await told(agency, case) == []


async def test_a_case_that_was_never_told_how_its_dispute_ended_is_told_by_the_look(agency: Engine) -> None:
    """Its run was away when the other case told it, and the dispute that both waited for was over."""
    async with agency.working():
        wanted = new_number()
        first, second = [
            await change(agency, ID_CARD, region=SOUTH, new=wanted, benefit_holds=HELD_BENEFITS) for _ in range(2)
        ]
        for case in (first, second):
            await agency.reaches(case.case_id, Status.disputed)
        await agency.handle(second.case_id).terminate()
        await first.decide(DisputeOutcome.ours, OFFICER, SECOND_OFFICER)
        await agency.reaches(first.case_id, Status.in_review)
        await Comparing(agency.pool, agency.client, task_queue=agency.task_queue).start(second.case_id)
        await agency.reaches(second.case_id, Status.disputed)
        moved_at = await agency.pool.fetchval("SELECT moved_at FROM cases WHERE case_id = $1", second.case_id)
        await looks(agency, moved_at + PATIENCE - timedelta(seconds=1))
        assert await standing(agency, Standstill.step) == []
        await looks(agency, moved_at + PATIENCE)
        assert await standing(agency, Standstill.step) == [(second.case_id, "step", "dispute_lost")]
        assert (await agency.handle(second.case_id).result()).status is Status.rejected
        await looks(agency, moved_at + PATIENCE + timedelta(minutes=1))
    assert await standing(agency, Standstill.step) == []
    assert await told(agency, second.case_id) == []


async def test_messages_and_events_that_are_late_are_told_to_who_can_mend_it(agency: Engine) -> None:
    async with agency.working():
        await in_review(agency)
    for minutes in (0, 1):
        await looks(agency, noon(1) + timedelta(minutes=minutes))
    assert await standing(agency, Standstill.message) == [(f"messages:{SOUTH}", "message", "NOT_TAKEN_UP")]
    assert await standing(agency, Standstill.event) == [("feed", "event", "NOT_PUBLISHED")]
    assert [each["recipient"] for each in await told(agency, f"messages:{SOUTH}")] == ["team_lead"]
    assert [(each["recipient"], each["office"]) for each in await told(agency, "feed")] == [("ministry", MINISTRY)]
    await agency.pool.fetchval("SELECT publish(1000)")
    await looks(agency, noon(1) + timedelta(minutes=2))
    assert await standing(agency, Standstill.event) == []


async def test_nobody_is_told_at_night_of_what_rests_until_the_morning(agency: Engine) -> None:
    async with agency.working():
        await in_review(agency)
    night = noon(1) + timedelta(hours=12)
    await looks(agency, night)
    assert await standing(agency, Standstill.message) == []
    for minutes in (1, 2):
        await looks(agency, night + timedelta(minutes=minutes))
    (message,) = await told(agency, "feed")
    assert message["not_before"].astimezone(SHANGHAI).time() >= time(9), "staff read of it when they are at work"


async def test_a_step_that_is_retried_for_too_long_is_found(agency: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "MOST_ATTEMPTS", {"advance": 1})
    async with agency.working():
        case = await in_review(agency)
        async with agency.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT FROM cases WHERE case_id = $1 FOR UPDATE", case)
            fact = await agency.stamped(case, Event.hold, of_office(FACTS[Event.hold], SOUTH))
            await agency.handle(case).start_update(
                Event.hold.value, fact, wait_for_stage=WorkflowUpdateStage.ACCEPTED, id="hold-1"
            )

            async def found() -> bool:
                await looks(agency, datetime.now(UTC))
                return await standing(agency, Standstill.activity) == [(case, "activity", "advance")]

            await until(found, seconds=60)
        await agency.reaches(case, Status.on_hold)
        await looks(agency, datetime.now(UTC))
    assert await standing(agency, Standstill.activity) == []


@activity.defn(name="digests")
async def never_done() -> None:
    """What is tried again and again."""
    raise RuntimeError


@workflow.defn(name=Scheduled.digests.value, sandboxed=False)
class Digesting:
    """Scheduled work that ends, or is tried for ever."""

    @workflow.run
    async def run(self, activities: int) -> None:
        """Try so many, one after the other."""
        for _ in range(activities):
            await workflow.execute_activity(
                never_done,
                start_to_close_timeout=timedelta(minutes=1),
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), backoff_coefficient=1.0),
            )


async def test_scheduled_work_that_is_retried_for_too_long_is_found_behind_whatever_has_ended(
    agency: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BEGUN", timedelta())
    async with Worker(agency.client, task_queue="digesting", workflows=[Digesting], activities=[never_done]):
        begin = partial(agency.client.start_workflow, Digesting.run, task_queue="digesting")
        stuck = await begin(1, id=f"digests-{agency.task_queue}-stuck")
        for number in range(watching.NEWEST + 1):
            await (await begin(0, id=f"digests-{agency.task_queue}-{number}")).result()

        async def found() -> bool:
            await looks(agency, datetime.now(UTC))
            return await standing(agency, Standstill.activity) == [(Scheduled.digests.value, "activity", "digests")]

        await until(found, seconds=60)
        await stuck.terminate()
        await looks(agency, datetime.now(UTC))
    assert await standing(agency, Standstill.activity) == []


def forgotten(what: object) -> None:
    """What a bad release forgot to write."""
    raise NotImplementedError(type(what).__name__)


SOON: Final = timedelta(seconds=1)
"""A task that failed is repeated when its time is over."""


@workflow.defn(name=Kind.id_number_change.value, sandboxed=False)
class Failing:
    """A release that fails its tasks."""

    @workflow.run
    async def run(self, opening: object) -> None:
        """Fail the task, not the workflow."""
        forgotten(opening)


async def test_a_workflow_whose_tasks_fail_is_found(agency: Engine) -> None:
    person = await agency.insured(region=SOUTH)
    opening = agency.number_change(person, ID_CARD, region=SOUTH)
    stray = case_id(opening.kind, opening.person)
    async with Worker(
        agency.client, task_queue="failing", workflows=[Failing], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await agency.client.start_workflow(
            opening.kind.value,
            opening,
            id=stray,
            task_queue="failing",
            task_timeout=SOON,
            search_attributes=TypedSearchAttributes([SearchAttributePair(REGION, SOUTH)]),
        )

        async def found() -> bool:
            await looks(agency, datetime.now(UTC))
            # Tasks that other tests fail are seen as well.
            return stray in {subject for subject, _, _ in await standing(agency, Standstill.task)}

        await until(found, seconds=90)
        await looks(agency, datetime.now(UTC))
        assert [each["office"] for each in await told(agency, stray)] == [SOUTH]
        await agency.handle(stray).terminate()
