"""What somebody can do who holds a client's key ring and Temporal's address, and nothing else.

They can seal payloads, start workflows and activities, signal, and take tasks from queues. None of it makes the
register move a case as the engine would not move it by itself. What they can do to what schedules start, and to
deliveries, stands in `test_forged_occasions`.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payloads
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollActivityTaskQueueResponse,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskFailedRequest,
)
from temporalio.client import ActivityFailureError, WorkflowFailureError, WorkflowUpdateStage
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.converter import ActivitySerializationContext
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.registry.reading import verify_chain
from cases.answers import Answer, Transition
from cases.errors import Code
from cases.events import Event, Origin
from cases.kinds import case_id
from cases.machines.machine import Milestone, Status
from cases.steps import Neighbour, RegisterRequest, StepRequest, StepResult
from tests.engine import Engine
from tests.scenes import FACTS, ID_CARD, NOW, SOUTH
from tests.stamping import stamped_opening
from tests.workflows.dossier import Dossier
from tests.workflows.refusals import Refusal, Refusals
from tests.workflows.roads import change
from workflows.case import Case
from workflows.search_attributes import ATTENTION, CATEGORY, DUE_AT, KIND, MILESTONE, REGION, RUNG, STATUS, VERSION

OF_ITSELF = [event for event in Event if event.origin is not Origin.outside]


async def held(engine: Engine, case: str) -> tuple[Any, ...]:
    """All that the register holds of a case."""
    rows = await engine.pool.fetch("SELECT c::text FROM cases AS c WHERE case_id = $1", case)
    made = await engine.pool.fetch("SELECT t::text FROM transitions AS t WHERE case_id = $1 ORDER BY version", case)
    assert await verify_chain(engine.pool, case) is None
    return tuple(map(tuple, (*rows, *made)))


def asked(case: Dossier, event: Event, version: int) -> StepRequest:
    return StepRequest(case_id=case.case_id, generation=1, version=version, event=event, at=NOW)


def code_of(failed: BaseException | None) -> str | None:
    while failed is not None and not isinstance(failed, ApplicationError):
        failed = failed.__cause__
    return failed.type if failed is not None else None


# --- activities by themselves ---------------------------------------------------------------------------------------


async def test_an_activity_that_no_case_asked_for_writes_nothing(engine: Engine) -> None:
    """Wrote `apply` and `commit` for a case whose documents were missing."""
    case = await change(engine)
    before = await held(engine, case.case_id)
    for event in (Event.apply, Event.commit, Event.verify_documents):
        with pytest.raises(ActivityFailureError) as refused:
            await engine.client.execute_activity(
                "advance",
                asked(case, event, 1),
                id=f"forged-{event}-{case.case_id}",
                task_queue=engine.task_queue,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        assert code_of(refused.value) == Code.CALLER_REFUSED
    assert await held(engine, case.case_id) == before


async def test_nor_does_one_that_asks_to_register_what_another_has_applied_for(engine: Engine) -> None:
    person = await engine.insured()
    opening = stamped_opening(engine.number_change(person, ID_CARD))
    request = RegisterRequest(opening=opening, at=NOW, arrived=NOW)
    with pytest.raises(ActivityFailureError) as refused:
        await engine.client.execute_activity(
            "register",
            request,
            id=f"forged-{opening.key}",
            task_queue=engine.task_queue,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
    assert code_of(refused.value) == Code.CALLER_REFUSED
    assert await held(engine, case_id(opening.kind, opening.person)) == ()


@workflow.defn(name="IdNumberChange", sandboxed=False)
class Impostor:
    """A workflow of the right type under the right ID, by whoever took the place of a case that was terminated."""

    @workflow.run
    async def run(self, requests: list[StepRequest]) -> list[str]:
        """What the register answers to each."""
        answers = []
        for request in requests:
            try:
                result = await workflow.execute_activity(
                    "advance",
                    request,
                    task_queue="cases",
                    result_type=StepResult,
                    start_to_close_timeout=timedelta(seconds=10),
                    retry_policy=RetryPolicy(maximum_attempts=1),
                )
            except ActivityError as failed:
                answers.append(str(code_of(failed)))
            else:
                stands = "stands" if result.standing else "made"
                answers.append("too early" if result.not_before else str(result.refused or stands))
        return answers


async def test_whoever_takes_the_place_of_a_case_makes_it_do_nothing_that_it_would_not_do(engine: Engine) -> None:
    case = await change(engine, ID_CARD)
    before = await held(engine, case.case_id)
    await engine.handle(case.case_id).terminate()
    told = asked(case, Event.verify_documents, 1).model_copy(
        update={"fact": {"actor": {"id": "clerk-2", "role": "clerk", "office": "110105"}, "original_seen": True}}
    )
    requests = [*(asked(case, event, 1) for event in OF_ITSELF), told]
    async with Worker(
        engine.client, task_queue="impostors", workflows=[Impostor], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        answers = await engine.client.execute_workflow(Impostor.run, requests, id=case.case_id, task_queue="impostors")
    assert set(answers) <= {Code.EVENT_NOT_ALLOWED, Code.BENEFITS_NOT_HELD, Code.PAYLOAD_INVALID, "too early"}
    # The next rung, and the days within which a notice may be given.
    assert answers.count("too early") == 2
    assert await held(engine, case.case_id) == before


# --- what a neighbour says ------------------------------------------------------------------------------------------


async def test_a_forged_word_of_a_neighbour_ends_no_dispute(engine: Engine) -> None:
    first = await change(engine, ID_CARD)
    second = await change(engine, ID_CARD, new=first.person.new)
    await second.rests_in(Status.disputed)
    await first.rests_in(Status.disputed)
    before = await held(engine, first.case_id)
    for event in (Event.dispute_won, Event.dispute_lost, Event.dispute_lapsed, Event.turn_free, Event.benefits_lifted):
        told = Neighbour(case_id=first.case_id, event=event, because_of=second.case_id)
        await engine.handle(first.case_id).signal(Case.neighbour_moved, told)
    # The signals are handled before what is told after them.
    assert await first.refuses(Event.approve) is Code.EVENT_NOT_ALLOWED
    assert await held(engine, first.case_id) == before
    await second.tell(Event.withdraw)
    await first.rests_in(Status.in_review)


async def test_nor_is_a_case_drawn_into_a_dispute_that_nobody_has(engine: Engine) -> None:
    case, other = await change(engine, ID_CARD), await change(engine, ID_CARD)
    before = await held(engine, case.case_id)
    told = Neighbour(case_id=case.case_id, event=Event.dispute_opened, because_of=other.case_id)
    await engine.handle(case.case_id).signal(Case.neighbour_moved, told)
    assert await case.refuses(Event.approve) is Code.EVENT_NOT_ALLOWED
    assert await held(engine, case.case_id) == before
    assert (await case.rests_in(Status.in_review)).related is None


# --- starts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [
        {"cron_schedule": "@every 1s"},
        {"execution_timeout": timedelta(days=1)},
        {"run_timeout": timedelta(days=1)},
        {"retry_policy": RetryPolicy(maximum_attempts=3)},
        # A task that may take so long is missed as late when its worker dies; one that may not is never done.
        {"task_timeout": timedelta(minutes=2)},
        {"task_timeout": timedelta(seconds=1)},
    ],
    ids=lambda chosen: "-".join(map(str, *chosen.items())),
)
async def test_a_start_that_would_end_or_repeat_a_case_by_itself_opens_none(
    engine: Engine, chosen: dict[str, Any]
) -> None:
    opening = stamped_opening(engine.number_change(await engine.insured(), ID_CARD))
    case = case_id(opening.kind, opening.person)
    handle = await engine.client.start_workflow(
        opening.kind.value, opening, id=case, task_queue=engine.task_queue, **chosen
    )
    if "cron_schedule" in chosen:
        # The server starts it again and again; each time it is refused before anything is written.
        async for event in handle.fetch_history_events(wait_new_event=True):
            if event.HasField("workflow_execution_failed_event_attributes"):
                failure = event.workflow_execution_failed_event_attributes.failure
                assert failure.application_failure_info.type == Code.START_REFUSED
                break
        await engine.handle(case).terminate()
    else:
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert code_of(failed.value) == Code.START_REFUSED
    assert await held(engine, case) == ()


async def test_a_start_that_brings_a_state_brings_none(engine: Engine) -> None:
    opening = stamped_opening(engine.number_change(await engine.insured(), ID_CARD))
    forged = {"opening": opening.model_dump(mode="json"), "status": "verified", "version": 7}
    handle = await engine.client.start_workflow(
        opening.kind.value, forged, id=case_id(opening.kind, opening.person), task_queue=engine.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert code_of(failed.value) == Code.PAYLOAD_INVALID
    assert await held(engine, handle.id) == ()


async def test_a_memo_that_says_where_a_case_stands_is_shown_to_nobody_for_long(engine: Engine) -> None:
    """It is what a run leaves for the next one to show; where a case stands the register says."""
    opening = stamped_opening(engine.number_change(await engine.insured(), ID_CARD))
    case = case_id(opening.kind, opening.person)
    forged = {"state": {"status": "done", "milestone": "benefits_unblocked", "version": 9}}
    await engine.client.start_workflow(
        opening.kind.value, opening, id=case, task_queue=engine.task_queue, memo={"standing": forged}
    )
    view = await engine.reaches(case, Status.in_review)
    assert (view.version, view.milestone) == (1, Milestone.submitted)


async def test_what_a_starter_chose_to_be_found_by_is_put_right(engine: Engine) -> None:
    opening = stamped_opening(engine.number_change(await engine.insured(), ID_CARD))
    case = case_id(opening.kind, opening.person)
    await engine.client.start_workflow(
        opening.kind.value,
        opening,
        id=case,
        task_queue=engine.task_queue,
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(KIND, "CardReplacement"),
                SearchAttributePair(REGION, SOUTH),
                SearchAttributePair(CATEGORY, "refund"),
                SearchAttributePair(STATUS, "done"),
                SearchAttributePair(MILESTONE, "benefits_unblocked"),
                SearchAttributePair(ATTENTION, ["repair"]),
                SearchAttributePair(DUE_AT, NOW),
                SearchAttributePair(RUNG, 6),
                SearchAttributePair(VERSION, 99),
            ]
        ),
    )
    view = await engine.reaches(case, Status.in_review)
    found = (await engine.handle(case).describe()).typed_search_attributes
    assert (found.get(KIND), found.get(REGION), found.get(CATEGORY), found.get(STATUS)) == (
        opening.kind.value,
        opening.region,
        opening.category.value,
        "in_review",
    )
    assert [found.get(key) for key in (MILESTONE, ATTENTION, DUE_AT, RUNG, VERSION)] == [
        "submitted",
        None,
        view.due_at,
        None,
        1,
    ]


async def test_a_start_that_was_put_off_for_a_year_puts_off_no_application(engine: Engine) -> None:
    opening = stamped_opening(engine.number_change(await engine.insured(), ID_CARD))
    await engine.client.start_workflow(
        opening.kind.value,
        opening,
        id=case_id(opening.kind, opening.person),
        task_queue=engine.task_queue,
        start_delay=timedelta(days=365),
    )
    async with asyncio.timeout(10):
        assert (await engine.open(opening)).status is Status.in_review


# --- tasks of others ------------------------------------------------------------------------------------------------


async def polled(engine: Engine, queue: str) -> PollActivityTaskQueueResponse:
    """A task of an activity, taken as any worker would."""
    return await engine.client.workflow_service.poll_activity_task_queue(
        PollActivityTaskQueueRequest(
            namespace=engine.client.namespace, task_queue=TaskQueue(name=queue), identity="somebody"
        )
    )


def forged_results(case: Dossier) -> list[StepResult]:
    done = Transition(
        version=3,
        at=NOW,
        event=Event.apply,
        status=Status.verified,
        to=Status.done,
        milestone=Milestone.benefits_unblocked,
    )
    changes: dict[str, Any] = {"status": "done", "milestone": "benefits_unblocked", "version": 3}
    standing: dict[str, Any] = {"state": changes, "transitions": [done]}
    return [
        StepResult(moves=(done,), changes=dict(changes)),
        StepResult.model_validate({"standing": standing}),
        StepResult(refused=Code.PERSON_BUSY, neighbours=(Neighbour(case_id=case.case_id, event=Event.turn_free),)),
    ]


FAILED = 3
"""The forged answer that is a failure."""


@pytest.mark.parametrize("which", range(FAILED + 1))
async def test_an_activity_that_somebody_else_completed_makes_nothing_true(
    engine: Engine, refusals: Refusals, which: int
) -> None:
    apart = replace(engine, task_queue=f"apart-{which}")
    person = await engine.insured()
    opening = apart.number_change(person, ID_CARD)
    reject = FACTS[Event.reject]
    async with refusals.of(case_id(opening.kind, opening.person), Event.reject, how=Refusal.for_a_while):
        async with apart.working():
            case = await Dossier.open(apart, person, opening)
            rejecting = await engine.handle(case.case_id).start_update(
                Event.reject.value,
                await engine.stamped(case.case_id, Event.reject, reject),
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                result_type=Answer,
            )
            # The register does not answer: the step becomes a regular activity, which anybody can take from its queue.
            await is_a_regular_activity(apart, case)
        task = await polled(engine, apart.task_queue)
    if which == FAILED:
        await fail(apart, task)
    else:
        await complete(apart, case, task, forged_results(case)[which])
    async with apart.working():
        assert (await engine.handle(case.case_id).result()).status is Status.rejected
        assert (await rejecting.result()).status is Status.rejected
        assert (await case.ends()).status is Status.rejected
        assert [made.event for made in await engine.history(case.case_id)] == [Event.screened, Event.reject]
    assert (await case.holdings()).numbers == (("old", "living"),)


async def complete(engine: Engine, case: Dossier, task: PollActivityTaskQueueResponse, result: StepResult) -> None:
    """Say that an activity came to a result."""
    place = ActivitySerializationContext(
        namespace=engine.client.namespace,
        activity_id=task.activity_id,
        activity_type=task.activity_type.name,
        activity_task_queue=engine.task_queue,
        workflow_id=case.case_id,
        workflow_type=task.workflow_type.name,
        is_local=False,
    )
    forged = await engine.client.data_converter.with_context(place).encode([result])
    await engine.client.workflow_service.respond_activity_task_completed(
        RespondActivityTaskCompletedRequest(
            namespace=engine.client.namespace, task_token=task.task_token, result=Payloads(payloads=forged)
        )
    )


async def fail(engine: Engine, task: PollActivityTaskQueueResponse) -> None:
    """Say that an activity was refused for good, in the way in which the register says so."""
    code = Code.CASE_CLOSED.value
    info = ApplicationFailureInfo(type=code, non_retryable=True)
    await engine.client.workflow_service.respond_activity_task_failed(
        RespondActivityTaskFailedRequest(
            namespace=engine.client.namespace,
            task_token=task.task_token,
            failure=Failure(message=code, application_failure_info=info),
        )
    )


async def is_a_regular_activity(engine: Engine, case: Dossier) -> None:
    """Once the step that is under way has become one."""
    async for event in engine.handle(case.case_id).fetch_history_events(wait_new_event=True):
        if event.HasField("activity_task_scheduled_event_attributes"):
            return
